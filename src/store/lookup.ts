/** Finds things in a run without reading all of it: by name, by step, by version. Answers in positions and refs. */
import { TapeError } from '../errors.js'
import { EVENT_KIND, REF_SLOT_UNIT, type RecordedArray, type Ref } from '../events/event.js'
import { ScalarValue } from '../events/scalar-value.js'
import { RUN_UNIT } from './block-cutter.js'
import { type Block, BlockReader } from './block-reader.js'
import { type Connection, type Statement, sqliteError } from './database.js'
import { StoredArray, ValueRows } from './stored-array.js'
import { decodeRef } from './template.js'
import { type ArrayForm, TextReader } from './text-reader.js'
import { fromScalar } from './value.js'

/** What a variable was from some position on. */
export interface VersionRow {
  /** The event that made the version. */
  position: number
  /** True when the event is a VariableUnchained: the same value, but no creator. */
  unchained: boolean
  /** Valid for calls before this position. */
  until: number
}

/** Positions read at once; no block is longer. */
const PAGE = 8192
/** And when looking back for a gradient, which is near as a rule. */
const GRADIENT_PAGE = 1024

export class Lookup {
  private readonly db: Connection
  private readonly runId: number
  private readonly base: number
  private versionedRefs: Set<Ref> | null = null
  private readonly targetedPasses = new Map<number, boolean>()
  private readonly statements = new Map<string, Statement>()
  private readonly versionAt = new Map<Ref, VersionRow[]>()
  private readonly blocks: BlockReader
  private readonly texts: TextReader
  private readonly values: ValueRows

  constructor(db: Connection, runId: number) {
    this.db = db
    this.texts = new TextReader(db)
    this.values = new ValueRows(db)
    this.blocks = new BlockReader(db, this.texts)
    this.runId = runId
    this.base = runId * RUN_UNIT
  }

  /** The positions of a step, from its StepStarted up to (not including) the next one's. Step 0 is what precedes the first. */
  stepRange(step: number, lastPosition: number): { from: number; to: number } {
    const at = (number: number) =>
      this.get<{ id: number }>('SELECT id FROM _step WHERE id >> 32 = ? AND step = ?', this.runId, number)?.id
    const from = step === 0 ? this.base + 1 : at(step)
    if (from === undefined || !Number.isInteger(step)) {
      const last = this.stepCount()
      throw new TapeError(
        'STEP_NOT_FOUND',
        `expected a step ${last === 0 ? 'of 0, as the run has no steps' : `from 0 to ${last}`}, got ${step}`,
      )
    }
    const next = at(step + 1)
    return { from: from - this.base, to: next === undefined ? lastPosition : next - this.base - 1 }
  }

  stepCount(): number {
    return (
      this.get<{ n: number | null }>('SELECT max(step) AS n FROM _step WHERE id >> 32 = ?', this.runId)?.n ??
      0
    )
  }

  /**
   * The last variable that came to bear `name` at a position of the range: a leaf made with it, a variable given it, or
   * one logged under it. Null when none did.
   */
  bearerOf(name: string, from: number, to: number): { ref: Ref; position: number } | null {
    const range = [this.base + from, this.base + to]
    const rows = [
      this.leafNamed(name, from, to),
      this.get<{ id: number; ref: number }>(
        `SELECT id, subject AS ref FROM _fact WHERE kind = ${EVENT_KIND.VariableNamed} AND id BETWEEN ? AND ?
         AND json_extract(payload, '$.name') = ? ORDER BY id DESC LIMIT 1`,
        ...range,
        name,
      ),
      this.get<{ id: number; ref: number }>(
        `SELECT m.id AS id, m.variable AS ref FROM _metric m JOIN _text t ON t.id = m.name_id
         WHERE m.variable IS NOT NULL AND t.content = ? AND m.id BETWEEN ? AND ? ORDER BY m.id DESC LIMIT 1`,
        name,
        ...range,
      ),
    ].filter((row) => row !== undefined)
    const last = rows.sort((a, b) => b.id - a.id)[0]
    return last === undefined ? null : { ref: last.ref, position: last.id - this.base }
  }

  /** The first call of the range that reads the variable; null when none does. */
  firstReader(ref: Ref, from: number, to: number): number | null {
    for (const { first, base, template } of this.reading(() => [
      ...this.blocks.blocks(this.runId, from, to),
    ])) {
      for (const call of template.calls) {
        const position = first + call[0]!
        for (let i = 5; i < call.length; i++)
          if (decodeRef(call[i]!, position, base) === ref && position >= from && position <= to)
            return position
      }
    }
    return null
  }

  /** All names that variables of the run bear, for the message that says which there are. */
  names(): string[] {
    const rows = this.all<{ name: string }>(
      `SELECT DISTINCT m.key AS name FROM _mark m WHERE m.kind = 'leaf' AND EXISTS (SELECT 1 FROM _block b WHERE b.template_id = m.template_id AND b.id BETWEEN ?1 AND ?2)
       UNION SELECT DISTINCT json_extract(payload, '$.name') FROM _fact WHERE id >> 32 = ?3 AND kind = ${EVENT_KIND.VariableNamed}
       UNION SELECT DISTINCT t.content FROM _metric m JOIN _text t ON t.id = m.name_id WHERE m.id BETWEEN ?1 AND ?2 AND m.variable IS NOT NULL`,
      this.base + 1,
      this.base + RUN_UNIT - 1,
      this.runId,
    )
    return rows.map((row) => row.name).filter((name) => name !== null)
  }

  /** The name of a variable: the last it was given before `position`. */
  nameOf(ref: Ref, before: number = RUN_UNIT - 1): string | null {
    const given = this.get<{ name: string | null }>(
      `SELECT json_extract(payload, '$.name') AS name FROM _fact WHERE id >> 32 = ? AND kind = ${EVENT_KIND.VariableNamed} AND subject = ? AND id < ? ORDER BY id DESC LIMIT 1`,
      this.runId,
      ref,
      this.base + before,
    )
    if (given !== undefined) return given.name
    const position = ref % REF_SLOT_UNIT
    for (const { first, template } of this.reading(() => [
      ...this.blocks.blocks(this.runId, position, position),
    ])) {
      const leaf = template.leaves.find((candidate) => first + candidate[0]! === position)
      const name = leaf === undefined ? null : this.texts.leafForm(leaf[3]!).name
      if (name !== null) return name
    }
    const logged = this.get<{ name: string }>(
      // A name that a metric gives is given in the step that made the variable; otherwise there is an event of its own.
      `SELECT t.content AS name FROM _metric m JOIN _text t ON t.id = m.name_id WHERE m.variable = ? AND m.id > ?
       AND m.id < min(?, coalesce((SELECT min(id) FROM _step WHERE id > ?), ?)) ORDER BY m.id LIMIT 1`,
      ref,
      this.base + position,
      this.base + before,
      this.base + position,
      this.base + RUN_UNIT - 1,
    )
    return logged?.name ?? null
  }

  /** The version of a variable that a call at `position` reads; null for the first, which the variable was made with. */
  versionBefore(ref: Ref, position: number): VersionRow | null {
    if (!this.versioned().has(ref)) return null
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

  /** Whether the variable was cut from its creator before `position`. */
  unchainedBefore(ref: Ref, position: number): boolean {
    return this.unchained(ref, 'before', position) !== null
  }

  /**
   * Of each position from `from` to `to`, at its index from `from`, the last position up to `to` that refers to it; for
   * who reads the run in order and wants to forget.
   */
  lastUses(from: number, to: number): Float64Array {
    const uses = new Float64Array(Math.max(0, to - from + 1))
    const note = (ref: unknown, id: number) => {
      if (typeof ref !== 'number') return
      const used = (ref % REF_SLOT_UNIT) - from
      const position = id - this.base
      if (used >= 0 && used < uses.length && uses[used]! < position) uses[used] = position
    }
    const rows = (sql: string, each: (row: unknown[]) => void) => {
      for (const row of this.db
        .prepare(sql)
        .raw()
        .all(this.base + from, this.base + to) as unknown[][])
        each(row)
    }
    this.reading(() => {
      for (let start = from; start <= to; start += PAGE) {
        for (const block of this.blocks.blocks(this.runId, start, Math.min(to, start + PAGE - 1)))
          noteBlock(block, (ref, position) => note(ref, this.base + position))
      }
      rows('SELECT id, variable FROM _metric WHERE id BETWEEN ? AND ?', (row) =>
        note(row[1], row[0] as number),
      )
      rows('SELECT id, subject FROM _fact WHERE id BETWEEN ? AND ?', (row) => note(row[1], row[0] as number))
      rows(
        `SELECT f.id, m.value FROM _fact f, json_tree(f.payload) m WHERE f.kind IN (${EVENT_KIND.BackwardStarted}, ${EVENT_KIND.GradientAssigned}, ${EVENT_KIND.GradientReplaced}, ${EVENT_KIND.CheckpointTaken})
         AND m.type = 'integer' AND f.id BETWEEN ? AND ?`,
        (row) => note(row[1], row[0] as number),
      )
    })
    return uses
  }

  /** Positions of the checkpoints before `position`, the latest first. */
  checkpointsBefore(position: number): number[] {
    return this.all<{ id: number }>(
      `SELECT id FROM _fact WHERE id >> 32 = ? AND kind = ${EVENT_KIND.CheckpointTaken} AND id < ? ORDER BY id DESC`,
      this.runId,
      this.base + position,
    ).map((row) => row.id - this.base)
  }

  /** The last gradient of a range that a pass left in the variable, whether or not it was cleared since; null for none. */
  lastGradient(ref: Ref, from: number, to: number): number | null {
    return this.gradientWithin(ref, Math.max(from, (ref % REF_SLOT_UNIT) + 1), to, false)
  }

  /**
   * The event that left the gradient which the variable holds just before `position`: a GradientComputed that it kept or a
   * GradientAssigned. Null when it holds none.
   */
  gradientBefore(ref: Ref, position: number): number | null {
    return this.gradientWithin(ref, (ref % REF_SLOT_UNIT) + 1, position - 1, true)
  }

  private gradientWithin(ref: Ref, first: number, last: number, asHeld: boolean): number | null {
    for (let to = last; to >= first; to -= GRADIENT_PAGE) {
      const from = Math.max(first, to - GRADIENT_PAGE + 1)
      const found: { at: number; pass: number }[] = []
      let cleared = 0
      for (const { first, base, template } of this.reading(() => [
        ...this.blocks.blocks(this.runId, from, to),
      ])) {
        for (const gradient of template.gradients) {
          const at = first + gradient[0]!
          if (at >= from && at <= to && gradient[4] !== 0 && decodeRef(gradient[6]!, at, base) === ref)
            found.push({ at, pass: decodeRef(gradient[5]!, at, base) })
        }
        for (const clear of template.clears) {
          const at = first + clear[0]!
          if (at > cleared && at >= from && at <= to && decodeRef(clear[1]!, at, base) === ref) cleared = at
        }
      }
      const assigned = !asHeld
        ? 0
        : (this.get<{ id: number | null }>(
            `SELECT max(id) AS id FROM _fact WHERE id >> 32 = ? AND kind = ${EVENT_KIND.GradientAssigned} AND subject = ? AND id BETWEEN ? AND ?`,
            this.runId,
            ref,
            this.base + from,
            this.base + to,
          )?.id ?? 0)
      // What `grad()` asked for is the answer of the call, and no variable's gradient.
      const kept = found.sort((a, b) => b.at - a.at).find(({ pass }) => !this.hasTargets(pass))?.at ?? 0
      const best = Math.max(kept, assigned - this.base)
      if (asHeld && cleared > best) return null
      if (best > 0) return best
    }
    return null
  }

  /** A value that was computed again after the run and written down; null when it was not. */
  materialized(position: number, part: number): RecordedArray | null {
    const row = this.get<{ value_id: number | null; scalar: number | string | null }>(
      'SELECT value_id, scalar FROM _materialized WHERE id = ? AND part = ?',
      this.base + position,
      part,
    )
    if (row === undefined) return null
    const { dtype, shape } = this.formAt(position, part)
    if (row.value_id !== null) return new StoredArray(this.values, row.value_id, dtype, shape)
    return new ScalarValue(fromScalar(row.scalar!), dtype, shape)
  }

  private formAt(position: number, part: number): ArrayForm {
    for (const { first, template } of this.reading(() => [
      ...this.blocks.blocks(this.runId, position, position),
    ])) {
      const call = template.calls.find((candidate) => first + candidate[0]! === position)
      const output = call === undefined ? undefined : this.texts.signature(call[3]!).outputs[part]
      if (output !== undefined) return output
      const gradient = template.gradients.find((candidate) => first + candidate[0]! === position)
      if (gradient !== undefined) return this.texts.arrayForm(gradient[3]!)
    }
    throw new TapeError('TAPE_CORRUPT', `a value was materialized for event ${position}, which makes none`)
  }

  private hasTargets(pass: number): boolean {
    let answer = this.targetedPasses.get(pass)
    if (answer === undefined) {
      for (const { first, template } of this.reading(() => [...this.blocks.blocks(this.runId, pass, pass)])) {
        const packed = template.passes.find((candidate) => first + candidate[0]! === pass)
        if (packed !== undefined) answer = (packed[1]! & 4) !== 0
      }
    }
    if (answer === undefined) {
      const row = this.get<{ type: string }>(
        "SELECT json_type(payload, '$.targets') AS type FROM _fact WHERE id = ?",
        this.base + pass,
      )
      answer = row?.type === 'array'
      this.targetedPasses.set(pass, answer)
    }
    return answer
  }

  private versioned(): Set<Ref> {
    if (this.versionedRefs === null) {
      const rows = this.all<{ ref: number }>(
        `SELECT DISTINCT subject AS ref FROM _fact WHERE id >> 32 = ?1 AND kind = ${EVENT_KIND.VariableUnchained}
         UNION SELECT key FROM _mark m WHERE kind = 'assigns' AND key > 0 AND EXISTS (SELECT 1 FROM _block b WHERE b.template_id = m.template_id AND b.id BETWEEN ?2 AND ?3)`,
        this.runId,
        this.base + 1,
        this.base + RUN_UNIT - 1,
      )
      this.versionedRefs = new Set(rows.map((row) => row.ref))
      // Where an assignment refers relatively, its template does not say to what: look at the blocks.
      for (const block of this.blocksOf('assigns', 0)) {
        for (const assignment of block.template.assignments)
          this.versionedRefs.add(decodeRef(assignment[4]!, block.first + assignment[0]!, block.base))
      }
    }
    return this.versionedRefs
  }

  /** The last leaf of the range that was made with `name`. */
  private leafNamed(name: string, from: number, to: number): { id: number; ref: number } | undefined {
    let best = 0
    for (const templateId of this.marked('leaf', name)) {
      // The range may begin or end inside a block, so look at the last two.
      const ids = this.all<{ id: number }>(
        'SELECT id FROM _block WHERE template_id = ? AND id BETWEEN ? AND ? ORDER BY id DESC LIMIT 2',
        templateId,
        this.base + Math.max(1, from - PAGE),
        this.base + to,
      )
      for (const { id } of ids) {
        for (const { first, template } of this.reading(() => [
          ...this.blocks.blocks(this.runId, id - this.base, id - this.base),
        ])) {
          for (const leaf of template.leaves) {
            const position = first + leaf[0]!
            if (
              position >= from &&
              position <= to &&
              position > best &&
              this.texts.leafForm(leaf[3]!).name === name
            )
              best = position
          }
        }
      }
    }
    return best === 0 ? undefined : { id: this.base + best, ref: best }
  }

  /** Position of the last assignment to `ref` before `position`, or of the first at or after it. */
  private assignment(ref: Ref, which: 'before' | 'from', position: number): number | null {
    let best: number | null = null
    for (const templateId of [...this.marked('assigns', ref), ...this.marked('assigns', 0)]) {
      const found: number | null =
        which === 'before'
          ? this.assignmentBefore(templateId, ref, position, best ?? 0)
          : this.assignmentFrom(templateId, ref, position, best ?? RUN_UNIT - 1)
      if (found !== null) best = found
    }
    return best
  }

  private assignmentBefore(templateId: number, ref: Ref, position: number, after: number): number | null {
    for (let below = this.base + position; ; ) {
      const id = this.get<{ id: number | null }>(
        'SELECT max(id) AS id FROM _block WHERE template_id = ? AND id >= ? AND id < ?',
        templateId,
        this.base + Math.max(1, after - PAGE),
        below,
      )?.id
      if (id == null) return null
      const found = this.assignmentsIn(id - this.base, ref).filter((at) => at < position && at > after)
      if (found.length > 0) return Math.max(...found)
      below = id
    }
  }

  private assignmentFrom(templateId: number, ref: Ref, position: number, before: number): number | null {
    for (let above = this.base + Math.max(1, position - PAGE) - 1; ; ) {
      const id = this.get<{ id: number | null }>(
        'SELECT min(id) AS id FROM _block WHERE template_id = ? AND id > ? AND id <= ?',
        templateId,
        above,
        this.base + before,
      )?.id
      if (id == null) return null
      const found = this.assignmentsIn(id - this.base, ref).filter((at) => at >= position && at < before)
      if (found.length > 0) return Math.min(...found)
      above = id
    }
  }

  private assignmentsIn(position: number, ref: Ref): number[] {
    const found: number[] = []
    for (const { first, base, template } of this.reading(() => [
      ...this.blocks.blocks(this.runId, position, position),
    ])) {
      for (const assignment of template.assignments) {
        const at = first + assignment[0]!
        if (decodeRef(assignment[4]!, at, base) === ref) found.push(at)
      }
    }
    return found
  }

  private unchained(ref: Ref, which: 'before' | 'from', position: number): number | null {
    const order = which === 'before' ? 'id < ? ORDER BY id DESC' : 'id >= ? ORDER BY id'
    const row = this.get<{ id: number }>(
      `SELECT id FROM _fact WHERE id >> 32 = ? AND kind = ${EVENT_KIND.VariableUnchained} AND subject = ? AND ${order} LIMIT 1`,
      this.runId,
      ref,
      this.base + position,
    )
    return row === undefined ? null : row.id - this.base
  }

  private marked(kind: string, key: string | number): number[] {
    return this.all<{ id: number }>(
      'SELECT template_id AS id FROM _mark WHERE kind = ? AND key = ?',
      kind,
      key,
    ).map((row) => row.id)
  }

  private *blocksOf(kind: string, key: string | number): Generator<Block> {
    for (const templateId of this.marked(kind, key)) {
      const ids = this.all<{ id: number }>(
        'SELECT id FROM _block WHERE template_id = ? AND id BETWEEN ? AND ?',
        templateId,
        this.base + 1,
        this.base + RUN_UNIT - 1,
      )
      for (const { id } of ids) yield* this.blocks.blocks(this.runId, id - this.base, id - this.base)
    }
  }

  private reading<T>(read: () => T): T {
    try {
      return read()
    } catch (error) {
      throw sqliteError(error, `reading run ${this.runId}`)
    }
  }

  private get<R>(sql: string, ...parameters: unknown[]): R | undefined {
    return this.all<R>(sql, ...parameters)[0]
  }

  private all<R>(sql: string, ...parameters: unknown[]): R[] {
    try {
      // better-sqlite3 takes a repeated ?1 only as a named parameter.
      const numbered = sql.includes('?1')
      const bound = numbered ? [Object.fromEntries(parameters.map((value, i) => [i + 1, value]))] : parameters
      let statement = this.statements.get(sql)
      if (statement === undefined) {
        statement = this.db.prepare(sql)
        this.statements.set(sql, statement)
      }
      return statement.all(...bound) as R[]
    } catch (error) {
      throw sqliteError(error, `reading run ${this.runId}`)
    }
  }
}

/** Tells `note` every reference of a block, with the position it is made from. */
function noteBlock({ first, base, template }: Block, note: (ref: Ref, position: number) => void): void {
  const noteAll = (element: number[], from: number) => {
    const position = first + element[0]!
    for (let i = from; i < element.length; i++)
      if (element[i] !== 0) note(decodeRef(element[i]!, position, base), position)
  }
  for (const call of template.calls) noteAll(call, 5)
  for (const leaf of template.leaves) noteAll(leaf, 4)
  for (const gradient of template.gradients) noteAll(gradient, 5)
  for (const assignment of template.assignments) noteAll(assignment, 4)
  for (const clear of template.clears) noteAll(clear, 1)
  for (const pass of template.passes) noteAll(pass, 3)
}
