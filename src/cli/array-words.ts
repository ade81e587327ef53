/** An array in an answer: abbreviated unless all of it was asked for. */

import { ndarray } from '../array/make-array.js'
import type { NDArray } from '../array/ndarray.js'

/** More elements than this are abbreviated. */
const TEXT_MAX = 48
const JSON_MAX = 1_000
const LINE_MAX = 100

/** NumPy's form of a small array; the first elements of a large one, in row-major order. */
export function arrayText(array: NDArray, full: boolean): string {
  if (full)
    return JSON.stringify(array.toArray(), (_, value: unknown) =>
      typeof value === 'number' && !Number.isFinite(value) ? String(value) : value,
    )
  if (array.size <= TEXT_MAX) return array.toString()
  const shown = ndarray(Array.from(array.data.subarray(0, 8)), { dtype: array.dtype })
    .toString()
    .replaceAll(/\s+/g, ' ')
  return `${shown.slice(0, LINE_MAX).replace(/\]$/, '')} …  (8 of ${array.size}; --full prints all)`
}

/** `values` in row-major order; null when there are more than 1000 and not all were asked for. */
export function arrayJson(
  array: NDArray,
  full: boolean,
): { dtype: string; shape: readonly number[]; values: number[] | null } {
  return {
    dtype: array.dtype,
    shape: array.shape,
    values: full || array.size <= JSON_MAX ? Array.from(array.data) : null,
  }
}
