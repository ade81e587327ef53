/** Losses of labels, and of pairs and triples that shall keep a distance. Made of others, which the tape records. */
import { formatShape, sameShape } from '../array/shape.js'
import { TapeError } from '../errors.js'
import { asVariable, type Operand, type Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { add, div, mul, neg, sub } from './arithmetic.js'
import { integerOf, numberOf, refuse } from './attributes.js'
import { maximum } from './bounds.js'
import { cast } from './casting.js'
import { notEqual, where } from './comparison.js'
import { gather } from './gathering.js'
import { take } from './indexing.js'
import { type LossReduction, labelOperand, reduced, reductionOf } from './loss-reduction.js'
import { sum } from './reductions.js'
import { expandDims, squeeze } from './shapes.js'
import { norm } from './statistics.js'

/** Settings of `nllLoss`. */
export interface NllOptions {
  /** The label of rows that do not count. Default −100. */
  ignoreIndex?: number | undefined
  /** 'mean' (default) divides by the weights of the labels that count; 'sum'; 'none' gives a loss for each row. */
  reduction?: LossReduction | undefined
  /** A number for each class, by which its losses are multiplied. It has no gradient. */
  weight?: Operand | undefined
}

/**
 * −x at the label of each row: the cross entropy of what are logarithms of probabilities already. `crossEntropy` is that of any scores.
 *
 * Shapes   x [..., classes], labels [...] of integers → [], or [...] for 'none'
 * Throws   SHAPE_MISMATCH; BAD_DTYPE; INDEX_OUT_OF_RANGE; BAD_ARGUMENT
 * Source   PyTorch `nll_loss`, but classes along the last axis
 */
export function nllLoss(x: Operand, labels: Operand, options: NllOptions = {}): Variable {
  checkOptions(options, ['ignoreIndex', 'reduction', 'weight'], 'nllLoss')
  const ignored = integerOf(options.ignoreIndex, -100, -Infinity, 'ignoreIndex', 'nllLoss')
  const reduction = reductionOf(options.reduction, 'nllLoss')
  const logs = asVariable(x)
  const given = asVariable(labelOperand(labels))
  if (given.dtype !== 'int32' && given.dtype !== 'uint8')
    throw new TapeError('BAD_DTYPE', `nllLoss: labels expected int32 or uint8, got ${given.dtype}`)
  if (logs.ndim === 0 || !sameShape(logs.shape.slice(0, -1), given.shape))
    throw new TapeError(
      'SHAPE_MISMATCH',
      `nllLoss expected x [..., classes] and labels [...], got ${formatShape(logs.shape)} and ${formatShape(given.shape)}`,
    )
  const counts = notEqual(given, ignored)
  const safe = cast(where(counts, given, 0), 'int32')
  const at = squeeze(gather(logs, expandDims(safe, -1), { axis: -1 }), -1)
  const weight = options.weight === undefined ? null : asVariable(options.weight).detach()
  if (weight !== null && !sameShape(weight.shape, [logs.shape.at(-1)!]))
    refuse(
      `nllLoss expected a weight for each of ${logs.shape.at(-1)} classes, got ${formatShape(weight.shape)}`,
    )
  const each = cast(counts, at.dtype)
  const shares = weight === null ? each : where(counts, cast(take(weight, safe), at.dtype), each)
  // A row that does not count may be infinite.
  const counted = neg(where(counts, at, 0))
  const losses = weight === null ? counted : mul(counted, shares)
  return reduction === 'mean' ? div(sum(losses), sum(shares)) : reduced(losses, reduction)
}

/** Settings of `tripletMarginLoss`. */
export interface TripletMarginOptions {
  /** How much nearer the positive shall be than the negative. Default 1. */
  margin?: number | undefined
  /** The order of the norm of differences. Default 2. */
  ord?: number | undefined
  /** Added to each difference, so that a distance of 0 has a gradient. Default 1e-6. */
  eps?: number | undefined
  reduction?: LossReduction | undefined
}

/**
 * The mean of max(0, margin + |a − p| − |a − n|): an anchor shall be nearer to a positive than to a negative.
 *
 * Shapes   a, p, n [..., d] → [], or [...] for 'none'
 * Throws   SHAPE_MISMATCH; BAD_ARGUMENT
 * Source   PyTorch `triplet_margin_loss`
 */
export function tripletMarginLoss(
  anchor: Operand,
  positive: Operand,
  negative: Operand,
  options: TripletMarginOptions = {},
): Variable {
  checkOptions(options, ['margin', 'ord', 'eps', 'reduction'], 'tripletMarginLoss')
  const margin = numberOf(options.margin, 1, 'margin', 'tripletMarginLoss')
  const eps = numberOf(options.eps, 1e-6, 'eps', 'tripletMarginLoss')
  const reduction = reductionOf(options.reduction, 'tripletMarginLoss')
  const a = asVariable(anchor)
  const distance = (other: Operand) => norm(add(sub(a, other), eps), { ord: options.ord ?? 2, axis: -1 })
  return reduced(maximum(add(sub(distance(positive), distance(negative)), margin), 0), reduction)
}

/** Settings of `marginRankingLoss`. */
export interface MarginRankingOptions {
  /** How far apart the two shall be. Default 0. */
  margin?: number | undefined
  reduction?: LossReduction | undefined
}

/**
 * The mean of max(0, margin − t·(a − b)): a shall be the larger one where t is 1, b where it is −1.
 *
 * Throws   SHAPE_MISMATCH; BAD_ARGUMENT
 * Source   PyTorch `margin_ranking_loss`
 */
export function marginRankingLoss(
  a: Operand,
  b: Operand,
  t: Operand,
  options: MarginRankingOptions = {},
): Variable {
  checkOptions(options, ['margin', 'reduction'], 'marginRankingLoss')
  const margin = numberOf(options.margin, 0, 'margin', 'marginRankingLoss')
  const reduction = reductionOf(options.reduction, 'marginRankingLoss')
  return reduced(maximum(sub(margin, mul(t, sub(a, b))), 0), reduction)
}
