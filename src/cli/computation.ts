/**
 * The computation behind a variable: the variables and calls it was made from, each once. Works for live Variables and
 * for those read from a tape alike; the walk needs no recursion and looks at no values.
 */
import type { Func } from '../graph/func.js'
import type { Variable } from '../graph/variable.js'
import type { GraphEdge, GraphNode, PlainGraph } from '../queries/dot.js'

export interface Computation {
  /** The root first. */
  readonly variables: readonly Variable[]
  readonly calls: readonly Func[]
}

/** Everything that `root` was computed from, nearest first. */
export function computationOf(root: Variable): Computation {
  const variables = new Set([root])
  const calls = new Set<Func>()
  // A Set grows while it is iterated over: the walk is the iteration.
  for (const { creator } of variables) {
    if (creator === null || calls.has(creator)) continue
    calls.add(creator)
    for (const input of creator.inputs) variables.add(input)
    for (const output of creator.outputs) variables.add(output)
  }
  return { variables: [...variables], calls: [...calls] }
}

/** The computation as a graph for `toDot`; `linesOf` says what stands in a variable's node. */
export function graphOf(
  { variables, calls }: Computation,
  linesOf: (variable: Variable) => readonly string[],
): PlainGraph {
  const ids = new Map<Variable | Func, string>()
  const nodes: GraphNode[] = []
  const add = (what: Variable | Func, kind: GraphNode['kind'], lines: readonly string[]) => {
    const id = `${kind === 'variable' ? 'v' : 'f'}${ids.size}`
    ids.set(what, id)
    nodes.push({ id, kind, lines })
  }
  for (const variable of variables) add(variable, 'variable', linesOf(variable))
  const edges: GraphEdge[] = []
  for (const call of calls) {
    add(call, 'call', [call.name])
    const id = ids.get(call) ?? ''
    for (const input of call.inputs) edges.push({ from: ids.get(input) ?? '', to: id })
    for (const output of call.outputs) edges.push({ from: id, to: ids.get(output) ?? '' })
  }
  return { nodes, edges }
}
