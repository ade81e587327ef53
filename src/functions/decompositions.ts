/** Matrices taken apart: QR, eigenvalues of symmetric matrices, singular values. Leading axes are a batch. */

import * as decompositions from '../array/decompositions.js'
import { isFloating } from '../array/dtype.js'
import { eye } from '../array/make-array.js'
import type { NDArray } from '../array/ndarray.js'
import { valueText } from '../errors.js'
import { Func } from '../graph/func.js'
import { registerFunc } from '../graph/registry.js'
import type { Operand, Variable } from '../graph/variable.js'
import { checkOptions, refuseOptions } from '../options.js'
import { add, div, mul, sub } from './arithmetic.js'
import { tril } from './arranging.js'
import { refuse } from './attributes.js'
import { equal, where } from './comparison.js'
import { concat, slice } from './joining.js'
import { flipped, Solve } from './linear-algebra.js'
import { matmul } from './products.js'
import { expandDims } from './shapes.js'

function floating(x: NDArray): NDArray {
  return isFloating(x.dtype) ? x : x.astype('float64')
}

/** Each row of a matrix on the diagonal of one: d [..., n] → [..., n, n]. */
function diagonal(d: Variable): Variable {
  return mul(expandDims(d, -1), eye(d.shape.at(-1)!, d.shape.at(-1)!, d.dtype))
}

/** 1/x, and 0 where x is 0: what has no derivative there takes no part. */
function inverted(x: Variable): Variable {
  const none = equal(x, 0)
  return where(none, 0, div(1, where(none, 1, x)))
}

/** How the values are found: by Jacobi's method unless said, as in tapes that are older than the others. */
function methodOf<M extends string>(
  attributes: { method?: M | undefined },
  methods: readonly ['jacobi', M],
  what: string,
): 'jacobi' | M {
  checkOptions(attributes, ['method'], what)
  const { method } = attributes
  if (method === undefined) return 'jacobi'
  if (!(methods as readonly string[]).includes(method))
    refuse(`${what} expected method '${methods[0]}' or '${methods[1]}', got ${valueText(method)}`)
  return method
}

/**
 * Q and R of x = Q·R; two outputs.
 * Backward gx = (gQ + Q·M)·R⁻ᵀ, M the lower triangle of R·gRᵀ − gQᵀ·Q, mirrored; of a wide x the first columns, and the others are Qᵀ·y.
 */
export class Qr extends Func {
  override forward(x: NDArray): NDArray[] {
    return decompositions.qr(floating(x))
  }

  override backward(gq: Variable, gr: Variable): Variable {
    const [q, r] = this.outputs as [Variable, Variable]
    const x = this.input
    const [m, n] = [x.shape.at(-2)!, x.shape.at(-1)!]
    if (m >= n) return throughSquare(q, r, gq, gr)
    const columns = (of: Variable, from: number, to: number) =>
      slice(of, [...of.shape.slice(0, -1).map(() => null), [from, to]])
    // x = [a, b], R = [R of a, Qᵀ·b].
    const rest = columns(gr, m, n)
    const through = add(gq, matmul(columns(x, m, n), rest, { transposeB: true }))
    const first = throughSquare(q, columns(r, 0, m), through, columns(gr, 0, m))
    return concat([first, matmul(q, rest)], { axis: -1 })
  }
}

function throughSquare(q: Variable, r: Variable, gq: Variable, gr: Variable): Variable {
  const m = sub(matmul(r, gr, { transposeB: true }), matmul(gq, q, { transposeA: true }))
  const mirrored = add(tril(m), flipped(tril(m, { diagonal: -1 })))
  const inner = add(gq, matmul(q, mirrored))
  return flipped(new Solve().apply2(r, flipped(inner)))
}

/**
 * Q and R of x = Q·R, in the reduced form: Q has orthonormal columns, R zeros below its diagonal.
 *
 * Shapes   x [..., m, n], k = min(m, n) → Q [..., m, k], R [..., k, n]
 * Throws   BAD_SHAPE; BAD_VALUE in the pass where the first k columns depend on each other, since there is no derivative then
 * Source   PyTorch `linalg.qr`, with LAPACK's signs
 */
export function qr(x: Operand): [q: Variable, r: Variable]
export function qr(x: Operand, ...rest: readonly unknown[]): [q: Variable, r: Variable] {
  refuseOptions(rest, 'qr')
  return new Qr().applyAll(x) as [Variable, Variable]
}

/**
 * Eigenvalues w and eigenvectors V of the symmetric part; two outputs.
 * Backward gx = V·(diag(gw) + F∘(Vᵀ·gV))·Vᵀ, its symmetric part, Fᵢⱼ = 1/(wⱼ − wᵢ), and 0 among equal ones.
 */
export class Eigh extends Func {
  private readonly method: decompositions.EighMethod

  constructor(attributes: { method?: decompositions.EighMethod | undefined } = {}) {
    const method = methodOf(attributes, ['jacobi', 'tridiagonal'] as const, 'eigh')
    super(method === 'jacobi' ? {} : { method })
    this.method = method
  }

  override forward(x: NDArray): NDArray[] {
    return decompositions.eigh(floating(x), this.method)
  }

  override backward(gw: Variable, gv: Variable): Variable {
    const [w, v] = this.outputs as [Variable, Variable]
    const gaps = inverted(sub(expandDims(w, -2), expandDims(w, -1)))
    const inner = add(diagonal(gw), mul(gaps, matmul(v, gv, { transposeA: true })))
    const s = matmul(matmul(v, inner), v, { transposeB: true })
    return mul(add(s, flipped(s)), 0.5)
  }
}

/**
 * The eigenvalues of each symmetric matrix, ascending, and its eigenvectors, as columns; of any other matrix those of its symmetric part. The
 * largest element of a vector is positive.
 *
 * Shapes   x [..., n, n] → values [..., n], vectors [..., n, n]
 * Equal    eigenvalues have no vectors of their own, only a plane: a gradient takes no part among them, which is right for what is made of
 *          the values alone; of V·f(w)·Vᵀ the derivative between such vectors is missing (`inv`, `cholesky`, `matrixPower` have theirs)
 * Throws   BAD_SHAPE; NaN for a matrix that holds NaN or Infinity
 * Source   PyTorch `linalg.eigh`; a tridiagonal matrix and QL, recorded as the method 'tridiagonal'. `new Eigh()` is by Jacobi's method, as
 *          runs of before 2026-11-30 were
 */
export function eigh(x: Operand): [values: Variable, vectors: Variable]
export function eigh(x: Operand, ...rest: readonly unknown[]): [values: Variable, vectors: Variable] {
  refuseOptions(rest, 'eigh')
  return new Eigh({ method: 'tridiagonal' }).applyAll(x) as [Variable, Variable]
}

/**
 * U, s and Vᵀ of x = U·diag(s)·Vᵀ; three outputs.
 * Backward gx = U·(skew(UᵀgU)∘E·S + S·skew(VᵀgV)∘E + diag(gs))·Vᵀ, Eᵢⱼ = 1/(sⱼ² − sᵢ²), and what of gU and gV is outside of U and V, over s.
 */
export class Svd extends Func {
  private readonly method: decompositions.SvdMethod

  constructor(attributes: { method?: decompositions.SvdMethod | undefined } = {}) {
    const method = methodOf(attributes, ['jacobi', 'triangle'] as const, 'svd')
    super(method === 'jacobi' ? {} : { method })
    this.method = method
  }

  override forward(x: NDArray): NDArray[] {
    return decompositions.svd(floating(x), this.method)
  }

  override backward(gu: Variable, gs: Variable, gvt: Variable): Variable {
    const [u, s, vt] = this.outputs as [Variable, Variable, Variable]
    const [m, n, k] = [u.shape.at(-2)!, vt.shape.at(-1)!, s.shape.at(-1)!]
    const [row, column] = [expandDims(s, -2), expandDims(s, -1)]
    // sⱼ² − sᵢ², without the loss of squares.
    const gaps = inverted(mul(sub(row, column), add(row, column)))
    const skew = (x: Variable) => mul(sub(x, flipped(x)), gaps)
    const left = matmul(u, gu, { transposeA: true })
    const right = matmul(vt, gvt, { transposeB: true })
    const inner = add(add(mul(skew(left), row), mul(skew(right), column)), diagonal(gs))
    let gx = matmul(matmul(u, inner), vt)
    const inverse = inverted(s)
    if (m > k) {
      const outside = sub(gu, matmul(u, left))
      gx = add(gx, matmul(mul(outside, expandDims(inverse, -2)), vt))
    }
    if (n > k) {
      const outside = sub(gvt, matmul(right, vt, { transposeA: true }))
      gx = add(gx, matmul(u, mul(outside, expandDims(inverse, -1))))
    }
    return gx
  }
}

/**
 * The singular value decomposition of each matrix in the reduced form: x = U·diag(s)·Vᵀ, s descending. The largest element of a column of U is
 * positive. (`matmul(mul(u, s), vt)` is x again for one matrix.)
 *
 * Shapes   x [..., m, n], k = min(m, n) → U [..., m, k], s [..., k], Vᵀ [..., k, n]
 * Equal    singular values, and those that are 0, have no vectors of their own: a gradient takes no part among equal ones, nor through the vectors of
 *          a 0 to what is outside of them; it is right for what is made of s alone. Of U·f(s)·Vᵀ the derivative between equal ones is missing
 *          (`pinv` has its own)
 * Throws   BAD_SHAPE; NaN for a matrix that holds NaN or Infinity
 * Source   PyTorch `linalg.svd(full_matrices=False)`; QR with pivots and Jacobi's method on the rows of R, recorded as the method 'triangle'.
 *          `new Svd()` is by Jacobi's method on columns, as runs of before 2026-11-30 were
 */
export function svd(x: Operand): [u: Variable, s: Variable, vt: Variable]
export function svd(x: Operand, ...rest: readonly unknown[]): [u: Variable, s: Variable, vt: Variable] {
  refuseOptions(rest, 'svd')
  return new Svd({ method: 'triangle' }).applyAll(x) as [Variable, Variable, Variable]
}

registerFunc(Qr, { name: 'qr' })
registerFunc(Eigh, { name: 'eigh' })
registerFunc(Svd, { name: 'svd' })
