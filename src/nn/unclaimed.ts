/** Finds a parameter that a forward used and nobody knows: it would be recorded, get gradients, and never be trained. */
import { formatShape } from '../array/shape.js'
import { TapeError } from '../errors.js'
import { isClaimed } from '../graph/claims.js'
import type { Func } from '../graph/func.js'
import { Variable } from '../graph/variable.js'

/**
 * Goes back over the calls that were made after `clock`, from all Variables in `result`.
 *
 * inputs  what forward was given: a parameter that came in from outside is not the model's own
 * Throws  PARAMETER_UNKNOWN names the first such parameter and the call that used it
 */
export function checkAllClaimed(
  result: unknown,
  inputs: readonly unknown[],
  clock: number,
  model: string,
): void {
  const given = new Set(variablesIn(inputs))
  const calls: Func[] = []
  const seen = new Set<Func>()
  const add = (variable: Variable): void => {
    const { creator } = variable
    if (creator === null || creator.order <= clock || seen.has(creator)) return
    seen.add(creator)
    calls.push(creator)
  }
  for (const variable of variablesIn(result)) add(variable)
  for (let call = calls.pop(); call !== undefined; call = calls.pop()) {
    for (let slot = 0; slot < call.inputCount; slot++) {
      const input = call.linkedInput(slot)
      if (input.role === 'parameter' && !isClaimed(input) && !given.has(input)) refuse(input, call, model)
      add(input)
    }
  }
}

/** The Variables in what a forward gave or was given: itself, or in lists and plain objects. */
export function variablesIn(result: unknown): Variable[] {
  if (result instanceof Variable) return [result]
  if (Array.isArray(result)) return result.flatMap(variablesIn)
  if (typeof result !== 'object' || result === null || Object.getPrototypeOf(result) !== Object.prototype)
    return []
  return Object.values(result).flatMap(variablesIn)
}

function refuse(parameter: Variable, call: Func, model: string): never {
  const name = parameter.name === null ? '' : ` "${parameter.name}"`
  throw new TapeError(
    'PARAMETER_UNKNOWN',
    `${model}.forward used a parameter${name} of shape ${formatShape(parameter.shape)} (in ${call.name}) that neither a module ` +
      'nor an optimizer knows, so it would never be trained; keep it in a field of the module, or in an array, Map or plain ' +
      'object there (private #fields cannot be seen), or give it to an optimizer first',
  )
}
