/** How far two arrays of one shape are apart. */
import type { RecordedArray } from '../events/event.js'
import { indexOf } from '../replay/compare.js'
import type { ArrayDistance } from './run-diff.js'

/**
 * Null when they are equal within `tolerance` (a share of the larger of the two; 0: as numbers, NaN equal to NaN, −0 not to 0).
 * Distances are measured in units in the last place of the array's largest element, since that is what sums round to.
 */
export function distanceOf(a: RecordedArray, b: RecordedArray, tolerance = 0): ArrayDistance | null {
  const [x, y] = [a.data, b.data]
  let [different, at, largest, apart] = [0, -1, 0, 0]
  for (let i = 0; i < x.length; i++) {
    const [p, q] = [x[i]!, y[i]!]
    largest = Math.max(largest, Math.abs(p), Math.abs(q))
    if (
      Object.is(p, q) ||
      (tolerance > 0 && Math.abs(p - q) <= tolerance * Math.max(Math.abs(p), Math.abs(q)))
    )
      continue
    different++
    apart = Math.max(apart, Math.abs(p - q))
    if (at < 0) at = i
  }
  if (at < 0) return null
  return {
    elements: x.length,
    different,
    ulps: ulpsOf(apart, largest, a.dtype === 'float32' || b.dtype === 'float32' ? 24 : 53, a.dtype),
    first: indexOf(at, a.shape),
    values: [x[at]!, y[at]!],
  }
}

/** `apart` in units of the last place of `largest`; null where there are none. */
export function ulpsOf(apart: number, largest: number, bits: number, dtype: string): number | null {
  if (!dtype.startsWith('float') || !Number.isFinite(apart) || !Number.isFinite(largest) || largest === 0)
    return null
  const exponent = Math.floor(Math.log2(largest))
  const ulp = 2 ** Math.max(exponent - bits + 1, -1074)
  return apart / ulp
}
