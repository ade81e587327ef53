/** Square matrices: inverses, determinants, systems of equations and Cholesky's factor. Leading axes are a batch. */
import { isFloating } from '../array/dtype.js'
import * as algebra from '../array/linear-algebra.js'
import { ndarray } from '../array/make-array.js'
import type { NDArray } from '../array/ndarray.js'
import { promotedToFloat } from '../array/promotion.js'
import { Func } from '../graph/func.js'
import { registerFunc } from '../graph/registry.js'
import { asVariable, type Operand, type Variable } from '../graph/variable.js'
import { refuseOptions } from '../options.js'
import { add, mul, neg } from './arithmetic.js'
import { take } from './indexing.js'
import { stack } from './joining.js'
import { matmul } from './products.js'
import { expandDims, reshape, sumTo, transpose } from './shapes.js'

function floating(x: NDArray): NDArray {
  return isFloating(x.dtype) ? x : x.astype('float64')
}

/** @internal The last two axes exchanged. */
export function flipped(x: Variable): Variable {
  const axes = x.shape.map((_, axis) => axis)
  const [rows, columns] = [axes.length - 2, axes.length - 1]
  return transpose(x, [...axes.slice(0, -2), columns, rows])
}

/** The inverse.  Backward gx = −yᵀ·gy·yᵀ. */
export class Inv extends Func {
  override forward(x: NDArray): NDArray {
    return algebra.inv(floating(x))
  }

  override backward(gy: Variable): Variable {
    const y = this.output
    return neg(matmul(matmul(y, gy, { transposeA: true }), y, { transposeB: true }))
  }
}

/**
 * The inverse of each matrix. To solve equations, `solve` is faster and loses less.
 *
 * Shapes   x [..., n, n] → the same
 * Throws   BAD_SHAPE; BAD_VALUE names a singular matrix.
 */
export function inv(x: Operand): Variable
export function inv(x: Operand, ...rest: readonly unknown[]): Variable {
  refuseOptions(rest, 'inv')
  return new Inv().apply1(x)
}

/** The solution x of a·x = b.  Backward gb = solve(aᵀ, gx), ga = −gb·xᵀ, each summed back to its operand's shape. */
export class Solve extends Func {
  override forward(a: NDArray, b: NDArray): NDArray {
    const [left, right] = promotedToFloat([a, b] as const)
    return algebra.solve(left, right)
  }

  override backward(gx: Variable): (Variable | null)[] {
    const a = this.inputAt(0)
    const gb = new Solve().apply2(flipped(a), gx)
    return [
      this.needsGradient(0) ? sumTo(neg(matmul(gb, this.output, { transposeB: true })), a.shape) : null,
      this.needsGradient(1) ? sumTo(gb, this.inputAt(1).shape) : null,
    ]
  }
}

/**
 * x of a·x = b, by Gaussian elimination with pivots.
 *
 * Shapes   a [..., n, n], b [n] → [n] (for one a), or b [..., n, k] → [..., n, k]; leading axes broadcast
 * Throws   BAD_SHAPE, SHAPE_MISMATCH; BAD_VALUE names a singular matrix.
 */
export function solve(a: Operand, b: Operand): Variable {
  const left = asVariable(a)
  const right = asVariable(b, left)
  if (right.ndim !== 1) return new Solve().apply2(left, right)
  const x = new Solve().apply2(left, expandDims(right, 1))
  return reshape(x, x.shape.slice(0, -1))
}

/** The determinant.  Backward gx = gy·y·(x⁻¹)ᵀ; of a singular matrix, gy times its cofactors. */
export class Det extends Func {
  override forward(x: NDArray): NDArray {
    return algebra.det(floating(x))
  }

  override backward(gy: Variable): Variable {
    const x = this.input
    const y = this.output
    const each = (one: Variable) => reshape(one, [...one.shape, 1, 1])
    // Of a large matrix the determinant may be too small for a number: that is none of a singular one.
    const isSingular = y.data.data.includes(0) && algebra.slogdet(floating(x.data))[0].data.includes(0)
    if (isSingular) return mul(each(gy), cofactors(x))
    return mul(each(mul(gy, y)), flipped(inv(x)))
  }
}

/** For each element the determinant of what is left without its row and column, with the sign of its place. */
function cofactors(x: Variable): Variable {
  const n = x.shape.at(-1)!
  const without = (place: number) =>
    ndarray(Int32Array.from({ length: n }, (_, i) => i).filter((i) => i !== place))
  const rows = Array.from({ length: n }, (_, i) => {
    const left = take(x, without(i), { axis: -2 })
    const minors = Array.from({ length: n }, (_, j) =>
      mul(det(take(left, without(j), { axis: -1 })), (i + j) % 2 === 0 ? 1 : -1),
    )
    return stack(minors, { axis: -1 })
  })
  return stack(rows, { axis: -2 })
}

/**
 * The determinant of each matrix; 0 for a singular one.
 *
 * Shapes   x [..., n, n] → [...]
 * Throws   BAD_SHAPE.
 */
export function det(x: Operand): Variable {
  return new Det().apply1(x)
}

/** Sign and ln|·| of the determinant; two outputs.  Backward gx = glog·(x⁻¹)ᵀ; the sign has no gradient. */
export class Slogdet extends Func {
  override differentiableAt(slot: number): boolean {
    return slot === 1
  }

  override forward(x: NDArray): NDArray[] {
    return algebra.slogdet(floating(x))
  }

  override backward(_sign: Variable, gy: Variable): Variable {
    return mul(reshape(gy, [...gy.shape, 1, 1]), flipped(inv(this.input)))
  }
}

/**
 * The sign of each determinant and the logarithm of its size, which neither overflows nor vanishes; 0 and −Infinity for a singular matrix.
 *
 * Shapes   x [..., n, n] → sign [...], logarithm [...]
 * Throws   BAD_SHAPE; BAD_VALUE in the pass for a singular matrix.
 */
export function slogdet(x: Operand): [sign: Variable, logarithm: Variable] {
  const [sign, logarithm] = new Slogdet().applyAll(x)
  return [sign!, logarithm!]
}

/** L of x = L·Lᵀ.  Backward gx = (S + Sᵀ)/2, S = L⁻ᵀ·P·L⁻¹, P the lower triangle of Lᵀ·gL with half of its diagonal. */
export class Cholesky extends Func {
  override forward(x: NDArray): NDArray {
    return algebra.cholesky(floating(x))
  }

  override backward(gy: Variable): Variable {
    const l = this.output
    const n = l.shape.at(-1)!
    const half = new Float64Array(n * n)
    for (let row = 0; row < n; row++) {
      half.fill(1, row * n, row * n + row)
      half[row * n + row] = 0.5
    }
    const p = mul(matmul(l, gy, { transposeA: true }), ndarray(half, { shape: [n, n] }).astype(gy.dtype))
    const back = inv(l)
    const s = matmul(matmul(back, p, { transposeA: true }), back)
    return mul(add(s, flipped(s)), 0.5)
  }
}

/**
 * The lower triangle L with x = L·Lᵀ, of the symmetric part of each matrix.
 *
 * Shapes   x [..., n, n] → the same
 * Throws   BAD_SHAPE; BAD_VALUE names a matrix that is not positive definite.
 * Source   PyTorch `linalg.cholesky`, whose gradient is symmetric too.
 */
export function cholesky(x: Operand): Variable
export function cholesky(x: Operand, ...rest: readonly unknown[]): Variable {
  refuseOptions(rest, 'cholesky')
  return new Cholesky().apply1(x)
}

registerFunc(Inv, { name: 'inv' })
registerFunc(Solve, { name: 'solve' })
registerFunc(Det, { name: 'det' })
registerFunc(Slogdet, { name: 'slogdet' })
registerFunc(Cholesky, { name: 'cholesky' })
