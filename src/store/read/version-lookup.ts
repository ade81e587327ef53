/** Which version of a variable a call read: where a run assigned to it, and where it was cut from its creator. */
import { TapeError } from '../../errors.js'
import { EVENT_KIND, type Ref } from '../../events/event.js'
import { ASSIGNMENT_ENTRY } from '../../events/record-layout.js'
import { POSITION_MAX } from '../format/ids.js'
import { decodeRef } from '../format/template.js'
import type { Block } from './block-reader.js'
import { PAGE, type RunRows } from './run-rows.js'

/** What a variable was from some position on. */
interface VersionRow {
  /** The event that made the version. */
  position: number
  /** True when the event is a VariableUnchained: the same value, but no creator. */
  unchained: boolean
  /** Valid for calls before this position. */
  until: number
}

/** Positions that are read before templates are asked. */
const NEAR = 1_024

export class VersionLookup {
  private readonly rows: RunRows
  private versionedRefs: Set<Ref> | null = null
  private readonly versionAt = new Map<Ref, VersionRow[]>()

  constructor(rows: RunRows) {
    this.rows = rows
  }

  /** The version of a variable that a call at `position` reads; null for the first, which the variable was made with. */
  before(ref: Ref, position: number): VersionRow | null {
    if (!this.isVersioned(ref)) return null
    const known = this.versionAt
      .get(ref)
      ?.find((version) => version.position < position && position <= version.until)
    if (known !== undefined) return known.position === 0 ? null : known
    const assigned = this.assignment(ref, 'before', position)
    const unchained = this.unchained(ref, 'before', position)
    const nextAssigned = this.assignment(ref, 'from', position) ?? Number.POSITIVE_INFINITY
    const nextUnchained = this.unchained(ref, 'from', position) ?? Number.POSITIVE_INFINITY
    const version = {
      position: Math.max(assigned ?? 0, unchained ?? 0),
      unchained: (unchained ?? 0) > (assigned ?? 0),
      until: Math.min(nextAssigned, nextUnchained),
    }
    const found = this.versionAt.get(ref)
    if (found === undefined) this.versionAt.set(ref, [version])
    else found.push(version)
    return version.position === 0 ? null : version
  }

  /** Whether the run assigned to no variable and cut none. */
  get none(): boolean {
    return this.versioned().size === 0
  }

  /** Whether the run assigned to the variable or cut it from its creator. */
  isVersioned(ref: Ref): boolean {
    const versioned = this.versioned()
    return versioned.size > 0 && versioned.has(ref)
  }

  /** Whether the variable was cut from its creator before `position`. */
  unchainedBefore(ref: Ref, position: number): boolean {
    return this.unchained(ref, 'before', position) !== null
  }

  /** Where the variable was first cut from its creator; null when it never was. */
  firstCut(ref: Ref): number | null {
    return this.isVersioned(ref) ? this.unchained(ref, 'from', 1) : null
  }

  private versioned(): Set<Ref> {
    return this.versionedRefs ?? this.findVersioned()
  }

  private findVersioned(): Set<Ref> {
    const rows = this.rows.all<{ ref: number }>(
      `SELECT DISTINCT subject AS ref FROM _fact WHERE id >> 32 = ?1 AND kind = ${EVENT_KIND.VariableUnchained}
       UNION SELECT key FROM _mark m WHERE kind = 'assigns' AND key > 0 AND EXISTS (SELECT 1 FROM _block b WHERE b.template_id = m.template_id AND b.run_id = ?1 AND b.id BETWEEN ?2 AND ?3)`,
      this.rows.runId,
      this.rows.base + 1,
      this.rows.base + POSITION_MAX,
    )
    const found = new Set(rows.map((row) => row.ref))
    // Where an assignment refers relatively, its template does not say to what: look at the blocks.
    for (const block of this.blocksOf('assigns', 0)) {
      for (const assignment of block.template.assignments)
        found.add(
          decodeRef(
            assignment[ASSIGNMENT_ENTRY.variable]!,
            block.first + assignment[ASSIGNMENT_ENTRY.offset]!,
            block.base,
          ),
        )
    }
    this.versionedRefs = found
    return found
  }

  /** Position of the last assignment to `ref` before `position`, or of the first at or after it. */
  private assignment(ref: Ref, which: 'before' | 'from', position: number): number | null {
    const near = this.assignmentNear(ref, which, position)
    if (near !== null) return near
    let best: number | null = null
    for (const templateId of [...this.rows.tagged('assigns', ref), ...this.rows.tagged('assigns', 0)]) {
      const found: number | null =
        which === 'before'
          ? this.assignmentBefore(templateId, ref, position, best ?? 0)
          : this.assignmentFrom(templateId, ref, position, best ?? POSITION_MAX)
      if (found !== null) best = found
    }
    return best
  }

  /** The same, if it is so near that the blocks beside tell: most of what is assigned is assigned in every step. */
  private assignmentNear(ref: Ref, which: 'before' | 'from', position: number): number | null {
    const found =
      which === 'before'
        ? this.assignmentsIn(Math.max(1, position - NEAR), position - 1, ref)
        : this.assignmentsIn(position, position + NEAR, ref)
    return found.length === 0 ? null : which === 'before' ? Math.max(...found) : Math.min(...found)
  }

  private assignmentBefore(templateId: number, ref: Ref, position: number, after: number): number | null {
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
      const found = this.assignmentsInBlock(id - this.rows.base, ref).filter(
        (at) => at < position && at > after,
      )
      if (found.length > 0) return Math.max(...found)
      below = id
    }
  }

  private assignmentFrom(templateId: number, ref: Ref, position: number, before: number): number | null {
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
      const found = this.assignmentsInBlock(id - this.rows.base, ref).filter(
        (at) => at >= position && at < before,
      )
      if (found.length > 0) return Math.min(...found)
      above = id
    }
  }

  private assignmentsInBlock(first: number, ref: Ref): number[] {
    return this.assignmentsOf(this.rows.blocks(first, first), ref)
  }

  private assignmentsIn(from: number, to: number, ref: Ref): number[] {
    return this.assignmentsOf(this.rows.blocks(from, to), ref).filter((at) => at >= from && at <= to)
  }

  private assignmentsOf(blocks: readonly Block[], ref: Ref): number[] {
    const found: number[] = []
    for (const { first, base, template } of blocks) {
      for (const assignment of template.assignments) {
        const at = first + assignment[ASSIGNMENT_ENTRY.offset]!
        if (decodeRef(assignment[ASSIGNMENT_ENTRY.variable]!, at, base) === ref) found.push(at)
      }
    }
    return found
  }

  private unchained(ref: Ref, which: 'before' | 'from', position: number): number | null {
    const order = which === 'before' ? 'id < ? ORDER BY id DESC' : 'id >= ? ORDER BY id'
    const row = this.rows.get<{ id: number }>(
      `SELECT id FROM _fact WHERE id >> 32 = ? AND kind = ${EVENT_KIND.VariableUnchained} AND subject = ? AND ${order} LIMIT 1`,
      this.rows.runId,
      ref,
      this.rows.base + position,
    )
    return row === undefined ? null : row.id - this.rows.base
  }

  private *blocksOf(kind: string, key: string | number): Generator<Block> {
    for (const templateId of this.rows.tagged(kind, key)) {
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
