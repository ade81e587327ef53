/** More schedules, each said by a formula of the count alone: cycles, a polynomial, and a constant share at the beginning. */
import { pow } from '../array/math/pow.js'
import { cos } from '../array/math/trigonometry.js'
import { valueText } from '../errors.js'
import { integerOf, numberOf, refuse } from '../functions/attributes.js'
import { checkOptions } from '../options.js'
import { Schedule, type Scheduled } from './schedules.js'

function leastOf(value: unknown, otherwise: number | undefined, key: string, what: string): number {
  const least = numberOf(value, otherwise, key, what)
  return least >= 0 ? least : refuse(`${what} expected ${key} of at least 0, got ${least}`)
}

/** From lr down to `least` along half a cosine in `steps` steps, then from lr again, each time `times` as long (PyTorch's `CosineAnnealingWarmRestarts`). */
export class CosineAnnealingWarmRestarts extends Schedule {
  readonly #steps: number
  readonly #times: number
  readonly #least: number

  /** options  steps: of the first way down; times: how much longer each is than the one before, 1 unless said; least: the lowest rate, 0 unless said */
  constructor(
    optimizer: Scheduled,
    options: { steps: number; times?: number | undefined; least?: number | undefined },
  ) {
    super(optimizer, 'CosineAnnealingWarmRestarts')
    checkOptions(options, ['steps', 'times', 'least'], 'CosineAnnealingWarmRestarts')
    this.#steps = integerOf(options.steps, undefined, 1, 'steps', 'CosineAnnealingWarmRestarts')
    this.#times = integerOf(options.times, 1, 1, 'times', 'CosineAnnealingWarmRestarts')
    this.#least = leastOf(options.least, 0, 'least', 'CosineAnnealingWarmRestarts')
    this.apply()
  }

  protected override lrAt(base: number, count: number): number {
    let [at, steps] = [count, this.#steps]
    if (this.#times === 1) at %= steps
    else
      while (at >= steps) {
        at -= steps
        steps *= this.#times
      }
    return this.#least + ((base - this.#least) * (1 + cos((Math.PI * at) / steps))) / 2
  }
}

/** lr · (1 − count/steps)^power, then 0 (PyTorch's `PolynomialLR`). */
export class PolynomialLR extends Schedule {
  readonly #steps: number
  readonly #power: number

  /** options  steps: until the rate is 0; power: 1 unless said, which is a straight line */
  constructor(optimizer: Scheduled, options: { steps: number; power?: number | undefined }) {
    super(optimizer, 'PolynomialLR')
    checkOptions(options, ['steps', 'power'], 'PolynomialLR')
    this.#steps = integerOf(options.steps, undefined, 1, 'steps', 'PolynomialLR')
    this.#power = numberOf(options.power, 1, 'power', 'PolynomialLR')
    if (this.#power <= 0) refuse(`PolynomialLR expected power above 0, got ${this.#power}`)
    this.apply()
  }

  protected override lrAt(base: number, count: number): number {
    return base * pow(1 - Math.min(count, this.#steps) / this.#steps, this.#power)
  }
}

/** A share of lr for `steps` steps, then lr (PyTorch's `ConstantLR`). */
export class ConstantLR extends Schedule {
  readonly #steps: number
  readonly #factor: number

  /** options  steps: how many have the share; factor: the share, 1/3 unless said */
  constructor(optimizer: Scheduled, options: { steps: number; factor?: number | undefined }) {
    super(optimizer, 'ConstantLR')
    checkOptions(options, ['steps', 'factor'], 'ConstantLR')
    this.#steps = integerOf(options.steps, undefined, 0, 'steps', 'ConstantLR')
    this.#factor = leastOf(options.factor, 1 / 3, 'factor', 'ConstantLR')
    this.apply()
  }

  protected override lrAt(base: number, count: number): number {
    return count < this.#steps ? base * this.#factor : base
  }
}

/**
 * Up from `least` to `most` in a straight line and down again, again and again (PyTorch's `CyclicLR`, without its cycle of momentum). The rates that
 * the groups had do not matter.
 */
export class CyclicLR extends Schedule {
  readonly #least: number
  readonly #most: number
  readonly #up: number
  readonly #down: number
  readonly #mode: 'triangular' | 'triangular2' | 'expRange'
  readonly #gamma: number

  /**
   * options  least, most: the rates; up: steps of the way up; down: of the way down, as many unless said; mode: 'triangular' unless said,
   *          'triangular2' goes half as far in each cycle, 'expRange' gamma^count as far; gamma: 1 unless said
   */
  constructor(
    optimizer: Scheduled,
    options: {
      least: number
      most: number
      up: number
      down?: number | undefined
      mode?: 'triangular' | 'triangular2' | 'expRange' | undefined
      gamma?: number | undefined
    },
  ) {
    super(optimizer, 'CyclicLR')
    checkOptions(options, ['least', 'most', 'up', 'down', 'mode', 'gamma'], 'CyclicLR')
    this.#least = leastOf(options.least, undefined, 'least', 'CyclicLR')
    this.#most = leastOf(options.most, undefined, 'most', 'CyclicLR')
    this.#up = integerOf(options.up, undefined, 1, 'up', 'CyclicLR')
    this.#down = integerOf(options.down, this.#up, 1, 'down', 'CyclicLR')
    const { mode = 'triangular' } = options
    if (mode !== 'triangular' && mode !== 'triangular2' && mode !== 'expRange')
      refuse(`CyclicLR expected mode 'triangular', 'triangular2' or 'expRange', got ${valueText(mode)}`)
    this.#mode = mode
    this.#gamma = numberOf(options.gamma, 1, 'gamma', 'CyclicLR')
    if (this.#gamma <= 0) refuse(`CyclicLR expected gamma above 0, got ${this.#gamma}`)
    this.apply()
  }

  protected override lrAt(_base: number, count: number): number {
    const cycle = Math.floor(count / (this.#up + this.#down))
    const at = count - cycle * (this.#up + this.#down)
    const share = at <= this.#up ? at / this.#up : (this.#up + this.#down - at) / this.#down
    const far = { triangular: 1, triangular2: 1 / 2 ** cycle, expRange: pow(this.#gamma, count) }[this.#mode]
    return this.#least + (this.#most - this.#least) * share * far
  }
}
