/** Matrix products. A transposed operand costs no copy, forward or backward. */
import type { NDArray } from '../array/ndarray.js'
import * as products from '../array/products.js'
import { sizeOf } from '../array/shape.js'
import type { Attributes } from '../graph/attributes.js'
import { Func } from '../graph/func.js'
import { registerFunc } from '../graph/registry.js'
import type { Operand, Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { flagOf, UNSAID } from './attributes.js'
import { reshape, sumTo } from './shapes.js'

export interface MatMulOptions {
  /** Whether to take the last two axes of a the other way round. */
  transposeA?: boolean | undefined
  /** Whether to take the last two axes of b the other way round. */
  transposeB?: boolean | undefined
}

// All that there can be; calls share them, as their attributes too.
const NEITHER = Object.freeze({})
const FIRST = Object.freeze({ transposeA: true })
const SECOND = Object.freeze({ transposeB: true })
const BOTH = Object.freeze({ transposeA: true, transposeB: true })

/** Matrix product over the last two axes.  Backward ga = gy·bᵀ, gb = aᵀ·gy, each summed back to its input's shape. */
export class MatMul extends Func {
  readonly transposeA: boolean
  readonly transposeB: boolean

  constructor(attributes: MatMulOptions = UNSAID) {
    const ours = matmulAttributes(attributes)
    super(ours)
    this.transposeA = ours === FIRST || ours === BOTH
    this.transposeB = ours === SECOND || ours === BOTH
  }

  override forward(a: NDArray, b: NDArray): NDArray {
    return products.matmul(a, b, this)
  }

  override backward(gy: Variable): (Variable | null)[] {
    const a = this.inputAt(0)
    const b = this.inputAt(1)
    // A vector is a row on the left and a column on the right; the axis that it lacks is missing from gy too.
    const rowA = a.ndim === 1
    const columnB = b.ndim === 1
    const matrixA = rowA ? reshape(a, [1, a.size]) : a
    const matrixB = columnB ? reshape(b, [b.size, 1]) : b
    let g = gy
    if (rowA || columnB) {
      const lead = gy.shape.slice(0, gy.ndim - (rowA ? 0 : 1) - (columnB ? 0 : 1))
      g = reshape(gy, [
        ...lead,
        rowA ? 1 : gy.shape[gy.ndim - (columnB ? 1 : 2)]!,
        columnB ? 1 : gy.shape[gy.ndim - 1]!,
      ])
    }
    return [
      this.needsGradient(0)
        ? fit(this.gradientOfA(g, matrixB, !rowA && this.transposeA, !columnB && this.transposeB), matrixA, a)
        : null,
      this.needsGradient(1)
        ? fit(
            this.gradientOfB(g, matrixA, !rowA && this.transposeA, !columnB && this.transposeB, matrixB),
            matrixB,
            b,
          )
        : null,
    ]
  }

  // y = a·b, aᵀ·b, a·bᵀ or aᵀ·bᵀ.
  private gradientOfA(g: Variable, b: Variable, tA: boolean, tB: boolean): Variable {
    if (tA) return tB ? matmul(b, g, BOTH) : matmul(b, g, SECOND)
    return tB ? matmul(g, b) : matmul(g, b, SECOND)
  }

  private gradientOfB(g: Variable, a: Variable, tA: boolean, tB: boolean, b: Variable): Variable {
    if (tB) return tA ? matmul(g, a, BOTH) : matmul(g, a, FIRST)
    if (tA) return matmul(a, g)
    // One matrix for a batch: the batch is that many rows more, not that many products to add.
    if (b.ndim === 2 && a.ndim > 2) return matmul(asMatrix(a), asMatrix(g), FIRST)
    return matmul(a, g, FIRST)
  }
}

function matmulAttributes(given: MatMulOptions): Attributes {
  if (given === UNSAID) return NEITHER
  if (given === FIRST || given === SECOND || given === BOTH) return given as Attributes
  checkOptions(given, ['transposeA', 'transposeB'], 'matmul')
  const transposeB = flagOf(given.transposeB, false, 'transposeB', 'matmul')
  if (flagOf(given.transposeA, false, 'transposeA', 'matmul')) return transposeB ? BOTH : FIRST
  return transposeB ? SECOND : NEITHER
}

/** A gradient of the operand as a matrix, summed over the batch and given the operand's own shape. */
function fit(gradient: Variable, matrix: Variable, operand: Variable): Variable {
  return reshape(sumTo(gradient, matrix.shape), operand.shape)
}

/** All rows of a batch as one matrix. */
function asMatrix(x: Variable): Variable {
  return reshape(x, [sizeOf(x.shape.slice(0, -1)), x.shape[x.ndim - 1]!])
}

/**
 * Matrix product over the last two axes.
 *
 * Shapes   a [..., m, k] · b [..., k, n] → [..., m, n], leading axes broadcast; a [k] counts as a row, b [k] as a column,
 *          and that axis vanishes from the result.
 * Throws   SHAPE_MISMATCH when the inner axes differ or an operand is a scalar.
 * Source   NumPy `matmul`.
 */
export function matmul(a: Operand, b: Operand, options?: MatMulOptions): Variable {
  return new MatMul(options).apply2(a, b)
}

/** x·w + b in one call.  Backward gx = gy·wᵀ, gw = xᵀ·gy over all rows of x, gb = the sum of gy's rows. */
export class Linear extends Func {
  override forward(x: NDArray, w: NDArray, b?: NDArray): NDArray {
    return products.linear(x, w, b)
  }

  override backward(gy: Variable): (Variable | null)[] {
    const x = this.inputAt(0)
    const w = this.inputAt(1)
    const gradients = [
      this.needsGradient(0) ? matmul(gy, w, SECOND) : null,
      this.needsGradient(1) ? this.gradientOfWeights(gy, x) : null,
    ]
    if (this.inputCount > 2) gradients.push(this.needsGradient(2) ? sumTo(gy, this.inputAt(2).shape) : null)
    return gradients
  }

  private gradientOfWeights(gy: Variable, x: Variable): Variable {
    if (x.ndim === 2) return matmul(x, gy, FIRST)
    if (x.ndim > 2) return matmul(asMatrix(x), asMatrix(gy), FIRST)
    return matmul(reshape(x, [1, x.size]), reshape(gy, [1, gy.size]), FIRST)
  }
}

/**
 * x·w + b.
 *
 * Shapes   x [..., k] · w [k, n] + b [n] → [..., n]
 * Throws   SHAPE_MISMATCH.
 */
export function linear(x: Operand, w: Operand, b?: Operand): Variable {
  return b === undefined ? new Linear().apply2(x, w) : new Linear().apply3(x, w, b)
}

registerFunc(MatMul, { name: 'matmul' })
registerFunc(Linear, { name: 'linear' })
