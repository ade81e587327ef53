/**
 * Sums through staging memory, in the order of reduce-loops.ts, cut where that order cuts anyway.
 */
import { copyIn, copyOut, STAGE, STAGE_END, type Staging } from './staging.js'

type Floats = Float64Array | Float32Array

/** The longest piece that is staged at once: it stays in the second cache. */
const PIECE = 8192

/** The pairwise sum of `count` elements. */
export function pairwiseStaged(memory: Staging, x: Floats, at: number, count: number): number {
  if (count > PIECE) {
    const half = (count >>> 1) - ((count >>> 1) % 8)
    const sum = pairwiseStaged(memory, x, at, half) + pairwiseStaged(memory, x, at + half, count - half)
    return x instanceof Float64Array ? sum : Math.fround(sum)
  }
  if (x instanceof Float64Array) {
    copyIn(x, at, count, memory.float64, STAGE / 8)
    return memory.run.pairwiseSum64(STAGE, count)
  }
  copyIn(x, at, count, memory.float32, STAGE / 4)
  return memory.run.pairwiseSum32(STAGE, count)
}

/** Whether one row beside the sums fits into the memory, so that `addRowsStaged` can be asked. */
export function rowFits(columns: number): boolean {
  return 16 * columns <= STAGE_END - STAGE
}

/** out[c] += x[r, c], row by row. */
export function addRowsStaged(
  memory: Staging,
  x: Floats,
  xOffset: number,
  rows: number,
  columns: number,
  out: Floats,
  outOffset: number,
): void {
  const wide = x instanceof Float64Array
  const bytes = wide ? 8 : 4
  const heap = wide ? memory.float64 : memory.float32
  const addRows = wide ? memory.run.addRows64 : memory.run.addRows32
  const sumsAt = STAGE
  const rowsAt = STAGE + columns * bytes
  const most = Math.max(1, Math.floor(PIECE / columns))
  copyIn(out, outOffset, columns, heap, sumsAt / bytes)
  for (let r = 0; r < rows; r += most) {
    const some = Math.min(most, rows - r)
    copyIn(x, xOffset + r * columns, some * columns, heap, rowsAt / bytes)
    addRows(rowsAt, some, columns, sumsAt)
  }
  copyOut(heap, sumsAt / bytes, columns, out, outOffset)
}
