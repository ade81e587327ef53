/** Vectors brought to length 1, and the distances between them. */
import { distances } from '../array/distances.js'
import { isFloating, promoteTypes } from '../array/dtype.js'
import type { NDArray } from '../array/ndarray.js'
import { promotedToFloat } from '../array/promotion.js'
import { broadcastShapes, formatShape, sameShape } from '../array/shape.js'
import { TapeError } from '../errors.js'
import { Func } from '../graph/func.js'
import { registerFunc } from '../graph/registry.js'
import { asVariable, type Operand, type Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { div, mul, neg, sign, sub } from './arithmetic.js'
import { type Axis, axisOf, numberOf, refuse } from './attributes.js'
import { clip } from './bounds.js'
import { equal, where } from './comparison.js'
import { sum } from './reductions.js'
import { broadcastTo, expandDims } from './shapes.js'
import { norm } from './statistics.js'

/** Settings of `normalize`. */
export interface NormalizeOptions {
  /** The order of the norm. Default 2. */
  ord?: number | undefined
  /** The axis along which vectors lie, or axes. Default the last. */
  axis?: Axis | undefined
  /** Shorter vectors are divided by this. Default 1e-12. */
  eps?: number | undefined
}

/**
 * Vectors divided by their lengths.
 *
 * Throws   BAD_AXIS; BAD_ARGUMENT
 * Source   PyTorch `nn.functional.normalize`, whose dim is 1 unless said
 */
export function normalize(x: Operand, options: NormalizeOptions = {}): Variable {
  checkOptions(options, ['ord', 'axis', 'eps'], 'normalize')
  const eps = numberOf(options.eps, 1e-12, 'eps', 'normalize')
  if (eps <= 0) refuse(`normalize expected eps above 0, got ${eps}`)
  const given = asVariable(x)
  const axis = axisOf(options.axis, 'normalize') ?? -1
  const length = norm(given, { ord: options.ord ?? 2, axis, keepdims: true })
  return div(given, clip(length, { min: eps }))
}

/** The distance of each of the vectors a from each of b.  Backward: gy·(a − b)/distance (0 where that is 0), or gy·sign(a − b), summed over the others. */
export class Cdist extends Func {
  private readonly ord: 1 | 2

  constructor(attributes: { ord: 1 | 2 }) {
    checkOptions(attributes, ['ord'], 'cdist')
    const ord: number = numberOf(attributes.ord, 2, 'ord', 'cdist')
    if (ord !== 1 && ord !== 2) refuse(`cdist expected ord 1 or 2 of a call by itself, got ${ord}`)
    super({ ord })
    this.ord = ord as 1 | 2
  }

  override forward(a: NDArray, b: NDArray): NDArray {
    const [x, y] = promotedToFloat([a, b] as const)
    if (
      x.ndim < 2 ||
      x.ndim !== y.ndim ||
      !sameShape([...x.shape.slice(0, -2), x.shape.at(-1)!], [...y.shape.slice(0, -2), y.shape.at(-1)!])
    )
      throw new TapeError(
        'SHAPE_MISMATCH',
        `cdist expected vectors [..., m, d] and [..., n, d] of the same leading axes, got ${formatShape(x.shape)} and ${formatShape(y.shape)}`,
      )
    return distances(x, y, this.ord === 2)
  }

  override backward(gy: Variable): (Variable | null)[] {
    const [a, b] = [this.inputAt(0), this.inputAt(1)]
    const differences = sub(expandDims(a, -2), expandDims(b, -3))
    const distance = this.output
    const isNone = equal(distance, 0)
    const slope =
      this.ord === 1
        ? mul(expandDims(gy, -1), sign(differences))
        : mul(expandDims(where(isNone, 0, div(gy, where(isNone, 1, distance))), -1), differences)
    return [
      this.needsGradient(0) ? sum(slope, { axis: -2 }) : null,
      this.needsGradient(1) ? neg(sum(slope, { axis: -3 })) : null,
    ]
  }
}

/**
 * The distance of each of the vectors a from each of b.
 *
 * Shapes   a [..., m, d], b [..., n, d] → [..., m, n]; leading axes broadcast
 * Throws   SHAPE_MISMATCH; BAD_SHAPE for fewer than two axes
 * Source   PyTorch `cdist`; by differences, so that distances of near vectors keep their digits
 */
export function cdist(a: Operand, b: Operand, options: { ord?: number | undefined } = {}): Variable {
  checkOptions(options, ['ord'], 'cdist')
  const left = asVariable(a)
  const right = asVariable(b, left)
  if (left.ndim < 2 || right.ndim < 2)
    throw new TapeError(
      'BAD_SHAPE',
      `cdist expected vectors [..., m, d] and [..., n, d], got ${formatShape(left.shape)} and ${formatShape(right.shape)}`,
    )
  if (left.shape.at(-1) !== right.shape.at(-1))
    throw new TapeError(
      'SHAPE_MISMATCH',
      `cdist expected vectors of one length, got ${formatShape(left.shape)} and ${formatShape(right.shape)}`,
    )
  const ord = options.ord ?? 2
  if ((ord === 1 || ord === 2) && isFloating(promoteTypes(left.dtype, right.dtype))) {
    const lead = broadcastShapes(left.shape.slice(0, -2), right.shape.slice(0, -2), 'cdist')
    const whole = (of: Variable) => broadcastTo(of, [...lead, ...of.shape.slice(-2)])
    return new Cdist({ ord }).apply2(whole(left), whole(right))
  }
  const differences = sub(expandDims(left, -2), expandDims(right, -3))
  return norm(differences, { ord, axis: -1 })
}

registerFunc(Cdist, { name: 'cdist' })
