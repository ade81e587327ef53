/** L-BFGS against PyTorch's, on the tape, from a saved state, and after a closure that throws. */
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { scalar } from '../../src/array/ndarray.js'
import {
  add,
  div,
  greater,
  LBFGS,
  type LBFGSOptions,
  loadState,
  log,
  mul,
  neg,
  openTape,
  parameter,
  pow,
  SGD,
  saveState,
  slice,
  square,
  sub,
  sum,
  type Variable,
  where,
} from '../../src/index.js'
import { Congruential, reference, relativeError } from '../nn/torch-reference.js'

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gradtape-lbfgs-'))
afterAll(() => fs.rmSync(folder, { recursive: true }))

const OPTIONS: Readonly<Record<string, LBFGSOptions>> = {
  'fixed steps': { lr: 0.02, maxIterations: 4 },
  'strong Wolfe': { lineSearch: 'strongWolfe' },
  'short history': { lr: 0.5, maxIterations: 7, history: 2, lineSearch: 'strongWolfe' },
  'few evaluations': {
    ...{ lr: 0.3, maxIterations: 30, maxEvaluations: 6 },
    ...{ changeTolerance: 1e-7, lineSearch: 'strongWolfe' as const },
  },
}

function twoParameters(): [Variable, Variable] {
  const weights = new Congruential(70)
  return [parameter(weights.array([4]), { name: 'a' }), parameter(weights.array([3]), { name: 'b' })]
}

/** A valley that bends, plus something for the second parameter. */
function valley(a: Variable, b: Variable): Variable {
  const [here, next] = [slice(a, [[0, 3]]), slice(a, [[1, 4]])]
  const bent = sum(add(mul(2, square(sub(next, square(here)))), square(sub(1, here))))
  return add(add(bent, sum(pow(sub(b, 0.5), 4))), sum(mul(b, here)))
}

function training(options: LBFGSOptions, sign = 1) {
  const [a, b] = twoParameters()
  const optimizer = new LBFGS([a, b], options)
  const counted = { evaluations: 0 }
  const step = () => {
    const loss = optimizer.step(() => {
      counted.evaluations++
      optimizer.clearGrads()
      const value = mul(sign, valley(a, b))
      value.backward()
      return value
    })
    return loss.item()
  }
  return { a, b, optimizer, counted, step, values: () => [...a.data.data, ...b.data.data] }
}

describe('four steps', () => {
  test.each(Object.keys(reference.lbfgs))('%s: are PyTorch’s', (name) => {
    const { step, values, counted } = training(OPTIONS[name]!)
    for (const [i, wanted] of reference.lbfgs[name]!.entries()) {
      const where = `step ${i + 1}`
      expect(relativeError([step()], [wanted.loss]), where).toBeLessThan(1e-12)
      expect(counted.evaluations, where).toBe(wanted.evaluations)
      expect(relativeError(values(), wanted.parameters), where).toBeLessThan(1e-12)
    }
  })

  test('climb with maximize as they descend without', () => {
    const [down, up] = [
      training(OPTIONS['strong Wolfe']!),
      training({ lineSearch: 'strongWolfe', maximize: true }, -1),
    ]
    for (let i = 0; i < 3; i++) expect(up.step()).toBe(-down.step())
    expect(up.values()).toEqual(down.values())
  })
})

test('a step goes on from a saved state, bit for bit', () => {
  const whole = training(OPTIONS['short history']!)
  for (let i = 0; i < 2; i++) whole.step()
  const file = path.join(folder, 'lbfgs.safetensors')
  saveState(file, whole.optimizer.stateDict())
  const again = training(OPTIONS['short history']!)
  again.a.data = whole.a.data
  again.b.data = whole.b.data
  again.optimizer.loadStateDict(loadState(file))
  for (let i = 0; i < 2; i++) expect(again.step()).toBe(whole.step())
  const { 'moves.0': _, ...lacking } = whole.optimizer.stateDict()
  expect(() => again.optimizer.loadStateDict(lacking)).toThrow(/STATE_MISMATCH.*missing: moves.0/)
  expect(() => again.optimizer.loadStateDict({ ...lacking, pairs: scalar(1.5, 'float64') })).toThrow(
    /STATE_MISMATCH.*pairs expected a count, got 1.5/,
  )
  expect(() => again.optimizer.loadStateDict({ ...lacking, more: again.a.data })).toThrow(/not in.*more/)
})

test('a run of it replays to the same bits, and goes on from any of its steps', async () => {
  const tape = openTape(path.join(folder, 'lbfgs.tape'))
  const run = tape.startRun('valley', { seed: 1 })
  const made = training(OPTIONS['short history']!)
  const losses: number[] = []
  for (let i = 0; i < 4; i++) {
    run.step()
    losses.push(made.step())
  }
  await run.finish()
  expect(tape.run('valley').replay().verdict).toBe('bit-exact')
  for (const step of [2, 4]) {
    const { a, b, optimizer, step: next } = training(OPTIONS['short history']!)
    const model = {
      stateDict: () => ({ a: a.data, b: b.data }),
      loadStateDict: (state: { a?: typeof a.data; b?: typeof b.data }) => {
        a.data = state.a!
        b.data = state.b!
      },
    }
    tape.run('valley').fork({ step }).resume({ model, optimizer })
    expect(next()).toBe(losses[step - 1])
    if (step < 4) expect(next()).toBe(losses[step])
  }
  tape.close()
})

test('a run that ended after its first step has the state that only the next one would have read', async () => {
  const tape = openTape(path.join(folder, 'first.tape'))
  const start = () => parameter([1, -2], { name: 'w' })
  const train = (w: Variable, optimizer: SGD) => {
    const loss = sum(square(w))
    optimizer.clearGrads()
    loss.backward()
    optimizer.step()
    return loss.item()
  }
  const options = { lr: 0.1, momentum: 0.9 }
  const w = start()
  const optimizer = new SGD([w], options)
  const run = tape.startRun('short')
  run.step()
  train(w, optimizer)
  await run.finish()
  const [again, other] = [start(), start()]
  const resumed = new SGD([again], options)
  const straight = new SGD([other], options)
  const model = {
    stateDict: () => ({ w: again.data }),
    loadStateDict: (state: { w?: typeof again.data }) => {
      again.data = state.w!
    },
  }
  tape.run('short').fork({ step: 2 }).resume({ model, optimizer: resumed })
  train(other, straight)
  for (let i = 0; i < 2; i++) expect(train(again, resumed)).toBe(train(other, straight))
  tape.close()
})

test('a step out of where the loss is defined is taken back', () => {
  const minimum = (begin: number, loss: (x: Variable) => Variable) => {
    const x = parameter([begin])
    const optimizer = new LBFGS([x], { lr: 100, lineSearch: 'strongWolfe' })
    for (let i = 0; i < 3; i++)
      optimizer.step(() => {
        optimizer.clearGrads()
        const value = sum(loss(x))
        value.backward()
        return value
      })
    return x.data.item()
  }
  // NaN where x is below 0.
  expect(minimum(3, (x) => sub(x, mul(0.5, log(x))))).toBeCloseTo(0.5, 7)
  // NaN on either side, Infinity at both ends.
  expect(minimum(0.9, (x) => neg(log(mul(x, sub(1, x)))))).toBeCloseTo(0.5, 6)
  expect(minimum(0.5, (x) => div(square(add(x, 2)), where(greater(x, -2.5), 1, 0)))).toBeCloseTo(-2, 4)
})

test('what a step cannot use is refused, and a closure that throws leaves the parameters where they were', () => {
  const [a, b] = twoParameters()
  const optimizer = new LBFGS([a, b])
  expect(() => new LBFGS([{ parameters: [a] }, { parameters: [b] }] as never)).toThrow(/2 groups/)
  expect(() => new LBFGS([a], { lineSearch: 'armijo' as never })).toThrow(/BAD_ARGUMENT.*strongWolfe/)
  expect(() => new LBFGS([a], { history: 0 })).toThrow(/BAD_ARGUMENT.*history/)
  expect(() => optimizer.step(undefined as never)).toThrow(/BAD_ARGUMENT.*function/)
  expect(() => optimizer.step(() => 'low' as never)).toThrow(/BAD_ARGUMENT.*loss/)
  expect(() => optimizer.step(() => 1)).toThrow(/BAD_ARGUMENT.*backward/)
  const before = [...a.data.data]
  let count = 0
  const closure = () => {
    if (++count === 2) throw new Error('no disk')
    optimizer.clearGrads()
    const loss = valley(a, b)
    loss.backward()
    return loss
  }
  expect(() => optimizer.step(closure)).toThrow('no disk')
  expect([...a.data.data]).toEqual(before)
})
