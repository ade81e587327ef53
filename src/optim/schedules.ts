/** Learning rates that change over time. A schedule sets the rates of an optimizer's groups; it knows no gradients. */

import { pow } from '../array/math/pow.js'
import { cos } from '../array/math/trigonometry.js'
import { type NDArray, scalar } from '../array/ndarray.js'
import { TapeError, valueText } from '../errors.js'
import { integerOf, isIntegers, numberOf, refuse } from '../functions/attributes.js'
import { checkOptions, refuseOptions } from '../options.js'

/** What a schedule needs of an optimizer. */
export interface Scheduled {
  readonly groups: readonly { lr: number }[]
}

/** The schedules of one optimizer, in the order in which they were made, and the rates that its groups had before the first. */
interface Chain {
  bases: readonly number[]
  schedules: Schedule[]
}

const chains = new WeakMap<Scheduled, Chain>()

/**
 * Sets each group's lr to what the schedule says of the lr it had when the schedule was made, now for count 0 and with
 * each `step()` for the next. Whether a count is an epoch or a training step is for the caller.
 *
 * Several schedules of one optimizer work together, each on what the ones before it say: warm-up and decay multiply. One that is
 * no longer stepped stays where it stands.
 */
export abstract class Schedule {
  readonly #optimizer: Scheduled
  #chain: Chain | null = null
  #owner: string | null = null
  #count = 0

  protected constructor(optimizer: Scheduled, what: string) {
    if (typeof optimizer !== 'object' || optimizer === null || !Array.isArray(optimizer.groups)) {
      refuse(`${what} expected an optimizer first, got ${valueText(optimizer)}`)
    }
    this.#optimizer = optimizer
  }

  /** The lr after `count` steps, from the lr at the beginning. */
  protected abstract lrAt(base: number, count: number): number

  /** How many steps were taken. */
  get count(): number {
    return this.#count
  }

  /** Throws BAD_ARGUMENT for one that a ChainedScheduler or a SequentialLR has taken over. */
  step(): void {
    if (this.#owner !== null) refuse(`this schedule belongs to a ${this.#owner}; call step() of that`)
    this.#count++
    this.apply()
  }

  /** Where the schedule stands: for `saveState`. */
  stateDict(): { readonly [name: string]: NDArray } {
    const bases = this.#joined().bases.map((base, i) => [`base.${i}`, scalar(base, 'float64')] as const)
    return { count: scalar(this.#count, 'float64'), ...Object.fromEntries(bases) }
  }

  /** Goes on where a saved schedule stood. Throws STATE_MISMATCH. */
  loadStateDict(state: { readonly [name: string]: NDArray }): void {
    const chain = this.#joined()
    const wanted = ['count', ...chain.bases.map((_, i) => `base.${i}`)]
    const names = Object.keys(state)
    if (
      names.length !== wanted.length ||
      !wanted.every((name) => names.includes(name) && state[name]?.size === 1)
    ) {
      throw new TapeError(
        'STATE_MISMATCH',
        `a schedule expected the scalars ${wanted.join(', ')}, got ${names.join(', ')}`,
      )
    }
    this.#count = state.count!.item()
    chain.bases = wanted.slice(1).map((name) => state[name]!.item())
    this.apply()
  }

  /** Takes its place among the optimizer's schedules, the first time, and sets the rates. */
  protected apply(): void {
    const chain = this.#joined()
    this.#optimizer.groups.forEach((group, i) => {
      group.lr = rateOf(chain, i)
    })
  }

  /**
   * Takes schedules over that this one is made of: from now on they count in it alone.
   *
   * Throws  BAD_ARGUMENT for what is no schedule of this optimizer, was stepped, or belongs to another one
   */
  protected adopt(schedules: readonly Schedule[], what: string): void {
    for (const [i, one] of schedules.entries()) {
      if (!(one instanceof Schedule))
        refuse(`${what} expected schedules, got ${valueText(one)} as number ${i}`)
      if (one.#optimizer !== this.#optimizer)
        refuse(`${what} expected schedules of one optimizer, but number ${i} has another`)
      if (one.#owner !== null || schedules.indexOf(one) !== i)
        refuse(
          `${what} expected each schedule once, but number ${i} belongs to a ${one.#owner ?? what} already`,
        )
      if (one.#count !== 0)
        refuse(`${what} expected schedules that were not stepped, but number ${i} was, ${one.#count} times`)
    }
    const [first] = schedules
    for (const one of schedules) {
      one.#owner = what
      const chain = one.#joined()
      chain.schedules = chain.schedules.filter((other) => other !== one)
    }
    this.#chain = first!.#joined()
    this.#chain.schedules.push(this)
  }

  /** What a schedule that was taken over says. */
  protected static rateOf(schedule: Schedule, base: number, count: number): number {
    return schedule.lrAt(base, count)
  }

  protected static optimizerOf(schedule: unknown, what: string): Scheduled {
    return schedule instanceof Schedule
      ? schedule.#optimizer
      : refuse(`${what} expected schedules, got ${valueText(schedule)}`)
  }

  #joined(): Chain {
    if (this.#chain !== null) return this.#chain
    const rates = this.#optimizer.groups.map((group) => group.lr)
    let chain = chains.get(this.#optimizer)
    // Rates that were assigned by hand since are where everything begins anew.
    if (chain === undefined || !rates.every((rate, i) => rate === rateOf(chain!, i))) {
      chain = { bases: rates, schedules: [] }
      chains.set(this.#optimizer, chain)
    }
    chain.schedules.push(this)
    this.#chain = chain
    return chain
  }

  /** @internal */
  static chained({ bases, schedules }: Chain, group: number): number {
    return schedules.reduce((rate, schedule) => schedule.lrAt(rate, schedule.#count), bases[group]!)
  }
}

/** What all schedules of a chain together say of a group's rate. */
function rateOf(chain: Chain, group: number): number {
  return Schedule.chained(chain, group)
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
    checkOptions(options, ['every', 'gamma'], 'StepLR')
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
    checkOptions(options, ['milestones', 'gamma'], 'MultiStepLR')
    const { milestones } = options
    if (!isIntegers(milestones))
      refuse(`MultiStepLR expected milestones to be a list of integers, got ${valueText(milestones)}`)
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
    checkOptions(options, ['gamma'], 'ExponentialLR')
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
    checkOptions(options, ['steps', 'least'], 'CosineAnnealingLR')
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
    checkOptions(options, ['steps', 'start'], 'LinearWarmupLR')
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

  constructor(optimizer: Scheduled, factor: (count: number) => number)
  constructor(optimizer: Scheduled, factor: (count: number) => number, ...rest: readonly unknown[]) {
    super(optimizer, 'LambdaLR')
    refuseOptions(rest, 'LambdaLR')
    if (typeof factor !== 'function')
      refuse(`LambdaLR expected a function from the count to a factor, got ${valueText(factor)}`)
    this.#factor = factor
    this.apply()
  }

  protected override lrAt(base: number, count: number): number {
    return base * this.#factor(count)
  }
}

/**
 * Up from a fraction of `most` to it along half a cosine, and down to nearly nothing: one cycle for a whole training (PyTorch's `OneCycleLR`,
 * without its cycle of momentum). The rates that the groups had do not matter. After the cycle the last rate stays.
 */
export class OneCycleLR extends Schedule {
  readonly #most: number
  readonly #steps: number
  readonly #warmup: number
  readonly #first: number
  readonly #last: number

  /**
   * options  most: the highest rate; steps: of the whole cycle; warmup: which share of them goes up, 0.3 unless said;
   *          divide: the first rate is most/divide (25); finalDivide: the last one is that/finalDivide (10,000)
   */
  constructor(
    optimizer: Scheduled,
    options: {
      most: number
      steps: number
      warmup?: number | undefined
      divide?: number | undefined
      finalDivide?: number | undefined
    },
  ) {
    super(optimizer, 'OneCycleLR')
    checkOptions(options, ['most', 'steps', 'warmup', 'divide', 'finalDivide'], 'OneCycleLR')
    this.#most = numberOf(options.most, undefined, 'most', 'OneCycleLR')
    if (this.#most < 0) refuse(`OneCycleLR expected most of at least 0, got ${this.#most}`)
    this.#steps = integerOf(options.steps, undefined, 1, 'steps', 'OneCycleLR')
    this.#warmup = numberOf(options.warmup, 0.3, 'warmup', 'OneCycleLR')
    if (this.#warmup < 0 || this.#warmup > 1)
      refuse(`OneCycleLR expected warmup from 0 to 1, got ${this.#warmup}`)
    const divide = numberOf(options.divide, 25, 'divide', 'OneCycleLR')
    const finalDivide = numberOf(options.finalDivide, 1e4, 'finalDivide', 'OneCycleLR')
    if (divide <= 0 || finalDivide <= 0)
      refuse(`OneCycleLR expected divide and finalDivide above 0, got ${divide} and ${finalDivide}`)
    this.#first = this.#most / divide
    this.#last = this.#first / finalDivide
    this.apply()
  }

  protected override lrAt(_base: number, count: number): number {
    const top = this.#warmup * this.#steps - 1
    const end = this.#steps - 1
    const at = Math.min(count, end)
    if (at <= top) return this.#between(this.#first, this.#most, top === 0 ? 1 : at / top)
    return this.#between(this.#most, this.#last, end === top ? 1 : (at - top) / (end - top))
  }

  #between(from: number, to: number, share: number): number {
    return to + ((from - to) / 2) * (cos(Math.PI * share) + 1)
  }
}

/** Several schedules at once, each on what the ones before it say; one `step()` steps all (PyTorch's `ChainedScheduler`). */
export class ChainedScheduler extends Schedule {
  readonly #schedules: readonly Schedule[]

  /** schedules  of one optimizer, none of them stepped yet */
  constructor(schedules: readonly Schedule[]) {
    if (!Array.isArray(schedules) || schedules.length === 0)
      refuse(`ChainedScheduler expected a list of schedules, got ${valueText(schedules)}`)
    super(Schedule.optimizerOf(schedules[0], 'ChainedScheduler'), 'ChainedScheduler')
    this.adopt(schedules, 'ChainedScheduler')
    this.#schedules = [...schedules]
    this.apply()
  }

  protected override lrAt(base: number, count: number): number {
    return this.#schedules.reduce((rate, schedule) => Schedule.rateOf(schedule, rate, count), base)
  }
}

/** Schedules one after the other: from each milestone on the next one, from its beginning and the full rate (PyTorch's `SequentialLR`). */
export class SequentialLR extends Schedule {
  readonly #schedules: readonly Schedule[]
  readonly #milestones: readonly number[]

  /** options  schedules: of this optimizer, none of them stepped yet; milestones: the counts at which the next one begins */
  constructor(
    optimizer: Scheduled,
    options: { schedules: readonly Schedule[]; milestones: readonly number[] },
  ) {
    super(optimizer, 'SequentialLR')
    checkOptions(options, ['schedules', 'milestones'], 'SequentialLR')
    const { schedules, milestones } = options
    if (!Array.isArray(schedules) || schedules.length === 0)
      refuse(`SequentialLR expected a list of schedules, got ${valueText(schedules)}`)
    const ascend =
      isIntegers(milestones) && milestones.every((one, i) => one > (i === 0 ? 0 : milestones[i - 1]!))
    if (!ascend || milestones.length !== schedules.length - 1) {
      refuse(
        `SequentialLR expected ${schedules.length - 1} ascending milestones above 0 for ${schedules.length} schedules, got ${valueText(milestones)}`,
      )
    }
    this.adopt(schedules, 'SequentialLR')
    this.#schedules = [...schedules]
    this.#milestones = [...milestones]
    this.apply()
  }

  protected override lrAt(base: number, count: number): number {
    const reached = this.#milestones.filter((milestone) => milestone <= count).length
    const begin = reached === 0 ? 0 : this.#milestones[reached - 1]!
    return Schedule.rateOf(this.#schedules[reached]!, base, count - begin)
  }
}
