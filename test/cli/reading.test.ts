/** What runs, show, graph and schema answer, as text and as JSON. */
import fs from 'node:fs'
import path from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { openTape } from '../../src/index.js'
import { gradtape, gradtapeJson, temporaryFolder, writeTape } from './gradtape.js'

const folder = temporaryFolder()
const file = path.join(folder, 'runs.tape')

beforeAll(() => writeTape(file))

const lines = async (...args: string[]) => {
  const { status, stdout, stderr } = await gradtape(...args)
  expect(stderr).toBe('')
  expect(status).toBe(0)
  return stdout.trimEnd().split('\n')
}

describe('gradtape runs', () => {
  test('lists the runs, oldest first, with columns aligned', async () => {
    const [head = '', first = '', second = '', ...rest] = await lines('runs', file)
    expect(head.trim().split(/ {2,}/)).toEqual([
      'id',
      'name',
      'status',
      'steps',
      'events',
      'started',
      'duration',
    ])
    expect(first).toMatch(
      /^ 1 {2}chain {2}finished {6}0 +\d+ {2}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC +\S+ m?s$/,
    )
    expect(second).toMatch(/^ 2 {2}train {2}finished {6}3 /)
    expect(second.indexOf('finished')).toBe(head.indexOf('status'))
    expect(rest).toEqual([])
  })

  test('says of a copy whose log was left behind that its newest events may be missing, and of nothing else', async () => {
    const [recorded, copy] = [path.join(folder, 'recorded.tape'), path.join(folder, 'copy.tape')]
    const tape = openTape(recorded)
    await tape.startRun('first').finish()
    const second = tape.startRun('second')
    await second.flush()
    fs.copyFileSync(recorded, copy)
    const whole = await gradtape('runs', recorded)
    expect([whole.stderr, /second/.test(whole.stdout)]).toEqual(['', true])
    for (const [command, words] of [
      ['runs', /first/],
      ['verify', /intact/],
    ] as const) {
      const { status, stdout, stderr } = await gradtape(command, copy)
      expect([status, stdout]).toEqual([0, expect.stringMatching(words)])
      expect(stderr).toMatch(
        /^note: .*copy\.tape is in WAL mode and has no .*copy\.tape-wal beside it: .*newest events are missing/,
      )
      expect(fs.readdirSync(folder).filter((name) => name.startsWith('copy'))).toEqual(['copy.tape'])
    }
    await second.finish()
    tape.close()
    expect((await gradtape('runs', recorded)).stderr).toBe('')
  })

  test('gives the same as JSON', async () => {
    const { runs } = await gradtapeJson<{ runs: Record<string, unknown>[] }>('runs', file)
    expect(runs).toHaveLength(2)
    expect(runs[1]).toMatchObject({ id: 2, name: 'train', status: 'finished', steps: 3, error: null })
    expect(Object.keys(runs[0] ?? {})).toEqual([
      'id',
      'name',
      'tags',
      'status',
      'startedAt',
      'elapsedMs',
      'steps',
      'events',
      'error',
      'parent',
    ])
  })
})

describe('gradtape show', () => {
  test('shows the newest run when none is said: facts, metrics with their course, parameters, functions', async () => {
    const text = (await lines('show', file)).join('\n')
    expect(text).toMatch(/^train, run 2 of /)
    expect(text).toMatch(/config +\{"lr":0.1,"layers":\[3,4,2\]\}/)
    expect(text).toMatch(/^metric +first +last +min +at step +curve$/m)
    expect(text).toMatch(/^loss .* 3 {2}█.▁$/m)
    expect(text).toMatch(/^rate .*×.* not finite from step 2$/m)
    expect(text).toMatch(/^fc1.weight +float64 +\[3, 2\] +\d+$/m)
    expect(text).toMatch(/^softmaxCrossEntropy +3$/m)
  })

  test('takes a run by name and by id', async () => {
    expect((await lines('show', file, '--run', 'chain'))[0]).toMatch(/^chain, run 1 /)
    expect((await lines('show', file, '--run', '1'))[0]).toMatch(/^chain, run 1 /)
  })

  test('gives a run as JSON: run, metrics, parameters, functions', async () => {
    const shown = await gradtapeJson<{
      run: Record<string, unknown>
      metrics: Record<string, unknown>[]
      parameters: unknown[]
      functions: { name: string; calls: number }[]
    }>('show', file)
    expect(shown.run).toMatchObject({
      id: 2,
      name: 'train',
      seed: 7,
      config: { lr: 0.1, layers: [3, 4, 2] },
      parent: null,
    })
    expect(shown.metrics.map(({ name, count }) => [name, count])).toEqual([
      ['loss', 3],
      ['rate', 3],
    ])
    expect(shown.metrics[1]).toMatchObject({ nonFiniteCount: 1, firstNonFiniteStep: 2, max: 0.1, maxStep: 1 })
    expect(shown.metrics[1]?.curve).toEqual([0.1, 'NaN', 0.1 / 3])
    expect(shown.parameters).toMatchObject([
      { name: 'fc1.weight', dtype: 'float64', shape: [3, 2] },
      { name: 'fc1.bias', dtype: 'float64', shape: [2] },
    ])
    expect(shown.functions.find(({ name }) => name === 'relu')).toEqual({ name: 'relu', calls: 3 })
  })

  test('shows the events of a step in order, with names, shapes, scopes, norms and metrics', async () => {
    const [head = '', ...events] = await lines('show', file, '--step', '2')
    expect(head).toBe(`train, step 2: ${events.length} events`)
    const positions = events.map((line) => Number(/^ *(\d+) {2}/.exec(line)?.[1]))
    expect(positions).toEqual(positions.map((_, i) => (positions[0] ?? 0) + i))
    const said = events.map((line) => line.replace(/^ *\d+ {2}/, ''))
    expect(said[0]).toMatch(/^step 2 begins, /)
    expect(said).toContainEqual(
      expect.stringMatching(
        /^linear\(#\d+, fc1.weight, fc1.bias\) → \[2, 2\] {2}\(in head\) {2}\S+\/gradtape\.ts:\d+:\d+$/,
      ),
    )
    expect(said).toContainEqual(
      expect.stringMatching(/^softmaxCrossEntropy\(#\d+, #\d+\) → loss [\d.]+ {2}\S+:\d+:\d+$/),
    )
    expect(said).toContainEqual(expect.stringMatching(/^backward from loss$/))
    expect(said).toContainEqual(
      expect.stringMatching(/^gradient of fc1.weight \[3, 2\] {2}norm [\d.]+ {2}mean /),
    )
    expect(said).toContainEqual(
      expect.stringMatching(/^mul\(grad\(fc1.weight\), 0.1\) → \[3, 2\] {2}\(noGrad\) {2}\S+:\d+:\d+$/),
    )
    expect(said.at(-1)).toBe('log rate = NaN')
  })

  test('says how many events of a step it left out', async () => {
    const shown = await lines('show', file, '--step', '2', '--limit', '3')
    expect(shown).toHaveLength(5)
    expect(shown[4]).toMatch(/^… \d+ more events; --limit \d+ shows all$/)
    expect(await gradtapeJson('show', file, '--step', '2', '--limit', '3')).toMatchObject({ cut: true })
  })

  test('gives a step as JSON: events with refs, the names of those, and summaries of gradients', async () => {
    const { events, metrics } = await gradtapeJson<{ events: Record<string, unknown>[]; metrics: unknown[] }>(
      'show',
      file,
      '--step',
      '1',
    )
    expect(metrics).toMatchObject([{ name: 'loss' }, { name: 'rate', value: 0.1 }])
    const call = events.find((event) => event.function === 'linear')
    const inputs = call?.inputs as string[]
    expect(inputs).toHaveLength(3)
    expect(call?.names).toEqual({ [inputs[1] ?? '']: 'fc1.weight', [inputs[2] ?? '']: 'fc1.bias' })
    expect(call?.outputs).toMatchObject([{ dtype: 'float64', shape: [2, 2] }])
    const { summary } = events.find((event) => event.type === 'GradientComputed') ?? {}
    const { l2Norm, nonFiniteCount } = summary as { l2Norm: number; nonFiniteCount: number }
    expect(l2Norm).toBeGreaterThan(0.1)
    expect(nonFiniteCount).toBe(0)
  })

  test('shows step 0, what precedes the first', async () => {
    expect((await lines('show', file, '--run', 'chain', '--step', '0')).at(-1)).toMatch(/run finished$/)
  })

  test('shows a variable with its creators as a tree', async () => {
    const shown = await lines('show', file, '--run', 'chain', '--variable', 'y')
    expect(shown[0]).toMatch(
      /^y, output of square, float64 \[\], made at #\d+ in step 0, at \S+\/gradtape\.ts:\d+:\d+$/,
    )
    expect(shown[1]).toBe('  1.648721270700128')
    expect(shown.slice(shown.indexOf('made from') + 1)).toEqual([
      expect.stringMatching(/^y = square\(#\d+\) {2}1.64872 {2}#\d+$/),
      expect.stringMatching(/^└─ #\d+ = exp\(#\d+\) {2}1.28403$/),
      expect.stringMatching(/^ {3}└─ #\d+ = square\(x\) {2}0.25$/),
      expect.stringMatching(/^ {6}└─ x {2}variable 0.5$/),
    ])
  })

  test('cuts the tree at --depth and says so', async () => {
    const shown = await lines('show', file, '--run', 'chain', '--variable', 'y', '--depth', '1')
    expect(shown.at(-1)).toMatch(/^└─ #\d+ = exp\(#\d+\) {2}1.28403 {2}… \(--depth shows more\)$/)
  })

  test('shows a parameter as a step read it: other steps, other values', async () => {
    interface Shown {
      variable: { values: number[]; kind: string }
      gradients: { step: number }[]
      assignments: { step: number }[]
    }
    const at = (step: string) => gradtapeJson<Shown>('show', file, '--variable', 'fc1.weight', '--step', step)
    const [first, second] = [await at('1'), await at('2')]
    expect(first.variable.values).toEqual([0.1, 0.2, 0.3, -0.4, 0.5, 0.6])
    expect(second.variable.values).not.toEqual(first.variable.values)
    expect(second.variable.kind).toBe('parameter')
    expect(second.gradients.map(({ step }) => step)).toEqual([2])
    expect(second.assignments.map(({ step }) => step)).toEqual([1, 2, 3])
    expect((await lines('show', file, '--variable', 'fc1.weight')).join('\n')).toMatch(
      /3 assignments, from step 1 \(#\d+\) to step 3 \(#\d+\)/,
    )
  })

  test('takes a variable by its position', async () => {
    const { variable } = await gradtapeJson<{ variable: { position: number } }>(
      'show',
      file,
      '--variable',
      'loss',
      '--step',
      '2',
    )
    const shown = await lines('show', file, '--variable', String(variable.position))
    expect(shown[0]).toMatch(
      new RegExp(
        `^loss, output of softmaxCrossEntropy, .*#${variable.position} in step 2, at \\S+:\\d+:\\d+$`,
      ),
    )
  })
})

describe('gradtape graph', () => {
  test('writes DOT: variables as orange ellipses, functions as light blue boxes, an edge for each input and output', async () => {
    const dot = (await lines('graph', file, '--run', 'chain', '--of', 'y', '--values')).join('\n')
    expect(dot).toMatch(/^digraph g \{/)
    expect(dot.match(/color=orange\]/g)).toHaveLength(4)
    expect(dot.match(/color=lightblue, shape=box\]/g)).toHaveLength(3)
    expect(dot.match(/ -> /g)).toHaveLength(6)
    expect(dot).toContain('label="x\\nfloat64\\n0.5"')
  })

  test('begins at the last logged loss, of the step when one is said', async () => {
    const loss = (step: string) =>
      gradtapeJson<{ variable: { position: number } }>('show', file, '--variable', 'loss', '--step', step)
    expect(await gradtapeJson('graph', file)).toMatchObject({ of: `#${(await loss('3')).variable.position}` })
    expect(await gradtapeJson('graph', file, '--step', '1')).toMatchObject({
      of: `#${(await loss('1')).variable.position}`,
    })
  })

  test('draws an SVG into a file', async () => {
    const target = path.join(folder, 'graph.svg')
    expect(await lines('graph', file, '--output', target)).toEqual([`wrote ${target}: 7 variables, 3 calls`])
    const svg = fs.readFileSync(target, 'utf8')
    expect(svg).toMatch(/<svg[\s\S]*softmaxCrossEntropy[\s\S]*<\/svg>/)
    expect(svg.match(/class="node"/g)).toHaveLength(10)
  })

  test('collapses what nobody could read; told not to, refuses to draw it; DOT always works', async () => {
    const { mul, openTape, Variable } = await import('../../src/index.js')
    const large = path.join(folder, 'large.tape')
    const tape = openTape(large)
    for (const [name, count] of [
      ['long', 1_100],
      ['crossing', 300],
    ] as const) {
      const run = tape.startRun(name)
      const x = new Variable(1, { name: 'x' })
      let y = x
      for (let i = 0; i < count; i++) y = name === 'long' ? mul(y, 1) : mul(mul(mul(y, x), x), x)
      run.log({ y })
      await run.finish()
    }
    tape.close()
    const target = path.join(folder, 'long.svg')
    expect(await lines('graph', large, '--run', 'long', '--output', target)).toEqual([
      `wrote ${target}: 1,102 variables, 1,100 calls, collapsed into 8 nodes`,
    ])
    expect(fs.readFileSync(target, 'utf8')).toContain('… 1,098 calls')
    for (const [run, words] of [
      ['long', /^GRAPH_TOO_LARGE: .*at most 2000 nodes, got \d+; .*--collapse auto.*--of or --step/],
      ['crossing', /^GRAPH_TOO_LARGE: .*cross at most 150000 ranks/],
    ] as const) {
      const whole = ['--run', run, '--collapse', 'none']
      const refused = await gradtape('graph', large, ...whole, '--format', 'svg')
      expect(refused.stderr).toMatch(words)
      expect([refused.status, refused.stdout]).toEqual([1, ''])
      expect((await lines('graph', large, ...whole)).at(-1)).toBe('}')
    }
  })

  test('makes a box of each scope when asked', async () => {
    const { mul, openTape, Variable } = await import('../../src/index.js')
    const scoped = path.join(folder, 'scoped.tape')
    const tape = openTape(scoped)
    const run = tape.startRun('scoped')
    const x = new Variable(1, { name: 'x' })
    run.log({ y: run.scope('cube', () => mul(mul(x, x), x)) })
    await run.finish()
    tape.close()
    expect(await gradtapeJson('graph', scoped, '--collapse', 'scopes')).toMatchObject({
      nodes: [
        { kind: 'variable', lines: ['y', 'float64'] },
        { kind: 'variable', lines: ['x', 'float64'] },
        { kind: 'calls', lines: ['cube', '2 calls'] },
      ],
    })
    expect((await gradtape('graph', scoped, '--collapse', 'all')).status).toBe(2)
  })

  test('gives nodes and edges as JSON', async () => {
    const { nodes, edges } = await gradtapeJson<{
      nodes: { id: string; kind: string }[]
      edges: { from: string; to: string }[]
    }>('graph', file)
    const ids = new Set(nodes.map(({ id }) => id))
    expect(ids.size).toBe(nodes.length)
    expect(edges.every(({ from, to }) => ids.has(from) && ids.has(to))).toBe(true)
  })
})

describe('gradtape schema', () => {
  test('lists every view with its columns and what they mean', async () => {
    const text = (await lines('schema', file)).join('\n')
    for (const view of [
      'run',
      'step',
      'variable',
      'call',
      'edge',
      'gradient',
      'value',
      'metric',
      'checkpoint',
      'event',
      'note',
    ]) {
      expect(text).toMatch(new RegExp(`^${view}  \\S`, 'm'))
    }
  })

  test('prints one view, its SQL, and both as JSON', async () => {
    expect((await lines('schema', file, 'note'))[0]).toBe(
      'note  One remark of the program or of a person. Key: run_id, position.',
    )
    expect((await lines('schema', file, 'note', '--sql'))[0]).toMatch(/^CREATE VIEW note AS -- /)
    expect(await gradtapeJson('schema', file, 'note')).toMatchObject({
      views: [{ name: 'note', columns: expect.arrayContaining([{ name: 'text', doc: 'the remark' }]) }],
    })
  })
})
