/** Schedules against PyTorch's. */
import { describe, expect, test } from 'vitest'
import { parameter } from '../../src/graph/variable.js'
import {
  CosineAnnealingLR,
  ExponentialLR,
  LambdaLR,
  LinearWarmupLR,
  MultiStepLR,
  type Schedule,
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
  lambda: (o) => new LambdaLR(o, (count) => 1 / (1 + count)),
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
      'a state of another optimizer',
      () => new ExponentialLR(twoGroups(), { gamma: 1 }).loadStateDict({}),
      'STATE_MISMATCH: a schedule expected the scalars count, base.0, base.1, got ',
    ],
  ]
  test.each(cases)('%s', (_name, act, message) => {
    expect(act).toThrow(message)
  })
})
