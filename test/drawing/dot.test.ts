/** The DOT writer: a pure function of nodes and edges. */
import { instance } from '@viz-js/viz'
import { describe, expect, test } from 'vitest'
import { ranksCrossed, toDot } from '../../src/drawing/dot.js'

describe('toDot', () => {
  test('writes variables as orange ellipses and calls as light blue boxes', () => {
    const nodes = [
      { id: 'v0', kind: 'variable', lines: ['x', '[2, 3]'] },
      { id: 'f1', kind: 'call', lines: ['square'] },
    ] as const
    expect(toDot({ nodes, edges: [{ from: 'v0', to: 'f1' }] })).toBe(
      [
        'digraph g {',
        '  node [style=filled, fontname="Helvetica"]',
        '  v0 [label="x\\n[2, 3]", color=orange]',
        '  f1 [label="square", color=lightblue, shape=box]',
        '  v0 -> f1',
        '}',
        '',
      ].join('\n'),
    )
  })

  test('keeps any name inside its label, as Graphviz reads it', async () => {
    const names = [
      'a"b',
      'back\\slash',
      'x"]; evil [label="y',
      'line\nend',
      '\\n',
      '<b>html</b>',
      'ünï©ode 𝛼',
    ]
    const nodes = names.map((name, i) => ({ id: `v${i}`, kind: 'variable', lines: [name] }) as const)
    const drawn = (await instance()).renderJSON(toDot({ nodes, edges: [] })) as {
      objects: { name: string; label: string }[]
    }
    expect(drawn.objects.map(({ name }) => name)).toEqual(nodes.map(({ id }) => id))
    const shown = names.map((name) => name.replaceAll('\\', '\\\\').replaceAll('\n', '\\n'))
    expect(drawn.objects.map(({ label }) => label)).toEqual(shown)
  })

  test('can lie on its side', () => {
    expect(toDot({ nodes: [], edges: [] }, { direction: 'right' })).toContain('rankdir=LR')
  })
})

describe('ranksCrossed', () => {
  const graphOf = (edges: readonly (readonly [string, string])[]) => ({
    nodes: [...new Set(edges.flat())].map((id) => ({ id, kind: 'variable', lines: [] }) as const),
    edges: edges.map(([from, to]) => ({ from, to })),
  })

  test('is the number of edges where each leads to the next rank', () => {
    expect(
      ranksCrossed(
        graphOf([
          ['a', 'f'],
          ['f', 'b'],
          ['b', 'g'],
          ['g', 'c'],
        ]),
      ),
    ).toBe(4)
  })

  test('counts how far an edge leads, and sets a leaf right before its first reader', () => {
    expect(
      ranksCrossed(
        graphOf([
          ['a', 'f'],
          ['f', 'b'],
          ['b', 'g'],
          ['g', 'c'],
          ['w', 'g'],
        ]),
      ),
    ).toBe(5)
    expect(
      ranksCrossed(
        graphOf([
          ['a', 'f'],
          ['f', 'b'],
          ['b', 'g'],
          ['g', 'c'],
          ['w', 'g'],
          ['w', 'f'],
        ]),
      ),
    ).toBe(8)
  })
})
