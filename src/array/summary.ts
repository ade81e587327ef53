/**
 * What recorders keep of a large array: a few numbers about its elements, computed where the array was made, while it is warm.
 * The loops in `src/events/content.ts` say what they are, and give the same bits; they also do what this leaves to them.
 */
import type { NDArray } from './ndarray.js'
import { staging } from './wasm/staging.js'
import { sumsStaged } from './wasm/summaries.js'

export interface Summary {
  readonly l2Norm: number
  readonly mean: number
  readonly min: number
  readonly max: number
  readonly zeroCount: number
  readonly nonFiniteCount: number
}

/** Null for arrays without elements, integers, elements or squares that are not finite, and where there is no WebAssembly. */
export function warmSummary({ buffer, offset, size }: NDArray): Summary | null {
  if (size === 0 || !(buffer instanceof Float64Array || buffer instanceof Float32Array)) return null
  const memory = staging()
  if (memory === null) return null
  const { sum, squares, min, max, zeroCount } = sumsStaged(memory, buffer, offset, size)
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
