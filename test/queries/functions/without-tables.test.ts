/** SQL functions where a connection can have none that give rows, as node:sqlite's cannot; scripts/check-newest-node.mjs runs this, too. */
import path from 'node:path'
import process from 'node:process'
import { expect, test } from 'vitest'
import { constant, openTape, registerFunctions, square } from '../../../src/index.js'
import { type FunctionHost, ROW_FUNCTIONS } from '../../../src/queries/functions/host.js'
import { hintFor } from '../../../src/queries/sql.js'
import { temporaryFolder } from '../../tape/temporary-tape.js'

/** What is used of `DatabaseSync`, which the types of Node 20 do not know. */
interface DatabaseSync extends FunctionHost {
  prepare(sql: string): { get(...parameters: unknown[]): Record<string, unknown> }
  close(): void
}
interface NodeSqlite {
  readonly DatabaseSync: new (path: string, options: { readOnly: boolean }) => DatabaseSync
}

/** Writes down what is registered. */
function recordingHost(hasTables: boolean): { host: FunctionHost; functions: string[]; tables: string[] } {
  const functions: string[] = []
  const tables: string[] = []
  const add = (to: string[]) => (name: string) => to.push(name)
  const host = { name: 'x.tape', function: add(functions), aggregate: add(functions) }
  return { host: hasTables ? { ...host, table: add(tables) } : host, functions, tables }
}

test('all functions but those that give rows are registered, and these are known by name', () => {
  const whole = recordingHost(true)
  registerFunctions(whole.host)
  expect(whole.tables).toEqual(ROW_FUNCTIONS)
  const without = recordingHost(false)
  registerFunctions(without.host)
  expect(without.functions).toEqual(whole.functions)
  expect(without.functions.length).toBeGreaterThan(10)
})

test('a connection that does not say where its tape is wants the path', () => {
  const { host } = recordingHost(false)
  const nameless = { function: host.function, aggregate: host.aggregate }
  expect(() => registerFunctions(nameless)).toThrow(/BAD_ARGUMENT.*its path as \{ path \}/)
  expect(() => registerFunctions({ ...nameless, location: () => null } as FunctionHost)).toThrow(
    /BAD_ARGUMENT/,
  )
  registerFunctions(nameless, { path: 'x.tape' })
})

test('a query for rows of one says what is missing', () => {
  expect(hintFor('no such table: tensor_elements', 'SELECT * FROM tensor_elements(1)', [])).toBe(
    '; tensor_elements gives rows, and functions that do need better-sqlite3: npm install better-sqlite3',
  )
})

const sqlite = process.getBuiltinModule?.('node:sqlite' as 'node:fs') as unknown as NodeSqlite | undefined

test.skipIf(sqlite === undefined)(
  `node:sqlite computes with them${sqlite === undefined ? ' (skipped: this Node has none)' : ''}`,
  async () => {
    const file = path.join(temporaryFolder(), 'a.tape')
    const tape = openTape(file)
    const run = tape.startRun('a', { capture: 'full' })
    const y = square(constant([3, 4]))
    y.name = 'y'
    for (let step = 1; step <= 4; step++) {
      run.step()
      run.log({ up: step, down: -2 * step })
    }
    await run.finish()
    tape.close()
    const db = new sqlite!.DatabaseSync(file, { readOnly: true })
    registerFunctions(db)
    const one = (sql: string) => Object.values(db.prepare(sql).get())[0]
    expect(one("SELECT tensor_norm(value_id) FROM output WHERE function = 'square'")).toBe(Math.hypot(9, 16))
    expect(one("SELECT tensor_text(value_id) FROM output WHERE function = 'square'")).toBe('[9, 16]')
    expect(one("SELECT stddev(value) FROM metric WHERE name = 'up'")).toBeCloseTo(Math.sqrt(5 / 3), 14)
    expect(
      one(
        "SELECT corr(u.value, d.value) FROM metric u JOIN metric d ON d.step = u.step WHERE u.name = 'up' AND d.name = 'down'",
      ),
    ).toBe(-1)
    expect(one("SELECT hex(value_of(1, 0, 'y'))")).toBe(
      Buffer.from(Float64Array.of(9, 16).buffer).toString('hex').toUpperCase(),
    )
    expect(() => one("SELECT tensor_get(1, 'x')")).toThrow(/BAD_ARGUMENT.*JSON list/)
    db.close()
  },
)
