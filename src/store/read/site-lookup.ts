/**
 * Where calls of a run stand in the user's code. A site is on the tape for calls that were looked at when they were recorded; any
 * other has that of the last call before it of its template and place, or of its function, scope and place in a step.
 */
import type { CallSite } from '../../events/call-site.js'
import { CALL_ENTRY } from '../../events/record-layout.js'
import type { Connection, Statement } from '../format/connection.js'
import { eventId, POSITION_MAX } from '../format/ids.js'
import { present } from './present.js'
import { TemplateReader } from './template-reader.js'
import { TextReader } from './text-reader.js'

/** This many steps with sites are looked through, from the nearest on. */
const STEPS_MAX = 32

interface BlockRow {
  id: number
  step: number
  template_id: number
}

/** A call among those of its step. */
interface Place {
  readonly step: number
  /** Calls of its step before it. */
  readonly calls: number
  readonly function: string
  readonly scope: string
}

export class SiteLookup {
  private readonly runId: number
  private readonly templates: TemplateReader
  private readonly texts: TextReader
  private readonly exact: Statement
  private readonly ofTemplate: Statement
  private readonly block: Statement
  private readonly blocksOfStep: Statement
  private readonly before: Statement
  private readonly after: Statement

  constructor(db: Connection, runId: number) {
    this.runId = runId
    this.templates = new TemplateReader(db)
    this.texts = new TextReader(db)
    this.exact = db.prepare('SELECT site_id FROM _call_site WHERE id = ?').pluck()
    this.ofTemplate = db
      .prepare(
        'SELECT site_id FROM _call_site WHERE template_id = ? AND place = ? AND id BETWEEN ? AND ? ORDER BY id DESC LIMIT 1',
      )
      .pluck()
    this.block = db.prepare(
      'SELECT id, step, template_id FROM _block WHERE id BETWEEN ? AND ? ORDER BY id DESC LIMIT 1',
    )
    this.blocksOfStep = db.prepare(
      'SELECT id, step, template_id FROM _block WHERE run_id = ? AND step = ? ORDER BY id',
    )
    this.before = db.prepare('SELECT max(id) FROM _call_site WHERE id BETWEEN ? AND ?').pluck()
    this.after = db.prepare('SELECT min(id) FROM _call_site WHERE id BETWEEN ? AND ?').pluck()
  }

  /** The site of the call at a position; null for what is no call, and where the tape does not say. */
  siteOf(position: number): CallSite | null {
    const id = eventId(this.runId, position)
    const exact = this.exact.get(id) as number | undefined
    if (exact !== undefined) return this.texts.site(exact)
    const first = eventId(this.runId, 1)
    const block = this.block.get(first, id) as BlockRow | undefined
    if (block === undefined) return null
    const call = this.callAt(block, id)
    if (call === undefined) return null
    const place = id - block.id
    const likewise = this.ofTemplate.get(block.template_id, place, first, id) as number | undefined
    if (likewise !== undefined) return this.texts.site(likewise)
    const siteId = this.atThisPlaceOfAStep(block, call, place)
    return siteId === null ? null : this.texts.site(siteId)
  }

  private callAt(block: BlockRow, id: number): readonly number[] | undefined {
    const place = id - block.id
    return this.templates.lists(block.template_id).calls.find((call) => call[CALL_ENTRY.offset] === place)
  }

  /** Outside of steps there is no place that repeats. */
  private atThisPlaceOfAStep(block: BlockRow, call: readonly number[], offset: number): number | null {
    if (block.step === 0) return null
    const blocks = this.blocksOfStep.all(this.runId, block.step) as BlockRow[]
    let calls = 0
    for (const { id, template_id } of blocks) {
      const list = this.templates.lists(template_id).calls
      calls += id < block.id ? list.length : list.filter((other) => other[CALL_ENTRY.offset]! < offset).length
      if (id === block.id) break
    }
    const { function: name, scope } = this.texts.signature(call[CALL_ENTRY.signature]!)
    const place = { step: block.step, calls, function: name, scope }
    const [from, to] = [eventId(this.runId, 1), eventId(this.runId, POSITION_MAX)]
    const earlier = (id: number) => this.before.get(from, id - 1) as number | null
    const later = (id: number) => this.after.get(id + 1, to) as number | null
    return (
      this.inStepsWithSites(place, blocks[0]!.id, earlier, (step) => step[0]!.id) ??
      this.inStepsWithSites(place, blocks.at(-1)!.id, later, (step) => step.at(-1)!.id)
    )
  }

  private inStepsWithSites(
    place: Place,
    from: number,
    next: (id: number) => number | null,
    edge: (step: readonly BlockRow[]) => number,
  ): number | null {
    let at = from
    for (let tried = 0; tried < STEPS_MAX; tried++) {
      const id = next(at)
      if (id === null) return null
      const { step } = present(
        this.block.get(eventId(this.runId, 1), id) as BlockRow | undefined,
        `the block of event ${id}`,
      )
      const blocks = this.blocksOfStep.all(this.runId, step) as BlockRow[]
      const found = step === 0 ? null : this.siteAt(place, blocks)
      if (found !== null) return found
      at = edge(blocks)
    }
    return null
  }

  /** The site of the call at this place of a step, when it is on the tape and the call is of the same function and scope. */
  private siteAt(place: Place, blocks: readonly BlockRow[]): number | null {
    let { calls } = place
    for (const { id, template_id } of blocks) {
      const list = this.templates.lists(template_id).calls
      const call = list[calls]
      if (call === undefined) {
        calls -= list.length
        continue
      }
      const { function: name, scope } = this.texts.signature(call[CALL_ENTRY.signature]!)
      if (name !== place.function || scope !== place.scope) return null
      return (this.exact.get(id + call[CALL_ENTRY.offset]!) as number | undefined) ?? null
    }
    return null
  }
}
