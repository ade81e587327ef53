/**
 * What recorders sum up of a large array, computed where the array was made, while it is warm. The loops in
 * `src/events/content.ts` say what the sums are and give the same bits; a summary is made of either there.
 */
import { sumsNatively } from './native/calls.js'
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
