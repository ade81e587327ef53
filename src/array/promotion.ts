/** Brings operands to the dtype in which they meet, before anything is computed with them. Knows no arithmetic. */
import { type DType, isFloating, promoteTypes } from './dtype.js'
import type { NDArray } from './ndarray.js'

/** The dtype in which all of these meet; that of the first when it is alone. */
export function commonDtype(xs: readonly NDArray[]): DType {
  let dtype = xs[0]!.dtype
  for (const x of xs) dtype = promoteTypes(dtype, x.dtype)
  return dtype
}

/** The operands in the dtype in which they meet; those that have it already are given back as they are. */
export function promoted<A extends readonly NDArray[]>(xs: A): { [K in keyof A]: NDArray } {
  const dtype = commonDtype(xs)
  return xs.map((x) => x.astype(dtype)) as { [K in keyof A]: NDArray }
}

/** As `promoted`; integers and bools alone meet in float64, for functions whose result is no integer. */
export function promotedToFloat<A extends readonly NDArray[]>(xs: A): { [K in keyof A]: NDArray } {
  const dtype = commonDtype(xs)
  const floating = isFloating(dtype) ? dtype : 'float64'
  return xs.map((x) => x.astype(floating)) as { [K in keyof A]: NDArray }
}
