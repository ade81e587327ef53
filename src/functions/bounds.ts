/** The larger, the smaller, and what lies between two bounds, element by element. Where two are equal they share a gradient. */

import * as comparison from '../array/comparison.js'
import * as elementwise from '../array/elementwise.js'
import { gate, shareOfLarger } from '../array/gates.js'
import { type NDArray, scalar } from '../array/ndarray.js'
import { valueText } from '../errors.js'
import type { Attributes } from '../graph/attributes.js'
import { Func } from '../graph/func.js'
import { needsCalls } from '../graph/mapped.js'
import { registerFunc } from '../graph/registry.js'
import { type Operand, Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { refuse } from './attributes.js'
import { greaterEqual, lessEqual, logicalAnd, where } from './comparison.js'
import { sumTo } from './shapes.js'

/**
 * What of gy the first of two operands gets when the larger one is chosen: gy where a > b, half of it where they are equal,
 * 0 where a < b, and gy for both where one is NaN, so that a NaN is not hidden.
 * Backward: linear in gy, element by element; constant in a and b but where they cross.
 */
export class LargerShare extends Func {
  override forward(gy: NDArray, a: NDArray, b: NDArray): NDArray {
    const share = shareOfLarger(gy, a, b)
    if (share !== null) return share
    const half = elementwise.mul(gy, scalar(0.5, gy.dtype))
    const upper = comparison.where(comparison.equal(a, b), half, gy)
    return comparison.where(comparison.less(a, b), scalar(0, gy.dtype), upper)
  }

  override backward(g: Variable): (Variable | null)[] {
    return [sumTo(largerShare(g, this.inputAt(1), this.inputAt(2)), this.inputAt(0).shape), null, null]
  }
}

/** What of gy goes to a when the larger of a and b is chosen; see LargerShare. */
export function largerShare(gy: Operand, a: Operand, b: Operand): Variable {
  return new LargerShare().apply(gy, a, b)
}

/** The larger of two.  Backward: gy goes to the larger operand, half to each where they are equal. */
export class Maximum extends Func {
  override forward(a: NDArray, b: NDArray): NDArray {
    return elementwise.maximum(a, b)
  }

  override backward(gy: Variable): (Variable | null)[] {
    const a = this.inputAt(0)
    const b = this.inputAt(1)
    return [
      this.needsGradient(0) ? sumTo(largerShare(gy, a, b), a.shape) : null,
      this.needsGradient(1) ? sumTo(largerShare(gy, b, a), b.shape) : null,
    ]
  }
}

/** max(a, b), element by element, broadcast; NaN where either is. */
export function maximum(a: Operand, b: Operand): Variable {
  return new Maximum().apply2(a, b)
}

/** The smaller of two.  Backward: gy goes to the smaller operand, half to each where they are equal. */
export class Minimum extends Func {
  override forward(a: NDArray, b: NDArray): NDArray {
    return elementwise.minimum(a, b)
  }

  override backward(gy: Variable): (Variable | null)[] {
    const a = this.inputAt(0)
    const b = this.inputAt(1)
    return [
      this.needsGradient(0) ? sumTo(largerShare(gy, b, a), a.shape) : null,
      this.needsGradient(1) ? sumTo(largerShare(gy, a, b), b.shape) : null,
    ]
  }
}

/** min(a, b), element by element, broadcast; NaN where either is. */
export function minimum(a: Operand, b: Operand): Variable {
  return new Minimum().apply2(a, b)
}

export interface ClipOptions {
  /** The lower bound. None unless said. */
  min?: number | undefined
  /** The upper bound. None unless said. */
  max?: number | undefined
}

/** x within bounds.  Backward gx = gy where min ≤ x ≤ max, 0 elsewhere. */
export class Clip extends Func {
  private readonly least: number | undefined
  private readonly most: number | undefined

  constructor(attributes: ClipOptions) {
    checkOptions(attributes, ['min', 'max'], 'clip')
    const least = boundOf(attributes.min, 'min', -Infinity)
    const most = boundOf(attributes.max, 'max', Infinity)
    if (least === undefined && most === undefined)
      refuse('clip expected { min }, { max } or both, got neither')
    super(clipAttributes(least, most))
    this.least = least
    this.most = most
  }

  override forward(x: NDArray): NDArray {
    return elementwise.clip(x, this.least, this.most)
  }

  override backward(gy: Variable): Variable {
    const x = this.input
    const { least, most } = this
    // Where nobody will differentiate the gradient it needs no graph: the same bits in one pass.
    const gx = needsCalls(gy, x)
      ? null
      : gate('within', gy.data, x.data, least ?? -Infinity, most ?? Infinity)
    if (gx !== null) return new Variable(gx, false, 'variable')
    if (least === undefined) return where(lessEqual(x, most!), gy, 0)
    const above = greaterEqual(x, least)
    return where(most === undefined ? above : logicalAnd(above, lessEqual(x, most)), gy, 0)
  }
}

/** A bound, or none where it would bound nothing: a tape keeps finite numbers only. */
function boundOf(value: unknown, key: string, none: number): number | undefined {
  if (value === undefined || value === null || value === none) return undefined
  if (typeof value === 'number' && Number.isFinite(value)) return value
  return refuse(`clip expected ${key} to be a finite number, got ${valueText(value)}`)
}

function clipAttributes(min: number | undefined, max: number | undefined): Attributes {
  if (min === undefined) return { max }
  return max === undefined ? { min } : { min, max }
}

/** min(max(x, least), most). Throws BAD_ARGUMENT when there is no bound. */
export function clip(x: Operand, options: ClipOptions): Variable {
  return new Clip(options).apply1(x)
}

registerFunc(LargerShare, { name: 'largerShare' })
registerFunc(Maximum, { name: 'maximum' })
registerFunc(Minimum, { name: 'minimum' })
registerFunc(Clip, { name: 'clip' })
