/** Finds things in a run without reading all of it: by name, by step, by version. Answers in positions and refs. */
import { TapeError } from '../../errors.js'
import { EVENT_KIND, positionOf, type RecordedArray, type Ref } from '../../events/event.js'
import { EVENT_TYPES, kindOf } from '../../events/event-kinds.js'
import type { ArrayForm } from '../../events/forms.js'
import { CALL_ENTRY, FIRST_REF, GRADIENT_ENTRY, LEAF_ENTRY } from '../../events/record-layout.js'
import { ScalarValue } from '../../events/scalar-value.js'
import type { Connection } from '../format/connection.js'
import { POSITION_MAX } from '../format/ids.js'
import { decodeRef } from '../format/template.js'
import { fromScalar } from '../format/value.js'
import type { Block } from './block-reader.js'
import { GradientLookup } from './gradient-lookup.js'
import { PassLookup } from './pass-lookup.js'
import { PAGE, RunRows } from './run-rows.js'
import { StoredArray, ValueRows } from './stored-array.js'
import { VersionLookup } from './version-lookup.js'

/** Kinds that may stand in _fact and refer to more than the variable that they are about. */
const KINDS_WITH_REFS = EVENT_TYPES.map(kindOf)
  .filter(({ refs }) => refs.some((field) => (field as string) !== 'variable'))
  .map(({ kind }) => kind)

/** A range of at most so many blocks, as of a step, is looked at block by block: the tape may have thousands of templates. */
const NEAR_BLOCKS = 64

export class Lookup {
  readonly versions: VersionLookup
  readonly gradients: GradientLookup
  readonly passes: PassLookup
  private readonly rows: RunRows
  private readonly values: ValueRows

  constructor(db: Connection, runId: number) {
    this.rows = new RunRows(db, runId)
    this.versions = new VersionLookup(this.rows)
    this.gradients = new GradientLookup(this.rows)
    this.passes = new PassLookup(this.rows)
    this.values = new ValueRows(db)
  }

  /** The positions of a step, from its StepStarted up to (not including) the next one's. Step 0 is what precedes the first. */
  stepRange(step: number, lastPosition: number): { from: number; to: number } {
    const at = (number: number) =>
      this.rows.get<{ id: number }>(
        'SELECT id FROM _step WHERE CAST(id >> 32 AS INTEGER) = ? AND step = ?',
        this.rows.runId,
        number,
      )?.id
    const from = step === 0 ? this.rows.base + 1 : at(step)
    if (from === undefined || !Number.isInteger(step)) {
      const last = this.stepCount()
      throw new TapeError(
        'STEP_NOT_FOUND',
        `expected a step ${last === 0 ? 'of 0, as the run has no steps' : `from 0 to ${last}`}, got ${step}`,
      )
    }
    const next = at(step + 1)
    return { from: from - this.rows.base, to: next === undefined ? lastPosition : next - this.rows.base - 1 }
  }

  stepCount(): number {
    return (
      this.rows.get<{ n: number | null }>(
        'SELECT max(step) AS n FROM _step WHERE CAST(id >> 32 AS INTEGER) = ?',
        this.rows.runId,
      )?.n ?? 0
    )
  }

  /**
   * The last variable that came to bear `name` at a position of the range: a leaf made with it, a variable given it, or
   * one logged under it. Null when none did.
   */
  bearerOf(name: string, from: number, to: number): { ref: Ref; position: number } | null {
    const range = [this.rows.base + from, this.rows.base + to]
    const rows = [
      this.leafNamed(name, from, to),
      this.rows.get<{ id: number; ref: number }>(
        `SELECT id, subject AS ref FROM _fact WHERE kind = ${EVENT_KIND.VariableNamed} AND id BETWEEN ? AND ?
         AND json_extract(payload, '$.name') = ? ORDER BY id DESC LIMIT 1`,
        ...range,
        name,
      ),
      this.rows.get<{ id: number; ref: number }>(
        `SELECT m.id AS id, m.variable AS ref FROM _metric m JOIN _text t ON t.id = m.name_id
         WHERE m.variable IS NOT NULL AND t.content = ? AND m.id BETWEEN ? AND ? ORDER BY m.id DESC LIMIT 1`,
        name,
        ...range,
      ),
    ].filter((row) => row !== undefined)
    const last = rows.sort((a, b) => b.id - a.id)[0]
    return last === undefined ? null : { ref: last.ref, position: last.id - this.rows.base }
  }

  /** The first call of the range that reads the variable; null when none does. */
  firstReader(ref: Ref, from: number, to: number): number | null {
    for (const { first, base, template } of this.rows.blocks(from, to)) {
      for (const call of template.calls) {
        const position = first + call[CALL_ENTRY.offset]!
        for (let i = CALL_ENTRY.inputs; i < call.length; i++)
          if (decodeRef(call[i]!, position, base) === ref && position >= from && position <= to)
            return position
      }
    }
    return null
  }

  /** All names that variables of the run bear, for the message that says which there are. */
  names(): string[] {
    const rows = this.rows.all<{ name: string }>(
      `SELECT DISTINCT m.key AS name FROM _mark m WHERE m.kind = 'leaf' AND EXISTS (SELECT 1 FROM _block b WHERE b.template_id = m.template_id AND b.run_id = ?3 AND b.id BETWEEN ?1 AND ?2)
       UNION SELECT DISTINCT json_extract(payload, '$.name') FROM _fact WHERE id >> 32 = ?3 AND kind = ${EVENT_KIND.VariableNamed}
       UNION SELECT DISTINCT t.content FROM _metric m JOIN _text t ON t.id = m.name_id WHERE m.id BETWEEN ?1 AND ?2 AND m.variable IS NOT NULL`,
      this.rows.base + 1,
      this.rows.base + POSITION_MAX,
      this.rows.runId,
    )
    return rows.map((row) => row.name).filter((name) => name !== null)
  }

  /** The name of a variable: the last it was given before `position`. */
  nameOf(ref: Ref, before: number = POSITION_MAX): string | null {
    const given = this.rows.get<{ name: string | null }>(
      `SELECT json_extract(payload, '$.name') AS name FROM _fact WHERE id >> 32 = ? AND kind = ${EVENT_KIND.VariableNamed} AND subject = ? AND id < ? ORDER BY id DESC LIMIT 1`,
      this.rows.runId,
      ref,
      this.rows.base + before,
    )
    if (given !== undefined) return given.name
    const position = positionOf(ref)
    for (const { first, template } of this.rows.blocks(position, position)) {
      const leaf = template.leaves.find((candidate) => first + candidate[LEAF_ENTRY.offset]! === position)
      const name = leaf === undefined ? null : this.rows.texts.leafForm(leaf[LEAF_ENTRY.form]!).name
      if (name !== null) return name
    }
    const logged = this.rows.get<{ name: string }>(
      // A name that a metric gives is given in the step that made the variable; in any other step there is an event of its own.
      `SELECT t.content AS name FROM _metric m JOIN _text t ON t.id = m.name_id WHERE m.variable = ? AND m.id > ?
       AND m.id < min(?, coalesce((SELECT min(id) FROM _step WHERE id > ?), ?)) ORDER BY m.id LIMIT 1`,
      ref,
      this.rows.base + position,
      this.rows.base + before,
      this.rows.base + position,
      this.rows.base + POSITION_MAX,
    )
    return logged?.name ?? null
  }

  /**
   * Of each position from `from` to `to`, at its index from `from`, the last position up to `to` that refers to it; for
   * whoever reads the run in order and wants to forget.
   */
  lastUses(from: number, to: number): Float64Array {
    const uses = new Float64Array(Math.max(0, to - from + 1))
    const note = (ref: unknown, id: number) => {
      if (typeof ref !== 'number') return
      const used = positionOf(ref) - from
      const position = id - this.rows.base
      if (used >= 0 && used < uses.length && uses[used]! < position) uses[used] = position
    }
    const rows = (sql: string, each: (row: unknown[]) => void) => {
      for (const row of this.rows.db
        .prepare(sql)
        .raw()
        .all(this.rows.base + from, this.rows.base + to) as unknown[][])
        each(row)
    }
    this.rows.reading(() => {
      for (let start = from; start <= to; start += PAGE) {
        for (const block of this.rows.blocks(start, Math.min(to, start + PAGE - 1)))
          noteBlock(block, (ref, position) => note(ref, this.rows.base + position))
      }
      rows('SELECT id, variable FROM _metric WHERE id BETWEEN ? AND ?', (row) =>
        note(row[1], row[0] as number),
      )
      rows('SELECT id, subject FROM _fact WHERE id BETWEEN ? AND ?', (row) => note(row[1], row[0] as number))
      rows(
        `SELECT f.id, m.value FROM _fact f, json_tree(f.payload) m WHERE f.kind IN (${KINDS_WITH_REFS.join(', ')})
         AND m.type = 'integer' AND f.id BETWEEN ? AND ?`,
        (row) => note(row[1], row[0] as number),
      )
    })
    return uses
  }

  /** Positions of the checkpoints before `position`, the latest first. */
  checkpointsBefore(position: number): number[] {
    return this.rows
      .all<{ id: number }>(
        `SELECT id FROM _fact WHERE id >> 32 = ? AND kind = ${EVENT_KIND.CheckpointTaken} AND id < ? ORDER BY id DESC`,
        this.rows.runId,
        this.rows.base + position,
      )
      .map((row) => row.id - this.rows.base)
  }

  /** The position of the event of the last epoch that had begun by step `step`; null when none had. */
  epochBy(step: number): number | null {
    const row = this.rows.get<{ position: number }>(
      `SELECT id & 4294967295 AS position FROM _fact
       WHERE id >> 32 = ? AND kind = ${EVENT_KIND.EpochStarted} AND step < ? ORDER BY id DESC LIMIT 1`,
      this.rows.runId,
      step,
    )
    return row?.position ?? null
  }

  /** A value that was computed again after the run and written down; null when it was not. */
  materialized(position: number, part: number): RecordedArray | null {
    const row = this.rows.get<{ value_id: number | null; scalar: number | string | null }>(
      'SELECT value_id, scalar FROM _materialized WHERE id = ? AND part = ?',
      this.rows.base + position,
      part,
    )
    if (row === undefined) return null
    const { dtype, shape } = this.formAt(position, part)
    if (row.value_id !== null) return new StoredArray(this.values, row.value_id, dtype, shape)
    return new ScalarValue(fromScalar(row.scalar!), dtype, shape)
  }

  private formAt(position: number, part: number): ArrayForm {
    for (const { first, template } of this.rows.blocks(position, position)) {
      const call = template.calls.find((candidate) => first + candidate[CALL_ENTRY.offset]! === position)
      const output =
        call === undefined ? undefined : this.rows.texts.signature(call[CALL_ENTRY.signature]!).outputs[part]
      if (output !== undefined) return output
      const gradient = template.gradients.find(
        (candidate) => first + candidate[GRADIENT_ENTRY.offset]! === position,
      )
      if (gradient !== undefined) return this.rows.texts.arrayForm(gradient[GRADIENT_ENTRY.form]!)
    }
    throw new TapeError('TAPE_CORRUPT', `a value was materialized for event ${position}, which makes none`)
  }

  /** The last leaf of the range that was made with `name`. */
  private leafNamed(name: string, from: number, to: number): { id: number; ref: number } | undefined {
    const near = this.nearBlocks(name, from, to)
    let best = 0
    for (const id of near ?? this.farBlocks(name, from, to)) {
      for (const { first, template } of this.rows.blocks(id - this.rows.base, id - this.rows.base)) {
        for (const leaf of template.leaves) {
          const position = first + leaf[LEAF_ENTRY.offset]!
          if (
            position >= from &&
            position <= to &&
            position > best &&
            this.rows.texts.leafForm(leaf[LEAF_ENTRY.form]!).name === name
          )
            best = position
        }
      }
      // Those of a short range come from the last to the first.
      if (near !== null && best > 0) break
    }
    return best === 0 ? undefined : { id: this.rows.base + best, ref: best }
  }

  /** Ids of the range's blocks that may hold a leaf of the name, the last first; null when the range has many blocks. */
  private nearBlocks(name: string, from: number, to: number): number[] | null {
    const { base } = this.rows
    // The range may begin inside a block.
    const start = this.rows.get<{ id: number | null }>(
      'SELECT max(id) AS id FROM _block WHERE id BETWEEN ? AND ?',
      base + 1,
      base + from,
    )?.id
    const blocks = this.rows.all<{ id: number; isTagged: number }>(
      `SELECT b.id AS id, EXISTS (SELECT 1 FROM _mark m WHERE m.kind = 'leaf' AND m.key = ? AND m.template_id = b.template_id) AS isTagged
       FROM _block b WHERE b.id BETWEEN ? AND ? ORDER BY b.id DESC LIMIT ${NEAR_BLOCKS + 1}`,
      name,
      start ?? base + from,
      base + to,
    )
    return blocks.length > NEAR_BLOCKS ? null : blocks.filter((block) => block.isTagged).map(({ id }) => id)
  }

  /** Ids of blocks, found by their templates, of which one holds the last leaf of the name in the range, if one does. */
  private farBlocks(name: string, from: number, to: number): number[] {
    // The range may begin or end inside a block, so take the last two of each template.
    return this.rows
      .tagged('leaf', name)
      .flatMap((templateId) =>
        this.rows
          .all<{ id: number }>(
            'SELECT id FROM _block WHERE template_id = ? AND run_id = ? AND id BETWEEN ? AND ? ORDER BY id DESC LIMIT 2',
            templateId,
            this.rows.runId,
            this.rows.base + Math.max(1, from - PAGE),
            this.rows.base + to,
          )
          .map(({ id }) => id),
      )
  }
}

/** Tells `note` every reference of a block, with the position it is made from. */
function noteBlock({ first, base, template }: Block, note: (ref: Ref, position: number) => void): void {
  for (const list of Object.keys(FIRST_REF) as (keyof typeof FIRST_REF)[]) {
    for (const entry of template[list]) {
      const position = first + entry[CALL_ENTRY.offset]!
      for (let i = FIRST_REF[list]; i < entry.length; i++)
        if (entry[i] !== 0) note(decodeRef(entry[i]!, position, base), position)
    }
  }
}
