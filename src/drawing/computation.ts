/**
 * The computation behind a variable: the variables and calls it was made from, each once. Works for live Variables and
 * for those read from a tape alike; the walk needs no recursion and looks at no values.
 */
import type { Func } from '../graph/func.js'
import type { Variable } from '../graph/variable.js'

export interface Computation {
  /** The root first. */
  readonly variables: readonly Variable[]
  readonly calls: readonly Func[]
}

/** Everything that `root` was computed from, nearest first. A variable that was assigned to since is still one. */
export function computationOf(root: Variable): Computation {
  const variables = new Set([root])
  const calls = new Set<Func>()
  // A Set grows while it is iterated over: the walk is the iteration.
  for (const { creator } of variables) {
    if (creator === null || calls.has(creator)) continue
    calls.add(creator)
    for (const input of linkedInputs(creator)) variables.add(input)
    for (const output of linkedOutputs(creator)) variables.add(output)
  }
  return { variables: [...variables], calls: [...calls] }
}

/** The variables that a call read: the same objects each time, whatever was assigned to them since. */
export function linkedInputs(call: Func): Variable[] {
  return Array.from({ length: call.inputCount }, (_, slot) => call.linkedInput(slot))
}

/** The variables that a call made. */
export function linkedOutputs(call: Func): Variable[] {
  return Array.from({ length: call.outputCount }, (_, slot) => call.outputAt(slot))
}
