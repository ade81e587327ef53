/**
 * Which names the variables at a place of a template may have, in table _name: views go there from a name to the few blocks that may
 * hold its variables, instead of asking every variable for its name. What repeats is listed once, so a loop adds nothing.
 */
import { positionOf, type Ref, slotOf } from '../../events/event.js'
import type { Connection, Statement } from '../format/connection.js'
import { eventId } from '../format/ids.js'

/** Names known to be in the file; beyond, one that comes again is looked up. */
const KNOWN_MAX = 65_536
/** Blocks remembered with their templates. More than wait to be written; older ones are in the file. */
const RECENT_MAX = 1024

export class NameStore {
  private known = new Set<string>()
  /** Of the block under way: place, slot and name, one after the other. */
  private waiting: (number | string)[] = []
  private recentIds: number[] = []
  private recentTemplates: number[] = []
  private readonly find: Statement
  private readonly insert: Statement
  private readonly blockOf: Statement

  constructor(db: Connection) {
    this.find = db
      .prepare('SELECT 1 FROM _name WHERE template_id = ? AND place = ? AND slot = ? AND name = ?')
      .pluck()
    this.insert = db.prepare('INSERT INTO _name (template_id, place, slot, name) VALUES (?, ?, ?, ?)')
    this.blockOf = db
      .prepare('SELECT id, template_id FROM _block WHERE id BETWEEN ? AND ? ORDER BY id DESC LIMIT 1')
      .raw()
  }

  /** Takes note that a variable of the run may have a name; the block under way begins at `blockFirst`. */
  note(runId: number, ref: Ref, name: string, blockFirst: number): void {
    const position = positionOf(ref)
    if (position >= blockFirst) {
      this.waiting.push(position - blockFirst, slotOf(ref), name)
      return
    }
    const id = eventId(runId, position)
    let at = this.recentIds.length - 1
    while (at >= 0 && this.recentIds[at]! > id) at--
    if (at >= 0) {
      this.add(this.recentTemplates[at]!, id - this.recentIds[at]!, slotOf(ref), name)
      return
    }
    const block = this.blockOf.get(eventId(runId, 0), id) as [number, number] | undefined
    if (block !== undefined) this.add(block[1], id - block[0], slotOf(ref), name)
  }

  /** The block under way is the one with this id and template. */
  ended(blockId: number, templateId: number): void {
    if (this.recentIds.length >= RECENT_MAX) {
      this.recentIds = this.recentIds.slice(RECENT_MAX / 2)
      this.recentTemplates = this.recentTemplates.slice(RECENT_MAX / 2)
    }
    this.recentIds.push(blockId)
    this.recentTemplates.push(templateId)
    const { waiting } = this
    if (waiting.length === 0) return
    for (let i = 0; i < waiting.length; i += 3)
      this.add(templateId, waiting[i] as number, waiting[i + 1] as number, waiting[i + 2] as string)
    this.waiting = []
  }

  add(templateId: number, place: number, slot: number, name: string): void {
    const key = `${templateId} ${place} ${slot} ${name}`
    if (this.known.has(key)) return
    if (this.find.get(templateId, place, slot, name) === undefined)
      this.insert.run(templateId, place, slot, name)
    if (this.known.size >= KNOWN_MAX) this.known.clear()
    this.known.add(key)
  }

  /** Before a batch: what a batch that failed left. */
  begin(): void {
    this.waiting = []
  }

  /** After a rollback: rows made in the transaction are gone. */
  forgetIds(): void {
    this.known.clear()
    this.waiting = []
    this.recentIds = []
    this.recentTemplates = []
  }
}
