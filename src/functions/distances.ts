/** Losses that measure how far predictions are from targets, and how alike two vectors or distributions are. */
import * as comparison from '../array/comparison.js'
import type { TypedArray } from '../array/dtype.js'
import * as elementwise from '../array/elementwise.js'
import { kernel } from '../array/kernel.js'
import { allocateUnset, type NDArray, scalar } from '../array/ndarray.js'
import { promotedToFloat } from '../array/promotion.js'
import * as rearrange from '../array/rearrange.js'
import * as reductions from '../array/reductions.js'
import { broadcastShapes, formatShape, normalizeAxis, sameShape } from '../array/shape.js'
import { TapeError, valueText } from '../errors.js'
import { Func } from '../graph/func.js'
import { registerFunc } from '../graph/registry.js'
import { asVariable, type Operand, type Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { hardtanh, relu } from './activations.js'
import { add, div, mul, neg, sign, sqrt, square, sub } from './arithmetic.js'
import { flagOf, numberOf, oneAxisOf, refuse } from './attributes.js'
import { cast } from './casting.js'
import { equal, greater, where } from './comparison.js'
import { exp, log } from './exponential.js'
import {
  ElementLoss,
  type LossOptions,
  type LossReduction,
  reductionOf,
  requirePair,
} from './loss-reduction.js'
import { mean, sum } from './reductions.js'
import { broadcastTo, expandDims, sumTo } from './shapes.js'
import { norm } from './statistics.js'

/** What losses of a − b share: only the loss of a difference and its slope differ. */
abstract class DifferenceLoss extends ElementLoss {
  protected abstract lossOf(difference: NDArray): NDArray
  protected abstract slopeOf(difference: Variable): Variable

  override forward(a: NDArray, b: NDArray): NDArray {
    requirePair(a.shape, b.shape, this.name)
    const [x, y] = promotedToFloat([a, b] as const)
    return this.reduced(this.lossAtOnce(x, y) ?? this.lossOf(elementwise.sub(x, y)))
  }

  /** The losses in one pass, with the bits of `lossOf`; null where there is no code for it. */
  protected lossAtOnce(_x: NDArray, _y: NDArray): NDArray | null {
    return null
  }

  override backward(gy: Variable): (Variable | null)[] {
    const a = cast(this.inputAt(0), gy.dtype)
    const b = cast(this.inputAt(1), gy.dtype)
    const difference = sub(a, b)
    const slope = mul(this.slopeOf(difference), this.share(gy, difference.size))
    return [
      this.needsGradient(0) ? sumTo(slope, a.shape) : null,
      this.needsGradient(1) ? sumTo(neg(slope), b.shape) : null,
    ]
  }
}

/** |a − b|.  Backward ga = gy·sign(a − b), gb = −ga; 0 where a = b. */
export class L1Loss extends DifferenceLoss {
  constructor(attributes: LossOptions = {}) {
    checkOptions(attributes, ['reduction'], 'l1Loss')
    super(reductionOf(attributes.reduction, 'l1Loss'))
  }

  protected override lossOf(difference: NDArray): NDArray {
    return elementwise.abs(difference)
  }

  protected override slopeOf(difference: Variable): Variable {
    return sign(difference)
  }
}

/** What a gate of native code gives for two arrays of one shape; null where there is none. */
function gated(op: 'smoothL1' | 'huber', x: NDArray, y: NDArray, p: number): NDArray | null {
  if (kernel.fused === undefined || !sameShape(x.shape, y.shape)) return null
  const out = allocateUnset(x.dtype, x.shape, x.size)
  const isDone = kernel.fused.gate(
    ...([op, x.buffer, x.offset, y.buffer, y.offset, p, 0.5 * p, out.buffer, out.offset, x.size] as const),
  )
  return isDone ? out : null
}

/**
 * The mean of |a − b|.
 *
 * Shapes   a, b of one shape, or one broadcasts to the other → [], or that shape for reduction 'none'; so it is in all losses here.
 * Throws   SHAPE_MISMATCH, also when both would have to be repeated.
 */
export function l1Loss(a: Operand, b: Operand, options: LossOptions = {}): Variable {
  return new L1Loss(options).apply2(a, b)
}

export interface SmoothL1Options extends LossOptions {
  /** Up to where the loss is a parabola. Default 1; 0 is l1Loss. */
  beta?: number | undefined
}

/** d = a − b: d²/(2·beta) where |d| < beta, |d| − beta/2 elsewhere.  Backward ga = gy·d/beta within ±1, gb = −ga. */
export class SmoothL1Loss extends DifferenceLoss {
  private readonly beta: number

  constructor(attributes: SmoothL1Options = {}) {
    checkOptions(attributes, ['beta', 'reduction'], 'smoothL1Loss')
    const beta = numberOf(attributes.beta, 1, 'beta', 'smoothL1Loss')
    if (beta < 0) refuse(`smoothL1Loss expected beta of at least 0, got ${beta}`)
    super(reductionOf(attributes.reduction, 'smoothL1Loss'), { beta })
    this.beta = beta
  }

  protected override lossOf(difference: NDArray): NDArray {
    const { beta } = this
    const out = allocateUnset(difference.dtype, difference.shape, difference.size)
    bent(difference.buffer, difference.offset, out.buffer, out.offset, out.size, beta)
    return out
  }

  protected override lossAtOnce(x: NDArray, y: NDArray): NDArray | null {
    return gated('smoothL1', x, y, this.beta)
  }

  protected override slopeOf(difference: Variable): Variable {
    if (this.beta === 0) return sign(difference)
    // Unlike that of clip, its slope at a bound is 0.
    return hardtanh(div(difference, this.beta))
  }
}

/** The mean of a loss that is a parabola near 0 and |a − b| far away. Throws BAD_ARGUMENT for a beta below 0; SHAPE_MISMATCH. */
export function smoothL1Loss(a: Operand, b: Operand, options: SmoothL1Options = {}): Variable {
  return new SmoothL1Loss(options).apply2(a, b)
}

/** Of each difference the size d, and of that d²/(2·beta) below beta, d − beta/2 from there on. */
function bent(x: TypedArray, from: number, out: TypedArray, to: number, count: number, beta: number): void {
  const half = 0.5 * beta
  for (let i = 0; i < count; i++) {
    const d = Math.abs(x[from + i]!)
    const square = 0.5 * d * d
    // What is divided by 1 stays.
    out[to + i] = d < beta ? (beta === 1 ? square : square / beta) : d - half
  }
}

export interface HuberOptions extends LossOptions {
  /** Up to where the loss is a parabola, above 0. Default 1. */
  delta?: number | undefined
}

/** d = a − b: d²/2 where |d| ≤ delta, delta·(|d| − delta/2) elsewhere.  Backward ga = gy·d within ±delta, gb = −ga. */
export class HuberLoss extends DifferenceLoss {
  private readonly delta: number

  constructor(attributes: HuberOptions = {}) {
    checkOptions(attributes, ['delta', 'reduction'], 'huberLoss')
    const delta = numberOf(attributes.delta, 1, 'delta', 'huberLoss')
    if (delta <= 0) refuse(`huberLoss expected delta above 0, got ${delta}`)
    super(reductionOf(attributes.reduction, 'huberLoss'), { delta })
    this.delta = delta
  }

  protected override lossOf(difference: NDArray): NDArray {
    const { delta } = this
    const out = allocateUnset(difference.dtype, difference.shape, difference.size)
    const [from, to] = [difference.buffer, out.buffer]
    const [first, at] = [difference.offset, out.offset]
    for (let i = 0; i < out.size; i++) {
      const d = Math.abs(from[first + i]!)
      to[at + i] = d <= delta ? 0.5 * d * d : delta * (d - 0.5 * delta)
    }
    return out
  }

  protected override lossAtOnce(x: NDArray, y: NDArray): NDArray | null {
    return gated('huber', x, y, this.delta)
  }

  protected override slopeOf(difference: Variable): Variable {
    return hardtanh(difference, { min: -this.delta, max: this.delta })
  }
}

/** The mean of a loss that is d²/2 near 0 and grows by delta a unit far away. Throws BAD_ARGUMENT unless delta > 0; SHAPE_MISMATCH. */
export function huberLoss(a: Operand, b: Operand, options: HuberOptions = {}): Variable {
  return new HuberLoss(options).apply2(a, b)
}

export interface HingeOptions extends LossOptions {
  /** How far on the right side a score costs nothing. Default 1. */
  margin?: number | undefined
}

/** max(0, margin − x·t).  Backward gx = −gy·t, gt = −gy·x where that is above 0. */
export class HingeLoss extends ElementLoss {
  private readonly margin: number

  constructor(attributes: HingeOptions = {}) {
    checkOptions(attributes, ['margin', 'reduction'], 'hingeLoss')
    const margin = numberOf(attributes.margin, 1, 'margin', 'hingeLoss')
    super(reductionOf(attributes.reduction, 'hingeLoss'), { margin })
    this.margin = margin
  }

  override forward(x: NDArray, t: NDArray): NDArray {
    requirePair(x.shape, t.shape, 'hingeLoss')
    const [from, to] = promotedToFloat([x, t] as const)
    const room = elementwise.sub(scalar(this.margin, from.dtype), elementwise.mul(from, to))
    return this.reduced(elementwise.relu(room))
  }

  override backward(gy: Variable): (Variable | null)[] {
    const x = cast(this.inputAt(0), gy.dtype)
    const t = cast(this.inputAt(1), gy.dtype)
    const product = mul(x, t)
    const short = greater(sub(this.margin, product), 0)
    const slope = where(short, neg(this.share(gy, product.size)), 0)
    return [
      this.needsGradient(0) ? sumTo(mul(slope, t), x.shape) : null,
      this.needsGradient(1) ? sumTo(mul(slope, x), t.shape) : null,
    ]
  }
}

/** The mean of max(0, margin − x·t) for scores x and targets t of −1 and 1. Throws SHAPE_MISMATCH. */
export function hingeLoss(x: Operand, t: Operand, options: HingeOptions = {}): Variable {
  return new HingeLoss(options).apply2(x, t)
}

export interface KlDivergenceOptions {
  /** Whether the targets are logarithms too. Default false. */
  logTarget?: boolean | undefined
  /** As in the other losses, or 'batchMean': the sum divided by the extent of the first axis, which is the divergence of a row. */
  reduction?: LossReduction | 'batchMean' | undefined
}

/**
 * t·(ln t − x), 0 where t = 0, for logarithms x of probabilities.  Backward gx = −gy·t, gt = gy·(ln t + 1 − x) where t > 0, else 0.
 * With logarithms t: eᵗ·(t − x), gx = −gy·eᵗ, gt = gy·eᵗ·(t − x + 1).
 */
export class KlDivergence extends Func {
  private readonly logTarget: boolean
  private readonly reduction: LossReduction | 'batchMean'

  constructor(attributes: KlDivergenceOptions = {}) {
    checkOptions(attributes, ['logTarget', 'reduction'], 'klDivergence')
    const logTarget = flagOf(attributes.logTarget, false, 'logTarget', 'klDivergence')
    const given: unknown = attributes.reduction
    const known = given === undefined || ['mean', 'sum', 'none', 'batchMean'].includes(given as string)
    if (!known || Array.isArray(given))
      refuse(
        `klDivergence expected reduction to be 'mean', 'sum', 'none' or 'batchMean', got ${valueText(given)}`,
      )
    const reduction = attributes.reduction ?? 'mean'
    super({ logTarget, reduction })
    this.logTarget = logTarget
    this.reduction = reduction
  }

  override forward(x: NDArray, t: NDArray): NDArray {
    requirePair(x.shape, t.shape, 'klDivergence')
    const [from, to] = promotedToFloat([x, t] as const)
    if (this.reduction === 'batchMean' && Math.max(from.ndim, to.ndim) === 0)
      refuse("klDivergence expected rows for reduction 'batchMean', got a scalar")
    const losses = this.lossesOf(from, to)
    if (this.reduction === 'none') return losses
    if (this.reduction === 'mean') return reductions.mean(losses)
    const total = reductions.sum(losses)
    return this.reduction === 'sum' ? total : elementwise.div(total, scalar(losses.shape[0]!, total.dtype))
  }

  private lossesOf(x: NDArray, t: NDArray): NDArray {
    if (this.logTarget) return elementwise.mul(elementwise.exp(t), elementwise.sub(t, x))
    const none = comparison.equal(t, scalar(0, t.dtype))
    const one = comparison.where(none, scalar(1, t.dtype), t)
    return elementwise.mul(
      t,
      elementwise.sub(elementwise.log(one), comparison.where(none, scalar(0, t.dtype), x)),
    )
  }

  override backward(gy: Variable): (Variable | null)[] {
    const x = cast(this.inputAt(0), gy.dtype)
    const t = cast(this.inputAt(1), gy.dtype)
    const share = this.share(gy, sub(x, t))
    if (this.logTarget) {
      const p = mul(exp(t), share)
      return [
        this.needsGradient(0) ? sumTo(neg(broadcastTo(p, wider(x, t))), x.shape) : null,
        this.needsGradient(1) ? sumTo(mul(p, add(sub(t, x), 1)), t.shape) : null,
      ]
    }
    const some = greater(t, 0)
    const logs = log(where(some, t, 1))
    return [
      this.needsGradient(0) ? sumTo(neg(broadcastTo(mul(t, share), wider(x, t))), x.shape) : null,
      this.needsGradient(1) ? sumTo(where(some, mul(sub(add(logs, 1), x), share), 0), t.shape) : null,
    ]
  }

  private share(gy: Variable, whole: Variable): Variable {
    if (this.reduction === 'mean') return div(gy, whole.size)
    return this.reduction === 'batchMean' ? div(gy, whole.shape[0]!) : gy
  }
}

function wider(a: Variable, b: Variable): readonly number[] {
  return broadcastShapes(a.shape, b.shape, 'klDivergence')
}

/**
 * How far the distribution of which x are the logarithms is from the targets t: Σ t·(ln t − x).
 *
 * Shapes   x, t of one shape, or one broadcasts to the other → [], or that shape for reduction 'none'
 * Throws   SHAPE_MISMATCH; BAD_ARGUMENT.
 * Source   PyTorch `kl_div`; 'batchMean' is its 'batchmean', which is what most want.
 */
export function klDivergence(x: Operand, t: Operand, options: KlDivergenceOptions = {}): Variable {
  return new KlDivergence(options).apply2(x, t)
}

export interface CosineSimilarityOptions {
  /** The axis of the vectors. Default the last. */
  axis?: number | undefined
  /** A length below this counts as this. Default 1e-8. */
  eps?: number | undefined
}

/**
 * y = â·b̂ with â = a/max(‖a‖, eps).  Backward ga = gy·(b̂ − y·â)/max(‖a‖, eps), without y·â where ‖a‖ ≤ eps; gb alike.
 */
export class CosineSimilarity extends Func {
  private readonly axis: number
  private readonly eps: number

  constructor(attributes: CosineSimilarityOptions = {}) {
    checkOptions(attributes, ['axis', 'eps'], 'cosineSimilarity')
    const axis = oneAxisOf(attributes.axis, -1, 'cosineSimilarity')
    const eps = numberOf(attributes.eps, 1e-8, 'eps', 'cosineSimilarity')
    if (eps <= 0) refuse(`cosineSimilarity expected eps above 0, got ${eps}`)
    super({ axis, eps })
    this.axis = axis
    this.eps = eps
  }

  override forward(a: NDArray, b: NDArray): NDArray {
    const [x, y] = promotedToFloat([a, b] as const)
    const shape = broadcastShapes(x.shape, y.shape, 'cosineSimilarity')
    const axis = normalizeAxis(this.axis, shape.length, 'cosineSimilarity')
    const unit = (from: NDArray): NDArray => {
      const wide = sameShape(from.shape, shape) ? from : rearrange.broadcastTo(from, shape)
      const length = elementwise.sqrt(reductions.sum(elementwise.square(wide), { axis, keepdims: true }))
      return elementwise.div(wide, elementwise.clip(length, this.eps))
    }
    return reductions.sum(elementwise.mul(unit(x), unit(y)), { axis })
  }

  override backward(gy: Variable): (Variable | null)[] {
    const [a, b] = [cast(this.inputAt(0), gy.dtype), cast(this.inputAt(1), gy.dtype)]
    const shape = broadcastShapes(a.shape, b.shape, 'cosineSimilarity')
    const axis = normalizeAxis(this.axis, shape.length, 'cosineSimilarity')
    const [left, right] = [this.unit(broadcastTo(a, shape), axis), this.unit(broadcastTo(b, shape), axis)]
    const y = expandDims(this.output, axis)
    const g = expandDims(gy, axis)
    const through = (one: Unit, other: Unit): Variable =>
      mul(g, div(sub(other.unit, where(one.long, mul(y, one.unit), 0)), one.length))
    return [
      this.needsGradient(0) ? sumTo(through(left, right), a.shape) : null,
      this.needsGradient(1) ? sumTo(through(right, left), b.shape) : null,
    ]
  }

  private unit(x: Variable, axis: number): Unit {
    const true_ = norm(x, { axis, keepdims: true })
    const long = greater(true_, this.eps)
    const length = where(long, true_, this.eps)
    return { unit: div(x, length), length, long }
  }
}

interface Unit {
  readonly unit: Variable
  readonly length: Variable
  readonly long: Variable
}

/**
 * The cosine of the angle between vectors along an axis.
 *
 * Shapes   a, b broadcast; [n, d], axis 1 → [n]
 * Throws   SHAPE_MISMATCH, BAD_AXIS; BAD_ARGUMENT unless eps > 0.
 * Source   PyTorch `cosine_similarity`, whose default axis is 1; here it is the last.
 */
export function cosineSimilarity(a: Operand, b: Operand, options: CosineSimilarityOptions = {}): Variable {
  return new CosineSimilarity(options).apply2(a, b)
}

export interface CosineEmbeddingOptions extends LossOptions {
  /** Up to this cosine a pair that shall differ costs nothing, from −1 to 1. Default 0. */
  margin?: number | undefined
}

/** Added to squared lengths, so that a vector of zeros has a direction. */
const LEAST_SQUARE = 1e-12

/**
 * The mean of 1 − cos(a, b) for pairs that shall be alike (t = 1) and of max(0, cos(a, b) − margin) for those that shall differ (t = −1).
 * A composition: the tape records its parts.
 *
 * Shapes   a, b [n, d], t [n] of 1 and −1 → [], or [n] for reduction 'none'; or a, b [d], t []
 * Throws   SHAPE_MISMATCH; BAD_VALUE for other targets; BAD_ARGUMENT.
 * Source   PyTorch `cosine_embedding_loss`.
 */
export function cosineEmbeddingLoss(
  a: Operand,
  b: Operand,
  t: Operand,
  options: CosineEmbeddingOptions = {},
): Variable {
  const what = 'cosineEmbeddingLoss'
  checkOptions(options, ['margin', 'reduction'], what)
  const margin = numberOf(options.margin, 0, 'margin', what)
  if (margin < -1 || margin > 1) refuse(`${what} expected margin from −1 to 1, got ${margin}`)
  const reduction = reductionOf(options.reduction, what)
  const left = asVariable(a)
  const right = asVariable(b, left)
  const targets = asVariable(t, left)
  if (
    !sameShape(left.shape, right.shape) ||
    !sameShape(targets.shape, left.shape.slice(0, -1)) ||
    left.ndim === 0
  )
    throw new TapeError(
      'SHAPE_MISMATCH',
      `${what} expected a and b [n, d] and t [n], got ${formatShape(left.shape)}, ${formatShape(right.shape)} and ${formatShape(targets.shape)}`,
    )
  const strange = targets.wholeData.data.findIndex((value: number) => value !== 1 && value !== -1)
  if (strange >= 0)
    throw new TapeError(
      'BAD_VALUE',
      `${what} expected targets of 1 and −1, got ${targets.wholeData.data[strange]} at element ${strange}`,
    )
  const along = { axis: -1 }
  const lengths = mul(
    add(sum(square(left), along), LEAST_SQUARE),
    add(sum(square(right), along), LEAST_SQUARE),
  )
  const cosine = div(sum(mul(left, right), along), sqrt(lengths))
  const losses = where(equal(targets, 1), sub(1, cosine), relu(sub(cosine, margin)))
  if (reduction === 'none') return losses
  return reduction === 'sum' ? sum(losses) : mean(losses)
}

registerFunc(L1Loss, { name: 'l1Loss' })
registerFunc(SmoothL1Loss, { name: 'smoothL1Loss' })
registerFunc(HuberLoss, { name: 'huberLoss' })
registerFunc(HingeLoss, { name: 'hingeLoss' })
registerFunc(KlDivergence, { name: 'klDivergence' })
registerFunc(CosineSimilarity, { name: 'cosineSimilarity' })
