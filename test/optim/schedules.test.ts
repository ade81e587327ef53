/** Schedules against PyTorch's. */
import { describe, expect, test } from 'vitest'
import { parameter } from '../../src/graph/leaves.js'
import {
  ConstantLR,
  CosineAnnealingWarmRestarts,
  CyclicLR,
  PolynomialLR,
} from '../../src/optim/more-schedules.js'
import {
  ChainedScheduler,
  CosineAnnealingLR,
  ExponentialLR,
  LambdaLR,
  LinearWarmupLR,
  MultiStepLR,
  OneCycleLR,
  type Schedule,
  SequentialLR,
  StepLR,
} from '../../src/optim/schedules.js'
import { SGD } from '../../src/optim/sgd.js'
import { reference, relativeError } from '../nn/torch-reference.js'

const twoGroups = () =>
  new SGD([{ parameters: [parameter(1)] }, { parameters: [parameter(1)], lr: 0.5 }], { lr: 0.1 })

const made: Readonly<Record<string, (optimizer: SGD) => Schedule>> = {
  step: (o) => new StepLR(o, { every: 3, gamma: 0.5 }),
  multiStep: (o) => new MultiStepLR(o, { milestones: [2, 5], gamma: 0.2 }),
  exponential: (o) => new ExponentialLR(o, { gamma: 0.9 }),
  cosine: (o) => new CosineAnnealingLR(o, { steps: 6, least: 0.01 }),
  warmup: (o) => new LinearWarmupLR(o, { steps: 4, start: 0.25 }),
  oneCycle: (o) => new OneCycleLR(o, { most: 0.4, steps: 10 }),
  lambda: (o) => new LambdaLR(o, (count) => 1 / (1 + count)),
  restarts: (o) => new CosineAnnealingWarmRestarts(o, { steps: 2, times: 3, least: 0.01 }),
  restartsAlike: (o) => new CosineAnnealingWarmRestarts(o, { steps: 4 }),
  polynomial: (o) => new PolynomialLR(o, { steps: 6, power: 2.5 }),
  constant: (o) => new ConstantLR(o, { factor: 0.25, steps: 3 }),
  cyclic: (o) => new CyclicLR(o, { least: 0.01, most: 0.4, up: 2, down: 3 }),
  cyclicHalved: (o) => new CyclicLR(o, { least: 0.01, most: 0.4, up: 2, mode: 'triangular2' }),
  cyclicShrunk: (o) =>
    new CyclicLR(o, { least: 0.01, most: 0.4, up: 3, down: 1, mode: 'expRange', gamma: 0.9 }),
}

describe('ten rates of two groups', () => {
  test.each(Object.keys(reference.schedules))('of the schedule %s are PyTorch’s', (name) => {
    const optimizer = twoGroups()
    const schedule = made[name]!(optimizer)
    const rates = Array.from({ length: 10 }, () => {
      const now = optimizer.groups.map(({ lr }) => lr)
      schedule.step()
      return now
    })
    expect(relativeError(rates.flat(), reference.schedules[name]!.flat())).toBeLessThan(1e-13)
  })

  test.each(Object.keys(made))('of the schedule %s go on from a saved state', (name) => {
    const [a, b] = [twoGroups(), twoGroups()]
    const first = made[name]!(a)
    for (let i = 0; i < 4; i++) first.step()
    b.lr = 7
    const second = made[name]!(b)
    second.loadStateDict(first.stateDict())
    expect(second.count).toBe(4)
    expect(b.groups.map(({ lr }) => lr)).toEqual(a.groups.map(({ lr }) => lr))
  })
})

describe('a mistake gets an answer:', () => {
  const cases: [string, () => unknown, string][] = [
    [
      'no optimizer',
      () => new StepLR({} as never, { every: 1 }),
      'BAD_ARGUMENT: StepLR expected an optimizer first',
    ],
    [
      'a period of 0',
      () => new StepLR(twoGroups(), { every: 0 }),
      'BAD_ARGUMENT: StepLR expected every to be an integer of at least 1, got 0',
    ],
    [
      'PyTorch’s name',
      () => new StepLR(twoGroups(), { step_size: 3 } as never),
      'BAD_ARGUMENT: StepLR does not know the option "step_size"; it knows every, gamma',
    ],
    [
      'a gamma of 0',
      () => new ExponentialLR(twoGroups(), { gamma: 0 }),
      'BAD_ARGUMENT: ExponentialLR expected gamma above 0, got 0',
    ],
    [
      'milestones that are no list',
      () => new MultiStepLR(twoGroups(), { milestones: 3 as never }),
      'BAD_ARGUMENT: MultiStepLR expected milestones to be a list of integers, got 3',
    ],
    [
      'a start above 1',
      () => new LinearWarmupLR(twoGroups(), { steps: 3, start: 2 }),
      'BAD_ARGUMENT: LinearWarmupLR expected start from 0 to 1, got 2',
    ],
    [
      'a factor that is negative',
      () => new LambdaLR(twoGroups(), () => -1),
      'BAD_ARGUMENT: SGD expected lr to be a number of at least 0, got -0.1',
    ],
    [
      'a cycle without a way up',
      () => new CyclicLR(twoGroups(), { least: 0, most: 1, up: 0 }),
      'BAD_ARGUMENT: CyclicLR expected up to be an integer of at least 1, got 0',
    ],
    [
      'a mode of PyTorch’s spelling',
      () => new CyclicLR(twoGroups(), { least: 0, most: 1, up: 2, mode: 'exp_range' as never }),
      "BAD_ARGUMENT: CyclicLR expected mode 'triangular', 'triangular2' or 'expRange', got \"exp_range\"",
    ],
    [
      'ways down that become shorter',
      () => new CosineAnnealingWarmRestarts(twoGroups(), { steps: 2, times: 0 }),
      'BAD_ARGUMENT: CosineAnnealingWarmRestarts expected times to be an integer of at least 1, got 0',
    ],
    [
      'a state of another optimizer',
      () => new ExponentialLR(twoGroups(), { gamma: 1 }).loadStateDict({}),
      'STATE_MISMATCH: a schedule expected the scalars count, base.0, base.1, got ',
    ],
  ]
  test.each(cases)('%s', (_name, act, message) => {
    expect(act).toThrow(message)
  })
})

describe('several schedules of one optimizer', () => {
  const one = () => new SGD([parameter(1)], { lr: 1 })
  const close = (rates: readonly number[], expected: readonly number[]) => {
    expect(rates).toHaveLength(expected.length)
    for (const [i, rate] of rates.entries()) expect(rate).toBeCloseTo(expected[i]!, 12)
  }
  // What PyTorch gives for LinearLR(start_factor=0.1, total_iters=2) and CosineAnnealingLR(T_max=4) of one optimizer.
  const together = [0.1, 0.4694543648263006, 0.5, 0.14644660940672627, 0]

  test('multiply, stepped one by one or by a ChainedScheduler', () => {
    for (const chained of [false, true]) {
      const optimizer = one()
      const parts: Schedule[] = [
        new LinearWarmupLR(optimizer, { steps: 2, start: 0.1 }),
        new CosineAnnealingLR(optimizer, { steps: 4 }),
      ]
      const steps = chained ? [new ChainedScheduler(parts)] : parts
      const rates = [optimizer.lr]
      for (let i = 0; i < 4; i++) {
        for (const schedule of steps) schedule.step()
        rates.push(optimizer.lr)
      }
      close(rates, together)
    }
  })

  test('follow each other at milestones, each from its beginning and the full rate', () => {
    const optimizer = one()
    const schedule = new SequentialLR(optimizer, {
      schedules: [
        new LinearWarmupLR(optimizer, { steps: 2, start: 0.5 }),
        new ExponentialLR(optimizer, { gamma: 0.9 }),
        new StepLR(optimizer, { every: 1, gamma: 0.5 }),
      ],
      milestones: [2, 4],
    })
    const rates = [optimizer.lr]
    for (let i = 0; i < 6; i++) {
      schedule.step()
      rates.push(optimizer.lr)
    }
    close(rates, [0.5, 0.75, 1, 0.9, 1, 0.5, 0.25])
  })

  test('go on from a saved state, also inside each other', () => {
    const make = (optimizer: SGD) =>
      new SequentialLR(optimizer, {
        schedules: [
          new ChainedScheduler([
            new LinearWarmupLR(optimizer, { steps: 3 }),
            new ExponentialLR(optimizer, { gamma: 0.9 }),
          ]),
          new CosineAnnealingLR(optimizer, { steps: 5, least: 0.01 }),
        ],
        milestones: [3],
      })
    const [a, b] = [one(), one()]
    const [left, right] = [make(a), make(b)]
    for (let i = 0; i < 4; i++) left.step()
    right.loadStateDict(left.stateDict())
    for (let i = 0; i < 4; i++) {
      expect(b.lr).toBe(a.lr)
      left.step()
      right.step()
    }
  })

  test('that are made when the one before is over begin where it ended, and a rate set by hand is where all begins', () => {
    const optimizer = one()
    const first = new ExponentialLR(optimizer, { gamma: 0.5 })
    first.step()
    const second = new StepLR(optimizer, { every: 1, gamma: 0.1 })
    expect(optimizer.lr).toBe(0.5)
    second.step()
    expect(optimizer.lr).toBeCloseTo(0.05, 15)
    optimizer.lr = 8
    const third = new ExponentialLR(optimizer, { gamma: 0.5 })
    third.step()
    expect(optimizer.lr).toBe(4)
  })

  test('are refused where they do not fit together', () => {
    const optimizer = one()
    const warmup = new LinearWarmupLR(optimizer, { steps: 2 })
    expect(() => new ChainedScheduler([warmup, warmup])).toThrow(
      'BAD_ARGUMENT: ChainedScheduler expected each schedule once',
    )
    expect(() => new ChainedScheduler([])).toThrow('BAD_ARGUMENT')
    expect(() => new ChainedScheduler([{} as never])).toThrow('BAD_ARGUMENT')
    const foreign = new StepLR(one(), { every: 1 })
    expect(() => new ChainedScheduler([warmup, foreign])).toThrow('of one optimizer')
    expect(() => new SequentialLR(optimizer, { schedules: [warmup], milestones: [1] })).toThrow(
      '0 ascending milestones',
    )
    new ChainedScheduler([warmup])
    expect(() => warmup.step()).toThrow('BAD_ARGUMENT: this schedule belongs to a ChainedScheduler')
    const stepped = new StepLR(optimizer, { every: 1 })
    stepped.step()
    expect(() => new ChainedScheduler([stepped])).toThrow('were not stepped')
  })

  test('whose options are refused leave the others as they were', () => {
    const optimizer = one()
    const warmup = new LinearWarmupLR(optimizer, { steps: 2, start: 0.5 })
    expect(() => new StepLR(optimizer, { every: 0 })).toThrow('BAD_ARGUMENT')
    warmup.step()
    expect(optimizer.lr).toBe(0.75)
  })
})
