/**
 * One contract that every registered function passes: shapes and dtypes, first and second derivatives by differences, float32,
 * scalars and empty arrays, the class, the function and the method alike. A registered function without a case fails.
 */
import { afterAll, describe, expect, test } from 'vitest'
import { isFloating } from '../../src/array/dtype.js'
import { ndarray } from '../../src/array/make-array.js'
import type { NDArray } from '../../src/array/ndarray.js'
import { type Shape, sizeOf } from '../../src/array/shape.js'
import { TapeError } from '../../src/errors.js'
import type { Attributes } from '../../src/graph/attributes.js'
import { grad } from '../../src/graph/backward.js'
import type { Func } from '../../src/graph/func.js'
import { checkGradients } from '../../src/graph/gradient-check.js'
import { mode, withLinking } from '../../src/graph/mode.js'
import type { Recorder } from '../../src/graph/recorder.js'
import { createFunc } from '../../src/graph/registry.js'
import { Variable } from '../../src/graph/variable.js'
import { exported, functions, registeredHere } from './all-functions.js'
import type { Case } from './case.js'
import { cases } from './cases.js'

const NOT_METHODS = new Set(['einsum', 'concat', 'stack', 'meshgrid'])
const INNER = new Set([
  'averagePool2dScatter',
  'bandMeans',
  'bandMeansScatter',
  'blend',
  'blendScatter',
  'placesInOrder',
  'conv2dWeights',
  'halfFourier',
  'largerShare',
  'maxPool2dGather',
  'maxPool2dScatter',
  'prodOthers',
  'realFourier',
  'reluGradient',
  'scatterSlice',
  'scatterTake',
  'volumeMaxima',
  'volumeMaximaGather',
  'volumeMaximaScatter',
])
const SECOND_ORDER_TOLERANCE = 2e-6

let checked = 0
const worst = { first: 0, second: 0 }

afterAll(() => {
  const count = registeredHere().length
  process.stdout.write(
    `contract: ${count} functions × ${(checked / count).toFixed(1)} cases = ${checked} cases; worst relative error against ` +
      `differences ${worst.first.toExponential(1)} first order, ${worst.second.toExponential(1)} second order\n`,
  )
})

function apply(name: string, one: Case, operands: readonly (Variable | NDArray)[]): Variable[] {
  return createFunc(name, one.attributes).applyAll(...operands)
}

/** Operands of which the floating ones are leaves that want gradients. */
function leaves(inputs: readonly NDArray[]): Variable[] {
  return inputs.map((input) => new Variable(input))
}

/** The floating inputs of a case as points, and the call as a function of them alone. */
function pointed(name: string, one: Case): { points: NDArray[]; call: (...xs: Variable[]) => Variable } {
  const points = one.inputs.filter((input) => isFloating(input.dtype))
  const call = (...xs: Variable[]) => {
    const rest = [...xs]
    const outputs = apply(
      name,
      one,
      one.inputs.map((input) => (isFloating(input.dtype) ? rest.shift()! : input)),
    )
    return total(outputs.filter((output) => isFloating(output.dtype)))
  }
  return { points, call }
}

/** Several outputs as one: each weighted apart and flattened, so that a mistake in one does not cancel. */
function total(outputs: readonly Variable[]): Variable {
  if (outputs.length === 1) return outputs[0]!
  const flat = outputs.map((output, i) => functions.mul!(functions.reshape!(output, [-1]), i + 1) as Variable)
  return functions.concat!(flat) as Variable
}

function weighted(x: Variable, salt: number): Variable {
  const weights = Float64Array.from({ length: x.size }, (_, i) => Math.cos(1.3 * i + salt))
  return functions.sum!(functions.mul!(x, ndarray(weights, { shape: x.shape }))) as Variable
}

function bits(array: NDArray): string {
  return `${array.dtype} [${array.shape.join(', ')}] ${Buffer.from(array.data.slice().buffer).toString('hex')}`
}

function describeCase(one: Case): string {
  const shapes = one.inputs.map(({ shape }) => `[${shape.join(', ')}]`).join(' ')
  return `${shapes} ${one.attributes === undefined ? '' : JSON.stringify(one.attributes)}`
}

test('every registered function has cases, and every case a registered function', () => {
  expect(Object.keys(cases).sort()).toEqual(registeredHere())
  for (const list of Object.values(cases)) expect(list.length).toBeGreaterThan(0)
})

test('every registered function is exported under its name, with a class and, but for adjoints, a method', () => {
  for (const name of registeredHere()) {
    expect(typeof exported[name], name).toBe('function')
    const funcClass = bare(name).constructor
    expect(exported[funcClass.name], funcClass.name).toBe(funcClass)
    expect(funcClass.name.toLowerCase()).toBe(name.toLowerCase())
    const isMethod = name in Variable.prototype
    expect(isMethod, name).toBe(!NOT_METHODS.has(name) && !INNER.has(name))
  }
})

function bare(name: string): Func {
  return createFunc(name, cases[name]![0]!.attributes)
}

test('functions refuse settings that they do not know, and settings of the wrong kind, with a TapeError', () => {
  for (const name of registeredHere()) {
    const one = cases[name]!.find(
      ({ attributes }) => attributes !== undefined && Object.keys(attributes).length > 0,
    )
    if (one === undefined) continue
    expectCode(() => createFunc(name, { ...one.attributes, nonsense: 1 }), `${name} nonsense`)
    for (const key of Object.keys(one.attributes!)) {
      expectCode(() => createFunc(name, { ...one.attributes, [key]: 'no-such!' }), `${name}.${key}`)
      expectCode(() => createFunc(name, { ...one.attributes, [key]: { a: 1 } }), `${name}.${key}`)
      // A list of such numbers is what some settings are: the weights of classes.
      if (takesFractions(one.attributes![key])) continue
      expectCode(() => createFunc(name, { ...one.attributes, [key]: [0.5] }), `${name}.${key}`)
    }
    expectCode(() => createFunc(name, null as unknown as Attributes), `${name} null`)
    expectCode(() => createFunc(name, 3 as unknown as Attributes), `${name} 3`)
  }
})

function takesFractions(value: Attributes[string]): boolean {
  return Array.isArray(value) && value.some((one) => !Number.isInteger(one))
}

function expectCode(call: () => unknown, what: string): void {
  try {
    call()
  } catch (error) {
    expect(error, what).toBeInstanceOf(TapeError)
    return
  }
  expect.fail(`${what} was accepted`)
}

for (const name of registeredHere()) {
  describe(name, () => {
    test.each((cases[name] ?? []).map((one) => [describeCase(one), one] as const))('%s', (_, one) => {
      checked++
      const outputs = apply(name, one, leaves(one.inputs))
      shapesAndDtypes(outputs, one)
      canBeRecorded(name, one)
      sameFromItsAttributes(name, one, outputs)
      sameAsFunctionAndMethod(name, one, outputs)
      staysFloat32(name, one, outputs)
      if (!outputs[0]!.creator!.differentiable) {
        hasNoGradient(outputs)
        return
      }
      gradientsHaveInputsShapes(name, one)
      agreesWithDifferences(name, one)
    })
  })
}

/** A run that writes nothing: what the graph asks of a call before it is recorded is asked. */
const run: Recorder = {
  finished: false,
  loader: null,
  past: null,
  leavesGradients: false,
  functionCalled: () => {},
  valueAssigned: () => {},
  variableNamed: () => {},
  gradientAssigned: () => {},
  gradientCleared: () => {},
  variableUnchained: () => {},
  requiresGradSet: () => {},
  backwardStarted: () => 0,
  gradientComputed: () => false,
  gradientReplaced: () => {},
  gradientHeld: () => {},
  backwardAborted: () => {},
}

/** Attributes are plain data, and a class that takes settings leaves some on the tape. */
function canBeRecorded(name: string, one: Case): void {
  mode.recorder = run
  try {
    const call = apply(name, one, one.inputs)[0]!.creator!
    expect(call.name).toBe(name)
    expect(JSON.parse(JSON.stringify(call.attributes))).toEqual(call.attributes)
  } finally {
    mode.recorder = null
  }
}

function shapesAndDtypes(outputs: readonly Variable[], one: Case): void {
  expect(outputs.map(({ shape }) => [...shape])).toEqual(one.shapes)
  for (const [slot, output] of outputs.entries()) {
    expect(output.slot).toBe(slot)
    expect(output.data.data.length).toBe(sizeOf(output.shape))
    for (const input of one.inputs) expect(output.data).not.toBe(input)
  }
}

/** What a tape does: the attributes as JSON, a new instance, the same bits. */
function sameFromItsAttributes(name: string, one: Case, outputs: readonly Variable[]): void {
  const { attributes } = outputs[0]!.creator!
  const again = createFunc(name, JSON.parse(JSON.stringify(attributes)) as Attributes)
  expect(again.attributes).toEqual(attributes)
  expect(again.applyAll(...one.inputs).map(({ data }) => bits(data))).toEqual(
    outputs.map(({ data }) => bits(data)),
  )
}

function sameAsFunctionAndMethod(name: string, one: Case, outputs: readonly Variable[]): void {
  const expected = outputs.map(({ data }) => bits(data))
  const xs = leaves(one.inputs)
  const call = one.call ?? ((all: typeof functions, operands) => all[name]!(...operands, ...(one.args ?? [])))
  const made = [call(functions, xs)].flat()
  expect(made.map(({ data }) => bits(data))).toEqual(expected)
  if (one.call !== undefined || !(name in Variable.prototype)) return
  const [first, ...rest] = leaves(one.inputs)
  const method = (first as unknown as Record<string, (...args: unknown[]) => Variable | Variable[]>)[name]!
  expect([method.call(first, ...rest, ...(one.args ?? []))].flat().map(({ data }) => bits(data))).toEqual(
    expected,
  )
}

function staysFloat32(name: string, one: Case, outputs: readonly Variable[]): void {
  const halves = one.inputs.map((input) => (isFloating(input.dtype) ? input.astype('float32') : input))
  const found = apply(name, one, halves)
  for (const [slot, output] of outputs.entries()) {
    const other = found[slot]!
    if (!isFloating(output.dtype) || name === 'cast' || name === 'oneHot') {
      expect(other.dtype).toBe(output.dtype)
      continue
    }
    expect(other.dtype).toBe('float32')
    expect([...other.shape]).toEqual([...output.shape])
    output.data.data.forEach((value, i) => {
      if (Number.isFinite(value))
        expect(Math.abs(other.data.data[i]! - value)).toBeLessThan(1e-5 * Math.max(1, Math.abs(value)))
    })
  }
}

function hasNoGradient(outputs: readonly Variable[]): void {
  for (const output of outputs) {
    expect(output.requiresGrad).toBe(false)
    expect(() => output.creator!.backward(output)).toThrow(
      /^NOT_DIFFERENTIABLE: .* has no gradient, because .*/,
    )
  }
}

function gradientsHaveInputsShapes(name: string, one: Case): void {
  for (const dtype of ['float64', 'float32'] as const) {
    const xs = leaves(one.inputs.map((input) => (isFloating(input.dtype) ? input.astype(dtype) : input)))
    const outputs = apply(name, one, xs).filter((output) => output.requiresGrad)
    const wanted = xs.filter((x) => x.requiresGrad)
    expect(outputs.length).toBeGreaterThan(0)
    const gradients = grad(outputs, wanted, { gradients: outputs.map(() => 1), createGraph: true })
    gradients.forEach((gradient, i) => {
      expect([...gradient.shape] as Shape).toEqual([...wanted[i]!.shape])
      expect(gradient.dtype).toBe(dtype)
    })
  }
}

function agreesWithDifferences(name: string, one: Case): void {
  const { points, call } = pointed(name, one)
  const first = checkGradients(call, points)
  worst.first = Math.max(worst.first, first.worst.error)
  // The gradients, weighted and added up, are a function again; its gradient holds all second derivatives.
  const slope = (...xs: Variable[]): Variable =>
    withLinking(true, () => {
      const gradients = grad([weighted(call(...xs), 0.3)], xs, { createGraph: true })
      const parts = gradients.map((gradient, i) => weighted(gradient, i + 1))
      // A term of each input keeps the sum differentiable where a function is linear.
      return parts.reduce((sum, part) => functions.add!(sum, part) as Variable, linearTerm(xs))
    })
  const second = checkGradients(slope, points, { tolerance: SECOND_ORDER_TOLERANCE })
  worst.second = Math.max(worst.second, second.worst.error)
}

function linearTerm(xs: readonly Variable[]): Variable {
  return xs.map((x) => weighted(x, 0.7)).reduce((a, b) => functions.add!(a, b) as Variable)
}
