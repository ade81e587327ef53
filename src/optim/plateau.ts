/** A learning rate that falls when a metric no longer gets better. It knows metrics, and no gradients. */
import { type NDArray, scalar } from '../array/ndarray.js'
import { TapeError, valueText } from '../errors.js'
import { integerOf, numberOf, refuse } from '../functions/attributes.js'
import { checkOptions } from '../options.js'
import type { Scheduled } from './schedules.js'

/** Settings of ReduceLROnPlateau. */
export interface ReduceLROnPlateauOptions {
  /** Whether smaller is better, as of a loss ('min', default), or larger ('max'). */
  mode?: 'min' | 'max' | undefined
  /** What the rates are multiplied by, below 1. Default 0.1. */
  factor?: number | undefined
  /** How many steps without improvement are waited for. Default 10. */
  patience?: number | undefined
  /** How much better is better: a share of the best ('rel'), or a difference ('abs'). Default 0.0001. */
  threshold?: number | undefined
  thresholdMode?: 'rel' | 'abs' | undefined
  /** How many steps after a fall do not count. Default 0. */
  cooldown?: number | undefined
  /** Rates do not fall below it. Default 0. */
  least?: number | undefined
  /** A fall by no more than this is left out. Default 1e-8. */
  eps?: number | undefined
}

const KEYS = ['mode', 'factor', 'patience', 'threshold', 'thresholdMode', 'cooldown', 'least', 'eps']
const WHAT = 'ReduceLROnPlateau'
const STATE = ['best', 'worse', 'cooling'] as const

/**
 * Multiplies the rates of an optimizer by `factor` when `patience` steps in a row brought nothing better. `step(metric)` is called once an
 * epoch, as a rule with the loss of the validation. For an optimizer without other schedules.
 *
 * Source  PyTorch `ReduceLROnPlateau`
 */
export class ReduceLROnPlateau {
  readonly #optimizer: Scheduled
  readonly #isMin: boolean
  readonly #isRelative: boolean
  readonly #factor: number
  readonly #patience: number
  readonly #threshold: number
  readonly #cooldown: number
  readonly #least: number
  readonly #eps: number
  #best: number
  #worse = 0
  #cooling = 0

  /** Throws BAD_ARGUMENT for settings out of bounds. */
  constructor(optimizer: Scheduled, options: ReduceLROnPlateauOptions = {}) {
    if (typeof optimizer !== 'object' || optimizer === null || !Array.isArray(optimizer.groups))
      refuse(`${WHAT} expected an optimizer first, got ${valueText(optimizer)}`)
    checkOptions(options, KEYS, WHAT)
    const { mode = 'min', thresholdMode = 'rel' } = options
    if (mode !== 'min' && mode !== 'max')
      refuse(`${WHAT} expected mode 'min' or 'max', got ${valueText(mode)}`)
    if (thresholdMode !== 'rel' && thresholdMode !== 'abs')
      refuse(`${WHAT} expected thresholdMode 'rel' or 'abs', got ${valueText(thresholdMode)}`)
    this.#optimizer = optimizer
    this.#isMin = mode === 'min'
    this.#isRelative = thresholdMode === 'rel'
    this.#factor = numberOf(options.factor, 0.1, 'factor', WHAT)
    if (this.#factor <= 0 || this.#factor >= 1)
      refuse(`${WHAT} expected factor above 0 and below 1, got ${this.#factor}`)
    this.#patience = integerOf(options.patience, 10, 0, 'patience', WHAT)
    this.#threshold = numberOf(options.threshold, 1e-4, 'threshold', WHAT)
    this.#cooldown = integerOf(options.cooldown, 0, 0, 'cooldown', WHAT)
    this.#least = numberOf(options.least, 0, 'least', WHAT)
    this.#eps = numberOf(options.eps, 1e-8, 'eps', WHAT)
    this.#best = this.#isMin ? Infinity : -Infinity
  }

  /** The best metric so far; infinite before the first. */
  get best(): number {
    return this.#best
  }

  /** Notes the metric of an epoch; true when the rates fell. NaN is not better. Throws BAD_ARGUMENT for what is no number. */
  step(metric: number): boolean {
    if (typeof metric !== 'number')
      refuse(`${WHAT}.step expected the metric as a number, got ${valueText(metric)}`)
    if (this.#isBetter(metric)) {
      this.#best = metric
      this.#worse = 0
    } else {
      this.#worse++
    }
    if (this.#cooling > 0) {
      this.#cooling--
      this.#worse = 0
    }
    if (this.#worse <= this.#patience) return false
    this.#cooling = this.#cooldown
    this.#worse = 0
    let fell = false
    for (const group of this.#optimizer.groups) {
      const lr = Math.max(group.lr * this.#factor, this.#least)
      if (group.lr - lr <= this.#eps) continue
      group.lr = lr
      fell = true
    }
    return fell
  }

  /** Where it stands: for `saveState`. The rates are in the optimizer's state. */
  stateDict(): { readonly [name: string]: NDArray } {
    const values = [this.#best, this.#worse, this.#cooling]
    return Object.fromEntries(STATE.map((name, i) => [name, scalar(values[i]!, 'float64')]))
  }

  /** Goes on where a saved one stood. Throws STATE_MISMATCH. */
  loadStateDict(state: { readonly [name: string]: NDArray }): void {
    const names = Object.keys(state)
    if (names.length !== STATE.length || !STATE.every((name) => state[name]?.size === 1))
      throw new TapeError(
        'STATE_MISMATCH',
        `${WHAT} expected the scalars ${STATE.join(', ')}, got ${names.join(', ')}`,
      )
    this.#best = state.best!.item()
    this.#worse = state.worse!.item()
    this.#cooling = state.cooling!.item()
  }

  #isBetter(metric: number): boolean {
    const best = this.#best
    const by = this.#isRelative ? Math.abs(this.#threshold) * best : this.#threshold
    // Infinity less a share of it is NaN: the first metric is better than none.
    if (!Number.isFinite(best)) return this.#isMin ? metric < best : metric > best
    return this.#isMin ? metric < best - by : metric > best + by
  }
}
