/**
 * Arithmetic and softmax through staging memory, in pieces that stay in the second cache: three copies and vectors are
 * faster than one loop of plain JavaScript.
 */
import type { BinaryOp, SlopeOp } from '../primitives.js'
import {
  type Columns,
  copyIn,
  copyOut,
  type Pairs,
  STAGE,
  STAGE_END,
  type Staging,
  type WasmExports,
} from './staging.js'

type Floats = Float64Array | Float32Array

/** Elements a piece. The second operand, and the spare row of softmax, are staged behind the first. */
const PIECE = 8192
const SECOND = STAGE + PIECE * 8

/** The vector kernel of an operation, or null when it has none. */
function pairsKernel(run: WasmExports, op: BinaryOp | `${SlopeOp}Slope`, wide: boolean): Pairs | null {
  switch (op) {
    case 'add':
      return wide ? run.add64 : run.add32
    case 'sub':
      return wide ? run.sub64 : run.sub32
    case 'mul':
      return wide ? run.mul64 : run.mul32
    case 'div':
      return wide ? run.div64 : run.div32
    case 'maximum':
      return wide ? run.maximum64 : run.maximum32
    case 'minimum':
      return wide ? run.minimum64 : run.minimum32
    case 'reluSlope':
      return wide ? run.reluSlope64 : run.reluSlope32
    case 'sigmoidSlope':
      return wide ? run.sigmoidSlope64 : run.sigmoidSlope32
    case 'tanhSlope':
      return wide ? run.tanhSlope64 : run.tanhSlope32
    case 'pow':
    case 'arctan2':
    case 'remainder':
      return null
  }
}

/**
 * out[r, c] = op(a[r, c], b[r, c]) for contiguous rows of a and out. `bStep` says what b is: 1 like a, 0 one element.
 */
export function binaryStaged(
  memory: Staging,
  op: BinaryOp | `${SlopeOp}Slope`,
  a: Floats,
  aOffset: number,
  aStep: 0 | 1,
  b: Floats,
  bOffset: number,
  bStep: 0 | 1,
  out: Floats,
  outOffset: number,
  count: number,
): boolean {
  const wide = a instanceof Float64Array
  const compute = pairsKernel(memory.run, op, wide)
  if (compute === null) return false
  const bytes = wide ? 8 : 4
  const heap = wide ? memory.float64 : memory.float32
  const [at, second] = [STAGE / bytes, SECOND / bytes]
  for (let done = 0; done < count; done += PIECE) {
    const some = Math.min(PIECE, count - done)
    if (aStep === 0) heap.fill(a[aOffset]!, at, at + some)
    else copyIn(a, aOffset + done, some, heap, at)
    if (bStep === 1) copyIn(b, bOffset + done, some, heap, second)
    else if (done === 0) heap.fill(b[bOffset]!, second, second + some)
    compute(STAGE, SECOND, 1, some * bytes, 0)
    copyOut(heap, at, some, out, outOffset + done)
  }
  return true
}

/** As `pairsKernel`, for a second operand with one element a row. */
function columnsKernel(run: WasmExports, op: BinaryOp, wide: boolean): Columns | null {
  switch (op) {
    case 'add':
      return wide ? run.addColumns64 : run.addColumns32
    case 'sub':
      return wide ? run.subColumns64 : run.subColumns32
    case 'mul':
      return wide ? run.mulColumns64 : run.mulColumns32
    case 'div':
      return wide ? run.divColumns64 : run.divColumns32
    case 'maximum':
      return wide ? run.maximumColumns64 : run.maximumColumns32
    case 'minimum':
      return wide ? run.minimumColumns64 : run.minimumColumns32
    case 'pow':
    case 'arctan2':
    case 'remainder':
      return null
  }
}

/**
 * out[r, c] = op(a[r, c], b[r]) over contiguous rows of a and out; the elements of b lie side by side. Returns whether it was
 * done: rows must be short enough to be staged.
 */
export function columnwiseStaged(
  memory: Staging,
  op: BinaryOp,
  rows: number,
  columns: number,
  a: Floats,
  aOffset: number,
  b: Floats,
  bOffset: number,
  out: Floats,
  outOffset: number,
): boolean {
  const wide = a instanceof Float64Array
  const bytes = wide ? 8 : 4
  const compute = columnsKernel(memory.run, op, wide)
  if (compute === null || columns > PIECE) return false
  const heap = wide ? memory.float64 : memory.float32
  const [at, second] = [STAGE / bytes, SECOND / bytes]
  const most = Math.floor(PIECE / columns)
  for (let r = 0; r < rows; r += most) {
    const some = Math.min(most, rows - r)
    copyIn(a, aOffset + r * columns, some * columns, heap, at)
    copyIn(b, bOffset + r, some, heap, second)
    compute(STAGE, SECOND, some, columns * bytes)
    copyOut(heap, at, some * columns, out, outOffset + r * columns)
  }
  return true
}

/**
 * out[r, c] = op(a[r, c], b[c]): one row of b meets all rows of a. Returns whether it was done: rows must be short
 * enough to be staged.
 */
export function rowwiseStaged(
  memory: Staging,
  op: BinaryOp,
  rows: number,
  columns: number,
  a: Floats,
  aOffset: number,
  b: Floats,
  bOffset: number,
  out: Floats,
  outOffset: number,
): boolean {
  const wide = a instanceof Float64Array
  const bytes = wide ? 8 : 4
  const compute = pairsKernel(memory.run, op, wide)
  if (compute === null || columns > PIECE) return false
  const heap = wide ? memory.float64 : memory.float32
  const [at, second] = [STAGE / bytes, SECOND / bytes]
  const most = Math.floor(PIECE / columns)
  copyIn(b, bOffset, columns, heap, second)
  for (let r = 0; r < rows; r += most) {
    const some = Math.min(most, rows - r)
    copyIn(a, aOffset + r * columns, some * columns, heap, at)
    compute(STAGE, SECOND, some, columns * bytes, 0)
    copyOut(heap, at, some * columns, out, outOffset + r * columns)
  }
  return true
}

/** out[i] = min(max(x[i], least), most) for i < count. */
export function clipStaged(
  memory: Staging,
  x: Floats,
  xOffset: number,
  least: number,
  most: number,
  out: Floats,
  outOffset: number,
  count: number,
): void {
  const wide = x instanceof Float64Array
  const heap = wide ? memory.float64 : memory.float32
  const compute = wide ? memory.run.clip64 : memory.run.clip32
  const at = STAGE / (wide ? 8 : 4)
  for (let done = 0; done < count; done += PIECE) {
    const some = Math.min(PIECE, count - done)
    copyIn(x, xOffset + done, some, heap, at)
    compute(STAGE, some, least, most)
    copyOut(heap, at, some, out, outOffset + done)
  }
}

/** Whether a row and its exponentials fit into the memory, so that `softmaxStaged` can be asked. */
export function softmaxFits(columns: number): boolean {
  return 16 * (columns + 4) <= STAGE_END - STAGE
}

/** Softmax, or its logarithm, of contiguous rows. */
export function softmaxStaged(
  memory: Staging,
  isLog: boolean,
  x: Floats,
  xOffset: number,
  rows: number,
  columns: number,
  out: Floats,
  outOffset: number,
): void {
  const { run } = memory
  const wide = x instanceof Float64Array
  const bytes = wide ? 8 : 4
  const heap = wide ? memory.float64 : memory.float32
  const [wideOne, narrowOne] = isLog ? [run.logSoftmax64, run.logSoftmax32] : [run.softmax64, run.softmax32]
  const compute = wide ? wideOne : narrowOne
  const most = Math.max(1, Math.floor(PIECE / columns))
  // On a boundary of vectors, which a load likes.
  const spare = STAGE + 16 * Math.ceil((most * columns * bytes) / 16)
  for (let r = 0; r < rows; r += most) {
    const some = Math.min(most, rows - r)
    copyIn(x, xOffset + r * columns, some * columns, heap, STAGE / bytes)
    compute(STAGE, some, columns, spare)
    copyOut(heap, STAGE / bytes, some * columns, out, outOffset + r * columns)
  }
}
