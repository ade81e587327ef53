/**
 * What factors of matrices are made of: rows times numbers, taken from rows. Each element has the order of the plain loops, whatever
 * computes it: by the rows of a block, first to last. Knows no matrix.
 */
import { kernel } from './kernel.js'

/** Elements of a block below which a call of the kernel's costs more than it saves. */
const BLOCK_MIN = 128

/**
 * s[c] = s[c] − Σ u[r]·a[r, c] (or, not `isMinus`, + Σ), one row after the other, for a block of rows × columns.
 *
 * `uStep` is the distance of the elements of u, `aRow` that of the rows of a. s is no part of the block.
 */
export function foldRows(
  isMinus: boolean,
  s: Float64Array,
  so: number,
  u: Float64Array,
  uo: number,
  uStep: number,
  a: Float64Array,
  ao: number,
  aRow: number,
  rows: number,
  columns: number,
): void {
  if (rows * columns >= BLOCK_MIN) {
    const done = kernel.fused?.foldRows(isMinus, s, so, u, uo, uStep, a, ao, aRow, rows, columns)
    if (done) return
  }
  for (let r = 0; r < rows; r++) {
    const share = isMinus ? -u[uo + r * uStep]! : u[uo + r * uStep]!
    const from = ao + r * aRow
    for (let c = 0; c < columns; c++) s[so + c] = s[so + c]! + share * a[from + c]!
  }
}

/** a[r, c] = a[r, c] − u[r]·v[c] for a block of rows × columns, of which v is no part; steps as above. */
export function takeOuter(
  a: Float64Array,
  ao: number,
  aRow: number,
  u: Float64Array,
  uo: number,
  uStep: number,
  v: Float64Array,
  vo: number,
  rows: number,
  columns: number,
): void {
  if (rows * columns >= BLOCK_MIN) {
    const done = kernel.fused?.takeOuter(a, ao, aRow, u, uo, uStep, v, vo, rows, columns)
    if (done) return
  }
  for (let r = 0; r < rows; r++) {
    const share = u[uo + r * uStep]!
    const to = ao + r * aRow
    for (let c = 0; c < columns; c++) a[to + c] = a[to + c]! - share * v[vo + c]!
  }
}
