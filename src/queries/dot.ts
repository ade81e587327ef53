/**
 * Writes a graph in Graphviz's DOT language: variables as orange ellipses, calls as light blue boxes. A pure
 * function of plain nodes and edges; it knows neither Variables nor tapes.
 */

export interface GraphNode {
  /** Unique in the graph: letters, digits and underscores. */
  readonly id: string
  readonly kind: 'variable' | 'call'
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

/** The graph as one `digraph`; the data flow downwards, or to the right with `direction: 'right'`. */
export function toDot(graph: PlainGraph, options: { direction?: 'down' | 'right' } = {}): string {
  return [
    'digraph g {',
    ...(options.direction === 'right' ? ['  rankdir=LR'] : []),
    '  node [style=filled, fontname="Helvetica"]',
    ...graph.nodes.map(nodeLine),
    ...graph.edges.map(({ from, to }) => `  ${from} -> ${to}`),
    '}',
    '',
  ].join('\n')
}

function nodeLine({ id, kind, lines }: GraphNode): string {
  const look = kind === 'variable' ? 'color=orange' : 'color=lightblue, shape=box'
  return `  ${id} [label="${lines.map(escaped).join('\\n')}", ${look}]`
}

/** In a quoted DOT string a quote ends it, and a backslash begins an escape. */
function escaped(line: string): string {
  return line
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '\\"')
    .replaceAll(/[\r\n]+/g, '\\n')
}
