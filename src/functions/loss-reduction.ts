/** How losses of elements become what a loss function gives: their mean, their sum, or themselves. */
import type { NDArray } from '../array/ndarray.js'
import * as reductions from '../array/reductions.js'
import { broadcastShapes, formatShape, type Shape, sameShape } from '../array/shape.js'
import { TapeError, valueText } from '../errors.js'
import type { Attributes } from '../graph/attributes.js'
import { Func } from '../graph/func.js'
import type { Operand, Variable } from '../graph/variable.js'
import { div } from './arithmetic.js'
import { refuse } from './attributes.js'
import { indexOperand } from './indexing.js'
import { mean, sum } from './reductions.js'

/** 'mean' over all elements, their 'sum', or 'none': a loss for each. */
export type LossReduction = 'mean' | 'sum' | 'none'

/** Settings of losses of elements. */
export interface LossOptions {
  /** 'mean' (default), 'sum', or 'none' for a loss for each element. */
  reduction?: LossReduction | undefined
}

export function reductionOf(value: unknown, what: string): LossReduction {
  if (value === undefined) return 'mean'
  if (value === 'mean' || value === 'sum' || value === 'none') return value
  return refuse(`${what} expected reduction to be 'mean', 'sum' or 'none', got ${valueText(value)}`)
}

/** Losses of elements brought to their mean, their sum, or left as they are, by recorded calls. */
export function reduced(losses: Variable, reduction: LossReduction): Variable {
  if (reduction === 'none') return losses
  return reduction === 'sum' ? sum(losses) : mean(losses)
}

/**
 * Labels of classes as an operand: one number, or a list of whole numbers, as int32; rows of booleans as the probabilities 0 and 1; all
 * else, as probabilities are, as it is.
 */
export function labelOperand(labels: Operand): Operand {
  if (Array.isArray(labels) && Array.isArray(labels[0])) return asNumbers(labels) as Operand
  const isList = Array.isArray(labels) && typeof labels[0] === 'number' && labels.every(Number.isInteger)
  return isList || typeof labels === 'number' ? indexOperand(labels) : labels
}

function asNumbers(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(asNumbers)
  return typeof value === 'boolean' ? Number(value) : value
}

/** A loss of elements: it is reduced as asked, and its gradient shared as that says. */
export abstract class ElementLoss extends Func {
  protected readonly reduction: LossReduction

  constructor(reduction: LossReduction, more: Attributes = {}) {
    super({ ...more, reduction })
    this.reduction = reduction
  }

  protected reduced(losses: NDArray): NDArray {
    if (this.reduction === 'none') return losses
    return this.reduction === 'sum' ? reductions.sum(losses) : reductions.mean(losses)
  }

  /** What of gy each of `count` losses gets. */
  protected share(gy: Variable, count: number): Variable {
    return this.reduction === 'mean' ? div(gy, count) : gy
  }
}

/** Predictions [n, 1] and targets [n] broadcast to [n, n]: never what was meant. */
export function requirePair(a: Shape, b: Shape, what: string): void {
  const together = broadcastShapes(a, b, what)
  if (sameShape(together, a) || sameShape(together, b)) return
  throw new TapeError(
    'SHAPE_MISMATCH',
    `${what} expected two of one shape, got ${formatShape(a)} and ${formatShape(b)}, which would pair every element with ` +
      `every other (${formatShape(together)}); reshape one of them`,
  )
}
