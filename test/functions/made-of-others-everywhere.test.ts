/**
 * Every function that is made of others, with the operands that PyTorch was asked about: inside `vmap` it is the function of each example,
 * and through a file it has the bits of the live run.
 */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { type DType, isFloating } from '../../src/array/dtype.js'
import { ndarray } from '../../src/array/make-array.js'
import type { NDArray } from '../../src/array/ndarray.js'
import '../../src/functions/map-network-rules.js'
import { grad } from '../../src/graph/backward.js'
import { constant } from '../../src/graph/leaves.js'
import { Variable } from '../../src/graph/variable.js'
import { vmap } from '../../src/graph/vmap.js'
import { openForTest, recordedTape } from '../tape/temporary-tape.js'
import { functions } from './all-functions.js'

interface Stored {
  dtype: DType
  shape: number[]
  values: number[]
}

interface Composed {
  name: string
  args: unknown[]
  inputs: Stored[]
}

const { composed } = JSON.parse(
  readFileSync(new URL('../fixtures/torch-functions.json', import.meta.url), 'utf8'),
) as { composed: Composed[] }

const f = functions as Record<string, (...args: unknown[]) => Variable>

/** The operand of an example: numbers a little smaller in each, or the same integers. */
function operand({ dtype, shape, values }: Stored, row: number): NDArray {
  return ndarray(isFloating(dtype) ? values.map((value) => value * (1 - 0.07 * row)) : values, {
    dtype,
    shape,
  })
}

function outputsOf({ name, args }: Composed, xs: readonly Variable[]): Variable[] {
  return [f[name]!(...xs, ...args)].flat()
}

/** A number of all outputs that have a gradient; null where none has. */
function lossOf(outputs: readonly Variable[]): Variable | null {
  const parts = outputs
    .filter(({ requiresGrad }) => requiresGrad)
    .map((output, i) => {
      const weights = Float64Array.from({ length: output.size }, (_, k) => Math.cos(1.3 * k + i))
      return f.sum!(f.mul!(output, ndarray(weights, { shape: output.shape })))
    })
  return parts.length === 0 ? null : parts.reduce((a, b) => f.add!(a, b))
}

/** Its outputs, and the gradients of all operands that have one. */
function withGradients(one: Composed, xs: readonly Variable[]): Variable[] {
  const outputs = outputsOf(one, xs)
  const loss = lossOf(outputs)
  return loss === null
    ? outputs
    : [
        ...outputs,
        ...grad(
          loss,
          xs.filter(({ requiresGrad }) => requiresGrad),
        ),
      ]
}

const label = ({ name, args, inputs }: Composed) =>
  `${name} ${inputs.map(({ shape }) => `[${shape.join(', ')}]`).join(' ')} ${JSON.stringify(args)}`

/** Whose targets have to be the same for all examples. */
const NOT_MAPPED = new Set(['ctcLoss'])

test('inside vmap they are the function of each example, gradients too', () => {
  let compared = 0
  for (const one of composed) {
    if (NOT_MAPPED.has(one.name)) continue
    const rows = [0, 1].map((row) => one.inputs.map((input) => operand(input, row)))
    const together = one.inputs.map((_, slot) => f.stack!(rows.map((row) => row[slot])).data)
    const mapped = vmap((...xs: Variable[]) => withGradients(one, xs))(...together)
    rows.forEach((row, k) => {
      const alone = withGradients(
        one,
        row.map((x) => (isFloating(x.dtype) ? new Variable(x) : constant(x))),
      )
      expect(mapped.length, label(one)).toBe(alone.length)
      alone.forEach((expected, i) => {
        const got = f.slice!(mapped[i], [[k, k + 1]]).data.data
        expect(mapped[i]!.shape.slice(1), label(one)).toEqual([...expected.shape])
        expected.data.data.forEach((value, at) => {
          const isNear =
            Object.is(got[at], value) || Math.abs(got[at]! - value) <= 1e-11 * Math.max(1, Math.abs(value))
          if (!isNear) expect.fail(`${label(one)}, output ${i}, element ${at}: ${got[at]}, alone ${value}`)
          compared++
        })
      })
    })
  }
  expect(compared).toBeGreaterThan(10_000)
})

function bits(array: NDArray): string {
  return `${array.dtype} [${array.shape.join(', ')}] ${Buffer.from(array.data.slice().buffer).toString('hex')}`
}

test('recorded, closed and opened again they replay bit for bit, and give the gradients of the live run', async () => {
  const live: (readonly string[])[] = []
  const file = await recordedTape((run) => {
    for (const one of composed) {
      run.step()
      const xs = one.inputs.map((input, i) => new Variable(operand(input, 0), { name: `x${i}` }))
      const loss = lossOf(outputsOf(one, xs))
      if (loss !== null) {
        run.log({ loss })
        loss.backward()
      }
      live.push(xs.map(({ grad: gradient }) => (gradient === null ? 'none' : bits(gradient.data))))
    }
  })
  const past = openForTest(file, { readonly: true }).run('test')
  expect(past.replay()).toMatchObject({ verdict: 'bit-exact', divergence: null })
  composed.forEach((one, i) => {
    const step = i + 1
    if (live[i]!.every((gradient) => gradient === 'none')) return
    past.variable('loss', { step }).backward()
    live[i]!.forEach((wanted, slot) => {
      if (wanted === 'none') return
      const { grad: gradient } = past.variable(`x${slot}`, { step })
      expect(gradient === null ? 'none' : bits(gradient.data), `${label(one)}, input ${slot}`).toBe(wanted)
    })
  })
}, 120_000)
