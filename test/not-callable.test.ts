// What is called with something it cannot use says so at once, with a code: a list that is none, a function that is none. JavaScript's own words
// ("keep is not a function", "outputs is not iterable") tell nobody what was expected, and a hook that is none would fail in a later pass.
import { expect, test } from 'vitest'
import {
  clipGradNorm,
  grad,
  Linear,
  loadTorchState,
  ndarray,
  parameter,
  registerFunc,
  SGD,
  sum,
  summary,
  TensorDataset,
  Variable,
} from '../src/index.js'

const w = parameter([1, 2], { name: 'w' })
const set = new TensorDataset(ndarray([[1], [2], [3]]))
const any = (value: unknown) => value as never

const uses: Record<string, (given: unknown) => unknown> = {
  'TensorDataset.map': (given) => set.map(any(given)),
  'TensorDataset.filter': (given) => set.filter(any(given)),
  'NDArray.map': (given) => w.data.map(any(given)),
  onGradient: (given) => w.onGradient(any(given)),
  registerFunc: (given) => registerFunc(any(given)),
  summary: (given) => summary(any(given)),
  clipGradNorm: (given) => clipGradNorm(any(given), 1),
  'outputs of grad': (given) => grad(any(given), [w]),
  'an output of grad': (given) => grad([any(given)], [w]),
  'inputs of grad': (given) => grad(sum(w), any(given)),
}

test.each(Object.keys(uses))('%s refuses what it cannot use', (name) => {
  for (const given of [3, null, {}, 'relu'])
    expect(() => uses[name]!(given), String(given)).toThrow(/^BAD_ARGUMENT: .* expected /)
})

test('rows of a data set are cut at integers, and at its ends', () => {
  for (const given of [0.5, Number.NaN, null, '1'])
    expect(() => set.slice(any(given))).toThrow(/^BAD_ARGUMENT: TensorDataset.slice expected integers/)
  expect(set.slice(-2).length).toBe(2)
  expect(set.slice(1, Infinity).length).toBe(2)
})

test('a PyTorch state that is none is refused', () => {
  for (const given of [null, undefined, 3])
    expect(() => loadTorchState(new Linear(1, 1), any(given))).toThrow(
      /^BAD_ARGUMENT: loadTorchState expected a state/,
    )
})

test('seeds of grad come in a list, one for each output', () => {
  const y = w.mul(3)
  expect(grad(y, w, { gradients: [[1, 2]] })[0]!.data.toArray()).toEqual([3, 6])
  // A bare seed was passed over: the gradient was that of the seed 1.
  for (const given of [2, new Variable(2), [], [1, 1]])
    expect(() => grad(sum(y), w, { gradients: any(given) })).toThrow(
      /^BAD_ARGUMENT: grad\(\) expected gradients to be a list with a seed for each output/,
    )
})

test('groups of parameters in the words of PyTorch are told the word used here', () => {
  expect(() => new SGD(any([{ params: [w], lr: 0.1 }]), { lr: 1 })).toThrow(
    /^BAD_ARGUMENT: SGD expected .*did you mean "parameters"\?/,
  )
})
