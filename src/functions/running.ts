/** Products of all elements along axes, and running sums. */
import { eye, type NDArray } from '../array/ndarray.js'
import * as reductions from '../array/reductions.js'
import { normalizeAxes, sizeOf } from '../array/shape.js'
import { Func } from '../graph/func.js'
import { registerFunc } from '../graph/registry.js'
import type { Operand, Variable } from '../graph/variable.js'
import { div, mul } from './arithmetic.js'
import { checkKeys, integerOf, UNSAID } from './attributes.js'
import { where } from './comparison.js'
import { type ReduceOptions, Reduction } from './reductions.js'
import { broadcastTo, flip, reshape, transpose } from './shapes.js'

/** Product.  Backward gxᵢ = gy·∏xⱼ over j ≠ i: gy·y/xᵢ where no factor is 0. */
export class Prod extends Reduction {
  constructor(attributes: ReduceOptions = UNSAID) {
    super(attributes, 'prod')
  }

  override forward(x: NDArray): NDArray {
    return reductions.prod(x, this)
  }

  override backward(gy: Variable): Variable {
    const x = this.input
    if (x.data.data.includes(0)) return this.withoutDivision(gy)
    return div(mul(this.kept(gy), this.kept(this.output)), x)
  }

  /** The product of the others, for each element: n² factors, but none is divided by. */
  private withoutDivision(gy: Variable): Variable {
    const x = this.input
    const reduced = normalizeAxes(this.axis, x.ndim, 'prod')
    const stay = x.shape.map((_, axis) => axis).filter((axis) => !reduced.includes(axis))
    const order = [...stay, ...reduced]
    const outer = stay.map((axis) => x.shape[axis]!)
    const n = sizeOf(reduced.map((axis) => x.shape[axis]!))
    const rows = reshape(transpose(x, order), [...outer, 1, n])
    const others = prod(where(eye(n, n, 'bool'), 1, broadcastTo(rows, [...outer, n, n])), { axis: -1 })
    const gradient = mul(others, reshape(gy, [...outer, 1]))
    const inverse = order.map((_, axis) => order.indexOf(axis))
    return transpose(
      reshape(
        gradient,
        order.map((axis) => x.shape[axis]!),
      ),
      inverse,
    )
  }
}

/** The product over the given axes, or all; 1 of nothing. */
export function prod(x: Operand, options?: ReduceOptions): Variable {
  return new Prod(options).apply1(x)
}

export interface CumSumOptions {
  /** The axis along which to add. Without one, all elements in row-major order as one row. */
  axis?: number | undefined
}

/** Running sums.  Backward gx = the running sums of gy from its end. */
export class CumSum extends Func {
  private readonly axis: number | undefined

  constructor(attributes: CumSumOptions = {}) {
    checkKeys(attributes, ['axis'], 'cumsum')
    if (attributes.axis === undefined) {
      super()
      return
    }
    const axis = integerOf(attributes.axis, undefined, -Infinity, 'axis', 'cumsum')
    super({ axis })
    this.axis = axis
  }

  override forward(x: NDArray): NDArray {
    return reductions.cumsum(x, this.axis)
  }

  override backward(gy: Variable): Variable {
    const axis = this.axis ?? 0
    return reshape(flip(cumsum(flip(gy, axis), { axis }), axis), this.input.shape)
  }
}

/**
 * The sums of all elements up to each along an axis.
 *
 * Shapes   x [2, 3], axis 1 → [2, 3]; without an axis → [6]
 * Throws   BAD_AXIS.
 */
export function cumsum(x: Operand, options: CumSumOptions = {}): Variable {
  return new CumSum(options).apply1(x)
}

registerFunc(Prod)
registerFunc(CumSum, { name: 'cumsum' })
