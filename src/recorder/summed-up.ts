/**
 * What an event keeps of an array that it only sums up, computed where the array was made, while it is warm: a summary in the array's
 * place, and how far an assignment moved a value. Knows nothing of which arrays those are.
 */
import { nativeWay } from '../array/native/library.js'
import type { NDArray } from '../array/ndarray.js'
import { warmMeasures, warmSquaredDistance, warmSums } from '../array/warm-sums.js'
import type { Sums } from '../array/wasm/summaries.js'
import { distanceOf, sumLargeBy, summaryOfSums } from '../events/content.js'
import type { RecordedArray } from '../events/event.js'
import { SummarizedArray } from '../events/summarized-array.js'

/**
 * From this size on the summary of a gradient and of a new value is computed here: native code takes less time than the copy into
 * shared memory and the summary there. Of a smaller one the call costs more than the copy; without native code, of all but large ones.
 */
const SUMMARIZED_MIN = 32_768
const SUMMARIZED_NATIVELY_MIN = 64

function isLarge({ size }: NDArray): boolean {
  return size >= SUMMARIZED_MIN || (size >= SUMMARIZED_NATIVELY_MIN && nativeWay() !== null)
}

// What this thread writes by itself is summed up by the same code.
sumLargeBy((place) => (nativeWay() === null && place.size < SUMMARIZED_MIN ? null : warmSums(place)))

/** The summary of a large array in its place. */
export function summarized(array: NDArray): RecordedArray {
  return isLarge(array) ? inPlaceOf(array, warmSums(array)) : array
}

/** An array as its summary, where the sums say one. */
function inPlaceOf(array: NDArray, sums: Sums | null): RecordedArray {
  const summary = sums === null ? null : summaryOfSums(sums, array.size)
  if (summary === null) return array
  const { l2Norm, mean, min, max, zeroCount, nonFiniteCount, nanCount } = summary
  const whole = { l2Norm, mean, min, max, zeroCount, nonFiniteCount, nanCount, hash: null }
  return new SummarizedArray(array.dtype, array.shape, whole, array.size)
}

/** How far an assignment moved a value: by native code where it may be, else by the loop that says what it is. */
export function updateNorm(after: NDArray, before: NDArray): number | null {
  return normOf(warmSquaredDistance(after, before), after, before)
}

function normOf(squares: number | null, after: NDArray, before: NDArray): number | null {
  return squares !== null && Number.isFinite(squares) ? Math.sqrt(squares) : distanceOf(after, before)
}

/** What `updateNorm` and `summarized` say of the new value, in one pass over it where it is large. */
export function moved(after: NDArray, before: NDArray): { norm: number | null; value: RecordedArray } {
  const measures = isLarge(after) ? warmMeasures(after, before) : null
  if (measures === null) return { norm: updateNorm(after, before), value: summarized(after) }
  return { norm: normOf(measures.squaredDistance, after, before), value: inPlaceOf(after, measures.sums) }
}
