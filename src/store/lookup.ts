/** Finds things in a run without reading all of it: by name, by step, by version. Answers in positions and refs. */
import { TapeError } from '../errors.js'
import { EVENT_KIND, REF_SLOT_UNIT, type Ref } from '../events/event.js'
import { type Connection, sqliteError } from './database.js'
import { RUN_UNIT } from './writer.js'

/** What a variable was from some position on. */
export interface VersionRow {
  /** The event that made the version. */
  position: number
  /** True when the event is a VariableUnchained: the same value, but no creator. */
  unchained: boolean
  /** Valid for calls before this position. */
  until: number
}

export class Lookup {
  private readonly db: Connection
  private readonly runId: number
  private readonly base: number
  private versionedRefs: Set<Ref> | null = null
  private readonly versionAt = new Map<Ref, VersionRow[]>()

  constructor(db: Connection, runId: number) {
    this.db = db
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
      throw new TapeError('STEP_NOT_FOUND', `expected a step ${last === 0 ? 'of 0, as the run has no steps' : `from 0 to ${last}`}, got ${step}`)
    }
    const next = at(step + 1)
    return { from: from - this.base, to: next === undefined ? lastPosition : next - this.base - 1 }
  }

  stepCount(): number {
    return this.get<{ n: number | null }>('SELECT max(step) AS n FROM _step WHERE id >> 32 = ?', this.runId)?.n ?? 0
  }

  /**
   * The last variable that came to bear `name` at a position of the range: a leaf made with it, a variable given it, or
   * one logged under it. Null when none did.
   */
  bearerOf(name: string, from: number, to: number): { ref: Ref; position: number } | null {
    const range = [this.base + from, this.base + to]
    const rows = [
      this.get<{ id: number; ref: number }>(
        `SELECT l.id AS id, l.id & 4294967295 AS ref FROM _leaf_form f JOIN _leaf l ON l.form_id = f.id
         WHERE f.name = ? AND l.id BETWEEN ? AND ? ORDER BY l.id DESC LIMIT 1`,
        name, ...range,
      ),
      this.get<{ id: number; ref: number }>(
        `SELECT id, subject AS ref FROM _fact WHERE kind = ${EVENT_KIND.VariableNamed} AND id BETWEEN ? AND ?
         AND json_extract(payload, '$.name') = ? ORDER BY id DESC LIMIT 1`,
        ...range, name,
      ),
      this.get<{ id: number; ref: number }>(
        `SELECT m.id AS id, m.variable AS ref FROM _metric m JOIN _text t ON t.id = m.name_id
         WHERE m.variable IS NOT NULL AND t.content = ? AND m.id BETWEEN ? AND ? ORDER BY m.id DESC LIMIT 1`,
        name, ...range,
      ),
    ].filter((row) => row !== undefined)
    const last = rows.sort((a, b) => b.id - a.id)[0]
    return last === undefined ? null : { ref: last.ref, position: last.id - this.base }
  }

  /** The first call of the range that reads the variable; null when none does. */
  firstReader(ref: Ref, from: number, to: number): number | null {
    const row = this.get<{ id: number | null }>(
      `SELECT min(id) AS id FROM _call WHERE id BETWEEN ?1 AND ?2
       AND (a = ?3 OR b = ?3 OR (more IS NOT NULL AND EXISTS (SELECT 1 FROM json_each(more) WHERE value = ?3)))`,
      this.base + from, this.base + to, ref,
    )
    return row?.id == null ? null : row.id - this.base
  }

  /** All names that variables of the run bear, for the message that says which there are. */
  names(): string[] {
    const rows = this.all<{ name: string }>(
      `SELECT DISTINCT f.name FROM _leaf_form f WHERE f.name IS NOT NULL AND EXISTS (SELECT 1 FROM _leaf l WHERE l.form_id = f.id AND l.id BETWEEN ?1 AND ?2)
       UNION SELECT DISTINCT json_extract(payload, '$.name') FROM _fact WHERE id >> 32 = ?3 AND kind = ${EVENT_KIND.VariableNamed}
       UNION SELECT DISTINCT t.content FROM _metric m JOIN _text t ON t.id = m.name_id WHERE m.id BETWEEN ?1 AND ?2 AND m.variable IS NOT NULL`,
      this.base + 1, this.base + RUN_UNIT - 1, this.runId,
    )
    return rows.map((row) => row.name).filter((name) => name !== null)
  }

  /** The name of a variable: the last it was given. */
  nameOf(ref: Ref): string | null {
    const given = this.get<{ name: string | null }>(
      `SELECT json_extract(payload, '$.name') AS name FROM _fact WHERE id >> 32 = ? AND kind = ${EVENT_KIND.VariableNamed} AND subject = ? ORDER BY id DESC LIMIT 1`,
      this.runId, ref,
    )
    if (given !== undefined) return given.name
    const leaf = this.get<{ name: string | null }>('SELECT f.name FROM _leaf l JOIN _leaf_form f ON f.id = l.form_id WHERE l.id = ?', this.base + (ref % REF_SLOT_UNIT))
    return leaf?.name ?? null
  }

  /** The version of a variable that a call at `position` reads; null for the first, which the variable was made with. */
  versionBefore(ref: Ref, position: number): VersionRow | null {
    if (!this.versioned().has(ref)) return null
    const known = this.versionAt.get(ref)?.find((version) => version.position < position && position <= version.until)
    if (known !== undefined) return known.position === 0 ? null : known
    const id = this.base + position
    const last = this.get<{ id: number; unchained: number }>(
      `SELECT max(id) AS id, unchained FROM (
         SELECT max(id) AS id, 0 AS unchained FROM _assignment WHERE id >> 32 = ?1 AND variable = ?2 AND id < ?3
         UNION ALL SELECT max(id), 1 FROM _fact WHERE id >> 32 = ?1 AND kind = ${EVENT_KIND.VariableUnchained} AND subject = ?2 AND id < ?3)`,
      this.runId, ref, id,
    )
    const next = this.get<{ id: number | null }>(
      `SELECT min(id) AS id FROM (
         SELECT min(id) AS id FROM _assignment WHERE id >> 32 = ?1 AND variable = ?2 AND id >= ?3
         UNION ALL SELECT min(id) FROM _fact WHERE id >> 32 = ?1 AND kind = ${EVENT_KIND.VariableUnchained} AND subject = ?2 AND id >= ?3)`,
      this.runId, ref, id,
    )
    const version = {
      position: last?.id == null ? 0 : last.id - this.base,
      unchained: last?.id != null && last.unchained === 1,
      until: next?.id == null ? Number.POSITIVE_INFINITY : next.id - this.base,
    }
    const found = this.versionAt.get(ref)
    if (found === undefined) this.versionAt.set(ref, [version])
    else found.push(version)
    return version.position === 0 ? null : version
  }

  /** Of each position of the run, the last that refers to it; for who reads the run in order and wants to forget. */
  lastUses(lastPosition: number): Float64Array {
    const uses = new Float64Array(lastPosition + 1)
    const note = (ref: unknown, id: number) => {
      if (typeof ref !== 'number') return
      const used = ref % REF_SLOT_UNIT
      const position = id - this.base
      if (used <= lastPosition && uses[used]! < position) uses[used] = position
    }
    const refs = (sql: string, each: (row: unknown[]) => void) => {
      const rows = this.db.prepare(sql).raw().iterate(this.base + 1, this.base + lastPosition) as IterableIterator<unknown[]>
      for (const row of rows) each(row)
    }
    try {
      for (const [table, columns] of [
        ['_leaf', 'source'],
        ['_call', 'a, b'],
        ['_gradient', 'variable, gradient, pass'],
        ['_assignment', 'variable, source'],
        ['_metric', 'variable'],
        ['_fact', 'subject'],
      ] as const) {
        refs(`SELECT id, ${columns} FROM ${table} WHERE id BETWEEN ? AND ?`, (row) => {
          for (let i = 1; i < row.length; i++) note(row[i], row[0] as number)
        })
      }
      refs('SELECT c.id, m.value FROM _call c, json_each(c.more) m WHERE c.more IS NOT NULL AND c.id BETWEEN ? AND ?', (row) => note(row[1], row[0] as number))
      refs(
        `SELECT f.id, m.value FROM _fact f, json_tree(f.payload) m WHERE f.kind IN (${EVENT_KIND.BackwardStarted}, ${EVENT_KIND.GradientAssigned}, ${EVENT_KIND.CheckpointTaken})
         AND m.type = 'integer' AND f.id BETWEEN ? AND ?`,
        (row) => note(row[1], row[0] as number),
      )
    } catch (error) {
      throw sqliteError(error, `reading run ${this.runId}`)
    }
    return uses
  }

  private versioned(): Set<Ref> {
    if (this.versionedRefs === null) {
      // A loose index scan: from one variable to the next, not through every assignment.
      const rows = this.all<{ ref: number }>(
        `WITH RECURSIVE each(ref) AS (
           SELECT min(variable) FROM _assignment WHERE id >> 32 = ?1
           UNION ALL SELECT (SELECT min(variable) FROM _assignment WHERE id >> 32 = ?1 AND variable > each.ref) FROM each WHERE each.ref IS NOT NULL)
         SELECT ref FROM each WHERE ref IS NOT NULL
         UNION SELECT subject FROM _fact WHERE id >> 32 = ?1 AND kind = ${EVENT_KIND.VariableUnchained}`,
        this.runId,
      )
      this.versionedRefs = new Set(rows.map((row) => row.ref))
    }
    return this.versionedRefs
  }

  private get<R>(sql: string, ...parameters: unknown[]): R | undefined {
    return this.all<R>(sql, ...parameters)[0]
  }

  private all<R>(sql: string, ...parameters: unknown[]): R[] {
    try {
      // better-sqlite3 takes a repeated ?1 only as a named parameter.
      const numbered = sql.includes('?1')
      const bound = numbered ? [Object.fromEntries(parameters.map((value, i) => [i + 1, value]))] : parameters
      return this.db.prepare(sql).all(...bound) as R[]
    } catch (error) {
      throw sqliteError(error, `reading run ${this.runId}`)
    }
  }
}

