/**
 * Reductions through staging memory, in the order of reduce-loops.ts; sums are cut where that order cuts anyway.
 */
import type { ReduceOp } from '../primitives.js'
import {
  copyIn,
  copyOut,
  type RowsInto,
  STAGE,
  STAGE_END,
  type Staging,
  type WasmExports,
} from './staging.js'

type Floats = Float64Array | Float32Array

/** The longest piece that is staged at once: it stays in the second cache. */
const PIECE = 16_384

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

/** The maximum or minimum of `start` and `count` elements. */
export function extremeStaged(
  memory: Staging,
  op: 'max' | 'min',
  start: number,
  x: Floats,
  at: number,
  count: number,
): number {
  const { run, float64, float32 } = memory
  const wide = x instanceof Float64Array
  const compute = wide ? (op === 'max' ? run.max64 : run.min64) : op === 'max' ? run.max32 : run.min32
  let result = start
  for (let done = 0; done < count; done += PIECE) {
    const some = Math.min(PIECE, count - done)
    copyIn(x, at + done, some, wide ? float64 : float32, STAGE / (wide ? 8 : 4))
    result = compute(STAGE, some, result)
  }
  return result
}

/** Whether one row beside the results fits into the memory, so that `rowsIntoStaged` can be asked. */
export function rowFits(columns: number): boolean {
  return 16 * columns <= STAGE_END - STAGE
}

function rowsKernel(run: WasmExports, op: ReduceOp, wide: boolean): RowsInto {
  switch (op) {
    case 'sum':
      return wide ? run.addRows64 : run.addRows32
    case 'prod':
      return wide ? run.mulRows64 : run.mulRows32
    case 'max':
      return wide ? run.maxRows64 : run.maxRows32
    case 'min':
      return wide ? run.minRows64 : run.minRows32
  }
}

/** out[c] = op(out[c], x[r, c]), row by row. */
export function rowsIntoStaged(
  memory: Staging,
  op: ReduceOp,
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
  const compute = rowsKernel(memory.run, op, wide)
  const outAt = STAGE
  const rowsAt = STAGE + columns * bytes
  const most = Math.max(1, Math.floor(PIECE / columns))
  copyIn(out, outOffset, columns, heap, outAt / bytes)
  for (let r = 0; r < rows; r += most) {
    const some = Math.min(most, rows - r)
    copyIn(x, xOffset + r * columns, some * columns, heap, rowsAt / bytes)
    compute(rowsAt, some, columns, outAt)
  }
  copyOut(heap, outAt / bytes, columns, out, outOffset)
}
