/** Numbers brought to integers. */

/** From here on every float64 is an integer. */
const WHOLE = 4503599627370496

/** The nearest integer, of two that are equally near the even one: as a sum that has no room for a fraction is rounded. */
export function rounded(x: number): number {
  if (x >= 0) return x < WHOLE ? (1 / x > 0 ? x + WHOLE - WHOLE : x) : x
  return x > -WHOLE ? -(WHOLE - x - WHOLE) : x
}
