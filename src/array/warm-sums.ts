/**
 * What recorders sum up of a large array, computed where the array was made, while it is warm. The loops in
 * `src/events/content.ts` say what the sums are and give the same bits; a summary is made of either there.
 */
import { distanceNatively, type Measures, measuresNatively, sumsNatively } from './native/calls.js'
import { native } from './native/library.js'
import type { NDArray } from './ndarray.js'
import { staging } from './wasm/staging.js'
import { type Sums, sumsStaged } from './wasm/summaries.js'

/** Elements from which a call into native code pays. */
const NATIVE_MIN = 64

/** Null for arrays without elements, integers, and where there is neither native code nor WebAssembly. */
export function warmSums({ buffer, offset, size }: Pick<NDArray, 'buffer' | 'offset' | 'size'>): Sums | null {
  if (size === 0 || !(buffer instanceof Float64Array || buffer instanceof Float32Array)) return null
  const code = size >= NATIVE_MIN ? native() : null
  if (code !== null) return sumsNatively(code, buffer, offset, size)
  const memory = staging()
  return memory === null ? null : sumsStaged(memory, buffer, offset, size)
}

/**
 * The sums of `a`, and the squares of its differences from `b`, an array of its size, added in the order of `distanceOf` in
 * `src/events/content.ts`; null for integers, arrays of two dtypes, and where there is no native code.
 */
export function warmMeasures(a: NDArray, b: NDArray): Measures | null {
  const code = isAlike(a, b) ? native() : null
  return code === null ? null : measuresNatively(code, floats(a), a.offset, floats(b), b.offset, a.size)
}

/** The last of `warmMeasures` alone. */
export function warmSquaredDistance(a: NDArray, b: NDArray): number | null {
  const code = isAlike(a, b) ? native() : null
  return code === null ? null : distanceNatively(code, floats(a), a.offset, floats(b), b.offset, a.size)
}

/** Whether native code has an answer to two arrays. */
function isAlike({ size, dtype }: NDArray, b: NDArray): boolean {
  return (
    size >= NATIVE_MIN && size === b.size && dtype === b.dtype && (dtype === 'float64' || dtype === 'float32')
  )
}

const floats = (array: NDArray) => array.buffer as Float64Array
