/**
 * The computation behind a variable as a graph to draw. When it has more nodes than anybody can read, calls collapse
 * into boxes: first the calls of each innermost scope, and if that is not enough those of ever wider scopes.
 */

import type { Func } from '../graph/func.js'
import type { Variable } from '../graph/variable.js'
import { type Computation, linkedInputs, linkedOutputs } from './computation.js'
import type { GraphEdge, GraphNode, PlainGraph } from './dot.js'
import { byOrder, byScope, type CallGroup, scopeDepth, singly, UNNAMED, withChains } from './grouping.js'

/** `auto` collapses only what has too many nodes; `scopes` collapses scopes whatever the size; `none` nothing. */
export type Collapse = 'auto' | 'scopes' | 'none'

export const COLLAPSES: readonly Collapse[] = ['auto', 'scopes', 'none']

/** A collapsed picture has at most this many nodes. */
export const NODES_MAX = 300
/** The boxes of a picture that neither scopes nor chains make small enough. */
const WINDOWS = 60

/** What is drawn: boxes, and the variables that are not inside one. */
interface Plan {
  readonly groups: readonly CallGroup[]
  readonly variables: readonly Variable[]
}

/** The graph; `linesOf` says what stands in a variable's node. */
export function pictureOf(
  computation: Computation,
  linesOf: (variable: Variable) => readonly string[],
  collapse: Collapse = 'none',
): PlainGraph {
  const { groups, variables } = planOf(computation, collapse)
  const ids = new Map<Variable | CallGroup, string>()
  const nodes: GraphNode[] = []
  for (const variable of variables) {
    const id = `v${ids.size}`
    ids.set(variable, id)
    nodes.push({ id, kind: 'variable', lines: linesOf(variable) })
  }
  for (const group of groups) {
    const id = `f${ids.size}`
    ids.set(group, id)
    nodes.push({ id, kind: group.title === null ? 'call' : 'calls', lines: wordsOf(group) })
  }
  return { nodes, edges: edgesOf(groups, ids) }
}

/** The finest grouping whose picture has few enough nodes. */
function planOf(computation: Computation, collapse: Collapse): Plan {
  const whole = { groups: singly(computation), variables: computation.variables }
  const count = whole.groups.length + whole.variables.length
  if (collapse === 'none' || (collapse === 'auto' && count <= NODES_MAX)) return whole
  let groups: CallGroup[] = whole.groups
  for (let depth = Math.max(1, scopeDepth(computation)); depth >= 1; depth--) {
    groups = byScope(computation, depth)
    for (const finer of [groups, withChains(computation, groups)]) {
      const variables = outside(computation, finer)
      if (finer.length + variables.length <= NODES_MAX) return { groups: finer, variables }
    }
  }
  return {
    groups: byOrder(withChains(computation, groups), WINDOWS),
    variables: computation.variables.slice(0, 1),
  }
}

/**
 * The root, every variable that a call by itself has to do with, or that more than one group has, and the named inputs of
 * a scope; its parameters are inside.
 */
function outside({ variables }: Computation, groups: readonly CallGroup[]): Variable[] {
  const owner = new Map<Variable, CallGroup>()
  const shown = new Set(variables.slice(0, 1))
  for (const group of groups) {
    for (const call of group.calls) {
      for (const variable of [...linkedInputs(call), ...linkedOutputs(call)]) {
        const before = owner.get(variable)
        if (before === undefined) owner.set(variable, group)
        const shared = before !== undefined && before !== group
        if (group.title === null || shared || (group.title !== UNNAMED && isInput(variable)))
          shown.add(variable)
      }
    }
  }
  return variables.filter((variable) => shown.has(variable))
}

function isInput({ creator, role, name }: Variable): boolean {
  return creator === null && role !== 'parameter' && name !== null
}

/** From variable to box and box to variable; from box to box where the variable between them is not drawn. */
function edgesOf(groups: readonly CallGroup[], ids: ReadonlyMap<Variable | CallGroup, string>): GraphEdge[] {
  const groupOf = new Map<Func, CallGroup>()
  for (const group of groups) for (const call of group.calls) groupOf.set(call, group)
  const edges: GraphEdge[] = []
  const known = new Set<string>()
  const add = (from: string | undefined, to: string | undefined, once: boolean) => {
    if (from === undefined || to === undefined || from === to) return
    const key = `${from} ${to}`
    if (once && known.has(key)) return
    known.add(key)
    edges.push({ from, to })
  }
  for (const group of groups) {
    const id = ids.get(group)
    // x·x reads x twice, and shows it; of a group it matters only that it reads x.
    const once = group.title !== null
    for (const call of group.calls) {
      for (const input of linkedInputs(call)) {
        const shown = ids.get(input)
        if (shown !== undefined) add(shown, id, once)
        else if (input.creator !== null) add(ids.get(groupOf.get(input.creator) ?? group), id, true)
      }
      for (const output of linkedOutputs(call)) add(id, ids.get(output), once)
    }
  }
  return edges
}

function wordsOf({ title, calls }: CallGroup): string[] {
  const [call] = calls
  if (title === null) return call === undefined ? [] : [call.name]
  const count = String(calls.length).replace(/\B(?=(\d{3})+$)/g, ',')
  if (title === UNNAMED) return [`${UNNAMED} ${count} calls`]
  return [title, calls.length === 1 && call !== undefined ? call.name : `${count} calls`]
}
