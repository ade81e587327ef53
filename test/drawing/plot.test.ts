/** plotGraph: what is drawn, what collapses, and that a graph of 10,000 nodes is drawn in seconds. */
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { computationOf } from '../../src/drawing/computation.js'
import { type Collapse, NODES_MAX, pictureOf } from '../../src/drawing/picture.js'
import { withScope } from '../../src/graph/mode.js'
import {
  add,
  linear,
  matmul,
  mul,
  openTape,
  type PlotOptions,
  parameter,
  plotGraph,
  relu,
  sin,
  sum,
  Variable,
} from '../../src/index.js'

let folder: string

beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gradtape-plot-'))
})

afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))

const picture = (y: Variable, collapse: Collapse = 'auto') =>
  pictureOf(computationOf(y), ({ name }) => [name ?? ''], collapse)
const boxes = (y: Variable, collapse: Collapse = 'auto') =>
  picture(y, collapse)
    .nodes.filter(({ kind }) => kind !== 'variable')
    .map(({ lines }) => lines.join(': '))
const names = (y: Variable, collapse: Collapse = 'auto') =>
  picture(y, collapse)
    .nodes.filter(({ kind }) => kind === 'variable')
    .map(({ lines }) => lines.join(''))

/** Two calls a layer, in a scope of its own, each with a weight. */
function layers(x: Variable, count: number, prefix: string): Variable {
  let y = x
  for (let i = 0; i < count; i++) {
    y = withScope(`${prefix}.${i}`, () =>
      relu(linear(y, parameter([[1]], { name: `${prefix}.${i}.weight` }))),
    )
  }
  return y
}

function chain(x: Variable, count: number): Variable {
  let y = x
  for (let i = 0; i < count; i++) y = sin(y)
  return y
}

describe('plotGraph', () => {
  test('draws as the book does: orange ellipses, light blue boxes, names', () => {
    const x = new Variable(1, { name: 'x' })
    const y = add(x, mul(x, 2))
    y.name = 'y'
    expect(plotGraph(y)).toBe(
      [
        'digraph g {',
        '  node [style=filled, fontname="Helvetica"]',
        '  v0 [label="y", color=orange]',
        '  v1 [label="x", color=orange]',
        '  v2 [label="", color=orange]',
        '  v3 [label="", color=orange]',
        '  f4 [label="add", color=lightblue, shape=box]',
        '  f5 [label="mul", color=lightblue, shape=box]',
        '  v1 -> f4',
        '  v2 -> f4',
        '  f4 -> v0',
        '  v1 -> f5',
        '  v3 -> f5',
        '  f5 -> v2',
        '}',
        '',
      ].join('\n'),
    )
  })

  test('shows shapes, dtypes and small values when asked', () => {
    const x = new Variable([[1, 2 / 3]], { name: 'x', dtype: 'float32' })
    const long = sum(mul(new Variable(new Float64Array(100), { name: 'long' }), 0.1))
    expect(plotGraph(sum(x), { shapes: true, values: true })).toContain(
      'label="x\\n[1, 2] float32\\n[1, 0.666667]"',
    )
    expect(plotGraph(sum(x), { shapes: true })).toContain('label="x\\n[1, 2] float32"')
    expect(plotGraph(sum(x), { shapes: true })).toContain('label="float32"')
    expect(plotGraph(long, { values: true })).toContain('label="long"')
    expect(plotGraph(long, { values: true })).toContain('label="0.1"')
  })

  test('draws SVG, and writes either to a file', async () => {
    const x = new Variable(1, { name: 'x<1>' })
    const target = path.join(folder, 'sin.svg')
    const svg = await plotGraph(sin(x), { format: 'svg', output: target })
    expect(svg.match(/class="node"/g)).toHaveLength(3)
    expect(svg).toContain('x&lt;1&gt;')
    expect(fs.readFileSync(target, 'utf8')).toBe(svg)
    const dot = plotGraph(sin(x), { output: path.join(folder, 'sin.dot') })
    expect(fs.readFileSync(path.join(folder, 'sin.dot'), 'utf8')).toBe(dot)
  })

  test('says what is wrong with its options', async () => {
    const y = sin(new Variable(1))
    const options = (given: object) => given as PlotOptions & { format?: 'dot' }
    expect(() => plotGraph(1 as unknown as Variable)).toThrow('expected a Variable, got number')
    expect(() => plotGraph(y, options({ verbose: true }))).toThrow(
      'plotGraph does not know the option "verbose"',
    )
    expect(() => plotGraph(y, options({ format: 'png' }))).toThrow("expected format 'dot' or 'svg'")
    expect(() => plotGraph(y, options({ collapse: 'all' }))).toThrow(
      "expected collapse 'auto', 'scopes', 'none'",
    )
    expect(() => plotGraph(y, { output: 'a.svg' })).toThrow("expected { format: 'svg' } for a.svg")
    expect(() => plotGraph(y, { output: path.join(folder, 'no', 'a.dot') })).toThrow('WRITE_FAILED')
    const large = chain(new Variable(1), 1_100)
    await expect(plotGraph(large, { format: 'svg', collapse: 'none' })).rejects.toThrow(
      /GRAPH_TOO_LARGE: .* got 2201; let it collapse/,
    )
  })

  test('shows a variable that was assigned to since as one', () => {
    const x = new Variable(1, { name: 'x' })
    const y = mul(x, x)
    x.data = new Variable(2).data
    const { nodes, edges } = picture(y)
    expect(nodes).toHaveLength(3)
    expect(edges).toEqual([
      { from: 'v1', to: 'f2' },
      { from: 'v1', to: 'f2' },
      { from: 'f2', to: 'v0' },
    ])
  })

  test('draws a graph of 10,000 nodes in seconds, whatever its form', async () => {
    const x = () => new Variable([[1]], { name: 'x' })
    let diamonds = x()
    for (let i = 0; i < 2_500; i++) diamonds = add(sin(diamonds), diamonds)
    let fibonacci = [x(), x()] as const
    for (let i = 0; i < 5_000; i++) fibonacci = [add(fibonacci[0], fibonacci[1]), fibonacci[0]]
    let recurrent = x()
    for (let i = 0; i < 3_300; i++) recurrent = withScope('rnn', () => relu(matmul(recurrent, recurrent)))
    const leaves = Array.from({ length: 5_000 }, () => x()).reduce((total, leaf) => add(total, leaf))
    const from = performance.now()
    for (const root of [
      chain(x(), 5_000),
      layers(x(), 2_500, 'layers'),
      diamonds,
      fibonacci[0],
      recurrent,
      leaves,
    ]) {
      const { variables, calls } = computationOf(root)
      expect(variables.length + calls.length).toBeGreaterThan(9_900)
      expect(picture(root).nodes.length).toBeLessThanOrEqual(NODES_MAX)
      expect(await plotGraph(root, { format: 'svg' })).toContain('</svg>')
    }
    expect(performance.now() - from).toBeLessThan(20_000)
  })
})

describe('collapsing', () => {
  test('makes a box of each scope, with its calls counted and its weights inside', () => {
    const y = sin(layers(new Variable([[1]], { name: 'x' }), 3, 'fc'))
    expect(boxes(y, 'scopes').sort()).toEqual(['fc.0: 2 calls', 'fc.1: 2 calls', 'fc.2: 2 calls', 'sin'])
    expect(names(y, 'scopes').sort()).toEqual(['', '', '', '', 'x'])
    expect(boxes(y, 'auto')).toHaveLength(7)
  })

  test('names the function of a scope with one call', () => {
    const y = withScope('fc', () => sin(new Variable(1)))
    expect(boxes(y, 'scopes')).toEqual(['fc: sin'])
  })

  test('keeps scopes as fine as they fit, and widens them until they do', () => {
    const x = new Variable([[1]], { name: 'x' })
    const fits = layers(layers(x, 60, 'encoder'), 60, 'decoder')
    expect(boxes(fits)).toContain('encoder.59: 2 calls')
    const widened = layers(layers(x, 100, 'encoder'), 100, 'decoder')
    expect(boxes(widened).sort()).toEqual(['decoder: 200 calls', 'encoder: 200 calls'])
    expect(names(widened)).toHaveLength(3)
  })

  test('shows a scope that is entered again and again as one box', () => {
    const weight = parameter([[1]], { name: 'rnn.weight' })
    let y = new Variable([[1]], { name: 'x' })
    for (let i = 0; i < 200; i++) {
      const hidden = y
      y = sin(withScope('rnn', () => matmul(hidden, weight)))
    }
    expect(boxes(y)).toContain('rnn: 200 calls')
    expect(boxes(y).filter((text) => text.startsWith('… ')).length).toBeGreaterThan(1)
    expect(names(y)).not.toContain('rnn.weight')
  })

  test('shows the ends of a chain without scopes, and how many calls are between', () => {
    const y = chain(new Variable(1, { name: 'x' }), 10_000)
    expect(boxes(y).sort()).toEqual(['sin', 'sin', '… 9,998 calls'])
    expect(names(y)).toHaveLength(4)
    const { edges } = picture(y)
    expect(edges).toHaveLength(6)
  })

  test('finds the chains of a graph that forks and joins', () => {
    const x = new Variable(1, { name: 'x' })
    const y = add(chain(x, 400), mul(chain(x, 700), 3))
    // The second chain goes on through mul; add joins two and stays.
    expect(
      boxes(y)
        .filter((text) => text.startsWith('…'))
        .sort(),
    ).toEqual(['… 398 calls', '… 699 calls'])
    expect(boxes(y)).toContain('add')
  })

  test('connects every box: each leads from a leaf or to the root', () => {
    let y = new Variable(1, { name: 'x' })
    for (let i = 0; i < 2_000; i++) y = add(sin(y), mul(y, y))
    const { nodes, edges } = picture(y)
    const ids = new Set(nodes.map(({ id }) => id))
    expect(edges.every(({ from, to }) => ids.has(from) && ids.has(to))).toBe(true)
    const reached = new Set(['v0'])
    for (const id of reached) for (const { from, to } of edges) if (to === id) reached.add(from)
    expect(reached.size).toBe(nodes.length)
  })

  test('knows the scopes of a graph that was read from a tape', async () => {
    const file = path.join(folder, 'scopes.tape')
    const tape = openTape(file)
    const run = tape.startRun('scopes')
    const y = run.scope('net', () => layers(new Variable([[1]], { name: 'x' }), 3, 'fc'))
    const loss = sum(y)
    run.log({ loss })
    await run.finish()
    tape.close()
    const past = openTape(file, { readonly: true })
    const read = past.run('scopes').variable('loss')
    expect(boxes(read, 'scopes')).toEqual(boxes(loss, 'scopes'))
    expect(picture(read, 'none').edges).toEqual(picture(loss, 'none').edges)
    past.close()
  })
})
