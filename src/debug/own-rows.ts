/**
 * Whether a function of the program's own keeps rows: it does not say so, and is asked. What it makes of one row of its inputs must be,
 * bit for bit, that row of what it makes of all.
 */
import type { NDArray } from '../array/ndarray.js'
import { slice } from '../array/rearrange.js'
import { type FunctionCalled, type Ref, slotOf } from '../events/event.js'
import type { Attributes } from '../graph/attributes.js'
import { unrecorded } from '../graph/mode.js'
import { isOwnFunc, recreateFunc, registeredFuncs } from '../graph/registry.js'
import type { RunView } from './run-view.js'

/** The inputs of a call whose row `row` alone made row `row` of an output; none where that is not so, or cannot be computed. */
export function inputsOfOwnRow(view: RunView, call: FunctionCalled, ref: Ref, row: number): Ref[] {
  if (isOwnFunc(call.function) || !registeredFuncs().includes(call.function)) return []
  const count = call.outputs[slotOf(ref)]?.shape[0] ?? 0
  if (count < 2 || row >= count) return []
  return (
    view.attempt(`the rows of ${call.function}, which is not gradtape's`, () => {
      const inputs = call.inputs.map((input) => view.graph.variable(input, call.position).data)
      const isRows = (array: NDArray) => array.shape[0] === count
      const all = computed(call, inputs)[slotOf(ref)]
      const alone = computed(
        call,
        inputs.map((array) => (isRows(array) ? slice(array, [[row, row + 1]]) : array)),
      )[slotOf(ref)]
      const isSame = all !== undefined && alone !== undefined && same(slice(all, [[row, row + 1]]), alone)
      return isSame ? call.inputs.filter((_, i) => isRows(inputs[i]!)) : []
    }) ?? []
  )
}

function computed(call: FunctionCalled, inputs: readonly NDArray[]): NDArray[] {
  const made = unrecorded(() =>
    recreateFunc(call.function, call.attributes as Attributes).forwardList([...inputs]),
  )
  return (Array.isArray(made) ? made : [made]) as NDArray[]
}

function same(a: NDArray, b: NDArray): boolean {
  if (a.size !== b.size || a.dtype !== b.dtype) return false
  for (let i = 0; i < a.size; i++)
    if (!Object.is(a.buffer[a.offset + i], b.buffer[b.offset + i])) return false
  return true
}
