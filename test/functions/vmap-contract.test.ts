/**
 * Every registered function inside `vmap` is the function of each example by itself: values, gradients by what differs and by what is the
 * same for all examples, taken inside and outside, and derivatives of gradients. Functions that are called once for each example are listed.
 */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { isFloating } from '../../src/array/dtype.js'
import { ndarray } from '../../src/array/make-array.js'
import type { NDArray } from '../../src/array/ndarray.js'
import '../../src/functions/map-network-rules.js'
import { grad } from '../../src/graph/backward.js'
import { isMappedAtOnce } from '../../src/graph/map-calls.js'
import { createFunc } from '../../src/graph/registry.js'
import { Variable } from '../../src/graph/variable.js'
import { vmap } from '../../src/graph/vmap.js'
import { functions, registeredHere } from './all-functions.js'
import type { Case } from './case.js'
import { cases } from './cases.js'

/** What has no form for all examples at once. Each is correct, and costs a call for each example. */
const BY_ROW = ['bincount', 'histogram', 'unique']
/** Of these an example may have a result of another size than the others; see below. */
const ODD_SIZES = new Set(['unique'])
const ROWS = 2

const f = functions as Record<string, (...args: unknown[]) => Variable>

/** The operand of an example: smaller numbers, or the same integers in another order. */
function variant(input: NDArray, row: number): NDArray {
  if (isFloating(input.dtype)) return input.map((value) => value * (1 - 0.07 * row))
  const values = Array.from(input.data)
  const turned = values.map((_, i) => values[(i + row) % values.length]!)
  return ndarray(turned, { shape: input.shape }).astype(input.dtype)
}

/** Which operands differ from example to example. */
function patterns(count: number): boolean[][] {
  const all = Array.from({ length: count }, () => true)
  if (count === 1) return [all]
  return [all, all.map((_, i) => i === 0), all.map((_, i) => i === count - 1)]
}

function weighted(outputs: readonly Variable[]): Variable {
  const parts = outputs
    .filter(({ dtype }) => isFloating(dtype))
    .map((output, i) => {
      const weights = Float64Array.from({ length: output.size }, (_, k) => Math.cos(1.3 * k + i))
      return f.sum!(f.mul!(output, ndarray(weights, { shape: output.shape })))
    })
  return parts.reduce((a, b) => f.add!(a, b))
}

function expectClose(actual: Variable, expected: Variable, what: string): void {
  expect(actual.shape, what).toEqual(expected.shape)
  expect(actual.dtype, what).toBe(expected.dtype)
  const [a, b] = [actual.data.data, expected.data.data]
  for (let i = 0; i < a.length; i++) {
    const scale = Math.max(1, Math.abs(b[i]!))
    if (!Object.is(a[i], b[i]) && !(Math.abs(a[i]! - b[i]!) <= 1e-11 * scale))
      expect.fail(`${what}: element ${i} is ${a[i]}, expected ${b[i]}`)
  }
}

/** The outputs, and derivatives by all floating operands: what a function of one example gives. */
function derivativesOf(name: string, one: Case, xs: readonly Variable[], orders: number): Variable[] {
  const outputs = createFunc(name, one.attributes).applyList(xs)
  const points = xs.filter(({ dtype }) => isFloating(dtype))
  const floating = outputs.filter(({ requiresGrad }) => requiresGrad)
  if (floating.length === 0 || points.length === 0) return outputs
  const first = grad(weighted(floating), points, { createGraph: orders > 1 })
  if (orders < 2) return [...outputs, ...first]
  const second = weighted(first)
  return [...outputs, ...first, ...(second.requiresGrad ? grad(second, points) : [])]
}

function check(name: string, one: Case, isMapped: readonly boolean[], orders: number): void {
  const what = `${name} ${one.inputs.map(({ shape }, i) => `${isMapped[i] ? '*' : ''}[${shape.join(', ')}]`).join(' ')} ${JSON.stringify(one.attributes ?? {})}`
  const rows = Array.from({ length: ROWS }, (_, row) =>
    one.inputs.map((input, i) => (isMapped[i] ? variant(input, row) : input)),
  )
  const inputs = one.inputs.map(
    (input, i) => new Variable(isMapped[i] ? (f.stack!(rows.map((row) => row[i]!)) as Variable).data : input),
  )
  const inAxes = isMapped.map((mapped) => (mapped ? 0 : null))
  const mapped = vmap((...xs: Variable[]) => derivativesOf(name, one, xs, orders), { inAxes })
  const actual = mapped(...inputs)
  const expected = rows.map((row) =>
    derivativesOf(
      name,
      one,
      row.map((x) => new Variable(x)),
      orders,
    ),
  )
  for (const [k, output] of actual.entries())
    expectClose(output, f.stack!(expected.map((row) => row[k]!)), `${what}: result ${k}`)
  if (isMapped.includes(false) && isMapped[0]) return
  // From outside: one gradient of all examples together.
  const outputs = vmap((...xs: Variable[]) => createFunc(name, one.attributes).applyList(xs), { inAxes })(
    ...inputs,
  )
  const points = inputs.filter(({ dtype }) => isFloating(dtype))
  const floating = outputs.filter(({ requiresGrad }) => requiresGrad)
  if (floating.length === 0 || points.length === 0) return
  const looped = createFunc(name, one.attributes)
    .applyList(rows[0]!.map((x) => new Variable(x)))
    .map((_, k) =>
      f.stack!(
        Array.from(
          { length: ROWS },
          (_, row) =>
            createFunc(name, one.attributes).applyList(
              inputs.map((x, i) => (isMapped[i] ? f.take!(x, row) : x)),
            )[k]!,
        ),
      ),
    )
  const [a, b] = [floating, looped.filter(({ requiresGrad }) => requiresGrad)].map((some) =>
    grad(weighted(some), points),
  )
  for (const [k, gradient] of a!.entries())
    expectClose(gradient, b![k]!, `${what}: gradient ${k} from outside`)
}

/** Draws for each example what a loop would draw once; so does attention that drops weights. */
const APART = new Set(['dropout', 'randomAffine', 'randomNoise'])
const names = registeredHere().filter((name) => !APART.has(name))

test.each(names)('%s inside vmap is the function of each example', (name) => {
  for (const [i, one] of cases[name]!.entries()) {
    if (one.inputs.some((input) => input.ndim > 0 && ODD_SIZES.has(name))) continue
    if (one.attributes?.dropout !== undefined) continue
    for (const [k, isMapped] of patterns(one.inputs.length).entries()) {
      // Operands that are the same for all examples meet most functions alike, whatever the shapes; products are made of shapes.
      if (i > 4 && k > 0 && !['matmul', 'einsum'].includes(name)) continue
      // Second derivatives of a few cases: they are made of the same rules.
      check(name, one, isMapped, i < 2 && k === 0 && one.inputs.every(({ size }) => size < 25) ? 2 : 1)
    }
  }
})

interface Composed {
  name: string
  args: unknown[]
  inputs: { dtype: 'float64' | 'int32'; shape: number[]; values: number[] }[]
}

const { composed } = JSON.parse(
  readFileSync(new URL('../fixtures/torch-functions.json', import.meta.url), 'utf8'),
) as { composed: Composed[] }

test('what is made of functions fits inside vmap, too', () => {
  for (const { name, args, inputs } of composed) {
    if (name === 'ctcLoss') continue // its targets are read as they are, and so are the same for all
    const arrays = inputs.map(({ values, shape, dtype }) => ndarray(values, { shape, dtype }))
    const one = (...xs: unknown[]) => [f[name]!(...xs, ...args)].flat() as unknown as Variable[]
    const rows = [0, 1].map((row) => arrays.map((input) => variant(input, row)))
    const made = vmap((...xs: Variable[]) => one(...xs))(
      ...arrays.map((_, i) => f.stack!(rows.map((row) => row[i]!))),
    )
    const looped = rows.map((row) => one(...row))
    for (const [k, output] of made.entries())
      expectClose(output, f.stack!(looped.map((outputs) => outputs[k]!)), `${name} ${JSON.stringify(args)}`)
  }
})

test('every function computes all examples at once, but for those that are listed', () => {
  const byRow = names.filter(
    (name) => !isMappedAtOnce(createFunc(name, cases[name]![0]!.attributes).constructor),
  )
  expect(byRow).toEqual(BY_ROW)
})
