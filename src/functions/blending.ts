/** Means of two neighbours along an axis, and their adjoint: what linear interpolation is made of. */
import { type BlendShape, blend as blendOf, blendScatter as scatterOf } from '../array/blend.js'
import { isFloating } from '../array/dtype.js'
import type { NDArray } from '../array/ndarray.js'
import { formatShape, normalizeAxis } from '../array/shape.js'
import { TapeError } from '../errors.js'
import { Func } from '../graph/func.js'
import { registerFunc } from '../graph/registry.js'
import type { Operand, Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { flagOf, integerOf, numberOf, refuse } from './attributes.js'

export interface BlendOptions {
  /** Which axis, counted from the end: −1 is the last. */
  axis: number
  /** How many places the axis has before. */
  from: number
  /** How many it has afterwards. */
  to: number
  /** From one place afterwards to the next, in places before. */
  step: number
  /** Whether the ends of both lie on each other, whatever the step. Default false. */
  alignCorners?: boolean | undefined
}

abstract class Blending extends Func {
  protected readonly axis: number
  protected readonly form: BlendShape

  constructor(attributes: BlendOptions, what: string) {
    checkOptions(attributes, ['axis', 'from', 'to', 'step', 'alignCorners'], what)
    const axis = integerOf(attributes.axis, undefined, -Infinity, 'axis', what)
    if (axis >= 0) refuse(`${what} expected an axis counted from the end, as -1, got ${axis}`)
    const from = integerOf(attributes.from, undefined, 1, 'from', what)
    const to = integerOf(attributes.to, undefined, 1, 'to', what)
    const step = numberOf(attributes.step, undefined, 'step', what)
    if (step <= 0) refuse(`${what} expected step above 0, got ${step}`)
    const alignCorners = flagOf(attributes.alignCorners, false, 'alignCorners', what)
    super({ axis, from, to, step, alignCorners })
    this.axis = axis
    this.form = { extent: from, count: to, step, alignCorners }
  }

  protected get options(): BlendOptions {
    const { extent, count, step, alignCorners } = this.form
    return { axis: this.axis, from: extent, to: count, step, alignCorners }
  }

  protected place(x: NDArray, extent: number): number {
    const axis = normalizeAxis(this.axis, x.ndim, this.name)
    if (x.shape[axis] !== extent)
      throw new TapeError(
        'SHAPE_MISMATCH',
        `${this.name} expected ${extent} places along axis ${this.axis}, got ${formatShape(x.shape)}`,
      )
    return axis
  }
}

/** Each place as a mean of two neighbours.  Backward: each gets its share of the places that it is in. */
export class Blend extends Blending {
  constructor(attributes: BlendOptions) {
    super(attributes, 'blend')
  }

  override forward(x: NDArray): NDArray {
    const from = isFloating(x.dtype) ? x : x.astype('float64')
    return blendOf(from, this.place(x, this.form.extent), this.form)
  }

  override backward(gy: Variable): Variable {
    return new BlendScatter(this.options).apply1(gy)
  }
}

/**
 * Places along an axis, each a mean of two neighbours.
 *
 * Shapes   x [..., from, ...] → [..., to, ...]
 * Throws   BAD_AXIS; SHAPE_MISMATCH; BAD_ARGUMENT
 */
export function blend(x: Operand, options: BlendOptions): Variable {
  return new Blend(options).apply1(x)
}

/** The adjoint of blend.  Backward gx = blend(gy). */
export class BlendScatter extends Blending {
  constructor(attributes: BlendOptions) {
    super(attributes, 'blendScatter')
  }

  override forward(g: NDArray): NDArray {
    const from = isFloating(g.dtype) ? g : g.astype('float64')
    return scatterOf(from, this.place(g, this.form.count), this.form)
  }

  override backward(gy: Variable): Variable {
    return new Blend(this.options).apply1(gy)
  }
}

/** gy, of the places afterwards, given back to those before. Throws as blend. */
export function blendScatter(gy: Operand, options: BlendOptions): Variable {
  return new BlendScatter(options).apply1(gy)
}

registerFunc(Blend, { name: 'blend' })
registerFunc(BlendScatter, { name: 'blendScatter' })
