/** Products of all elements along axes, and running sums. */
import { allocate, type NDArray } from '../array/ndarray.js'
import * as reductions from '../array/reductions.js'
import { cumprod as cumprodOf } from '../array/running-products.js'
import { fixedShape, normalizeAxes, normalizeAxis, sizeOf } from '../array/shape.js'
import { Func } from '../graph/func.js'
import { registerFunc } from '../graph/registry.js'
import type { Operand, Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { add, div, mul } from './arithmetic.js'
import { integerOf, UNSAID } from './attributes.js'
import { where } from './comparison.js'
import { concat, pad, slice } from './joining.js'
import { type ReduceOptions, Reduction, sum } from './reductions.js'
import { expandDims, flip, reshape, transpose } from './shapes.js'

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
    if (x.wholeData.data.includes(0)) return this.withoutDivision(gy)
    return div(mul(this.kept(gy), this.kept(this.output)), x)
  }

  /** The product of the others, for each element: none is divided by. */
  private withoutDivision(gy: Variable): Variable {
    const x = this.input
    const reduced = normalizeAxes(this.axis, x.ndim, 'prod')
    const stay = x.shape.map((_, axis) => axis).filter((axis) => !reduced.includes(axis))
    const order = [...stay, ...reduced]
    const outer = stay.map((axis) => x.shape[axis]!)
    const n = sizeOf(reduced.map((axis) => x.shape[axis]!))
    const others = prodOthers(reshape(transpose(x, order), [...outer, n]))
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

/**
 * For each element the product of all others along the last axis.
 * Backward gxⱼ = Σ gyᵢ·∏xₖ over i ≠ j and k ≠ i, j. That is a product too: of the pairs xₖ + ε·gyₖ with ε² = 0 it is the part
 * at ε. So the products of the others are taken of pairs, over a tree: up from the leaves, each node's factors; down from the
 * root, what is outside of each node. A row of n costs n steps, at every order of differentiation.
 */
export class ProdOthers extends Func {
  override forward(x: NDArray): NDArray {
    return reductions.prodOthers(x)
  }

  override backward(gy: Variable): Variable {
    const x = this.input
    const n = x.shape[x.ndim - 1]!
    const outer = x.shape.slice(0, -1)
    let width = 1
    while (width < n) width *= 2
    const before: [number, number][] = outer.map(() => [0, 0])
    let value = pad(x, [...before, [0, width - n]], { value: 1 })
    let slope = pad(gy, [...before, [0, width - n]])
    const half = (pairs: Variable, i: number) => slice(pairs, [...outer.map(() => null), null, [i, i + 1]])
    const inPairs = (row: Variable) => reshape(row, [...outer, row.shape[row.ndim - 1]! / 2, 2])
    const levels: [value: Variable, slope: Variable][] = []
    while (width > 1) {
      const [values, slopes] = [inPairs(value), inPairs(slope)]
      levels.push([values, slopes])
      width /= 2
      const [left, right] = [half(values, 0), half(values, 1)]
      value = reshape(mul(left, right), [...outer, width])
      slope = reshape(add(mul(half(slopes, 0), right), mul(left, half(slopes, 1))), [...outer, width])
    }
    // Outside of the root there is nothing: 1 + ε·0.
    let outside: Variable | null = null
    let outsideSlope: Variable | null = null
    for (const [values, slopes] of levels.reverse()) {
      const [siblings, siblingSlopes]: [Variable, Variable] = [flip(values, -1), flip(slopes, -1)]
      const row: number[] = [...outer, values.shape[outer.length]! * 2]
      if (outside === null || outsideSlope === null) {
        outside = reshape(siblings, row)
        outsideSlope = reshape(siblingSlopes, row)
        continue
      }
      const [above, aboveSlope]: [Variable, Variable] = [
        expandDims(outside, -1),
        expandDims(outsideSlope, -1),
      ]
      outside = reshape(mul(siblings, above), row)
      outsideSlope = reshape(add(mul(siblingSlopes, above), mul(siblings, aboveSlope)), row)
    }
    // One factor alone has no others, whose product is 1, whatever it is.
    if (outsideSlope === null) return mul(gy, 0)
    return slice(outsideSlope, [...outer.map(() => null), [0, n]])
  }
}

/**
 * For each element the product of all others along the last axis: what the gradient of `prod` is made of.
 *
 * Shapes   x [..., n] → [..., n]
 * Throws   BAD_AXIS for a scalar.
 */
export function prodOthers(x: Operand): Variable {
  return new ProdOthers().apply1(x)
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
    checkOptions(attributes, ['axis'], 'cumsum')
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

/** Rows of up to this many factors take a square of as many rows. */
const SQUARE_MAX = 256

/** Running products.  Backward gxᵢ = Σ gyⱼ·yⱼ/xᵢ over j ≥ i, without the division where a factor is 0. */
export class CumProd extends Func {
  private readonly axis: number | undefined

  constructor(attributes: CumSumOptions = {}) {
    checkOptions(attributes, ['axis'], 'cumprod')
    if (attributes.axis === undefined) {
      super()
      return
    }
    const axis = integerOf(attributes.axis, undefined, -Infinity, 'axis', 'cumprod')
    super({ axis })
    this.axis = axis
  }

  override forward(x: NDArray): NDArray {
    return cumprodOf(x, this.axis)
  }

  override backward(gy: Variable): Variable {
    const { input } = this
    const x = this.axis === undefined ? reshape(input, [-1]) : input
    const axis = this.axis ?? 0
    const gradient = input.wholeData.data.includes(0)
      ? this.withoutDivision(x, gy)
      : div(flip(cumsum(flip(mul(gy, this.output), axis), { axis }), axis), x)
    return reshape(gradient, input.shape)
  }

  /**
   * gxᵢ is what stands before xᵢ, ∏xₖ over k < i, times sᵢ = Σ gyⱼ·∏xₖ over j ≥ i and i < k ≤ j. That is a recurrence,
   * sᵢ = gyᵢ + xᵢ₊₁·sᵢ₊₁, which is solved by doubling: what the next d elements add is known, and by what these are multiplied. So a row
   * of n costs n·log n, at every order of differentiation. Short rows have the bits that they always had, from a square.
   */
  private withoutDivision(x: Variable, gy: Variable): Variable {
    const at = normalizeAxis(this.axis ?? 0, x.ndim, 'cumprod')
    const n = x.shape[at]!
    if (n <= SQUARE_MAX) return this.inSquare(x, gy, at)
    const cut = (row: Variable, from: number, to: number) =>
      slice(row, [...x.shape.slice(0, at).map(() => null), [from, to]])
    const widths = x.shape.map((_, axis): [number, number] => [axis === at ? 1 : 0, 0])
    const before = cumprod(pad(cut(x, 0, n - 1), widths, { value: 1 }), { axis: at })
    let sums = gy
    let factors = cut(x, 1, n)
    for (let d = 1; d < n; d *= 2) {
      const sooner = add(cut(sums, 0, n - d), mul(factors, cut(sums, d, n)))
      sums = concat([sooner, cut(sums, n - d, n)], { axis: at })
      if (2 * d < n) factors = mul(cut(factors, 0, n - 2 * d), cut(factors, d, n - d))
    }
    return mul(before, sums)
  }

  /** Row j of a square holds the factors of yⱼ, and 1 after them: the gradient of each is the product of the others of its row. */
  private inSquare(x: Variable, gy: Variable, at: number): Variable {
    const order = [...x.shape.keys()].filter((axis) => axis !== at).concat(at)
    const inverse = order.map((_, axis) => order.indexOf(axis))
    const n = x.shape[at]!
    const within = allocate('bool', fixedShape([n, n]))
    for (let j = 0; j < n; j++) within.buffer.fill(1, within.offset + j * n, within.offset + j * n + j + 1)
    const square = where(within, expandDims(transpose(x, order), -2), 1)
    const others = where(within, prodOthers(square), 0)
    const gradient = sum(mul(others, expandDims(transpose(gy, order), -1)), { axis: -2 })
    return transpose(gradient, inverse)
  }
}

/**
 * The products of all elements up to each along an axis.
 *
 * Shapes   x [2, 3], axis 1 → [2, 3]; without an axis → [6]
 * Throws   BAD_AXIS.
 */
export function cumprod(x: Operand, options: CumSumOptions = {}): Variable {
  return new CumProd(options).apply1(x)
}

registerFunc(CumProd, { name: 'cumprod' })
registerFunc(Prod, { name: 'prod' })
registerFunc(ProdOthers, { name: 'prodOthers' })
registerFunc(CumSum, { name: 'cumsum' })
