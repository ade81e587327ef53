/** Losses: one number from predictions and targets, the mean over all of them, with a fused forward. */
import { isFloating } from '../array/dtype.js'
import * as elementwise from '../array/elementwise.js'
import { allocate, type NDArray, scalar } from '../array/ndarray.js'
import { promoted, promotedToFloat } from '../array/promotion.js'
import * as reductions from '../array/reductions.js'
import { broadcastShapes, fixedShape, formatShape, type Shape, sameShape, sizeOf } from '../array/shape.js'
import * as softmaxes from '../array/softmax.js'
import { TapeError } from '../errors.js'
import { Func } from '../graph/func.js'
import { needsCalls } from '../graph/mapped.js'
import { registerFunc } from '../graph/registry.js'
import { asVariable, type Operand, Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { div, mul, neg, square, sub } from './arithmetic.js'
import { UNSAID } from './attributes.js'
import { clip } from './bounds.js'
import { cast } from './casting.js'
import { type CrossEntropyOptions, crossEntropy } from './cross-entropy.js'
import { log, log1p } from './exponential.js'
import { oneHot, requireIndices } from './indexing.js'
import {
  type LossOptions,
  type LossReduction,
  labelOperand,
  reduced,
  reductionOf,
  requirePair,
} from './loss-reduction.js'
import { sum } from './reductions.js'
import { broadcastTo, sumTo } from './shapes.js'
import { logSoftmax, softmax } from './softmax.js'

/**
 * −mean of ln softmax(x) at the labels; with probabilities t as labels, −mean over the rows of Σ t·ln softmax(x).
 * Backward gx = gy/n·(softmax(x)·Σt − t), n rows, where t is the labels' oneHot; gt = −gy/n·ln softmax(x).
 */
export class SoftmaxCrossEntropy extends Func {
  override forward(x: NDArray, labels: NDArray): NDArray {
    requireLabels(x, labels)
    const classes = x.shape[x.ndim - 1]!
    const count = sizeOf(x.shape.slice(0, -1))
    if (isFloating(labels.dtype)) {
      const [wide, shares] = promoted([x, labels] as const)
      const total = reductions.sum(elementwise.mul(softmaxes.logSoftmax(wide, -1), shares))
      return total.map((value) => -value / count)
    }
    const logs = softmaxes.logSoftmax(x, -1)
    const picked = allocate(logs.dtype, fixedShape([count]), count)
    for (let row = 0; row < count; row++) {
      const label = labels.buffer[labels.offset + row]!
      if (label < 0 || label >= classes) refuseLabel(label, row, classes)
      picked.buffer[picked.offset + row] = logs.buffer[logs.offset + row * classes + label]!
    }
    return elementwise.neg(reductions.mean(picked))
  }

  override backward(gy: Variable): (Variable | null)[] {
    const x = this.inputAt(0)
    const labels = this.inputAt(1)
    const classes = x.shape[x.ndim - 1]!
    const share = div(gy, x.size / classes)
    if (!isFloating(labels.dtype)) {
      if (share.dtype === x.dtype && labels.mapped === null && !needsCalls(share, x)) {
        // Nobody will differentiate this gradient, so it needs no graph: the same bits in one array.
        const gradient = softmaxes.crossEntropyGradient(x.data, labels.data, share.data)
        return [new Variable(gradient, false, 'variable'), null]
      }
      const targets = oneHot(labels, { classes, dtype: x.dtype })
      return [mul(sub(softmax(x), targets), share), null]
    }
    const mass = sum(labels, { axis: -1, keepdims: true })
    return [
      this.needsGradient(0) ? mul(sub(mul(softmax(x), mass), labels), share) : null,
      this.needsGradient(1) ? mul(logSoftmax(x), neg(share)) : null,
    ]
  }
}

function requireLabels(x: NDArray, labels: NDArray): void {
  if (x.ndim > 0) {
    if (isFloating(labels.dtype) && sameShape(labels.shape, x.shape)) return
    requireIndices(labels, 'softmaxCrossEntropy: labels')
    if (labels.ndim === x.ndim - 1 && labels.shape.every((extent, axis) => extent === x.shape[axis])) return
  }
  const expected =
    x.ndim > 0 ? `labels ${formatShape(x.shape.slice(0, -1))}` : 'x [n, classes] and labels [n]'
  throw new TapeError(
    'SHAPE_MISMATCH',
    `softmaxCrossEntropy expected ${expected}, got x ${formatShape(x.shape)} and labels ${formatShape(labels.shape)}`,
  )
}

function refuseLabel(label: number, row: number, classes: number): never {
  throw new TapeError(
    'INDEX_OUT_OF_RANGE',
    `softmaxCrossEntropy expected labels from 0 to ${classes - 1} (${classes} classes), got ${label} in row ${row}`,
  )
}

/**
 * The mean cross entropy of softmax(x) with labels; stable for entries of any size. With options it is `crossEntropy`.
 *
 * Shapes   x [n, classes], labels [n] of integers, or [n, classes] of probabilities → []; leading axes may be more than one.
 * Throws   BAD_DTYPE for labels that are neither; INDEX_OUT_OF_RANGE names the row; SHAPE_MISMATCH.
 */
export function softmaxCrossEntropy(
  x: Operand,
  labels: Operand,
  options: CrossEntropyOptions = UNSAID,
): Variable {
  if (options !== UNSAID) return crossEntropy(x, labels, options)
  return new SoftmaxCrossEntropy().apply2(x, labelOperand(labels))
}

/** mean((a − b)²).  Backward ga = gy·2(a − b)/n, gb = −ga, each summed back to its input's shape. */
export class MeanSquaredError extends Func {
  override forward(a: NDArray, b: NDArray): NDArray {
    requirePair(a.shape, b.shape, 'meanSquaredError')
    const [x, y] = promotedToFloat([a, b] as const)
    return reductions.mean(elementwise.square(elementwise.sub(x, y)))
  }

  override backward(gy: Variable): (Variable | null)[] {
    const a = this.inputAt(0)
    const b = this.inputAt(1)
    const difference = sub(a, b)
    const slope = mul(difference, mul(gy, 2 / difference.size))
    return [
      this.needsGradient(0) ? sumTo(slope, a.shape) : null,
      this.needsGradient(1) ? sumTo(neg(slope), b.shape) : null,
    ]
  }
}

/**
 * mean((a − b)²), or their sum, or each.
 *
 * Shapes   a, b of one shape, or one broadcasts to the other → [], or that shape for 'none'
 * Throws   BAD_ARGUMENT for the reduction; SHAPE_MISMATCH, also when both would have to be repeated, as [n, 1] and [n].
 */
export function meanSquaredError(a: Operand, b: Operand, options: LossOptions = UNSAID): Variable {
  checkOptions(options, ['reduction'], 'meanSquaredError')
  const reduction = reductionOf(options.reduction, 'meanSquaredError')
  if (reduction === 'mean') return new MeanSquaredError().apply2(a, b)
  const left = asVariable(a)
  const right = asVariable(b, left)
  requirePair(left.shape, right.shape, 'meanSquaredError')
  const squares = square(sub(cast(left, floatOf(left)), cast(right, floatOf(right))))
  return reduction === 'sum' ? sum(squares) : squares
}

function floatOf({ dtype }: Variable): 'float64' | 'float32' {
  return dtype === 'float32' ? 'float32' : 'float64'
}

/** The logarithms of p and 1 − p are not taken below −100, so that a certain prediction that is wrong costs a finite amount. */
const LOG_LEAST = -100
/** p·(1 − p) is not taken below this where a gradient is divided by it. */
const SPREAD_LEAST = 1e-12

/**
 * −mean(t·ln p + (1 − t)·ln(1 − p)), logarithms at least −100.
 * Backward gp = gy/n·(p − t)/(p·(1 − p)), gt = gy/n·(ln(1 − p) − ln p); of the sum or of each without the n.
 */
export class BinaryCrossEntropy extends Func {
  private readonly reduction: LossReduction

  // The mean, which old tapes hold, is not said.
  constructor(attributes: LossOptions = UNSAID) {
    checkOptions(attributes, ['reduction'], 'binaryCrossEntropy')
    const reduction = reductionOf(attributes.reduction, 'binaryCrossEntropy')
    super(reduction === 'mean' ? UNSAID : { reduction })
    this.reduction = reduction
  }

  override forward(probabilities: NDArray, targets: NDArray): NDArray {
    requirePair(probabilities.shape, targets.shape, 'binaryCrossEntropy')
    requireProbabilities(probabilities)
    const [p, t] = promotedToFloat([probabilities, targets] as const)
    const one = scalar(1, p.dtype)
    const hit = elementwise.mul(t, elementwise.clip(elementwise.log(p), LOG_LEAST))
    const miss = elementwise.clip(elementwise.log1p(elementwise.neg(p)), LOG_LEAST)
    const gains = elementwise.add(hit, elementwise.mul(elementwise.sub(one, t), miss))
    if (this.reduction === 'none') return elementwise.neg(gains)
    return elementwise.neg(this.reduction === 'sum' ? reductions.sum(gains) : reductions.mean(gains))
  }

  override backward(gy: Variable): (Variable | null)[] {
    const p = cast(this.inputAt(0), gy.dtype)
    const t = cast(this.inputAt(1), gy.dtype)
    const difference = sub(p, t)
    const share = this.reduction === 'mean' ? div(gy, difference.size) : gy
    return [
      this.needsGradient(0)
        ? sumTo(mul(div(difference, clip(mul(p, sub(1, p)), { min: SPREAD_LEAST })), share), p.shape)
        : null,
      this.needsGradient(1) ? sumTo(this.gradientOfTarget(share, p, difference.shape), t.shape) : null,
    ]
  }

  private gradientOfTarget(share: Variable, p: Variable, shape: Shape): Variable {
    const hit = clip(log(p), { min: LOG_LEAST })
    const miss = clip(log1p(neg(p)), { min: LOG_LEAST })
    return broadcastTo(mul(sub(miss, hit), share), shape)
  }
}

function requireProbabilities(p: NDArray): void {
  for (let i = 0; i < p.size; i++) {
    const value = p.buffer[p.offset + i]!
    if (value < 0 || value > 1) {
      throw new TapeError(
        'BAD_VALUE',
        `binaryCrossEntropy expected probabilities from 0 to 1, got ${value} at element ${i}; apply sigmoid first`,
      )
    }
  }
}

/** Settings of `binaryCrossEntropy`. */
export interface BinaryCrossEntropyOptions extends LossOptions {
  /** By which the loss of each element is multiplied: of their shape, or it broadcasts to it. The mean is still that of all elements. It has no gradient. */
  weight?: Operand | undefined
}

/**
 * The mean binary cross entropy of probabilities p with targets t, or their sum, or each.
 *
 * Shapes   p, t of one shape, or one broadcasts to the other → [], or that shape for 'none'
 * Throws   BAD_ARGUMENT for the reduction; SHAPE_MISMATCH; BAD_VALUE when p is not within [0, 1]. NaN passes, so that a run records where it came from.
 */
export function binaryCrossEntropy(
  p: Operand,
  t: Operand,
  options: BinaryCrossEntropyOptions = UNSAID,
): Variable {
  checkOptions(options, ['reduction', 'weight'], 'binaryCrossEntropy')
  const { reduction, weight } = options
  if (weight === undefined || weight === null) return new BinaryCrossEntropy({ reduction }).apply2(p, t)
  const asked = reductionOf(reduction, 'binaryCrossEntropy')
  const each = new BinaryCrossEntropy({ reduction: 'none' }).apply2(p, t)
  const shares = asVariable(weight, each).detach()
  requireFits(shares.shape, each.shape)
  return reduced(mul(each, cast(shares, floatOf(each))), asked)
}

function requireFits(weight: Shape, losses: Shape): void {
  if (sameShape(broadcastShapes(weight, losses, 'binaryCrossEntropy: weight'), losses)) return
  throw new TapeError(
    'SHAPE_MISMATCH',
    `binaryCrossEntropy expected a weight that broadcasts to ${formatShape(losses)}, got ${formatShape(weight)}`,
  )
}

registerFunc(BinaryCrossEntropy, { name: 'binaryCrossEntropy' })
registerFunc(SoftmaxCrossEntropy, { name: 'softmaxCrossEntropy' })
registerFunc(MeanSquaredError, { name: 'meanSquaredError' })
