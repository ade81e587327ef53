/**
 * Writes a graph in Graphviz's DOT language: variables as orange ellipses, calls as light blue boxes, many calls in one
 * as boxes with a double frame. A pure function of plain nodes and edges; it knows neither Variables nor tapes.
 */

export interface GraphNode {
  /** Unique in the graph: letters, digits and underscores. */
  readonly id: string
  /** `calls` stands for several calls and what they pass to each other. */
  readonly kind: 'variable' | 'call' | 'calls'
  /** What the node says, line by line. */
  readonly lines: readonly string[]
}

export interface GraphEdge {
  readonly from: string
  readonly to: string
}

export interface PlainGraph {
  readonly nodes: readonly GraphNode[]
  readonly edges: readonly GraphEdge[]
}

interface DotOptions {
  /** Which way the data flow; down by default. */
  readonly direction?: 'down' | 'right'
  /** Bounds the search for a good layout and draws edges as straight lines: for graphs that cross many ranks. */
  readonly hasty?: boolean
}

// With `color` alone a filled shape has no line around it; a double frame needs one.
const LOOKS: Readonly<Record<GraphNode['kind'], string>> = {
  variable: 'color=orange',
  call: 'color=lightblue, shape=box',
  calls: 'color=steelblue, fillcolor=lightblue, shape=box, peripheries=2',
}

/** The graph as one `digraph`. */
export function toDot(graph: PlainGraph, { direction = 'down', hasty = false }: DotOptions = {}): string {
  return [
    'digraph g {',
    ...(direction === 'right' ? ['  rankdir=LR'] : []),
    ...(hasty ? ['  nslimit=1', '  nslimit1=1', '  splines=line'] : []),
    '  node [style=filled, fontname="Helvetica"]',
    ...graph.nodes.map(nodeLine),
    ...graph.edges.map(({ from, to }) => `  ${from} -> ${to}`),
    '}',
    '',
  ].join('\n')
}

/**
 * How much there is to lay out: how many ranks the edges cross in all. Graphviz makes a node of every crossing, so a
 * weight that a thousand steps read costs more than a thousand nodes in a row.
 */
export function ranksCrossed({ nodes, edges }: PlainGraph): number {
  const next = new Map<string, string[]>(nodes.map(({ id }) => [id, []]))
  const missing = new Map<string, number>(nodes.map(({ id }) => [id, 0]))
  for (const { from, to } of edges) {
    next.get(from)?.push(to)
    missing.set(to, (missing.get(to) ?? 0) + 1)
  }
  const sources = nodes.flatMap(({ id }) => (missing.get(id) === 0 ? [id] : []))
  const rank = new Map<string, number>(sources.map((id) => [id, 0]))
  const ready = [...sources]
  for (let id = ready.pop(); id !== undefined; id = ready.pop()) {
    for (const to of next.get(id) ?? []) {
      rank.set(to, Math.max(rank.get(to) ?? 0, (rank.get(id) ?? 0) + 1))
      const left = (missing.get(to) ?? 0) - 1
      missing.set(to, left)
      if (left === 0) ready.push(to)
    }
  }
  // What nothing leads to stands right before the first that reads it.
  for (const id of sources) {
    const readers = (next.get(id) ?? []).map((to) => rank.get(to) ?? 0)
    if (readers.length > 0) rank.set(id, readers.reduce((a, b) => Math.min(a, b), Infinity) - 1)
  }
  return edges.reduce((sum, { from, to }) => sum + (rank.get(to) ?? 0) - (rank.get(from) ?? 0), 0)
}

function nodeLine({ id, kind, lines }: GraphNode): string {
  return `  ${id} [label="${lines.map(escaped).join('\\n')}", ${LOOKS[kind]}]`
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
const CONTROL = /[\u0000-\u0009\u000b\u000c\u000e-\u001f\u007f]/g

/** In a quoted DOT string a quote ends it, and a backslash begins an escape; Graphviz reads no further than a NUL. */
function escaped(line: string): string {
  return line
    .replaceAll(CONTROL, (found) => `\\x${found.charCodeAt(0).toString(16).padStart(2, '0')}`)
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '\\"')
    .replaceAll(/[\r\n]+/g, '\\n')
}
