/** Rows drawn by weight: rare ones as often as frequent ones, say. The draws of an epoch follow from the seed and its number. */

import { ndarray } from '../array/make-array.js'
import { log } from '../array/math/log.js'
import type { NDArray } from '../array/ndarray.js'
import { randomState, uniform } from '../array/random.js'
import { valueText } from '../errors.js'
import { flagOf, integerOf, refuse } from '../functions/attributes.js'
import { checkOptions } from '../options.js'

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
    return this.replacement ? this.again(key) : this.once(key)
  }

  private again(key: { seed: number; counter: number }): NDArray {
    const ends = new Float64Array(this.rows)
    let total = 0
    for (let row = 0; row < this.rows; row++) ends[row] = total += this.weights[row]!
    const draws = uniform([this.count], { key, dtype: 'float64' }).data
    return ndarray(
      Int32Array.from({ length: this.count }, (_, i) => {
        const at = draws[i]! * total
        let [low, high] = [0, this.rows - 1]
        while (low < high) {
          const middle = (low + high) >> 1
          if (ends[middle]! > at) high = middle
          else low = middle + 1
        }
        return low
      }),
    )
  }

  // The row with the least −ln(u)/weight comes first: these are exponential times, whose order is that of draws by weight.
  private once(key: { seed: number; counter: number }): NDArray {
    const draws = uniform([this.rows], { key, dtype: 'float64' }).data
    const times = Float64Array.from(this.weights, (weight, row) =>
      weight === 0 ? Infinity : -log(1 - draws[row]!) / weight,
    )
    const rows = Array.from({ length: this.rows }, (_, row) => row)
    rows.sort((a, b) => (times[a]! < times[b]! ? -1 : times[a]! > times[b]! ? 1 : a - b))
    return ndarray(Int32Array.from(rows.slice(0, this.count)))
  }
}
