/** Cross entropies of scores that were not brought to probabilities yet, with every setting: stable for scores of any size. */
import { isFloating } from '../array/dtype.js'
import * as elementwise from '../array/elementwise.js'
import { ndarray } from '../array/make-array.js'
import { allocate, NDArray, scalar } from '../array/ndarray.js'
import { promoted, promotedToFloat } from '../array/promotion.js'
import * as reductions from '../array/reductions.js'
import { fixedShape, formatShape, type Shape, sameShape, sizeOf } from '../array/shape.js'
import * as softmaxes from '../array/softmax.js'
import { TapeError, valueText } from '../errors.js'
import { Func } from '../graph/func.js'
import { registerFunc } from '../graph/registry.js'
import { type Operand, Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { sigmoid, softplus } from './activations.js'
import { add, div, mul, neg, sub } from './arithmetic.js'
import { integerOf, numberOf, refuse } from './attributes.js'
import { cast } from './casting.js'
import { notEqual, where } from './comparison.js'
import { requireIndices } from './indexing.js'
import { ElementLoss, type LossReduction, labelOperand, reductionOf, requirePair } from './loss-reduction.js'
import { sum } from './reductions.js'
import { expandDims, sumTo } from './shapes.js'
import { logSoftmax, softmax } from './softmax.js'

export interface CrossEntropyOptions {
  /** The label of rows that do not count. Default −100. Only for labels of integers. */
  ignoreIndex?: number | undefined
  /** From 0 to 1: this share of each label is spread evenly over all classes. Default 0. */
  labelSmoothing?: number | undefined
  /** 'mean' (default) divides by the weights of the labels that count; 'sum'; 'none' gives a loss for each row. */
  reduction?: LossReduction | undefined
  /** A number for each class, by which its part of a loss is multiplied. It has no gradient. */
  weight?: readonly number[] | NDArray | Variable | undefined
}

const KEYS = ['ignoreIndex', 'labelSmoothing', 'reduction', 'weight']

/**
 * −Σ T·ln softmax(x) for each row, T being the labels' share of each class: (1 − s)·w of the label and s/C·w of each class for
 * smoothing s and weights w; 0 in a row that does not count.
 * Backward gx = gy·(softmax(x)·ΣT − T), gt = −gy·(1 − s)·w·ln softmax(x), with gy divided as the reduction says.
 */
export class CrossEntropy extends Func {
  private readonly ignored: number
  private readonly smoothing: number
  private readonly reduction: LossReduction
  private readonly weight: readonly number[] | undefined

  constructor(attributes: CrossEntropyOptions = {}) {
    checkOptions(attributes, KEYS, 'crossEntropy')
    const ignoreIndex = integerOf(attributes.ignoreIndex, -100, -Infinity, 'ignoreIndex', 'crossEntropy')
    const labelSmoothing = numberOf(attributes.labelSmoothing, 0, 'labelSmoothing', 'crossEntropy')
    if (labelSmoothing < 0 || labelSmoothing > 1)
      refuse(`crossEntropy expected labelSmoothing from 0 to 1, got ${labelSmoothing}`)
    const reduction = reductionOf(attributes.reduction, 'crossEntropy')
    const weight = weightOf(attributes.weight, 'weight', 'crossEntropy')
    const settings = { ignoreIndex, labelSmoothing, reduction }
    super(weight === undefined ? settings : { ...settings, weight })
    this.ignored = ignoreIndex
    this.smoothing = labelSmoothing
    this.reduction = reduction
    this.weight = weight
  }

  override forward(x: NDArray, labels: NDArray): NDArray {
    const classes = this.requireOperands(x, labels)
    const [wide, given] = isFloating(labels.dtype) ? promoted([x, labels] as const) : [x, labels]
    const logs = softmaxes.logSoftmax(wide, -1)
    const { shares, divisor } = this.sharesOf(given, classes, logs.dtype)
    const rows = allocate(logs.dtype, fixedShape(x.shape.slice(0, -1)))
    for (let row = 0; row < rows.size; row++) {
      let total = 0
      for (let c = row * classes; c < (row + 1) * classes; c++) {
        const share = shares.buffer[shares.offset + c]!
        // A class that has no share does not count, however impossible it is: 0·ln 0 is 0 here.
        if (share !== 0) total -= share * logs.buffer[logs.offset + c]!
      }
      rows.buffer[rows.offset + row] = total
    }
    if (this.reduction === 'none') return rows
    const total = reductions.sum(rows)
    return this.reduction === 'sum' ? total : elementwise.div(total, scalar(divisor, total.dtype))
  }

  override backward(gy: Variable): (Variable | null)[] {
    const x = cast(this.inputAt(0), gy.dtype)
    const labels = this.inputAt(1)
    const classes = x.shape.at(-1)!
    const { shares, divisor } = this.sharesOf(labels.data, classes, gy.dtype)
    const each = this.each(gy, divisor)
    if (!isFloating(labels.dtype)) {
      const mass = new Variable(reductions.sum(shares, { axis: -1, keepdims: true }), false, 'constant')
      const targets = new Variable(shares, false, 'constant')
      // Scores of a row that does not count may be infinite or NaN, as masked ones are; they shall not reach its slope.
      const scores = mass.data.data.includes(0) ? where(notEqual(mass, 0), x, 0) : x
      return [mul(sub(mul(softmax(scores), mass), targets), each), null]
    }
    const weights = this.weight === undefined ? 1 : ndarray([...this.weight]).astype(gy.dtype)
    const smooth = add(mul(cast(labels, gy.dtype), 1 - this.smoothing), this.smoothing / classes)
    const targets = mul(smooth, weights)
    const mass = sum(targets, { axis: -1, keepdims: true })
    return [
      this.needsGradient(0) ? mul(sub(mul(softmax(x), mass), targets), each) : null,
      this.needsGradient(1) ? mul(mul(logSoftmax(x), neg(each)), mul(weights, 1 - this.smoothing)) : null,
    ]
  }

  /** The gradient of each row's loss. Of a mean over no row it is 0, as in PyTorch: then nothing is learned, and nothing lost. */
  private each(gy: Variable, divisor: number): Variable {
    if (this.reduction === 'none') return expandDims(gy, -1)
    if (this.reduction === 'sum') return gy
    return divisor === 0 ? mul(gy, 0) : div(gy, divisor)
  }

  /** What each class has of each row's label, and what the mean divides by. */
  private sharesOf(
    labels: NDArray,
    classes: number,
    dtype: NDArray['dtype'],
  ): { shares: NDArray; divisor: number } {
    const { smoothing, weight } = this
    const weightAt = (c: number): number => (weight === undefined ? 1 : weight[c]!)
    const spread = smoothing / classes
    if (isFloating(labels.dtype)) {
      const shares = labels
        .astype(dtype)
        .map((share, i) => (share * (1 - smoothing) + spread) * weightAt(i % classes))
      return { shares, divisor: sizeOf(labels.shape.slice(0, -1)) }
    }
    const shares = allocate(dtype, fixedShape([...labels.shape, classes]))
    let divisor = 0
    for (let row = 0; row < labels.size; row++) {
      const label = labels.buffer[labels.offset + row]!
      if (label === this.ignored) continue
      if (label < 0 || label >= classes) this.refuseLabel(label, row, classes)
      const at = shares.offset + row * classes
      if (smoothing !== 0) for (let c = 0; c < classes; c++) shares.buffer[at + c] = spread * weightAt(c)
      shares.buffer[at + label] = (1 - smoothing + spread) * weightAt(label)
      divisor += weightAt(label)
    }
    return { shares, divisor }
  }

  private requireOperands(x: NDArray, labels: NDArray): number {
    const classes = x.shape.at(-1)
    const probabilities = isFloating(labels.dtype) && sameShape(labels.shape, x.shape)
    if (classes === undefined || (!probabilities && !sameShape(labels.shape, x.shape.slice(0, -1))))
      throw new TapeError(
        'SHAPE_MISMATCH',
        `crossEntropy expected x [..., classes] and labels of integers [...] or of probabilities [..., classes], got x ` +
          `${formatShape(x.shape)} and labels ${formatShape(labels.shape)}`,
      )
    if (!probabilities) requireIndices(labels, 'crossEntropy: labels')
    if (this.weight !== undefined && this.weight.length !== classes)
      refuse(`crossEntropy expected a weight for each of ${classes} classes, got ${this.weight.length}`)
    return classes
  }

  private refuseLabel(label: number, row: number, classes: number): never {
    throw new TapeError(
      'INDEX_OUT_OF_RANGE',
      `crossEntropy expected labels from 0 to ${classes - 1} (${classes} classes), or ${this.ignored} for a row that does not ` +
        `count, got ${label} in row ${row}`,
    )
  }
}

/** Weights as plain data, which the tape keeps with the call. */
function weightOf(value: unknown, key: string, what: string): readonly number[] | undefined {
  if (value === undefined) return undefined
  const plain = value instanceof Variable ? value.data : value
  const list = plain instanceof NDArray && plain.ndim === 1 ? Array.from(plain.data) : plain
  if (Array.isArray(list) && list.length > 0 && list.every((one) => Number.isFinite(one) && one >= 0))
    return Object.freeze([...(list as number[])])
  return refuse(
    `${what} expected ${key} to be a list of finite numbers of at least 0, got ${valueText(value)}`,
  )
}

/**
 * The cross entropy of softmax(x) with labels, with class weights, label smoothing, rows that do not count, and a loss for each row
 * when asked.
 *
 * Shapes   x [..., classes]; labels [...] of integers, or [..., classes] of probabilities → [], or [...] for reduction 'none'
 * Throws   SHAPE_MISMATCH; BAD_DTYPE for labels that are neither; INDEX_OUT_OF_RANGE names the row; BAD_ARGUMENT.
 * Source   PyTorch `cross_entropy`, but the classes are the last axis. The mean over no row that counts is NaN.
 */
export function crossEntropy(x: Operand, labels: Operand, options: CrossEntropyOptions = {}): Variable {
  return new CrossEntropy(options).apply2(x, labelOperand(labels))
}

export interface BinaryCrossEntropyWithLogitsOptions {
  /** What a positive target weighs, one number or one for each place of the last axis. Default 1. */
  posWeight?: number | readonly number[] | undefined
  /** 'mean' (default), 'sum', or 'none' for a loss for each element. */
  reduction?: LossReduction | undefined
}

/**
 * (1 − t)·ln(1 + eˣ) + p·t·ln(1 + e⁻ˣ), p the weight of positive targets: no part cancels another, however large x is.
 * Backward gx = gy·((1 − t)·σ(x) − p·t·σ(−x)), gt = gy·(p·ln(1 + e⁻ˣ) − ln(1 + eˣ)).
 */
export class BinaryCrossEntropyWithLogits extends ElementLoss {
  private readonly posWeight: number | readonly number[]

  constructor(attributes: BinaryCrossEntropyWithLogitsOptions = {}) {
    checkOptions(attributes, ['posWeight', 'reduction'], 'binaryCrossEntropyWithLogits')
    const what = 'binaryCrossEntropyWithLogits'
    const given = attributes.posWeight
    const posWeight = Array.isArray(given)
      ? weightOf(given, 'posWeight', what)!
      : numberOf(given, 1, 'posWeight', what)
    super(reductionOf(attributes.reduction, what), { posWeight })
    this.posWeight = posWeight
  }

  override forward(x: NDArray, t: NDArray): NDArray {
    requirePair(x.shape, t.shape, 'binaryCrossEntropyWithLogits')
    const [from, to] = promotedToFloat([x, t] as const)
    this.requireWeights(from.shape, to.shape)
    const miss = elementwise.mul(elementwise.sub(scalar(1, to.dtype), to), elementwise.softplus(from))
    const hit = elementwise.mul(
      elementwise.mul(to, this.positive(to.dtype)),
      elementwise.softplus(elementwise.neg(from)),
    )
    return this.reduced(elementwise.add(miss, hit))
  }

  override backward(gy: Variable): (Variable | null)[] {
    const x = cast(this.inputAt(0), gy.dtype)
    const t = cast(this.inputAt(1), gy.dtype)
    const p = this.positive(gy.dtype)
    const share = this.share(gy, Math.max(x.size, t.size))
    const slope = () => sub(mul(sub(1, t), sigmoid(x)), mul(mul(t, p), sigmoid(neg(x))))
    const odds = () => sub(mul(softplus(neg(x)), p), softplus(x))
    // The share is one number, or has the shape of the losses; times a slope of that shape.
    return [
      this.needsGradient(0) ? sumTo(mul(slope(), share), x.shape) : null,
      this.needsGradient(1) ? sumTo(mul(add(odds(), mul(t, 0)), share), t.shape) : null,
    ]
  }

  private positive(dtype: NDArray['dtype']): NDArray {
    const { posWeight } = this
    return typeof posWeight === 'number' ? scalar(posWeight, dtype) : ndarray([...posWeight]).astype(dtype)
  }

  private requireWeights(x: Shape, t: Shape): void {
    const { posWeight } = this
    if (typeof posWeight === 'number') return
    const last = Math.max(x.at(-1) ?? 1, t.at(-1) ?? 1)
    if (posWeight.length !== last)
      refuse(
        `binaryCrossEntropyWithLogits expected a posWeight for each of ${last} places, got ${posWeight.length}`,
      )
  }
}

/**
 * The binary cross entropy of sigmoid(x) with targets t from 0 to 1, of x itself, so that neither value nor gradient is lost where the
 * sigmoid is 1 or 0.
 *
 * Shapes   x, t of one shape, or one broadcasts to the other → [], or that shape for reduction 'none'
 * Throws   SHAPE_MISMATCH; BAD_ARGUMENT.
 * Source   PyTorch `binary_cross_entropy_with_logits`.
 */
export function binaryCrossEntropyWithLogits(
  x: Operand,
  t: Operand,
  options: BinaryCrossEntropyWithLogitsOptions = {},
): Variable {
  return new BinaryCrossEntropyWithLogits(options).apply2(x, t)
}

registerFunc(CrossEntropy, { name: 'crossEntropy' })
registerFunc(BinaryCrossEntropyWithLogits, { name: 'binaryCrossEntropyWithLogits' })
