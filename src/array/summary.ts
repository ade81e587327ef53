/**
 * What recorders keep of a large array: a few numbers about its elements, computed where the array was made, while it is warm.
 * The loops in `src/events/content.ts` say what they are, and give the same bits; they also do what this leaves to them.
 */

import { sumsNatively } from './native/calls.js'
import { native } from './native/library.js'
import type { NDArray } from './ndarray.js'
import { staging } from './wasm/staging.js'
import { type Sums, sumsStaged } from './wasm/summaries.js'

export interface Summary {
  readonly l2Norm: number
  readonly mean: number
  readonly min: number
  readonly max: number
  readonly zeroCount: number
  readonly nonFiniteCount: number
}

/** Elements from which a call into native code pays. */
const NATIVE_MIN = 64

/**
 * Null for arrays without elements, integers, elements or squares that are not finite, and where there is neither native code nor
 * WebAssembly.
 */
export function warmSummary({ buffer, offset, size }: NDArray): Summary | null {
  if (size === 0 || !(buffer instanceof Float64Array || buffer instanceof Float32Array)) return null
  const sums = sumsOf(buffer, offset, size)
  if (sums === null) return null
  const { sum, squares, min, max, zeroCount } = sums
  const mean = sum / size
  if (!Number.isFinite(squares) || !Number.isFinite(mean)) return null
  // + 0: no −0, which SQLite does not keep.
  return {
    l2Norm: Math.sqrt(squares),
    mean: mean + 0,
    min: min + 0,
    max: max + 0,
    zeroCount,
    nonFiniteCount: 0,
  }
}

function sumsOf(buffer: Float64Array | Float32Array, offset: number, size: number): Sums | null {
  const code = size >= NATIVE_MIN ? native() : null
  if (code !== null) return sumsNatively(code, buffer, offset, size)
  const memory = staging()
  return memory === null ? null : sumsStaged(memory, buffer, offset, size)
}
