/**
 * Whether the schema of a file is the one that gradtape makes: every table, view, index and trigger, and nothing beside
 * them. A view or trigger of somebody else's is a program in the file, so this is asked before anything else is.
 */
import crypto from 'node:crypto'
import { TapeError } from '../../errors.js'
import type { Connection } from './connection.js'
import { MIGRATIONS, type Migration, migrate, SCHEMA_VERSION } from './migrations.js'
import { sqlite } from './sqlite.js'

/**
 * SHA-256 of the schema of each version, so that opening a tape need not make one to compare with. A version that is not
 * here, or has another digest, is compared object by object: a digest that is wrong costs time and nothing else.
 */
export const SCHEMA_DIGESTS: Readonly<Record<number, string>> = {
  1: '179cd5e7f325d9346e2c9192d0b3dde39b3e773bf31ab6af5293ea40124c76a5',
  2: 'ee811e1ff77585c1061a55a2bcad7e30f2ab715df06a144fc5e6aba349008e45',
  3: 'aa884b34ddb07e7e86e09a5718bca7cbab46a96c95c9b0060af1fd9133995ecc',
  4: '68b013e18c09b35703ac81a50163b07fa82868f4810095186b404f6cfc5f9e79',
  5: '74fa1eba6c5696afde4a56504e9c6d786f9f2b090f6d819367943a12fbf68211',
  6: 'ad657f8f0309c7ad6fc465f2131e426715da6d16687273b963bf19551cc4f958',
  7: '4097a39f6dd53b1bb229c8c5c80e1438c02ae96bd30929d86dd1c2e7f381d932',
  8: 'b600f3ceee63a5f309306e0cb4ab3b75f6db6391c06f16d882908ec035263fa3',
  9: 'c2e436b38342eedd21351e661e7404b03a3b3b65100fff40ec5bcb614e1adbe7',
  10: '503ae25e2fb7400fe2af84b228d66e1624940ece7503e417d4025daf80c4efb8',
  11: '59e620a0decc78025c97c7eae1ded9c927597dde895d69eefe046215ad0e3601',
}

/** What SQLite itself makes when somebody runs ANALYZE on a tape: numbers for its planner, which no view shows. */
const STATISTICS: ReadonlyMap<string, string> = new Map([
  ['table sqlite_stat1', 'CREATE TABLE sqlite_stat1(tbl,idx,stat)'],
  ['table sqlite_stat4', 'CREATE TABLE sqlite_stat4(tbl,idx,neq,nlt,ndlt,sample)'],
])

type SchemaRow = readonly [type: string, name: string, table: string, sql: string | null, root: number]

const expected = new Map<number, ReadonlyMap<string, SchemaRow>>()

/**
 * Compares the schema of the file with what the migrations up to its version make. A file with nothing in it is fine.
 *
 * Throws  TAPE_CORRUPT names the first table, view, index or trigger that differs
 */
export function checkSchema(db: Connection): void {
  // In one look: another process may be just migrating the file.
  const { version, rows } = db.transaction(() => ({
    version: db.pragma('user_version', { simple: true }) as number,
    rows: schemaRows(db),
  }))()
  if (rows.length === 0 && version === 0) return
  if (version < 1 || version > SCHEMA_VERSION) corrupt(`the tape says that its schema is ${version}`)
  checkRoots(rows)
  if (schemaDigest(rows) === SCHEMA_DIGESTS[version]) return
  const have = new Map(rows.map((row) => [`${row[0]} ${row[1]}`, row]))
  if (have.size < rows.length) corrupt('the schema has two objects of one name')
  const want = expectedSchema(version)
  for (const [name, row] of want) {
    const found = have.get(name) ?? corrupt(`the ${name} is missing from the schema`)
    if (found[2] !== row[2] || found[3] !== row[3]) corrupt(`the ${name} is not as gradtape makes it`)
  }
  for (const name of have.keys())
    if (!want.has(name)) corrupt(`the schema has a ${name} that gradtape does not make`)
}

/** What is wrong with the schema; null when nothing is. */
export function schemaDamage(db: Connection): TapeError | null {
  try {
    checkSchema(db)
    return null
  } catch (error) {
    if (error instanceof TapeError) return error
    throw error
  }
}

/**
 * Compares the list of migrations that the tape keeps with those that this gradtape has.
 *
 * Throws  TAPE_CORRUPT
 */
export function checkLedger(db: Connection): void {
  const applied = db
    .prepare<[], Migration & { applied_at: string }>('SELECT * FROM _migration ORDER BY version')
    .all()
  if (applied.length !== MIGRATIONS.length)
    corrupt(`the tape lists ${applied.length} migrations, expected ${MIGRATIONS.length}`)
  for (const [i, { version, name, checksum }] of MIGRATIONS.entries()) {
    const have = applied[i]!
    if (have.version !== version || have.name !== name)
      corrupt(`the tape lists migration ${have.version} (${have.name}), expected ${version} (${name})`)
    if (have.checksum !== checksum)
      corrupt(
        `migration ${version} (${name}) has checksum ${have.checksum} in the tape, expected ${checksum}`,
      )
    const date = new Date(have.applied_at)
    if (Number.isNaN(date.getTime()) || date.toISOString() !== have.applied_at)
      corrupt(
        `migration ${version} (${name}) was applied at ${JSON.stringify(have.applied_at)}, which is no time`,
      )
  }
}

/** SHA-256 over the rows of sqlite_schema in the order of their names; where they stand in the file does not count. */
export function schemaDigest(rows: readonly SchemaRow[]): string {
  const lines = rows.map(([type, name, table, sql]) => JSON.stringify([type, name, table, sql])).sort()
  return crypto.createHash('sha256').update(lines.join('\n')).digest('hex')
}

/** The schema that the migrations up to `version` make. */
export function expectedSchema(version: number): ReadonlyMap<string, SchemaRow> {
  let schema = expected.get(version)
  if (schema === undefined) {
    const fresh = sqlite().open(':memory:', { readonly: false, timeoutMs: 0 })
    try {
      migrate(fresh, 0, version, true)
      schema = new Map(schemaRows(fresh).map((row) => [`${row[0]} ${row[1]}`, row]))
    } finally {
      fresh.close()
    }
    expected.set(version, schema)
  }
  return schema
}

function schemaRows(db: Connection): SchemaRow[] {
  const rows = db
    .prepare('SELECT type, name, tbl_name, sql, rootpage FROM sqlite_schema')
    .raw()
    .all() as SchemaRow[]
  return rows.filter(([type, name, , sql]) => sql === null || STATISTICS.get(`${type} ${name}`) !== sql)
}

/** Two tables in one place would each show the other's rows; a view is in no place. */
function checkRoots(rows: readonly SchemaRow[]): void {
  const taken = new Set<number>()
  for (const [type, name, , , root] of rows) {
    const stored = type === 'table' || type === 'index'
    if (stored ? !(root > 1) || taken.has(root) : root !== 0)
      corrupt(`the ${type} ${name} stands on page ${root}, where it cannot`)
    if (stored) taken.add(root)
  }
}

function corrupt(explanation: string): never {
  throw new TapeError('TAPE_CORRUPT', explanation)
}
