/**
 * What is checked of a tape besides the hash chain and the events in it: the file itself, the schema, and the tables that
 * nobody writes after them.
 */
import type { Connection } from '../format/connection.js'
import { checkLedger, checkSchema } from '../format/schema-check.js'
import { corrupt } from './corrupt.js'

const EVENT_TABLES = [
  '_block',
  '_step',
  '_metric',
  '_fact',
  '_checkpoint_value',
  '_materialized',
  '_gradient',
  '_accumulated',
  '_assignment',
  '_call_site',
] as const

/** The schema against what the migrations make, before anything else is asked; then SQLite's own check. */
export function checkFile(db: Connection): void {
  checkSchema(db)
  const problems = db.pragma('integrity_check') as { integrity_check: string }[]
  if (problems[0]?.integrity_check !== 'ok')
    corrupt(`SQLite says: ${problems.map((problem) => problem.integrity_check).join('; ')}`)
  checkLedger(db)
  checkPowers(db)
}

/** Throws TAPE_CORRUPT when a table holds events that no batch closed. `lastPositions` is by run. */
export function checkNothingOutside(db: Connection, lastPositions: ReadonlyMap<number, number>): void {
  for (const table of EVENT_TABLES) {
    const rows = db
      .prepare<[], { run: number; first: number; last: number }>(
        `SELECT id >> 32 AS run, min(id & 4294967295) AS first, max(id & 4294967295) AS last FROM ${table} GROUP BY 1`,
      )
      .all()
    for (const { run, first, last } of rows) {
      if (first < 1 || last > (lastPositions.get(run) ?? 0))
        corrupt(`${table} holds event ${last} of run ${run}, which no batch wrote`)
    }
  }
  for (const id of db.prepare('SELECT id FROM _run').pluck().all() as number[]) {
    if (!lastPositions.has(id)) corrupt(`run ${id} is listed, but no batch wrote it`)
  }
}

function checkPowers(db: Connection): void {
  const rows = db
    .prepare<[], { exponent: number; value: number }>(
      'SELECT exponent, value FROM _power_of_two ORDER BY exponent',
    )
    .all()
  const powers = powersOfTwo()
  const right =
    rows.length === powers.length &&
    rows.every(({ exponent, value }, i) => exponent === i + LEAST_EXPONENT && value === powers[i])
  if (!right) corrupt('_power_of_two does not hold the powers of two')
}

const LEAST_EXPONENT = -1074
const GREATEST_EXPONENT = 971

/** Those of the exponents from the least to the greatest. Doubling and halving are exact, down to the last subnormal number. */
function powersOfTwo(): Float64Array {
  const powers = new Float64Array(GREATEST_EXPONENT - LEAST_EXPONENT + 1)
  const one = -LEAST_EXPONENT
  powers[one] = 1
  for (let i = one + 1; i < powers.length; i++) powers[i] = powers[i - 1]! * 2
  for (let i = one - 1; i >= 0; i--) powers[i] = powers[i + 1]! / 2
  return powers
}
