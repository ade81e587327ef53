/** State dicts: arrays by dotted name. Checks one against the variables it is meant for, all at once. */
import { NDArray } from '../array/ndarray.js'
import { formatShape, sameShape } from '../array/shape.js'
import { TapeError } from '../errors.js'
import type { Variable } from '../graph/variable.js'

/** Arrays by dotted name: what `stateDict` gives, `loadStateDict` takes, and files of state hold. */
export type StateDict = { readonly [name: string]: NDArray }

/** Assigns to each variable the array of its name, or throws STATE_MISMATCH and assigns nothing. */
export function assignState(variables: ReadonlyMap<string, Variable>, state: StateDict, what: string): void {
  const problems: string[] = []
  const missing = [...variables.keys()].filter((name) => !Object.hasOwn(state, name))
  const extra = Object.keys(state).filter((name) => !variables.has(name))
  if (missing.length > 0) problems.push(`missing: ${missing.join(', ')}`)
  if (extra.length > 0) problems.push(`not in the model: ${extra.join(', ')}`)
  for (const [name, variable] of variables) {
    if (Object.hasOwn(state, name)) problems.push(...misfit(name, variable, state[name]))
  }
  if (problems.length > 0) {
    throw new TapeError(
      'STATE_MISMATCH',
      `the state does not fit ${what}; nothing was loaded; ${problems.join('; ')}`,
    )
  }
  for (const [name, variable] of variables) variable.data = state[name]!
}

function misfit(name: string, variable: Variable, array: unknown): string[] {
  if (!(array instanceof NDArray)) return [`${name} expected an NDArray, got ${typeof array}`]
  if (!sameShape(array.shape, variable.shape)) {
    return [`${name} expected shape ${formatShape(variable.shape)}, got ${formatShape(array.shape)}`]
  }
  if (array.dtype !== variable.dtype) {
    return [
      `${name} expected ${variable.dtype}, got ${array.dtype} (convert it with .astype('${variable.dtype}'))`,
    ]
  }
  return []
}
