/** The loss of sequences that are labelled without being aligned: speech and its text. */
import { isFloating } from '../array/dtype.js'
import { ndarray } from '../array/make-array.js'
import type { NDArray } from '../array/ndarray.js'
import { formatShape } from '../array/shape.js'
import { TapeError, valueText } from '../errors.js'
import { asVariable, type Operand, type Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { add, div, neg } from './arithmetic.js'
import { flagOf, integerOf, refuse } from './attributes.js'
import { maximum } from './bounds.js'
import { cast } from './casting.js'
import { less, where } from './comparison.js'
import { gather } from './gathering.js'
import { pad, slice, split, stack } from './joining.js'
import { type LossReduction, reductionOf } from './loss-reduction.js'
import { mean, sum } from './reductions.js'
import { broadcastTo, squeeze } from './shapes.js'
import { logSumExp } from './statistics.js'

/** Settings of `ctcLoss`. */
export interface CtcOptions {
  /** How many times of each row count. Default all. */
  inputLengths?: readonly number[] | undefined
  /** How many labels of each row count. Default all. */
  targetLengths?: readonly number[] | undefined
  /** The class that stands for no label. Default 0. */
  blank?: number | undefined
  /** 'mean' (default): each loss divided by its number of labels, then the mean; 'sum', or 'none' for a loss for each row. */
  reduction?: LossReduction | undefined
  /** Whether rows whose labels do not fit into their times have the loss 0, rather than Infinity. Default false. */
  zeroInfinity?: boolean | undefined
}

/** Stands for the logarithm of 0: unlike −Infinity it has differences. */
const NEVER = -1e30

/**
 * Connectionist temporal classification: −ln of the probability of all ways to say the labels in these times, with blanks between
 * them. It is made of recorded calls, a few for each time, so that it has derivatives of every order; inside of `vmap` targets must be the same
 * for all.
 *
 * Shapes   x [n, times, classes], the logarithms of probabilities (`logSoftmax`); targets [n, labels] of integers → [], or [n] for 'none'
 * Throws   SHAPE_MISMATCH; BAD_DTYPE; INDEX_OUT_OF_RANGE for a label that is no class, or the blank; BAD_ARGUMENT
 * Source   Graves and others (2006); PyTorch `ctc_loss`, but rows come first. PyTorch's gradient by x is already that by the input of
 *          `log_softmax`; this one is by x itself, and after `logSoftmax` both are the same
 */
export function ctcLoss(x: Operand, targets: Operand, options: CtcOptions = {}): Variable {
  checkOptions(options, ['inputLengths', 'targetLengths', 'blank', 'reduction', 'zeroInfinity'], 'ctcLoss')
  const given = asVariable(x)
  const logs = isFloating(given.dtype) ? given : cast(given, 'float64')
  const labels = labelsOf(targets)
  if (logs.ndim !== 3 || labels.ndim !== 2 || logs.shape[0] !== labels.shape[0] || logs.shape[1] === 0)
    throw new TapeError(
      'SHAPE_MISMATCH',
      `ctcLoss expected x [n, times, classes] with at least one time and targets [n, labels], got ${formatShape(logs.shape)} and ${formatShape(labels.shape)}`,
    )
  const [n, times, classes] = logs.shape as [number, number, number]
  const width = labels.shape[1]!
  const blank = integerOf(options.blank, 0, 0, 'blank', 'ctcLoss')
  if (blank >= classes) refuse(`ctcLoss expected blank below ${classes}, the classes, got ${blank}`)
  const reduction = reductionOf(options.reduction, 'ctcLoss')
  const inputs = lengthsOf(options.inputLengths, n, 1, times, 'inputLengths')
  const counts = lengthsOf(options.targetLengths, n, 0, width, 'targetLengths')

  // The labels with a blank before, between and after them: places 0 … 2·width.
  const places = 2 * width + 1
  const classAt = (row: number, place: number) =>
    place % 2 === 0 ? blank : labelAt(labels, row, (place - 1) / 2, counts[row]!, classes, blank)
  const grid = (value: (row: number, place: number) => number) =>
    Float64Array.from({ length: n * places }, (_, i) => value(Math.floor(i / places), i % places))
  const constantOf = (value: (row: number, place: number) => number) =>
    ndarray(grid(value), { shape: [n, places] }).astype(logs.dtype)
  const classOf = ndarray(Int32Array.from(grid(classAt)), { shape: [n, 1, places] })
  const said = maximum(gather(logs, broadcastTo(classOf, [n, times, places]), { axis: 2 }), NEVER)
  const at = split(said, times, { axis: 1 }).map((one) => squeeze(one, 1))
  // A label may follow another at once, unless it is the same.
  const skips = constantOf((row, place) =>
    place % 2 === 1 && place > 1 && classAt(row, place) !== classAt(row, place - 2) ? 0 : NEVER,
  )
  const starts = constantOf((row, place) => (place === 0 || (place === 1 && counts[row]! > 0) ? 0 : NEVER))
  const ends = constantOf((row, place) => {
    const last = 2 * counts[row]!
    return place === last || place === last - 1 ? 0 : NEVER
  })

  let ways = add(at[0]!, starts)
  for (let time = 1; time < times; time++) {
    const next = moved(ways, 1, places)
    const afterNext = add(moved(ways, 2, places), skips)
    const now = add(at[time]!, logSumExp(stack([ways, next, afterNext]), { axis: 0 }))
    const counted = ndarray(inputs.map((length) => [time < length]))
    ways = inputs.every((length) => time < length) ? now : where(counted, now, ways)
  }
  const found = logSumExp(add(ways, ends), { axis: 1 })
  const isImpossible = less(found, NEVER / 2)
  const instead = flagOf(options.zeroInfinity, false, 'zeroInfinity', 'ctcLoss') ? 0 : Infinity
  const losses = where(isImpossible, instead, neg(found))
  if (reduction === 'none') return losses
  if (reduction === 'sum') return sum(losses)
  const divisors = ndarray(counts.map((count) => Math.max(1, count))).astype(logs.dtype)
  return mean(div(losses, divisors))
}

/** What is this many places before. */
function moved(ways: Variable, by: number, places: number): Variable {
  const kept = slice(ways, [null, [0, Math.max(0, places - by)]])
  return pad(
    kept,
    [
      [0, 0],
      [Math.min(by, places), 0],
    ],
    { value: NEVER },
  )
}

function labelsOf(targets: Operand): NDArray {
  const isList = Array.isArray(targets) && targets.flat().every(Number.isInteger)
  const array = isList ? ndarray(targets, { dtype: 'int32' }) : asVariable(targets).data
  if (array.dtype === 'int32' || array.dtype === 'uint8') return array
  throw new TapeError('BAD_DTYPE', `ctcLoss: targets expected int32 or uint8, got ${array.dtype}`)
}

/** A label; the blank where the row has no more. */
function labelAt(
  labels: NDArray,
  row: number,
  i: number,
  count: number,
  classes: number,
  blank: number,
): number {
  if (i >= count) return blank
  const label = labels.buffer[labels.offset + row * labels.shape[1]! + i]!
  if (label >= 0 && label < classes && label !== blank) return label
  throw new TapeError(
    'INDEX_OUT_OF_RANGE',
    `ctcLoss expected labels from 0 to ${classes - 1} other than the blank ${blank}, got ${label} in row ${row}`,
  )
}

function lengthsOf(value: unknown, n: number, least: number, most: number, key: string): readonly number[] {
  if (value === undefined) return new Array<number>(n).fill(most)
  const fits =
    Array.isArray(value) &&
    value.length === n &&
    value.every((one) => Number.isInteger(one) && one >= least && one <= most)
  if (fits) return value as number[]
  return refuse(
    `ctcLoss expected ${key} to be an integer from ${least} to ${most} for each of ${n} rows, got ${valueText(value)}`,
  )
}
