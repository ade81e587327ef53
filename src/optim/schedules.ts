/** Learning rates that change over time. A schedule sets the rates of an optimizer's groups; it knows no gradients. */

import { pow } from '../array/math/pow.js'
import { cos } from '../array/math/trigonometry.js'
import { type NDArray, scalar } from '../array/ndarray.js'
import { TapeError } from '../errors.js'
import { checkKeys, integerOf, isIntegers, numberOf, refuse, show } from '../functions/attributes.js'

/** What a schedule needs of an optimizer. */
export interface Scheduled {
  readonly groups: readonly { lr: number }[]
}

/**
 * Sets each group's lr to what the schedule says of the lr it had when the schedule was made, now for count 0 and with
 * each `step()` for the next. Whether a count is an epoch or a training step is for the caller.
 */
export abstract class Schedule {
  readonly #optimizer: Scheduled
  #bases: readonly number[]
  #count = 0

  protected constructor(optimizer: Scheduled, what: string) {
    if (typeof optimizer !== 'object' || optimizer === null || !Array.isArray(optimizer.groups)) {
      refuse(`${what} expected an optimizer first, got ${show(optimizer)}`)
    }
    this.#optimizer = optimizer
    this.#bases = optimizer.groups.map((group) => group.lr)
  }

  /** The lr after `count` steps, from the lr at the beginning. */
  protected abstract lrAt(base: number, count: number): number

  /** How many steps were taken. */
  get count(): number {
    return this.#count
  }

  step(): void {
    this.#count++
    this.apply()
  }

  /** Where the schedule stands: for `saveState`. */
  stateDict(): { readonly [name: string]: NDArray } {
    const bases = this.#bases.map((base, i) => [`base.${i}`, scalar(base, 'float64')] as const)
    return { count: scalar(this.#count, 'float64'), ...Object.fromEntries(bases) }
  }

  /** Goes on where a saved schedule stood. Throws STATE_MISMATCH. */
  loadStateDict(state: { readonly [name: string]: NDArray }): void {
    const wanted = ['count', ...this.#bases.map((_, i) => `base.${i}`)]
    const names = Object.keys(state)
    if (names.length !== wanted.length || !wanted.every((name) => state[name]?.size === 1)) {
      throw new TapeError(
        'STATE_MISMATCH',
        `a schedule expected the scalars ${wanted.join(', ')}, got ${names.join(', ')}`,
      )
    }
    this.#count = state.count!.item()
    this.#bases = wanted.slice(1).map((name) => state[name]!.item())
    this.apply()
  }

  protected apply(): void {
    this.#optimizer.groups.forEach((group, i) => {
      group.lr = this.lrAt(this.#bases[i]!, this.#count)
    })
  }
}

function gammaOf(value: unknown, otherwise: number | undefined, what: string): number {
  const gamma = numberOf(value, otherwise, 'gamma', what)
  return gamma > 0 ? gamma : refuse(`${what} expected gamma above 0, got ${gamma}`)
}

/** lr · gamma^⌊count / every⌋. */
export class StepLR extends Schedule {
  readonly #every: number
  readonly #gamma: number

  /** options  every: how many steps a rate lasts; gamma: what it is then multiplied by, 0.1 unless said */
  constructor(optimizer: Scheduled, options: { every: number; gamma?: number | undefined }) {
    super(optimizer, 'StepLR')
    checkKeys(options, ['every', 'gamma'], 'StepLR')
    this.#every = integerOf(options.every, undefined, 1, 'every', 'StepLR')
    this.#gamma = gammaOf(options.gamma, 0.1, 'StepLR')
    this.apply()
  }

  protected override lrAt(base: number, count: number): number {
    return base * pow(this.#gamma, Math.floor(count / this.#every))
  }
}

/** lr · gamma^(milestones reached). */
export class MultiStepLR extends Schedule {
  readonly #milestones: readonly number[]
  readonly #gamma: number

  constructor(optimizer: Scheduled, options: { milestones: readonly number[]; gamma?: number | undefined }) {
    super(optimizer, 'MultiStepLR')
    checkKeys(options, ['milestones', 'gamma'], 'MultiStepLR')
    const { milestones } = options
    if (!isIntegers(milestones))
      refuse(`MultiStepLR expected milestones to be a list of integers, got ${show(milestones)}`)
    this.#milestones = [...milestones]
    this.#gamma = gammaOf(options.gamma, 0.1, 'MultiStepLR')
    this.apply()
  }

  protected override lrAt(base: number, count: number): number {
    return base * pow(this.#gamma, this.#milestones.filter((milestone) => milestone <= count).length)
  }
}

/** lr · gamma^count. */
export class ExponentialLR extends Schedule {
  readonly #gamma: number

  constructor(optimizer: Scheduled, options: { gamma: number }) {
    super(optimizer, 'ExponentialLR')
    checkKeys(options, ['gamma'], 'ExponentialLR')
    this.#gamma = gammaOf(options.gamma, undefined, 'ExponentialLR')
    this.apply()
  }

  protected override lrAt(base: number, count: number): number {
    return base * pow(this.#gamma, count)
  }
}

/** From lr down to `least` along half a cosine in `steps` steps; and up again after, as PyTorch's. */
export class CosineAnnealingLR extends Schedule {
  readonly #steps: number
  readonly #least: number

  /** options  least: the lowest rate, 0 unless said */
  constructor(optimizer: Scheduled, options: { steps: number; least?: number | undefined }) {
    super(optimizer, 'CosineAnnealingLR')
    checkKeys(options, ['steps', 'least'], 'CosineAnnealingLR')
    this.#steps = integerOf(options.steps, undefined, 1, 'steps', 'CosineAnnealingLR')
    this.#least = numberOf(options.least, 0, 'least', 'CosineAnnealingLR')
    if (this.#least < 0) refuse(`CosineAnnealingLR expected least of at least 0, got ${this.#least}`)
    this.apply()
  }

  protected override lrAt(base: number, count: number): number {
    return this.#least + ((base - this.#least) * (1 + cos((Math.PI * count) / this.#steps))) / 2
  }
}

/** From a fraction of lr up to lr in equal steps, then lr (PyTorch's `LinearLR`). */
export class LinearWarmupLR extends Schedule {
  readonly #steps: number
  readonly #start: number

  /** options  steps: until the full rate is reached; start: the fraction at the beginning, 1/3 unless said */
  constructor(optimizer: Scheduled, options: { steps: number; start?: number | undefined }) {
    super(optimizer, 'LinearWarmupLR')
    checkKeys(options, ['steps', 'start'], 'LinearWarmupLR')
    this.#steps = integerOf(options.steps, undefined, 1, 'steps', 'LinearWarmupLR')
    this.#start = numberOf(options.start, 1 / 3, 'start', 'LinearWarmupLR')
    if (this.#start < 0 || this.#start > 1)
      refuse(`LinearWarmupLR expected start from 0 to 1, got ${this.#start}`)
    this.apply()
  }

  protected override lrAt(base: number, count: number): number {
    return base * (this.#start + (1 - this.#start) * Math.min(1, count / this.#steps))
  }
}

/** lr · factor(count), for any schedule of one's own. */
export class LambdaLR extends Schedule {
  readonly #factor: (count: number) => number

  constructor(optimizer: Scheduled, factor: (count: number) => number) {
    super(optimizer, 'LambdaLR')
    if (typeof factor !== 'function')
      refuse(`LambdaLR expected a function from the count to a factor, got ${show(factor)}`)
    this.#factor = factor
    this.apply()
  }

  protected override lrAt(base: number, count: number): number {
    return base * this.#factor(count)
  }
}
