/** Norms, powers and the pseudo-inverse of matrices, and the least squares that follow from it. Leading axes are a batch. */
import { svd as svdOf } from '../array/decompositions.js'
import { isFloating } from '../array/dtype.js'
import * as elementwise from '../array/elementwise.js'
import { eye } from '../array/make-array.js'
import { allocate, type NDArray } from '../array/ndarray.js'
import { matmul as product } from '../array/products.js'
import { fixedShape, formatShape, normalizeAxis } from '../array/shape.js'
import { TapeError, valueText } from '../errors.js'
import { Func } from '../graph/func.js'
import { registerFunc } from '../graph/registry.js'
import { asVariable, type Operand, type Variable } from '../graph/variable.js'
import { checkOptions, refuseOptions } from '../options.js'
import { abs, add, sub } from './arithmetic.js'
import { flagOf, integerOf, isIntegers, numberOf, refuse, UNSAID } from './attributes.js'
import { svd } from './decompositions.js'
import { inv } from './linear-algebra.js'
import { matmul } from './products.js'
import { max, min, sum } from './reductions.js'
import { broadcastTo, reshape, transpose } from './shapes.js'
import { norm } from './statistics.js'

/** Settings of `pinv` and `lstsq`. */
export interface PinvOptions {
  /** Singular values of at most this share of the largest count as 0. Default the longer side of the matrix times the distance of 1 from the next number. */
  rtol?: number | undefined
}

function tolerancesOf(options: PinvOptions, what: string): { rtol?: number } {
  checkOptions(options, ['rtol'], what)
  if (options.rtol === undefined) return UNSAID
  const rtol = numberOf(options.rtol, undefined, 'rtol', what)
  return rtol >= 0 ? { rtol } : refuse(`${what} expected rtol of at least 0, got ${rtol}`)
}

/**
 * The pseudo-inverse, by singular values.
 * Backward gx = −yᵀ·gy·yᵀ + (1 − x·y)·gyᵀ·y·yᵀ + yᵀ·y·gyᵀ·(1 − y·x), while the rank stays (Golub and Pereyra, 1973).
 */
export class Pinv extends Func {
  private readonly rtol: number | undefined

  constructor(attributes: PinvOptions = UNSAID) {
    const ours = tolerancesOf(attributes, 'pinv')
    super(ours)
    this.rtol = ours.rtol
  }

  override forward(given: NDArray): NDArray {
    if (given.ndim < 2)
      throw new TapeError('BAD_SHAPE', `pinv expected matrices [..., m, n], got ${formatShape(given.shape)}`)
    const x = isFloating(given.dtype) ? given : given.astype('float64')
    const [u, s, vt] = svdOf(x, 'triangle')
    const [m, n] = [x.shape.at(-2)!, x.shape.at(-1)!]
    const share = this.rtol ?? Math.max(m, n) * (x.dtype === 'float32' ? 2 ** -23 : 2 ** -52)
    const k = s.shape.at(-1)!
    const over = allocate(x.dtype, fixedShape([...s.shape, 1]))
    for (let i = 0; i < s.size; i++) {
      // They descend: the first of a matrix is its largest.
      const least = share * s.buffer[s.offset + i - (i % k)]!
      const value = s.buffer[s.offset + i]!
      over.buffer[over.offset + i] = value <= least ? 0 : 1 / value
    }
    return product(elementwise.mul(vt, over), u, { transposeA: true, transposeB: true })
  }

  override backward(gy: Variable): Variable {
    const [x, y] = [this.input, this.output]
    const right = matmul(matmul(gy, y, { transposeA: true }), y, { transposeB: true })
    const left = matmul(y, matmul(y, gy, { transposeB: true }), { transposeA: true })
    const inside = matmul(matmul(y, gy, { transposeA: true }), y, { transposeB: true })
    return add(sub(sub(right, matmul(x, matmul(y, right))), inside), sub(left, matmul(matmul(left, y), x)))
  }
}

/**
 * The pseudo-inverse of each matrix (Moore and Penrose): that of A·x = b with the least error, and of these the shortest.
 *
 * Shapes   x [..., m, n] → [..., n, m]
 * Throws   BAD_SHAPE; BAD_ARGUMENT; NaN for a matrix that holds NaN or Infinity
 * Source   PyTorch `linalg.pinv`; the gradient is that of matrices of the same rank
 */
export function pinv(x: Operand, options: PinvOptions = UNSAID): Variable {
  return new Pinv(options).apply1(x)
}

/**
 * The least squares x of a·x = b: Σ|a·x − b|² is least, and of several such x it is the shortest.
 *
 * Shapes   a [..., m, n], b [..., m, k] → [..., n, k]; b [m] → [n] for one a
 * Throws   SHAPE_MISMATCH; BAD_ARGUMENT
 * Source   PyTorch `linalg.lstsq`, its solution; by the pseudo-inverse
 */
export function lstsq(a: Operand, b: Operand, options: PinvOptions = UNSAID): Variable {
  const left = asVariable(a)
  const right = asVariable(b, left)
  const rows = right.shape.at(right.ndim === 1 ? 0 : -2)
  if (left.ndim < 2 || rows !== left.shape.at(-2))
    throw new TapeError(
      'SHAPE_MISMATCH',
      `lstsq expected a [..., m, n] and b [m] or [..., m, k], got ${formatShape(left.shape)} and ${formatShape(right.shape)}`,
    )
  return matmul(pinv(left, options), right)
}

/**
 * The product of a square matrix with itself, n times; of its inverse for n below 0, and 1 for n = 0.
 *
 * Shapes   x [..., m, m] → the same
 * Throws   BAD_SHAPE; BAD_ARGUMENT unless n is an integer; BAD_VALUE for negative n and a singular matrix
 * Source   PyTorch `linalg.matrix_power`
 */
export function matrixPower(x: Operand, n: number): Variable
export function matrixPower(x: Operand, n: number, ...rest: readonly unknown[]): Variable {
  refuseOptions(rest, 'matrixPower')
  const times = integerOf(n, undefined, -Infinity, 'n', 'matrixPower')
  const given = asVariable(x)
  const m = given.shape.at(-1)
  if (given.ndim < 2 || given.shape.at(-2) !== m)
    throw new TapeError('BAD_SHAPE', `matrixPower expected square matrices, got ${formatShape(given.shape)}`)
  if (times === 0) {
    const dtype = given.dtype === 'float32' ? 'float32' : 'float64'
    return broadcastTo(eye(m!, m!, dtype), given.shape)
  }
  let square = times < 0 ? inv(given) : given
  let made: Variable | null = null
  for (let left = Math.abs(times); ; left = Math.floor(left / 2)) {
    if (left % 2 === 1) made = made === null ? square : matmul(made, square)
    if (left <= 1) return made!
    square = matmul(square, square)
  }
}

/** Settings of `matrixNorm`. */
export interface MatrixNormOptions {
  /**
   * 'fro' (default): the root of the sum of squares. 'nuc': the sum of the singular values; 2, −2: the largest, the smallest of these.
   * 1, −1: the largest, the smallest sum of |x| of a column; ±Infinity: of a row.
   */
  ord?: 'fro' | 'nuc' | 1 | -1 | 2 | -2 | number | undefined
  /** Where the rows and the columns are. Default the last two axes. */
  axis?: readonly number[] | undefined
  /** Whether the two axes stay, with extent 1. Default false. */
  keepdims?: boolean | undefined
}

/**
 * The norm of each matrix.
 *
 * Shapes   x [..., m, n] → [...]
 * Throws   BAD_SHAPE; BAD_AXIS; BAD_ARGUMENT for the options; BAD_VALUE for the largest of nothing
 * Source   PyTorch `linalg.matrix_norm`; where a largest sum or value is met more than once its gradient is shared evenly
 */
export function matrixNorm(x: Operand, options: MatrixNormOptions = {}): Variable {
  checkOptions(options, ['ord', 'axis', 'keepdims'], 'matrixNorm')
  const { ord = 'fro', axis = [-2, -1] } = options
  const keepdims = flagOf(options.keepdims, false, 'keepdims', 'matrixNorm')
  const given = asVariable(x)
  if (given.ndim < 2)
    throw new TapeError(
      'BAD_SHAPE',
      `matrixNorm expected matrices [..., m, n], got ${formatShape(given.shape)}`,
    )
  if (!isIntegers(axis) || axis.length !== 2)
    throw new TapeError('BAD_AXIS', `matrixNorm expected axis to be two axes, got ${valueText(axis)}`)
  const [row, column] = axis.map((one) => normalizeAxis(one, given.ndim, 'matrixNorm')) as [number, number]
  if (row === column)
    throw new TapeError('BAD_AXIS', `matrixNorm expected two different axes, got ${valueText(axis)}`)
  const others = given.shape.map((_, i) => i).filter((i) => i !== row && i !== column)
  const isLast = row === given.ndim - 2 && column === given.ndim - 1
  const y = ofLastAxes(isLast ? given : transpose(given, [...others, row, column]), ord)
  if (!keepdims) return y
  return reshape(
    y,
    given.shape.map((extent, i) => (others.includes(i) ? extent : 1)),
  )
}

function ofLastAxes(x: Variable, ord: unknown): Variable {
  const values = () => svd(x)[1]
  const sums = (along: number) => sum(abs(x), { axis: along })
  if (ord === 'fro') return norm(x, { axis: [-2, -1] })
  if (ord === 'nuc') return sum(values(), { axis: -1 })
  if (ord === 2) return max(values(), { axis: -1 })
  if (ord === -2) return min(values(), { axis: -1 })
  if (ord === 1) return max(sums(-2), { axis: -1 })
  if (ord === -1) return min(sums(-2), { axis: -1 })
  if (ord === Infinity) return max(sums(-1), { axis: -1 })
  if (ord === -Infinity) return min(sums(-1), { axis: -1 })
  return refuse(
    `matrixNorm expected ord 'fro', 'nuc', 1, -1, 2, -2, Infinity or -Infinity, got ${valueText(ord)}; norm takes any order, of all elements`,
  )
}

registerFunc(Pinv, { name: 'pinv' })
