/**
 * What migration 5 does besides its SQL: where the bytes of an array are on the tape, or its one number, it is counted how many of
 * the elements that are not finite are NaN. Where only a summary is there, nobody knows.
 */
import { CAPTURE_BYTES, CAPTURE_HASH } from '../../events/capture.js'
import { VALUE_SCALAR } from '../../events/pack.js'
import type { Connection } from './connection.js'
import { arrayFromBytes } from './value.js'
import { withoutTriggers } from './without-triggers.js'

const TABLES = ['_value', '_gradient', '_accumulated'] as const

export function countNaN(db: Connection): void {
  withoutTriggers(
    db,
    TABLES.map((table) => `${table}_no_update`),
    () => {
      countInValues(db)
      for (const table of ['_gradient', '_accumulated']) {
        const bad = 'non_finite_count > 0'
        db.exec(`UPDATE ${table} SET nan_count = (scalar = 'NaN') WHERE ${bad} AND kept = ${VALUE_SCALAR}`)
        db.exec(
          `UPDATE ${table} SET nan_count = (SELECT v.nan_count FROM _value v WHERE v.id = value_id) WHERE ${bad} AND kept IN (${CAPTURE_BYTES}, ${CAPTURE_HASH})`,
        )
      }
    },
  )
}

function countInValues(db: Connection): void {
  const ids = db.prepare('SELECT id FROM _value WHERE non_finite_count > 0').pluck().all() as number[]
  const read = db.prepare('SELECT dtype, size, bytes FROM _value WHERE id = ?').raw()
  const chunks = db.prepare('SELECT bytes FROM _chunk WHERE value_id = ? ORDER BY ordinal').pluck()
  const note = db.prepare('UPDATE _value SET nan_count = ? WHERE id = ?')
  for (const id of ids) {
    const [dtype, size, bytes] = read.get(id) as [string, number, Buffer | null]
    const pieces = bytes === null ? (chunks.all(id) as Buffer[]) : [bytes]
    if (pieces.length === 0) continue
    let count = 0
    for (const x of arrayFromBytes(dtype, size, Buffer.concat(pieces))) if (Number.isNaN(x)) count++
    note.run(count, id)
  }
}
