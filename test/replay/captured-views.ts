/** What any SQLite tool reads of captured and materialized values, through the public views alone. */
import { expect } from 'vitest'
import { type RecordedArray, refOf } from '../../src/events/event.js'
import { passedOverInNote } from '../../src/events/passed-over-note.js'
import type { Connection } from '../../src/store/format/connection.js'
import { plainDatabase } from '../plain-database.js'
import { heldAfter, sameBits, type Truth } from './truth.js'

interface Content {
  dtype: string
  shape: string
  value: number | null
  non_finite: string | null
  bytes: Buffer | null
}

interface VariableRow extends Content {
  position: number
  slot: number
  role: string
  source_position: number | null
  is_materialized: number
}

interface GradientRow extends Content {
  position: number
  held: string
  accumulated_value: number | null
  accumulated_non_finite: string | null
  accumulated_bytes: Buffer | null
  is_materialized: number
}

function connected<T>(file: string, use: (db: Connection) => T): T {
  const db = plainDatabase(file, { readonly: true })
  try {
    return use(db)
  } finally {
    db.close()
  }
}

/** Every value that steps `from` to `to` made is there, and is what it was. */
export function expectMaterialized(
  file: string,
  runId: number,
  truth: Truth,
  from: number,
  to: number,
): { values: number; derived: number } {
  return connected(file, (db) => {
    const variables = db
      .prepare(
        `SELECT v.position, v.slot, v.role, v.dtype, v.shape, v.value, v.non_finite, v.bytes, v.source_position, v.is_materialized
         FROM variable v WHERE v.run_id = ? AND v.step BETWEEN ? AND ?`,
      )
      .all(runId, from, to) as VariableRow[]
    const gradients = db
      .prepare(
        `SELECT g.position, g.held, g.dtype, g.shape, g.value, g.non_finite, g.bytes, g.accumulated_value, g.accumulated_non_finite, a.bytes AS accumulated_bytes, g.is_materialized
         FROM gradient g LEFT JOIN value a ON a.id = g.accumulated_value_id
         WHERE g.run_id = ? AND g.step BETWEEN ? AND ?`,
      )
      .all(runId, from, to) as GradientRow[]
    for (const row of variables) {
      if (row.source_position !== null) continue
      expectContent(row, truth.made(refOf(row.position, row.slot)), `variable ${row.position}.${row.slot}`)
    }
    for (const row of gradients) {
      const event = truth.gradient(row.position)
      expectContent(row, event.contribution!, `gradient ${row.position}`)
      if (row.held !== 'sum') continue
      const {
        dtype,
        shape,
        accumulated_value: value,
        accumulated_non_finite: non_finite,
        accumulated_bytes: bytes,
      } = row
      expectContent(
        { dtype, shape, value, non_finite, bytes },
        heldAfter(event),
        `what gradient ${row.position} was added to`,
      )
    }
    const rows = [...variables, ...gradients]
    return {
      values: rows.length,
      derived: rows.filter(({ is_materialized }) => is_materialized === 1).length,
    }
  })
}

function expectContent(row: Content, wanted: RecordedArray, what: string): void {
  const got = arrayOf(row)
  if (got !== null && sameBits(got, wanted)) return
  expect(got === null ? null : { ...got, data: [...got.data] }, what).toEqual({
    dtype: wanted.dtype,
    shape: [...wanted.shape],
    size: wanted.size,
    data: [...wanted.data],
  })
}

function arrayOf({ dtype, shape, value, non_finite, bytes }: Content): RecordedArray | null {
  const extents = JSON.parse(shape) as number[]
  const size = extents.reduce((product, extent) => product * extent, 1)
  const number = non_finite === null ? value : Number(non_finite)
  if (bytes === null && (number === null || size !== 1)) return null
  const copy = bytes === null ? null : new Uint8Array(bytes).buffer
  const one = [number ?? 0]
  const make = { float64: Float64Array, float32: Float32Array, int32: Int32Array }[dtype] ?? Uint8Array
  return { dtype, shape: extents, size, data: copy === null ? new make(one) : new make(copy) }
}

/** By view, what tapes of one program must agree on; the positions of 'full' are others. */
const AGREED = {
  variable: `SELECT v.run_id, v.step, v.slot, v.name, v.role, v.dtype, v.shape, v.creator_position IS NULL AS unlinked, v.value,
    v.non_finite, v.bytes, w.hash FROM variable v LEFT JOIN value w ON w.id = v.value_id ORDER BY v.run_id, v.position, v.slot`,
  gradient: `SELECT g.run_id, g.step, g.variable_slot, g.variable_name, g.dtype, g.shape, g.value, g.non_finite, g.l2_norm, g.mean, g.min, g.max,
    g.zero_count, g.non_finite_count, g.hash, g.held, g.bytes, g.accumulated_value, g.accumulated_non_finite, a.bytes AS accumulated_bytes
    FROM gradient g LEFT JOIN value a ON a.id = g.accumulated_value_id
    WHERE g.held <> 'none' ORDER BY g.run_id, g.position`,
  call: 'SELECT run_id, step, function, attributes, scope FROM call ORDER BY run_id, position',
  edge: `SELECT e.run_id, e.direction, e.slot, e.variable_slot FROM edge e ORDER BY e.run_id, e.call_position, e.direction, e.slot`,
  metric: 'SELECT run_id, step, name, value, non_finite FROM metric ORDER BY run_id, position',
  note: 'SELECT run_id, step, text FROM note ORDER BY run_id, position',
  checkpoint: 'SELECT run_id, step FROM checkpoint ORDER BY run_id, position',
  run: 'SELECT id, name, status, step_count FROM run ORDER BY id',
  event: `SELECT run_id, step, type FROM event WHERE type <> 'GradientComputed' ORDER BY run_id, position`,
}

/** Wherever one of the other tapes has something, the first has the same. */
export function expectSameViews(full: string, others: readonly string[]): void {
  const wanted = agreedRows(full)
  for (const other of others) {
    for (const [view, rows] of agreedRows(other)) {
      const known = wanted.get(view)!
      expect(rows.length, `rows of ${view}`).toBe(known.length)
      rows.forEach((row, i) => {
        for (const [column, value] of Object.entries(row)) {
          const same = value === null || isSame(value, known[i]![column])
          if (!same) expect({ view, i, ...row }).toEqual({ view, i, ...known[i] })
        }
      })
    }
  }
}

function agreedRows(file: string): Map<string, Record<string, unknown>[]> {
  return connected(
    file,
    (db) =>
      new Map(
        Object.entries(AGREED).map(([view, sql]) => {
          const rows = db.prepare(sql).all() as Record<string, unknown>[]
          return [view, view === 'note' ? rows.map(withoutRefs) : rows]
        }),
      ),
  )
}

/** A note of what an optimizer passed over names variables by their positions, of which 'full' has others. */
function withoutRefs(row: Record<string, unknown>): Record<string, unknown> {
  const text = String(row.text)
  const { variables } = passedOverInNote(text) ?? {}
  if (variables === undefined) return row
  return { ...row, text: text.replace(`"variables":[${variables}]`, `"variables":${variables.length}`) }
}

function isSame(a: unknown, b: unknown): boolean {
  return Buffer.isBuffer(a) ? Buffer.isBuffer(b) && a.equals(b) : Object.is(a, b)
}
