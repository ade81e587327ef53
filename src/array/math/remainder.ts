/** The remainder of a division whose quotient is rounded down. It knows scalars only. */

/**
 * a − b·⌊a/b⌋. `%` is exact and has the sign of a; the remainder has the sign of b.
 *
 * Error  at most ½ ulp.
 * Edges  NaN → NaN, b = 0 or a infinite → NaN.
 */
export function remainder(a: number, b: number): number {
  const rest = a % b
  return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest
}
