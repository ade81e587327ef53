/**
 * What recorders sum up of a large array, computed where the array was made, while it is warm. The loops in
 * `src/events/content.ts` say what the sums are and give the same bits; a summary is made of either there.
 */
import { distanceNatively, sumsNatively } from './native/calls.js'
import { native } from './native/library.js'
import type { NDArray } from './ndarray.js'
import { staging } from './wasm/staging.js'
import { type Sums, sumsStaged } from './wasm/summaries.js'

/** Elements from which a call into native code pays. */
const NATIVE_MIN = 64

/** Null for arrays without elements, integers, and where there is neither native code nor WebAssembly. */
export function warmSums({ buffer, offset, size }: NDArray): Sums | null {
  if (size === 0 || !(buffer instanceof Float64Array || buffer instanceof Float32Array)) return null
  const code = size >= NATIVE_MIN ? native() : null
  if (code !== null) return sumsNatively(code, buffer, offset, size)
  const memory = staging()
  return memory === null ? null : sumsStaged(memory, buffer, offset, size)
}

/**
 * The squares of the differences of two arrays of one size, added in the order of `distanceOf` in `src/events/content.ts`; null
 * for integers, arrays of two dtypes, and where there is no native code.
 */
export function warmSquaredDistance(a: NDArray, b: NDArray): number | null {
  const code = a.size >= NATIVE_MIN && a.size === b.size && a.dtype === b.dtype ? native() : null
  if (code === null || !(a.dtype === 'float64' || a.dtype === 'float32')) return null
  return distanceNatively(
    code,
    a.buffer as Float64Array,
    a.offset,
    b.buffer as Float64Array,
    b.offset,
    a.size,
  )
}
