/** Rows drawn by weight: rare ones as often as frequent ones, say. The draws of an epoch follow from the seed and its number. */

import { ndarray } from '../array/make-array.js'
import type { NDArray } from '../array/ndarray.js'
import { randomState, uniform } from '../array/random.js'
import { valueText } from '../errors.js'
import { flagOf, integerOf, refuse } from '../functions/attributes.js'
import { checkOptions } from '../options.js'
import { drawAgain, drawOnce } from './weighted-draws.js'

/** Settings of a WeightedSampler. */
export interface WeightedSamplerOptions {
  /** How many rows an epoch has. Default as many as there are weights. */
  count?: number | undefined
  /** Whether a row can be drawn again in an epoch. Default true. */
  replacement?: boolean | undefined
  /** What the draws follow from. Default the seed of the default generator when an epoch begins: that of the run, or of `seedRandom`. */
  seed?: number | undefined
}

/**
 * Draws rows in proportion to weights, for a `DataLoader`: `new DataLoader(dataset, { sampler: new WeightedSampler(weights, { seed: 1 }) })`.
 *
 * Source  PyTorch `WeightedRandomSampler`
 */
export class WeightedSampler {
  /** How many rows an epoch has. */
  readonly count: number
  /** How many rows it draws from. */
  readonly rows: number
  private readonly weights: Float64Array
  private readonly replacement: boolean
  private readonly seed: number | null

  /** Throws BAD_ARGUMENT for weights that are not finite or below 0, and when there are not enough to draw without replacement. */
  constructor(weights: ArrayLike<number>, options: WeightedSamplerOptions = {}) {
    checkOptions(options, ['count', 'replacement', 'seed'], 'WeightedSampler')
    const list = Float64Array.from((weights as ArrayLike<number> | null | undefined) ?? [])
    const some = list.filter((weight) => weight > 0).length
    if (some === 0 || !list.every((weight) => Number.isFinite(weight) && weight >= 0))
      refuse(`WeightedSampler expected finite weights of at least 0, some above 0, got ${valueText(weights)}`)
    this.weights = list
    this.rows = list.length
    this.count = integerOf(options.count, list.length, 1, 'count', 'WeightedSampler')
    this.replacement = flagOf(options.replacement, true, 'replacement', 'WeightedSampler')
    this.seed =
      options.seed === undefined ? null : integerOf(options.seed, undefined, 0, 'seed', 'WeightedSampler')
    if (!this.replacement && this.count > some)
      refuse(
        `WeightedSampler without replacement expected a count of at most ${some}, the rows with a weight, got ${this.count}`,
      )
  }

  /** The rows of an epoch in the order of their draws: int32 [count]. `otherwise` is the seed where none was said. */
  order(epoch: number, otherwise: number = randomState().seed): NDArray {
    const key = { seed: this.seed ?? otherwise, counter: epoch }
    const units = (count: number) => uniform([count], { key, dtype: 'float64' }).data
    return ndarray(
      this.replacement
        ? drawAgain(this.weights, units(this.count), this.count)
        : drawOnce(this.weights, units(this.rows), this.count),
    )
  }
}
