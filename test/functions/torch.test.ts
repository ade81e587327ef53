/**
 * Values, gradients and second-derivative products against PyTorch in float64, read from a fixture that
 * scripts/references/torch_functions.py writes.
 */
import { readFileSync } from 'node:fs'
import { afterAll, describe, expect, test } from 'vitest'
import { type DType, isFloating } from '../../src/array/dtype.js'
import { ndarray } from '../../src/array/make-array.js'
import type { NDArray } from '../../src/array/ndarray.js'
import { type Shape, sizeOf } from '../../src/array/shape.js'
import type { Attributes } from '../../src/graph/attributes.js'
import { grad } from '../../src/graph/backward.js'
import { createFunc } from '../../src/graph/registry.js'
import { Variable } from '../../src/graph/variable.js'
import { functions, registeredHere } from './all-functions.js'

interface Stored {
  dtype: DType
  shape: Shape
  values: number[]
}

interface Reference {
  name: string
  attributes: Attributes
  inputs: Stored[]
  outputs: Stored[]
  gradients?: Stored[]
  seconds?: Stored[]
}

const TOLERANCE = 1e-12
const SECOND_TOLERANCE = 1e-9

/** Called by its own name, as users call it: it is made of registered functions. */
interface Composed extends Omit<Reference, 'attributes'> {
  /** What stands behind the operands. */
  args: unknown[]
}

const { source, cases, composed } = JSON.parse(
  readFileSync(new URL('../fixtures/torch-functions.json', import.meta.url), 'utf8'),
) as { source: string; cases: Reference[]; composed: Composed[] }

/** Functions that PyTorch has no counterpart of, or that the others' derivatives test; the contract checks them all. */
const WITHOUT_REFERENCE = new Set([
  'averagePool2dScatter',
  'bandMeans',
  'bandMeansScatter',
  'blend',
  'blendScatter',
  'placesInOrder',
  'cast',
  'conv2dWeights',
  'dropout',
  'fourierTransform',
  'halfFourier',
  'largerShare',
  'maxPool2dGather',
  'maxPool2dScatter',
  'prodOthers',
  'randomAffine',
  'randomNoise',
  'realFourier',
  'reluGradient',
  'scatterSlice',
  'scatterTake',
  'volumeMaxima',
  'volumeMaximaGather',
  'volumeMaximaScatter',
])

const worst = { value: at(), gradient: at(), second: at() }
function at() {
  return { error: 0, where: '' }
}

afterAll(() => {
  const show = ({ error, where }: { error: number; where: string }) => `${error.toExponential(1)} (${where})`
  process.stdout.write(
    `${source}: ${cases.length} cases of ${new Set(cases.map(({ name }) => name)).size} functions, ${composed.length} of what is made of them; ` +
      'worst relative error: ' +
      `values ${show(worst.value)}, gradients ${show(worst.gradient)}, second derivatives ${show(worst.second)}\n`,
  )
})

function stored({ dtype, shape, values }: Stored): NDArray {
  return ndarray(values, { dtype, shape })
}

/** The weights that the script uses too. */
function weights(shape: Shape, salt: number): NDArray {
  return ndarray(
    Float64Array.from({ length: sizeOf(shape) }, (_, i) => (((i * 7 + salt * 3) % 11) - 5) / 4),
    { shape },
  )
}

/** Compares each element, relative to itself, but not finer than rounding leaves it among its neighbours. */
function compare(
  found: NDArray,
  expected: Stored,
  tolerance: number,
  kept: { error: number; where: string },
  where: string,
): void {
  expect([...found.shape], where).toEqual(expected.shape)
  if (!isFloating(expected.dtype)) {
    expect(Array.from(found.data), where).toEqual(expected.values)
    return
  }
  const scale = Math.max(...expected.values.map(Math.abs))
  expected.values.forEach((value, i) => {
    const difference = Math.abs(found.data[i]! - value)
    const error = difference === 0 ? 0 : difference / Math.max(Math.abs(value), scale * 1e-2, 1e-6)
    if (error > kept.error) Object.assign(kept, { error, where })
    if (!(error <= tolerance))
      expect.fail(`${where}, element ${i}: ${found.data[i]}, PyTorch ${value}, relative error ${error}`)
  })
}

function weightedSum(xs: readonly Variable[], firstSalt: number): Variable {
  const terms = xs.map(
    (x, i) => functions.sum!(functions.mul!(x, weights(x.shape, i + firstSalt))) as Variable,
  )
  return terms.reduce((a, b) => functions.add!(a, b) as Variable)
}

test('every registered function has a reference, but for those named here', () => {
  const covered = new Set([...cases.map(({ name }) => name), ...WITHOUT_REFERENCE])
  expect([...covered].sort()).toEqual(registeredHere())
})

for (const name of new Set(cases.map((one) => one.name))) {
  describe(name, () => {
    const list = cases.filter((one) => one.name === name)
    test.each(list.map((one) => [describeCase(one), one] as const))('%s', (label, one) => {
      checkCase(one, `${name} ${label}`, (xs) => createFunc(name, one.attributes).applyAll(...xs))
    })
  })
}

describe('made of registered functions', () => {
  test.each(composed.map((one) => [`${one.name} ${describeCase(one)}`, one] as const))('%s', (label, one) => {
    checkCase(one, label, (xs) => [functions[one.name]!(...xs, ...one.args) as Variable].flat())
  })
})

function checkCase(
  one: Omit<Reference, 'attributes'>,
  where: string,
  call: (xs: Variable[]) => readonly Variable[],
): void {
  const xs = one.inputs.map((input) => new Variable(stored(input)))
  const outputs = call(xs)
  outputs.forEach((output, i) => {
    compare(output.data, one.outputs[i]!, TOLERANCE, worst.value, `${where} output ${i}`)
  })
  if (one.gradients === undefined) {
    expect(outputs.some(({ requiresGrad }) => requiresGrad)).toBe(false)
    return
  }
  const wanted = xs.filter((x) => x.requiresGrad)
  const roots = outputs.filter((output) => output.requiresGrad)
  const gradients = grad(roots, wanted, {
    gradients: roots.map(({ shape }, i) => weights(shape, i)),
    createGraph: true,
  })
  gradients.forEach((gradient, i) => {
    compare(gradient.data, one.gradients![i]!, TOLERANCE, worst.gradient, `${where} gradient ${i}`)
  })
  const slope = weightedSum(gradients, 1)
  const seconds = slope.requiresGrad
    ? grad([slope], wanted).map(({ data }) => data)
    : wanted.map(({ shape }) => weights(shape, 0).map(() => 0))
  seconds.forEach((second, i) => {
    compare(second, one.seconds![i]!, SECOND_TOLERANCE, worst.second, `${where} second ${i}`)
  })
}

function describeCase(one: Reference | Composed): string {
  const shapes = one.inputs.map(({ shape }) => `[${shape.join(', ')}]`).join(' ')
  const more = 'args' in one ? one.args : one.attributes
  return Object.keys(more).length === 0 ? shapes : `${shapes} ${JSON.stringify(more)}`
}
