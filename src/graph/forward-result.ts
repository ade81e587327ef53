/**
 * What `forward` gives, as the arrays of its outputs.
 */
import type { TypedArray } from '../array/dtype.js'
import { ndarray } from '../array/make-array.js'
import { NDArray } from '../array/ndarray.js'
import type { NestedArray } from '../array/nested.js'
import { TapeError } from '../errors.js'

/** What `forward` may return for one output; whatever is not an NDArray is made one. */
export type ForwardResult = NDArray | TypedArray | number | NestedArray
/** What of a Func computes: no call, no Variables. */
interface Computing {
  readonly name: string
  forward(...xs: NDArray[]): ForwardResult | NDArray[]
  forwardList(xs: readonly NDArray[]): ForwardResult | NDArray[]
}

/** What `func` makes of arrays, and no more: no Variables, no event. */
export function runForward(func: Computing, arrays: readonly NDArray[]): readonly NDArray[] {
  if (arrays.length === 1) return asArrays(func, func.forward(arrays[0]!))
  if (arrays.length === 2) return asArrays(func, func.forward(arrays[0]!, arrays[1]!))
  return asArrays(func, func.forwardList(arrays))
}

/** The arrays of a result of `forward`, one an output. */
export function asArrays(func: Computing, made: ForwardResult | NDArray[]): readonly NDArray[] {
  return isArrayList(made) ? made : [asArray(func, made)]
}

function asArray(func: Computing, made: ForwardResult): NDArray {
  if (made instanceof NDArray) return made
  if (typeof made === 'number' || Array.isArray(made) || ArrayBuffer.isView(made)) return ndarray(made)
  throw new TapeError(
    'BAD_VALUE',
    `${func.name}.forward expected to return an NDArray or a list of them, got ${made === null ? 'null' : typeof made}`,
  )
}

function isArrayList(made: ForwardResult | NDArray[]): made is NDArray[] {
  return Array.isArray(made) && made.length > 0 && made[0] instanceof NDArray
}
