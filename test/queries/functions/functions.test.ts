/** SQL functions on arrays and statistics, asked of a real tape by a connection of better-sqlite3, and held to the engine. */
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import Database from 'better-sqlite3'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { constant, mul, openTape, parameter, registerFunctions, sum } from '../../../src/index.js'

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gradtape-functions-'))
const file = path.join(folder, 'f.tape')
let db: Database.Database
const one = (sql: string, ...parameters: unknown[]) =>
  db
    .prepare(sql)
    .pluck()
    .get(...parameters)
const all = (sql: string, ...parameters: unknown[]) =>
  db
    .prepare(sql)
    .raw()
    .all(...parameters)

const weights = [
  [1, -2, 3],
  [4, 0, -6],
]

beforeAll(async () => {
  const opened = openTape(file)
  const run = opened.startRun('functions', { capture: 'full' })
  const w = parameter(weights, { name: 'w' })
  const x = constant([
    [2, 2, 2],
    [3, 3, 3],
  ])
  const loss = sum(mul(w, x))
  loss.backward()
  for (let i = 0; i < 50; i++) {
    run.step()
    run.log({ a: i, b: 3 * i + 1, c: 5, noise: (i * 37) % 11 })
  }
  await run.finish()
  opened.close()
  db = new Database(file, { readonly: true })
  registerFunctions(db)
})
afterAll(() => {
  db.close()
  fs.rmSync(folder, { recursive: true, force: true })
})

const blob = (values: number[]) => Buffer.from(Float64Array.from(values).buffer)

describe('an array', () => {
  test('is named by the id of its value, or by bytes and dtype', () => {
    const gradient = all("SELECT value_id, shape FROM gradient WHERE variable_name = 'w'")[0] as [
      number,
      string,
    ]
    expect(one('SELECT tensor_norm(?)', gradient[0])).toBeCloseTo(Math.sqrt(3 * 4 + 3 * 9), 12)
    expect(one('SELECT tensor_text(?, ?)', ...gradient)).toBe('[[2, 2, 2], [3, 3, 3]]')
    expect(one('SELECT tensor_get(?, ?, ?)', ...gradient, '[1, 2]')).toBe(3)
    expect(one('SELECT tensor_get(?, 0)', gradient[0])).toBe(2)
    expect(one("SELECT tensor_norm(?, 'float64')", blob([3, 4]))).toBe(5)
    expect(one('SELECT tensor_norm(v.bytes, v.dtype) FROM value v WHERE v.id = ?', gradient[0])).toBe(
      one('SELECT l2_norm FROM value WHERE id = ?', gradient[0]),
    )
  })

  test('that is not known gives NULL, and no rows', () => {
    expect(one('SELECT tensor_norm(NULL)')).toBeNull()
    expect(one('SELECT tensor_norm(999999)')).toBeNull()
    expect(one("SELECT tensor_dot(NULL, 'float64', ?, 'float64')", blob([1]))).toBeNull()
    expect(all('SELECT * FROM tensor_elements(NULL)')).toEqual([])
  })

  test('is refused when bytes, dtype and shape do not go together', () => {
    for (const sql of [
      "SELECT tensor_norm(x'000000', 'float64')",
      "SELECT tensor_norm(x'00', 'complex128')",
      "SELECT tensor_norm(x'00', '__proto__')",
      "SELECT tensor_norm('w')",
      "SELECT tensor_norm(x'00')",
      "SELECT tensor_get(x'0001', 'uint8', '[3]', 0)",
      "SELECT tensor_get(x'0001', 'uint8', '[2]', '[2]')",
      "SELECT tensor_get(x'0001', 'uint8', 2)",
      "SELECT tensor_get(x'0001', 'uint8', -1)",
      "SELECT tensor_quantile(x'0001', 'uint8', 1.5)",
      "SELECT tensor_dot(x'00', 'uint8', x'0000', 'uint8')",
      "SELECT * FROM tensor_axis(x'0001', 'uint8', '[2]', 1, 'sum')",
      "SELECT * FROM tensor_axis(x'0001', 'uint8', '[2]', 0, 'constructor')",
      "SELECT * FROM tensor_histogram(x'00', 'uint8', 0)",
    ])
      expect(() => db.prepare(sql).all(), sql).toThrow(/^BAD_ARGUMENT: tensor_\w+\(\) expected .*, got /)
  })
})

describe('functions of one array and of two', () => {
  test('agree with their definitions on drawn arrays', () => {
    const pair = fc
      .integer({ min: 1, max: 40 })
      .chain((n) =>
        fc.tuple(
          fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: n, maxLength: n }),
          fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: n, maxLength: n }),
        ),
      )
    fc.assert(
      fc.property(pair, fc.double({ min: 0, max: 1, noNaN: true }), ([a, b], q) => {
        const size = (x: number[]) => Math.hypot(...x)
        const close = (got: unknown, want: number, scale: number) =>
          expect(Math.abs((got as number) - want)).toBeLessThanOrEqual(1e-12 * Math.max(scale, 1e-290))
        const ask = (sql: string) => one(sql, blob(a), blob(b))
        close(one("SELECT tensor_norm(?, 'float64')", blob(a)), size(a), size(a))
        close(
          ask("SELECT tensor_dot(?, 'float64', ?, 'float64')"),
          a.reduce((sum, x, i) => sum + x * b[i]!, 0),
          size(a) * size(b),
        )
        close(
          ask("SELECT tensor_distance(?, 'float64', ?, 'float64')"),
          size(a.map((x, i) => x - b[i]!)),
          size(a) + size(b),
        )
        const sorted = [...a].sort((x, y) => x - y)
        const at = one("SELECT tensor_quantile(?, 'float64', ?)", blob(a), q) as number
        expect(at).toBeGreaterThanOrEqual(sorted[Math.floor(q * (a.length - 1))]!)
        expect(at).toBeLessThanOrEqual(sorted[Math.ceil(q * (a.length - 1))]!)
      }),
    )
  })

  test('do not overflow where the answer does not', () => {
    expect(one("SELECT tensor_norm(?, 'float64')", blob([3e200, 4e200]))).toBeCloseTo(5e200, -190)
    expect(one("SELECT tensor_norm(?, 'float64')", blob([3e-200, 4e-200]))).toBeCloseTo(5e-200, 210)
    expect(one("SELECT tensor_cosine(?, 'float64', ?, 'float64')", blob([1e300, 0]), blob([1e300, 0]))).toBe(
      1,
    )
    const edges = all(
      "SELECT low, high, count FROM tensor_histogram(?, 'float64', 2)",
      blob([-1.7e308, 1.7e308]),
    )
    expect(edges).toEqual([
      [-1.7e308, 0, 1],
      [0, 1.7e308, 1],
    ])
  })

  test('take the cosine of two gradients', () => {
    expect(one("SELECT tensor_cosine(?, 'float64', ?, 'float64')", blob([1, 0]), blob([1, 1]))).toBeCloseTo(
      Math.SQRT1_2,
      12,
    )
    expect(one("SELECT tensor_cosine(?, 'float64', ?, 'float64')", blob([0, 0]), blob([1, 1]))).toBeNull()
  })
})

describe('arrays as rows', () => {
  const two = (dtype: string, values: number[], shape: string) => [
    Buffer.from((dtype === 'int32' ? Int32Array.from(values) : Float64Array.from(values)).buffer),
    dtype,
    shape,
  ]

  test('tensor_elements gives each element with its places', () => {
    expect(
      all(
        'SELECT i, j, k, position, value FROM tensor_elements(?, ?, ?)',
        ...two('int32', [5, 6, 7, 8], '[2, 2]'),
      ),
    ).toEqual([
      [0, 0, null, 0, 5],
      [0, 1, null, 1, 6],
      [1, 0, null, 2, 7],
      [1, 1, null, 3, 8],
    ])
    expect(all("SELECT * FROM tensor_elements(x'', 'uint8', '[0, 3]')")).toEqual([])
  })

  test('places and counts are whole numbers, and so are elements where the dtype has no others', () => {
    const types = (rows: string, columns: string[], ...given: unknown[]) =>
      all(`SELECT DISTINCT ${columns.map((column) => `typeof(${column})`).join(', ')} FROM ${rows}`, ...given)
    const [whole, real] = [two('int32', [5, 6, 7, 8], '[2, 2]'), two('float64', [5, 6, 7, 8], '[2, 2]')]
    expect(types('tensor_elements(?, ?, ?)', ['i', 'j', 'k', 'position', 'value'], ...whole)).toEqual([
      ['integer', 'integer', 'null', 'integer', 'integer'],
    ])
    expect(types('tensor_elements(?, ?, ?)', ['position', 'value'], ...real)).toEqual([['integer', 'real']])
    for (const [reduction, given, type] of [
      ['sum', whole, 'integer'],
      ['mean', whole, 'real'],
      ['max', real, 'real'],
      ['zeros', real, 'integer'],
    ] as const)
      expect(
        types(`tensor_axis(?, ?, ?, 0, '${reduction}')`, ['position', 'value'], ...given),
        reduction,
      ).toEqual([['integer', type]])
    expect(types('tensor_histogram(?, ?, 2)', ['bin', 'low', 'count'], ...real.slice(0, 2))).toEqual([
      ['integer', 'real', 'integer'],
    ])
    expect(one('SELECT typeof(tensor_get(?, ?, 1))', ...whole.slice(0, 2))).toBe('integer')
    expect(one('SELECT typeof(tensor_get(?, ?, 1))', ...real.slice(0, 2))).toBe('real')
  })

  test('tensor_axis reduces what stands at each place of an axis', () => {
    const matrix = two('float64', weights.flat(), '[2, 3]')
    expect(all("SELECT * FROM tensor_axis(?, ?, ?, 0, 'max')", ...matrix)).toEqual([
      [0, 3],
      [1, 4],
    ])
    expect(all("SELECT * FROM tensor_axis(?, ?, ?, 1, 'sum')", ...matrix)).toEqual([
      [0, 5],
      [1, -2],
      [2, -3],
    ])
    expect(all("SELECT * FROM tensor_axis(?, ?, ?, 1, 'zeros')", ...matrix)).toEqual([
      [0, 0],
      [1, 1],
      [2, 0],
    ])
  })

  test('tensor_histogram counts every finite element once', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double(), { maxLength: 60 }),
        fc.integer({ min: 1, max: 20 }),
        (values, bins) => {
          const rows = all(
            "SELECT count, low, high FROM tensor_histogram(?, 'float64', ?)",
            blob(values),
            bins,
          ) as [number, number, number][]
          const finite = values.filter(Number.isFinite)
          expect(rows.reduce((total, [count]) => total + count, 0)).toBe(finite.length)
          for (const [, low, high] of rows) expect(low).toBeLessThanOrEqual(high)
        },
      ),
    )
  })

  test('tensor_slice cuts rows of the first axis', () => {
    const matrix = two('float64', weights.flat(), '[2, 3]')
    expect(one("SELECT tensor_text(tensor_slice(?, ?, ?, 1), 'float64')", ...matrix)).toBe('[4, 0, -6]')
    expect(one('SELECT length(tensor_slice(?, ?, ?, 0, 0))', ...matrix)).toBe(0)
  })

  test('tensor_text names what is no number, and stops after a thousand', () => {
    expect(one("SELECT tensor_text(?, 'float64')", blob([Number.NaN, Number.POSITIVE_INFINITY, -0]))).toBe(
      '[NaN, Infinity, -0]',
    )
    expect(one("SELECT tensor_text(?, 'float64')", blob(new Array(1500).fill(0)))).toMatch(/, … 500 more\]$/)
  })
})

describe('statistics', () => {
  test('stddev, corr and ema are those of the definitions', () => {
    expect(one("SELECT stddev(value) FROM metric WHERE name = 'a'")).toBeCloseTo(14.577379737113251, 10)
    expect(
      one(
        "SELECT corr(x.value, y.value) FROM metric x JOIN metric y ON y.step = x.step WHERE x.name = 'a' AND y.name = 'b'",
      ),
    ).toBeCloseTo(1, 12)
    expect(
      one(
        "SELECT corr(x.value, y.value) FROM metric x JOIN metric y ON y.step = x.step WHERE x.name = 'a' AND y.name = 'c'",
      ),
    ).toBeNull()
    const smooth = all(
      "SELECT value, ema(value, 0.5) OVER (ORDER BY step) FROM metric WHERE name = 'noise' ORDER BY step",
    ) as [number, number][]
    let expected = smooth[0]![0]
    for (const [i, [value, average]] of smooth.entries()) {
      if (i > 0) expected += 0.5 * (value - expected)
      expect(average).toBeCloseTo(expected, 12)
    }
  })

  test('leave out NULL, and need two rows', () => {
    expect(one('SELECT stddev(x) FROM (SELECT 1.0 AS x UNION ALL SELECT NULL)')).toBeNull()
    expect(
      one('SELECT stddev(x) FROM (SELECT 1.0 AS x UNION ALL SELECT NULL UNION ALL SELECT 3.0)'),
    ).toBeCloseTo(Math.SQRT2, 12)
    expect(one('SELECT stddev(x) FROM (SELECT 1.0 AS x WHERE false)')).toBeNull()
    expect(() => one("SELECT stddev('a')")).toThrow('BAD_ARGUMENT: stddev() expected numbers, got "a"')
  })

  test('keep their digits far from zero', () => {
    const rows = [1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16]
    const sql = rows.map((x) => `SELECT ${x}.0 AS x`).join(' UNION ALL ')
    expect(one(`SELECT stddev(x) FROM (${sql})`)).toBeCloseTo(Math.sqrt(30), 8)
  })
})

describe('the graph', () => {
  test('call_at is what the view says of that position', () => {
    const calls = db.prepare('SELECT * FROM call ORDER BY position').all() as {
      position: number
      function: string
      block_id: number
    }[]
    expect(calls.map((call) => call.function)).toContain('mul')
    for (const call of calls) {
      const row = db.prepare('SELECT * FROM call_at(1, ?)').get(call.position) as Record<string, unknown>
      for (const key of ['position', 'step', 'function', 'scope', 'attributes', 'dtype', 'shape', 'block_id'])
        expect(row[key], key).toEqual((call as Record<string, unknown>)[key])
    }
    for (const nowhere of [0, 1, 1e6]) expect(all('SELECT * FROM call_at(1, ?)', nowhere)).toEqual([])
    expect(all('SELECT * FROM call_at(7, 3)')).toEqual([])
    expect(all('SELECT * FROM call_at(1, NULL)')).toEqual([])
    expect(() => all("SELECT * FROM call_at(1, 'x')")).toThrow(
      /BAD_ARGUMENT: call_at\(\) expected a position/,
    )
  })

  test('ancestors and descendants are what the edges of the view lead to', () => {
    const inputs = db
      .prepare(
        'SELECT call_position AS at, variable_position AS input FROM call_input WHERE input IS NOT NULL',
      )
      .all() as { at: number; input: number }[]
    const reached = (from: number, next: (at: number) => number[]) => {
      const found = new Map([[from, 0]])
      let layer = [from]
      for (let depth = 1; layer.length > 0; depth++) {
        layer = [...new Set(layer.flatMap(next))].filter((at) => !found.has(at))
        for (const at of layer) found.set(at, depth)
      }
      return [...found].sort(([a], [b]) => a - b)
    }
    const sum = one(
      "SELECT position FROM call WHERE function = 'sum' AND run_id = 1 ORDER BY position LIMIT 1",
    ) as number
    const w = one("SELECT position FROM leaf WHERE name = 'w'") as number
    const up = reached(sum, (at) => inputs.filter((edge) => edge.at === at).map(({ input }) => input))
    const down = reached(w, (at) => inputs.filter((edge) => edge.input === at).map((edge) => edge.at))
    const walked = (name: string, from: number, more = '') =>
      all(`SELECT position, depth FROM ${name}(1, ?${more}) ORDER BY position`, from)
    expect(up.length).toBeGreaterThan(3)
    expect(walked('ancestors', sum)).toEqual(up)
    expect(walked('descendants', w)).toEqual(down)
    expect(walked('ancestors', sum, ', 0, 1')).toEqual(up.filter(([, depth]) => depth <= 1))
    expect(walked('descendants', w, ', 0, 100, 0')).toEqual([[w, 0]])
    expect(walked('descendants', 1e9)).toEqual([])
    expect(all('SELECT kind, function FROM ancestors(1, ?) WHERE position = ?', sum, w)).toEqual([
      ['leaf', null],
    ])
  })
})

describe('value_of', () => {
  const valuesFile = path.join(folder, 'values.tape')
  let values: Database.Database
  const losses: number[] = []
  beforeAll(async () => {
    const opened = openTape(valuesFile)
    const run = opened.startRun('values') // replayable: no result of a call is stored
    const w = parameter(weights, { name: 'w' })
    for (let i = 1; i <= 40; i++) {
      run.step()
      const hidden = mul(w, w)
      hidden.name = 'hidden'
      const loss = sum(hidden)
      run.log({ loss })
      losses.push(loss.item())
      w.data = mul(w, 0.5).data
    }
    await run.finish()
    const bare = opened.startRun('bare', { capture: 'structure' })
    bare.step()
    bare.log({ loss: sum(mul(w, w)) })
    await bare.finish()
    opened.close()
    values = new Database(valuesFile, { readonly: true })
    registerFunctions(values)
  })
  afterAll(() => values.close())
  const rows = (sql: string) => values.prepare(sql).raw().all() as unknown[][]

  test('gives what was not stored, computed again, of each step', () => {
    expect(rows("SELECT value_of(run_id, step, 'loss') FROM step WHERE run_id = 1 ORDER BY step")).toEqual(
      losses.map((loss) => [loss]),
    )
    expect(
      rows("SELECT dtype, shape, value, tensor_text(bytes, dtype, shape) FROM value_of(1, 2, 'hidden')"),
    ).toEqual([
      [
        'float64',
        '[2,3]',
        null,
        rows("SELECT tensor_text(value_of(1, 2, 'hidden'), 'float64', '[2,3]')")[0]![0],
      ],
    ])
    expect(rows("SELECT tensor_norm(value_of(1, 3, 'w'), 'float64')")).toEqual([
      [Math.sqrt(weights.flat().reduce((total, x) => total + (x / 4) ** 2, 0))],
    ])
  })

  test('is null, and no row, where nothing is known, and refuses what is no run, step or name', () => {
    expect(rows("SELECT value_of(1, 1, 'nobody'), value_of(NULL, 1, 'w'), value_of(2, 1, 'loss')")).toEqual([
      [null, null, expect.toSatisfy((value: unknown) => value === null || typeof value === 'number')],
    ])
    expect(rows("SELECT * FROM value_of(1, 1, 'nobody')")).toEqual([])
    expect(() => rows("SELECT value_of(9, 1, 'w')")).toThrow(/^RUN_NOT_FOUND/)
    expect(() => rows("SELECT value_of('a', 1, 'w')")).toThrow(
      /^BAD_ARGUMENT: value_of\(\) expected the number of a run/,
    )
    expect(() => rows('SELECT value_of(1, 1, 2)')).toThrow(/^BAD_ARGUMENT: value_of\(\) expected the name/)
  })
})

test('a connection to memory takes bytes, and wants the path for what only a file has; its integers may be big', () => {
  const db = new Database(':memory:')
  db.defaultSafeIntegers()
  registerFunctions(db)
  const ask = (sql: string) => db.prepare(`SELECT ${sql}`).pluck().get()
  expect(ask("tensor_norm(x'00000840', 'float32')")).toBe(2.125)
  expect(ask("tensor_quantile(x'01020304', 'uint8', 1)")).toBe(4)
  expect(ask('ema(2.5, 1) OVER ()')).toBe(2.5)
  for (const sql of ['tensor_norm(1)', "value_of(1, 1, 'loss')", '(SELECT position FROM call_at(1, 1))'])
    expect(() => ask(sql)).toThrow(/BAD_ARGUMENT.*the path of the tape as \{ path \}/)
  db.close()
})
