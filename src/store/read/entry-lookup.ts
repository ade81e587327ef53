/**
 * Where a run assigned to a variable, or set its `requiresGrad`: the last such event before a position, or the first after it, found by
 * the tags of templates and not by reading all blocks.
 */
import { TapeError } from '../../errors.js'
import type { Ref } from '../../events/event.js'
import { ASSIGNMENT_ENTRY, CALL_ENTRY, FREEZE_ENTRY } from '../../events/record-layout.js'
import { POSITION_MAX } from '../format/ids.js'
import { decodeRef } from '../format/template.js'
import type { Block } from './block-reader.js'
import { PAGE, type RunRows } from './run-rows.js'

/** Positions that are read before templates are asked. */
const NEAR = 1_024

/** The lists that are looked through: where an entry names its variable, and how templates are tagged with it. */
const LISTS = {
  assignments: { variable: ASSIGNMENT_ENTRY.variable, tag: 'assigns' },
  freezes: { variable: FREEZE_ENTRY.variable, tag: 'freezes' },
} as const

export class EntryLookup {
  private readonly rows: RunRows
  private readonly list: keyof typeof LISTS
  private readonly tag: string
  private readonly variable: number

  constructor(rows: RunRows, list: keyof typeof LISTS) {
    this.rows = rows
    this.list = list
    this.tag = LISTS[list].tag
    this.variable = LISTS[list].variable
  }

  /** All variables of the run that an entry is about. */
  refs(): Set<Ref> {
    const { rows, tag } = this
    const tagged = rows.all<{ ref: number }>(
      `SELECT key AS ref FROM _mark m WHERE kind = '${tag}' AND key > 0 AND EXISTS (SELECT 1 FROM _block b WHERE b.template_id = m.template_id AND b.run_id = ?1 AND b.id BETWEEN ?2 AND ?3)`,
      rows.runId,
      rows.base + 1,
      rows.base + POSITION_MAX,
    )
    const found = new Set(tagged.map(({ ref }) => ref))
    // Where an entry refers relatively, its template does not say to what: look at the blocks.
    for (const block of this.blocksOf(0)) for (const { ref } of this.entriesOf(block)) found.add(ref)
    return found
  }

  /** Position of the last entry about `ref` before `position`, or of the first at or after it; null for none. */
  find(ref: Ref, which: 'before' | 'from', position: number): number | null {
    const near = this.near(ref, which, position)
    if (near !== null) return near
    let best: number | null = null
    for (const templateId of [...this.rows.tagged(this.tag, ref), ...this.rows.tagged(this.tag, 0)]) {
      const found: number | null =
        which === 'before'
          ? this.before(templateId, ref, position, best ?? 0)
          : this.from(templateId, ref, position, best ?? POSITION_MAX)
      if (found !== null) best = found
    }
    return best
  }

  /** The entry at a position. */
  entry(position: number): readonly number[] {
    for (const { first, template } of this.rows.blocks(position, position))
      for (const entry of template[this.list])
        if (first + entry[CALL_ENTRY.offset]! === position) return entry
    throw new TapeError('TAPE_CORRUPT', `position ${position} was found by its tag, and holds something else`)
  }

  /** As `find`, if it is so near that the blocks beside tell: most of what is assigned is assigned in every step. */
  private near(ref: Ref, which: 'before' | 'from', position: number): number | null {
    const found =
      which === 'before'
        ? this.within(Math.max(1, position - NEAR), position - 1, ref)
        : this.within(position, position + NEAR, ref)
    return found.length === 0 ? null : which === 'before' ? Math.max(...found) : Math.min(...found)
  }

  private before(templateId: number, ref: Ref, position: number, after: number): number | null {
    for (let below = this.rows.base + position; ; ) {
      const id = this.rows.get<{ id: number | null }>(
        'SELECT max(id) AS id FROM _block WHERE template_id = ? AND run_id = ? AND id >= ? AND id < ?',
        templateId,
        this.rows.runId,
        this.rows.base + Math.max(1, after - PAGE),
        below,
      )?.id
      if (id == null) return null
      checkProgress(id < below, templateId)
      const found = this.inBlock(id - this.rows.base, ref).filter((at) => at < position && at > after)
      if (found.length > 0) return Math.max(...found)
      below = id
    }
  }

  private from(templateId: number, ref: Ref, position: number, before: number): number | null {
    for (let above = this.rows.base + Math.max(1, position - PAGE) - 1; ; ) {
      const id = this.rows.get<{ id: number | null }>(
        'SELECT min(id) AS id FROM _block WHERE template_id = ? AND run_id = ? AND id > ? AND id <= ?',
        templateId,
        this.rows.runId,
        above,
        this.rows.base + before,
      )?.id
      if (id == null) return null
      checkProgress(id > above, templateId)
      const found = this.inBlock(id - this.rows.base, ref).filter((at) => at >= position && at < before)
      if (found.length > 0) return Math.min(...found)
      above = id
    }
  }

  private inBlock(first: number, ref: Ref): number[] {
    return this.about(this.rows.blocks(first, first), ref)
  }

  private within(from: number, to: number, ref: Ref): number[] {
    return this.about(this.rows.blocks(from, to), ref).filter((at) => at >= from && at <= to)
  }

  private about(blocks: readonly Block[], ref: Ref): number[] {
    const found: number[] = []
    for (const block of blocks)
      for (const entry of this.entriesOf(block)) if (entry.ref === ref) found.push(entry.at)
    return found
  }

  private *entriesOf({ first, base, template }: Block): Generator<{ at: number; ref: Ref }> {
    for (const entry of template[this.list]) {
      const at = first + entry[CALL_ENTRY.offset]!
      yield { at, ref: decodeRef(entry[this.variable]!, at, base) }
    }
  }

  private *blocksOf(key: number): Generator<Block> {
    for (const templateId of this.rows.tagged(this.tag, key)) {
      const ids = this.rows.all<{ id: number }>(
        'SELECT id FROM _block WHERE template_id = ? AND run_id = ? AND id BETWEEN ? AND ?',
        templateId,
        this.rows.runId,
        this.rows.base + 1,
        this.rows.base + POSITION_MAX,
      )
      for (const { id } of ids) yield* this.rows.blocks(id - this.rows.base, id - this.rows.base)
    }
  }
}

/** A damaged index can answer with a block that was not asked for, and the same one again and again. */
function checkProgress(progress: boolean, templateId: number): void {
  if (!progress)
    throw new TapeError(
      'TAPE_CORRUPT',
      `the index of blocks by template leads in a circle at template ${templateId}`,
    )
}
