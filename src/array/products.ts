/**
 * Matrix products. Every element is one sum over ascending k, so results do not depend on how the work is
 * cut.
 */
import { TapeError } from '../errors.js'
import { broadcastStrides, forEachBlock, mergeAxes } from './broadcast.js'
import { promoteTypes } from './dtype.js'
import { add } from './elementwise.js'
import { kernel } from './kernel.js'
import { allocateUnset, type NDArray } from './ndarray.js'
import { promoted } from './promotion.js'
import { broadcastShapes, fixedShape, formatShape, matrixShape, type Shape, sizeOf } from './shape.js'

type MatmulOptions = { transposeA?: boolean | undefined; transposeB?: boolean | undefined }

/**
 * Matrix product over the last two axes, which each operand may give transposed; nothing is copied for that.
 *
 * Shapes   a [..., m, k] · b [..., k, n] → [..., m, n], leading axes broadcast; a [k] counts as a row, b [k]
 *          as a column, and that axis vanishes from the result. Integers wrap; bools give whether any product
 *          is true.
 * Throws   SHAPE_MISMATCH when the inner axes differ or an operand is a scalar.
 * Source   NumPy `matmul`.
 */
export function matmul(a: NDArray, b: NDArray, options?: MatmulOptions): NDArray {
  const dtype = promoteTypes(a.dtype, b.dtype)
  if (dtype === 'bool') return matmul(a.astype('int32'), b.astype('int32'), options).astype('bool')
  const x = a.astype(dtype)
  const y = b.astype(dtype)
  if (x.ndim === 0 || y.ndim === 0) {
    throw new TapeError(
      'SHAPE_MISMATCH',
      `matmul expected operands with axes, got ${formatShape(a.shape)} · ${formatShape(b.shape)}; use mul for scalars`,
    )
  }
  const transposeA = options?.transposeA === true && x.ndim > 1
  const transposeB = options?.transposeB === true && y.ndim > 1
  const [aRows, aColumns] = matrixOf(x.shape, true)
  const [bRows, bColumns] = matrixOf(y.shape, false)
  const m = transposeA ? aColumns : aRows
  const k = transposeA ? aRows : aColumns
  const n = transposeB ? bRows : bColumns
  const inner = transposeB ? bColumns : bRows
  if (k !== inner) {
    const [ta, tb] = [transposeA ? 'ᵀ' : '', transposeB ? 'ᵀ' : '']
    throw new TapeError(
      'SHAPE_MISMATCH',
      `matmul expected inner axes to agree, got ${formatShape(a.shape)}${ta} · ${formatShape(b.shape)}${tb} (${k} ≠ ${inner})`,
    )
  }
  const aStep = transposeA ? 1 : aColumns
  const aInner = transposeA ? aColumns : 1
  const bInner = transposeB ? 1 : bColumns
  const bStep = transposeB ? bColumns : 1
  if (x.ndim === 2 && y.ndim === 2) {
    const out = allocateUnset(dtype, matrixShape(m, n), m * n)
    const [aAt, bAt] = [x.offset, y.offset]
    kernel.matmul(m, k, n, x.buffer, aAt, aStep, aInner, y.buffer, bAt, bInner, bStep, out.buffer, out.offset)
    return out
  }
  const aBatch = x.shape.slice(0, -2)
  const bBatch = y.shape.slice(0, -2)
  const batch = broadcastShapes(aBatch, bBatch, 'matmul (leading axes)')
  const shape = [...batch]
  if (x.ndim > 1) shape.push(m)
  if (y.ndim > 1) shape.push(n)
  const out = allocateUnset(dtype, fixedShape(shape))

  // All rows of a against one b are one product.
  if (bBatch.length === 0 && !transposeA) {
    const rows = sizeOf(aBatch) * m
    kernel.matmul(
      rows,
      k,
      n,
      x.buffer,
      x.offset,
      aStep,
      aInner,
      y.buffer,
      y.offset,
      bInner,
      bStep,
      out.buffer,
      out.offset,
    )
    return out
  }
  const walk = mergeAxes(batch, [
    broadcastStrides(aBatch, batch).map((step) => step * m * k),
    broadcastStrides(bBatch, batch).map((step) => step * k * n),
  ])
  let to = out.offset
  forEachBlock(walk, 0, ([ax, by]) => {
    const [ao, bo] = [x.offset + ax!, y.offset + by!]
    kernel.matmul(m, k, n, x.buffer, ao, aStep, aInner, y.buffer, bo, bInner, bStep, out.buffer, to)
    to += m * n
  })
  return out
}

/** Rows and columns of the last two axes; of one axis, a row on the left and a column on the right. */
function matrixOf(shape: Shape, left: boolean): [rows: number, columns: number] {
  const last = shape[shape.length - 1]!
  if (shape.length > 1) return [shape[shape.length - 2]!, last]
  return left ? [1, last] : [last, 1]
}

/**
 * x·w + b in one call, with the bits of `add(matmul(x, w), b)`.
 *
 * Shapes   x [..., k] · w [k, n] (+ b [n]) → [..., n]
 * Throws   SHAPE_MISMATCH.
 */
export function linear(x: NDArray, w: NDArray, b?: NDArray): NDArray {
  if (w.ndim !== 2 || (b !== undefined && (b.ndim !== 1 || b.shape[0] !== w.shape[1]))) {
    const expected = w.ndim === 2 ? `b [${w.shape[1]}] for w ${formatShape(w.shape)}` : 'w [k, n]'
    const got = w.ndim === 2 && b !== undefined ? formatShape(b.shape) : formatShape(w.shape)
    throw new TapeError('SHAPE_MISMATCH', `linear expected ${expected}, got ${got}`)
  }
  if (b === undefined) return matmul(x, w)
  if (b.dtype !== x.dtype || b.dtype !== w.dtype || b.dtype === 'bool') {
    const [rows, weights, bias] = promoted([x, w, b] as const)
    return add(matmul(rows, weights), bias)
  }
  const out = matmul(x, w)
  const n = b.size
  const rows = n === 0 ? 0 : out.size / n
  kernel.binary(
    'add',
    rows,
    n,
    out.buffer,
    out.offset,
    n,
    1,
    b.buffer,
    b.offset,
    0,
    1,
    out.buffer,
    out.offset,
  )
  return out
}
