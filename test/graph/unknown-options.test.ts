// A misspelled option is refused, wherever a Variable is made or differentiated; nothing is made then.
import { expect, test } from 'vitest'
import { checkGradients, constant, grad, pad, parameter, Variable } from '../../src/index.js'
import { newTapePath, openForTest } from '../tape/temporary-tape.js'

const x = parameter([1, 2])

test.each<[string, () => unknown]>([
  ['new Variable', () => new Variable(1, { requireGrad: false } as object)],
  ['constant', () => constant(1, { dytpe: 'float32' } as object)],
  ['parameter', () => parameter(1, { nmae: 'w' } as object)],
  ['backward', () => x.sum().backward({ retain: true } as object)],
  ['grad', () => grad([x.sum()], [x], { creategraph: true } as object)],
  ['checkGradients', () => checkGradients((y) => y.sum(), [x], { tolerence: 1 } as object)],
  ['pad', () => pad(x, [[1, 1]], 300 as unknown as object)],
])('%s names the option that it does not know', (_, act) => {
  expect(act).toThrow(/^BAD_ARGUMENT: \w.* (does not know the option|expected its options as an object)/)
  expect(x.grad).toBeNull()
})

test('a run is asked for by number or name', () => {
  const tape = openForTest(newTapePath())
  for (const which of [{}, null, undefined, []])
    expect(() => tape.run(which as never)).toThrow(/^BAD_ARGUMENT/)
})
