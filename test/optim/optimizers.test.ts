/** The optimizers against PyTorch's, their groups, states and mistakes, and what a step is on a tape. */
import { describe, expect, test } from 'vitest'
import * as g from '../../src/index.js'
import '../../src/graph/backward.js'
import { ndarray, zeros } from '../../src/array/make-array.js'
import type { TapeEvent } from '../../src/events/event.js'
import { mul, square } from '../../src/functions/arithmetic.js'
import { sum } from '../../src/functions/reductions.js'
import { parameter } from '../../src/graph/leaves.js'
import { Variable } from '../../src/graph/variable.js'
import { Linear } from '../../src/nn/linear.js'
import { loadState, saveState } from '../../src/nn/state-file.js'
import { Adam, AdamW } from '../../src/optim/adam.js'
import { Lion, NAdam, RAdam } from '../../src/optim/adam-variants.js'
import { AdaDelta, AdaGrad, RMSProp } from '../../src/optim/adaptive.js'
import { clipGradNorm } from '../../src/optim/clip-grad-norm.js'
import { clipGradValue } from '../../src/optim/clip-grad-value.js'
import type { OptimizerState } from '../../src/optim/optimizer.js'
import { SGD } from '../../src/optim/sgd.js'
import { Congruential, reference, relativeError } from '../nn/torch-reference.js'
import { newTapePath, openForTest, recordedTape } from '../tape/temporary-tape.js'

interface AnyOptimizer {
  step(): void
  stateDict(): OptimizerState
  loadStateDict(state: OptimizerState): void
}

const made: Readonly<Record<string, (parameters: Variable[]) => AnyOptimizer>> = {
  sgd: (p) => new SGD(p, { lr: 0.1, weightDecay: 0.01 }),
  'sgd momentum': (p) => new SGD(p, { lr: 0.1, momentum: 0.9, dampening: 0.3, weightDecay: 0.01 }),
  'sgd nesterov': (p) => new SGD(p, { lr: 0.1, momentum: 0.9, nesterov: true }),
  adam: (p) => new Adam(p, { lr: 0.05, beta1: 0.8, beta2: 0.95, eps: 1e-6, weightDecay: 0.1 }),
  adamw: (p) => new AdamW(p, { lr: 0.05, weightDecay: 0.2 }),
  adagrad: (p) => new AdaGrad(p, { lr: 0.1, lrDecay: 0.05, weightDecay: 0.01, initialSum: 0.2 }),
  adadelta: (p) => new AdaDelta(p, { lr: 0.9, rho: 0.8, weightDecay: 0.01 }),
  rmsprop: (p) => new RMSProp(p, { lr: 0.02, alpha: 0.9, weightDecay: 0.01 }),
  'adam amsgrad': (p) => new Adam(p, { lr: 0.05, amsgrad: true, weightDecay: 0.1 }),
  'adamw amsgrad': (p) => new AdamW(p, { lr: 0.05, amsgrad: true }),
  'adam maximize': (p) => new Adam(p, { lr: 0.05, maximize: true }),
  nadam: (p) => new NAdam(p, { lr: 0.05, weightDecay: 0.1 }),
  radam: (p) => new RAdam(p, { lr: 0.05, weightDecay: 0.1 }),
  'rmsprop centered momentum': (p) => new RMSProp(p, { lr: 0.02, alpha: 0.9, momentum: 0.8, centered: true }),
  'nadam decoupled': (p) => new NAdam(p, { lr: 0.05, weightDecay: 0.1, decoupledWeightDecay: true }),
  'radam decoupled': (p) => new RAdam(p, { lr: 0.05, weightDecay: 0.1, decoupledWeightDecay: true }),
}

const STEPS = 25

/** Two parameters, the second of which gets a gradient only at every other step. */
function twoParameters(): Variable[] {
  const weights = new Congruential(50)
  return [parameter(weights.array([3, 2]), { name: 'a' }), parameter(weights.array([4]), { name: 'b' })]
}

function stepsWith(
  parameters: readonly Variable[],
  gradients: Congruential,
  from: number,
  to: number,
  step: () => void,
) {
  const [a, b] = parameters as [Variable, Variable]
  for (let i = from; i < to; i++) {
    a.grad = new Variable(gradients.array([3, 2]))
    b.grad = i % 2 === 0 ? new Variable(gradients.array([4])) : null
    step()
  }
}

const valuesOf = (parameters: readonly Variable[]) => parameters.flatMap(({ data: { data } }) => [...data])

const plain = (state: OptimizerState) => Object.entries(state).map(([name, { data }]) => [name, ...data])

describe('25 steps', () => {
  test('every optimizer is compared', () => {
    expect(Object.keys(made)).toEqual(Object.keys(reference.optimizers))
  })

  test.each(Object.keys(made))('of %s are PyTorch’s', (name) => {
    const parameters = twoParameters()
    const optimizer = made[name]!(parameters)
    stepsWith(parameters, new Congruential(51), 0, STEPS, () => optimizer.step())
    expect(relativeError(valuesOf(parameters), reference.optimizers[name]!)).toBeLessThan(1e-12)
  })

  test.each(Object.keys(made))('of %s, saved after 11 and gone on with by another, are the same', (name) => {
    const parameters = twoParameters()
    const gradients = new Congruential(51)
    const first = made[name]!(parameters)
    stepsWith(parameters, gradients, 0, 11, () => first.step())
    const file = newTapePath().replace('.tape', '.npz')
    saveState(file, first.stateDict())
    const second = new (first.constructor as typeof Adam)(parameters, { lr: 9 }) as AnyOptimizer
    second.loadStateDict(loadState(file))
    expect(plain(second.stateDict())).toEqual(plain(first.stateDict()))
    stepsWith(parameters, gradients, 11, STEPS, () => second.step())
    expect(relativeError(valuesOf(parameters), reference.optimizers[name]!)).toBeLessThan(1e-12)
  })

  test.each(Object.keys(made))('of %s in float32 are those of float64, rounded once a step', (name) => {
    const parameters = twoParameters().map(({ data }) => parameter(data.astype('float32')))
    const optimizer = made[name]!(parameters)
    const gradients = new Congruential(51)
    const [a, b] = parameters as [Variable, Variable]
    for (let i = 0; i < STEPS; i++) {
      a.grad = new Variable(gradients.array([3, 2]).astype('float32'))
      b.grad = i % 2 === 0 ? new Variable(gradients.array([4]).astype('float32')) : null
      optimizer.step()
    }
    expect(a.dtype).toBe('float32')
    expect(relativeError(valuesOf(parameters), reference.optimizers[name]!, 0.1)).toBeLessThan(2e-5)
  })
})

describe('on a tape', () => {
  test.each(Object.keys(made))(
    'a step of %s is one call a parameter, stores nothing, and replays bit for bit',
    async (name) => {
      const path = newTapePath()
      const events: TapeEvent[] = []
      await recordedTape(
        (run) => {
          const parameters = twoParameters()
          const optimizer = made[name]!(parameters)
          for (let step = 0; step < 12; step++) {
            run.step()
            for (const one of parameters) one.clearGrad()
            sum(square(mul(parameters[0]!, 1.5))).backward()
            sum(square(parameters[1]!)).backward()
            if (step === 11) run.events$.subscribe((event) => events.push(event))
            optimizer.step()
          }
        },
        {},
        path,
      )
      const calls = events.filter((event) => event.type === 'FunctionCalled')
      // To climb, each gradient is first taken with the other sign.
      const each = name.includes('maximize') ? ['optimizer', 'optimizer'] : ['optimizer']
      expect(calls.map(({ scope }) => scope)).toEqual([...each, ...each])
      const assigned = events.filter((event) => event.type === 'ValueAssigned')
      const steps = calls.filter(({ function: called }) => called !== 'neg')
      expect(assigned.length).toBe(steps.reduce((count, { outputs }) => count + outputs.length, 0))
      expect(assigned.every(({ source, value }) => source !== null && value === null)).toBe(true)
      expect(events.length).toBe(calls.length + assigned.length + 1) // and the end of the run
      const past = openForTest(path, { readonly: true }).run('test')
      expect(past.replay()).toMatchObject({ verdict: 'bit-exact', divergence: null })
    },
  )

  test('states are found by the name of their parameter', async () => {
    const model = new Linear(2, 1)
    const file = await recordedTape((run) => {
      const optimizer = new Adam(model.parameters())
      for (let step = 0; step < 3; step++) {
        run.step()
        model.clearGrads()
        sum(square(model.forward([[1, 2]]))).backward()
        optimizer.step()
      }
    })
    const past = openForTest(file, { readonly: true }).run('test')
    expect(past.variable('optimizer.weight.t', { step: 3 }).item()).toBe(2)
    expect(past.variable('optimizer.weight.m', { step: 2 }).shape).toEqual([2, 1])
  })

  test('clipped gradients replay', async () => {
    const parameters = twoParameters()
    const file = await recordedTape(() => {
      sum(square(parameters[0]!)).backward()
      sum(square(parameters[1]!)).backward()
      clipGradNorm(parameters, 0.1)
      new SGD(parameters, { lr: 0.1 }).step()
    })
    const past = openForTest(file, { readonly: true }).run('test')
    expect(past.replay().verdict).toBe('bit-exact')
  })
})

describe('clipGradNorm', () => {
  test.each([0, 1])('is PyTorch’s above and below the limit (%i)', (i) => {
    const numbers = new Congruential(60)
    const parameters = [parameter(zeros([3, 2])), parameter(zeros([4]))]
    for (const one of parameters) one.grad = new Variable(numbers.array(one.shape))
    const wanted = reference.clipping[i]!
    const norm = clipGradNorm([...parameters, parameter(1)], [0.5, 50][i]!)
    expect(relativeError([norm.item()], [wanted.norm])).toBeLessThan(1e-14)
    parameters.forEach(({ grad }, k) => {
      expect(relativeError(grad!.data.data, wanted.gradients[k]!)).toBeLessThan(1e-13)
    })
  })

  test('needs a limit above 0 and a gradient', () => {
    expect(() => clipGradNorm([parameter(1)], 0)).toThrow(
      'BAD_ARGUMENT: clipGradNorm expected maxNorm above 0, got 0',
    )
    expect(() => clipGradNorm([parameter(1)], 1)).toThrow(
      'BAD_ARGUMENT: clipGradNorm expected parameters with gradients, got none',
    )
  })
})

describe('clipGradValue', () => {
  test('bounds each element by itself, leaves NaN, and records what it did', async () => {
    const file = await recordedTape((run) => {
      run.step()
      const w = parameter([1, 2, 3, 4], { name: 'w' })
      const loss = sum(mul(w, [10, -10, 0.1, Number.NaN]))
      run.log({ loss })
      loss.backward()
      clipGradValue([w, parameter(1)], 0.5)
      expect(w.grad!.data.toArray()).toEqual([0.5, -0.5, 0.1, Number.NaN])
      new SGD([w], { lr: 1 }).step()
    })
    expect(openForTest(file, { readonly: true }).run('test').replay().verdict).toBe('bit-exact')
  })

  test('needs a limit above 0 and a gradient', () => {
    expect(() => clipGradValue([parameter(1)], 0)).toThrow(
      'BAD_ARGUMENT: clipGradValue expected most above 0, got 0',
    )
    expect(() => clipGradValue([parameter(1)], 1)).toThrow(
      'BAD_ARGUMENT: clipGradValue expected parameters with gradients, got none',
    )
  })
})

describe('groups', () => {
  test('have settings of their own and share the rest', () => {
    const [a, b] = [parameter(1), parameter(1)]
    const optimizer = new SGD([{ parameters: [a], lr: 0.5 }, { parameters: [b] }], {
      lr: 0.1,
      weightDecay: 1,
    })
    a.grad = new Variable(0)
    b.grad = new Variable(0)
    optimizer.step()
    expect([a.item(), b.item()]).toEqual([0.5, 0.9])
    optimizer.groups[1]!.set({ weightDecay: 0 })
    optimizer.lr = 0.25
    expect(optimizer.groups.map(({ rule: { lr, weightDecay } }) => [lr, weightDecay])).toEqual([
      [0.25, 1],
      [0.25, 0],
    ])
  })

  test('a changed rate holds from the next step on', () => {
    const a = parameter(1)
    const optimizer = new SGD([a], { lr: 0.1 })
    a.grad = new Variable(1)
    optimizer.step()
    optimizer.lr = 0.5
    optimizer.step()
    expect(a.item()).toBe(0.4)
    optimizer.clearGrads()
    expect(a.grad).toBe(null)
  })
})

describe('a mistake gets an answer:', () => {
  const one = () => [parameter(1, { name: 'w' })]
  const cases: [string, () => unknown, string][] = [
    ['no parameters', () => new SGD([], { lr: 1 }), 'BAD_ARGUMENT: SGD expected parameters, got none'],
    [
      'a rate in the place of the options',
      () => new Adam([new Variable([1])], 0.1 as never),
      'BAD_ARGUMENT: Adam expected its options as an object, { lr, ',
    ],
    [
      'a group without parameters',
      () => new Adam([{ parameters: [] }]),
      'BAD_ARGUMENT: Adam expected parameters, got none',
    ],
    [
      'a module',
      () => new SGD(new Linear(1, 1) as never, { lr: 1 }),
      'BAD_ARGUMENT: SGD expected a list of parameters, got an object (Linear); pass model.parameters()',
    ],
    [
      'a map of parameters',
      () => new SGD(new Linear(1, 1).namedParameters() as never, { lr: 1 }),
      'BAD_ARGUMENT: SGD expected a list of parameters, got an object (Map)',
    ],
    [
      'a number among the parameters',
      () => new SGD([1 as never], { lr: 1 }),
      'BAD_ARGUMENT: SGD expected Variables as parameters, got 1 as number 0',
    ],
    [
      'a constant',
      () => new SGD([new Variable(1, { requiresGrad: false })], { lr: 1 }),
      'BAD_ARGUMENT: SGD expected parameters that require a gradient',
    ],
    [
      'a result',
      () => new SGD([square(parameter(1))], { lr: 1 }),
      'BAD_ARGUMENT: SGD expected leaves as parameters, but variable (number 0) was made by square',
    ],
    [
      'a parameter twice',
      () => {
        const [w] = one()
        return new SGD([w!, w!], { lr: 1 })
      },
      'BAD_ARGUMENT: SGD got w twice',
    ],
    [
      'no rate',
      () => new SGD(one(), {} as never),
      'BAD_ARGUMENT: SGD expected lr to be a number of at least 0, got undefined',
    ],
    [
      'a negative rate',
      () => new Adam(one(), { lr: -1 }),
      'BAD_ARGUMENT: Adam expected lr to be a number of at least 0, got -1',
    ],
    [
      'a rate that becomes NaN',
      () => {
        new SGD(one(), { lr: 1 }).lr = Number.NaN
      },
      'BAD_ARGUMENT: SGD expected lr to be a number of at least 0, got NaN',
    ],
    [
      'a beta of 1',
      () => new Adam(one(), { beta1: 1 }),
      'BAD_ARGUMENT: Adam expected beta1 to be a number from 0 to below 1, got 1',
    ],
    [
      'a misspelt option',
      () => new SGD(one(), { lr: 1, weightdecay: 1 } as never),
      'BAD_ARGUMENT: SGD does not know the option "weightdecay"; did you mean "weightDecay"?',
    ],
    [
      'nesterov without momentum',
      () => new SGD(one(), { lr: 1, nesterov: true }),
      'BAD_ARGUMENT: SGD expected nesterov with momentum above 0 and dampening 0, got 0 and 0',
    ],
    [
      'a flag that is none',
      () => new RMSProp(one(), { centered: 1 as never }),
      'BAD_ARGUMENT: RMSProp expected centered to be true or false, got 1',
    ],
    [
      'a step before backward',
      () => new AdaDelta(one()).step(),
      'BAD_ARGUMENT: AdaDelta.step() expected a parameter with a gradient, got none; call loss.backward() first',
    ],
  ]
  test.each(cases)('%s', (_name, act, message) => {
    expect(act).toThrow(message)
  })

  test('a state that does not fit is refused with all that is wrong, and nothing is loaded', () => {
    const make = () => {
      const parameters = twoParameters()
      const optimizer = new Adam(parameters)
      stepsWith(parameters, new Congruential(51), 0, 2, () => optimizer.step())
      return optimizer
    }
    const [a, b] = [make(), make()]
    const { 'a.m': _, 'groups.0.lr': __, ...rest } = a.stateDict()
    const before = b.stateDict()
    expect(() => b.loadStateDict({ ...rest, 'b.v': zeros([3]), 'c.m': ndarray([1]) })).toThrow(
      'STATE_MISMATCH: the state does not fit Adam; nothing was loaded; missing: groups.0.lr; missing: a.m; ' +
        'b.v expected [4] of float64, got [3] of float64; not in the optimizer: c.m',
    )
    expect(() => b.loadStateDict({ ...before, 'groups.0.lr': ndarray(-1) })).toThrow(
      'BAD_ARGUMENT: Adam expected lr to be a number of at least 0, got -1',
    )
    expect(() => b.loadStateDict({ ...before, 'a.m': [1] as never })).toThrow(
      'BAD_ARGUMENT: Adam expected a state of NDArrays, got [1] for "a.m"',
    )
    expect(plain(b.stateDict())).toEqual(plain(before))
  })
})

describe('Lion', () => {
  test('goes by lr in the direction of the sign of a mean, and its weights decay apart', () => {
    const p = parameter([1, -2, 3])
    const lion = new Lion([p], { lr: 0.5, weightDecay: 0.1 })
    p.grad = new Variable([2, -3, 0])
    lion.step()
    expect(p.data.toArray()).toEqual([0.95 - 0.5, -1.9 + 0.5, 3 * 0.95])
    p.grad = new Variable([-0.1, 0, 1])
    lion.step()
    // The mean, 0.02, −0.03, 0 after the first step, times 0.9 plus a tenth of the gradient.
    const after = p.data.data
    expect(after[0]).toBeCloseTo(0.45 * 0.95 - 0.5, 12)
    expect(after[1]).toBeCloseTo(-1.4 * 0.95 + 0.5, 12)
    expect(after[2]).toBeCloseTo(2.85 * 0.95 - 0.5, 12)
  })
})

test('an optimizer says once on the tape which of its parameters have no gradient, in a sentence and as data', async () => {
  const tape = g.openTape(':memory:')
  const run = tape.startRun('cut')
  const [front, back] = [new g.Linear(2, 3), new g.Linear(3, 1)]
  const unread = new g.Linear(4, 4)
  const frozen = g.parameter([1, 2, 3], { name: 'frozen' })
  frozen.requiresGrad = false
  const optimizer = new g.SGD([...front.parameters(), ...back.parameters(), ...unread.parameters(), frozen], {
    lr: 0.1,
  })
  front.weight.name = 'front.weight\nor so'
  const x = g.constant(g.ones([4, 2]))
  for (let i = 0; i < 3; i++) {
    run.step()
    const loss = g.sum(back.forward(g.mul(front.forward(x).detach(), frozen)))
    optimizer.clearGrads()
    loss.backward()
    optimizer.step()
  }
  await run.finish()
  const notes = [...tape.run('cut').events()].flatMap((event) =>
    event.type === 'NoteAdded' ? [event.text] : [],
  )
  expect(notes).toHaveLength(1)
  const [sentence, data] = notes[0]!.split('\n') as [string, string]
  expect(sentence).toBe(
    'SGD passes over front.weight or so, bias, which have no gradient: it leaves them as they are',
  )
  const { passedOver } = JSON.parse(data)
  expect(passedOver.by).toBe('SGD')
  expect(passedOver.variables).toEqual(
    [front.weight, front.bias].map((one) => (one as unknown as { ref: number }).ref),
  )
  expect(tape.run('cut').replay().verdict).toBe('bit-exact')
  tape.close()
})
