/** Averages of weights over the steps of a training, which often do better than the last weights. */
import { NDArray } from '../array/ndarray.js'
import { sameShape } from '../array/shape.js'
import { TapeError, valueText } from '../errors.js'
import { add, mul } from '../functions/arithmetic.js'
import { numberOf, refuse } from '../functions/attributes.js'
import { constant } from '../graph/leaves.js'
import { noGrad, withScope } from '../graph/mode.js'
import { Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'

/**
 * A running mean of parameters: decay·average + (1 − decay)·parameter at each `update()`, which is called after the optimizer's step. It
 * begins with the parameters as they are. The tape records what is computed, so it replays.
 *
 *     const averages = new ExponentialMovingAverage(model.parameters(), { decay: 0.999 })
 *     optimizer.step(); averages.update()
 *     averages.swapped(() => validate(model))
 *
 * Source  PyTorch `AveragedModel` with `get_ema_avg_fn`
 */
export class ExponentialMovingAverage {
  /** The averages, in the order of the parameters: constants that no optimizer sees. */
  readonly averages: readonly Variable[]
  readonly #parameters: readonly Variable[]
  readonly #decay: number
  #count = 0

  /** Throws BAD_ARGUMENT for no parameters, and unless decay is from 0 to 1. */
  constructor(parameters: Iterable<Variable>, options: { decay?: number | undefined } = {}) {
    checkOptions(options, ['decay'], 'ExponentialMovingAverage')
    const isList = typeof parameters === 'object' && parameters !== null && Symbol.iterator in parameters
    const list = isList ? [...parameters] : []
    if (list.length === 0 || !list.every((one) => one instanceof Variable))
      refuse(
        `ExponentialMovingAverage expected parameters, got ${valueText(parameters)}; pass model.parameters()`,
      )
    this.#decay = numberOf(options.decay, 0.999, 'decay', 'ExponentialMovingAverage')
    if (this.#decay < 0 || this.#decay > 1)
      refuse(`ExponentialMovingAverage expected decay from 0 to 1, got ${this.#decay}`)
    this.#parameters = list
    this.averages = list.map(({ data, name }, i) => constant(data, { name: `average.${name ?? i}` }))
  }

  /** How many updates there were. */
  get count(): number {
    return this.#count
  }

  /** Takes the parameters in as they are now. */
  update(): void {
    noGrad(() =>
      withScope('averages', () => {
        this.averages.forEach((average, i) => {
          const kept = mul(average, this.#decay)
          average.data = add(kept, mul(this.#parameters[i]!, 1 - this.#decay)).data
        })
      }),
    )
    this.#count++
  }

  /** What `fn` gives while the parameters are the averages; afterwards they are what they were, also when it throws. */
  swapped<T>(fn: () => T): T {
    const before = this.#parameters.map(({ data }) => data)
    this.copyTo()
    try {
      return fn()
    } finally {
      this.#parameters.forEach((parameter, i) => {
        parameter.data = before[i]!
      })
    }
  }

  /** Gives the parameters the averages, for good. */
  copyTo(): void {
    this.#parameters.forEach((parameter, i) => {
      parameter.data = this.averages[i]!.data
    })
  }

  /** The averages by number, for `saveState`. */
  stateDict(): { readonly [name: string]: NDArray } {
    return Object.fromEntries(this.averages.map(({ data }, i) => [`averages.${i}`, data]))
  }

  /** Goes on with saved averages. Throws STATE_MISMATCH unless they are those of the same parameters; then nothing is loaded. */
  loadStateDict(state: { readonly [name: string]: NDArray }): void {
    const fits = this.averages.every(({ shape, dtype }, i) => {
      const array = state[`averages.${i}`]
      return array instanceof NDArray && sameShape(array.shape, shape) && array.dtype === dtype
    })
    if (!fits || Object.keys(state).length !== this.averages.length)
      throw new TapeError(
        'STATE_MISMATCH',
        `the state does not fit ExponentialMovingAverage of ${this.averages.length} parameters, got ${Object.keys(state).join(', ')}; nothing was loaded`,
      )
    this.averages.forEach((average, i) => {
      average.data = state[`averages.${i}`]!
    })
  }
}
