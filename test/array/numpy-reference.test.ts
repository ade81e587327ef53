// Every answer here is NumPy's; scripts/references/numpy_arrays.py asked for it.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { afterEach, describe, expect, test } from 'vitest'
import * as comparison from '../../src/array/comparison.js'
import { type DType, newStorage, promoteTypes } from '../../src/array/dtype.js'
import * as elementwise from '../../src/array/elementwise.js'
import { gather, take } from '../../src/array/indexing.js'
import { portableKernel2, useKernel } from '../../src/array/kernel.js'
import { arange, eye, ndarray } from '../../src/array/make-array.js'
import { NDArray } from '../../src/array/ndarray.js'
import { portableKernel } from '../../src/array/portable-kernel.js'
import { matmul } from '../../src/array/products.js'
import * as rearrange from '../../src/array/rearrange.js'
import * as reductions from '../../src/array/reductions.js'
import { type Shape, sizeOf } from '../../src/array/shape.js'

type Bits = { dtype: DType; shape: number[]; data: string | number[] }
type Axis = number | number[] | null
type Fixture = {
  sums: {
    shape: number[]
    axis: Axis
    dtype: DType
    seed: number
    sum: string
    mean?: string
    prod?: string
  }[]
  promotion: [DType, DType, DType][]
  binary: { a: Bits; b: Bits; out: Record<string, Bits> }[]
  transcendental: { op: string; x: Bits; out: Bits }[]
  products: { a: number[]; b: number[]; left: Bits; right: Bits; out: Bits }[]
  slices: { ranges: rearrange.Range[]; out: Bits }[]
  rearranged: Record<string, never>
  extremes: Record<string, never>
  printed: { x?: Bits; noise?: [number, number] | null; dtype?: DType; shape?: number[]; text: string }[]
}

const fixture = JSON.parse(
  readFileSync(new URL('../fixtures/numpy-arrays.json', import.meta.url), 'utf8'),
) as Fixture

/** The script's `noise`, from the same integers. */
function noise(n: number, seed: number, dtype: DType, shape: Shape = [n]): NDArray {
  const values = new Float64Array(n)
  let state = seed
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state
  }
  for (let i = 0; i < n; i++) {
    const high = next()
    values[i] = (high / 2 ** 32 - 0.5) * (next() / 2 ** 30 + 1)
  }
  return ndarray(values, { shape }).astype(dtype)
}

function fromBits({ dtype, shape, data }: Bits): NDArray {
  const storage = newStorage(dtype, sizeOf(shape))
  if (typeof data === 'string') {
    const view = new DataView(Uint8Array.from(Buffer.from(data, 'hex')).buffer)
    for (let i = 0; i < storage.length; i++) {
      storage[i] = dtype === 'float64' ? view.getFloat64(i * 8) : view.getFloat32(i * 4)
    }
  } else {
    storage.set(data)
  }
  return new NDArray(dtype, shape, storage.length, storage, 0)
}

/** The digits of the bits of a float array, most significant first. */
function hexOf(x: NDArray): string {
  const width = x.dtype === 'float64' ? 8 : 4
  const view = new DataView(new ArrayBuffer(x.size * width))
  x.data.forEach((value, i) => {
    if (width === 8) view.setFloat64(i * 8, value)
    else view.setFloat32(i * 4, value)
  })
  return Buffer.from(view.buffer).toString('hex')
}

function short(hex: string): string {
  return hex.length <= 320 ? hex : `sha256:${createHash('sha256').update(hex).digest('hex')}`
}

/** dtype, shape and values equal; NaN equals NaN, 0 differs from -0. */
function expectSame(got: NDArray, wanted: Bits): void {
  const expected = fromBits(wanted)
  expect({ dtype: got.dtype, shape: got.shape, data: [...got.data] }).toEqual({
    dtype: expected.dtype,
    shape: expected.shape,
    data: [...expected.data],
  })
}

function expectClose(got: NDArray, wanted: Bits, relative: number): void {
  const expected = fromBits(wanted)
  expect(got.dtype).toBe(expected.dtype)
  expect(got.shape).toEqual(expected.shape)
  const data = got.data
  expected.data.forEach((value, i) => {
    if (Number.isFinite(value))
      expect(Math.abs(data[i]! - value)).toBeLessThanOrEqual(relative * Math.abs(value))
    else expect(data[i]).toBe(value)
  })
}

const options = (axis: Axis): { axis?: number | number[] } => (axis === null ? {} : { axis })
const table = (part: Record<string, never>, name: string): [never, Bits][] =>
  part[name] as unknown as [never, Bits][]

afterEach(() => {
  useKernel(portableKernel2)
})

/** Whether more rows are summed than are added one after another. */
function isOfManyRows(shape: readonly number[], axis: Axis): boolean {
  const leading = (axis === null ? [] : [axis].flat()).filter((at) => at < shape.length - 1)
  return leading.reduce((rows, at) => rows * shape[at]!, 1) > 128
}

describe('sums have the bits of np.sum', () => {
  for (const dtype of ['float64', 'float32'] as const) {
    const cases = fixture.sums.filter((one) => one.dtype === dtype)
    test(`for ${dtype}, for every length and every choice of axes`, () => {
      expect(cases.length).toBeGreaterThan(80)
      for (const one of cases) {
        // NumPy adds rows one after another; so does the first portable kernel, and the newer one up to 128 rows.
        useKernel(isOfManyRows(one.shape, one.axis) ? portableKernel : portableKernel2)
        const x = noise(sizeOf(one.shape), one.seed, dtype, one.shape)
        const where = `shape [${one.shape}] axis ${one.axis}`
        expect(short(hexOf(reductions.sum(x, options(one.axis)))), `sum ${where}`).toBe(one.sum)
        if (one.mean === undefined) continue
        expect(short(hexOf(reductions.mean(x, options(one.axis)))), `mean ${where}`).toBe(one.mean)
        expect(short(hexOf(reductions.prod(x, options(one.axis)))), `prod ${where}`).toBe(one.prod)
      }
    })
  }

  test('sumTo adds as the sum over the axes that were stretched', () => {
    const x = noise(2000, 1, 'float64', [20, 25, 4])
    expect(hexOf(reductions.sumTo(x, [25, 1]))).toBe(hexOf(reductions.sum(x, { axis: [0, 2] })))
    for (const dtype of ['float64', 'float32'] as const) {
      for (const shape of [
        [1, 7],
        [7, 1],
        [40, 3],
        [3, 40],
        [200, 10],
        [0, 4],
        [4, 0],
      ] as const) {
        const y = noise(sizeOf(shape), 2, dtype, [...shape])
        expect(hexOf(reductions.sumTo(y, [shape[1]]))).toBe(hexOf(reductions.sum(y, { axis: 0 })))
      }
    }
  })
})

describe('two operands', () => {
  test('meet in the dtype that np.promote_types says', () => {
    for (const [a, b, expected] of fixture.promotion) expect(promoteTypes(a, b), `${a} ${b}`).toBe(expected)
  })

  test('broadcast, promote and combine as in NumPy, for every pair of dtypes', () => {
    const ops: Record<string, (a: NDArray, b: NDArray) => NDArray> = {
      ...elementwise,
      ...comparison,
    } as never
    let count = 0
    for (const { a, b, out } of fixture.binary) {
      for (const [op, expected] of Object.entries(out)) {
        expectSame(ops[op]!(fromBits(a), fromBits(b)), expected)
        count++
      }
    }
    expect(count).toBeGreaterThan(300)
  })
})

test('functions of one operand agree with NumPy within 4 ulp', () => {
  const ops: Record<string, (x: NDArray) => NDArray> = elementwise as never
  for (const { op, x, out } of fixture.transcendental) {
    expectClose(ops[op]!(fromBits(x)), out, out.dtype === 'float64' ? 2 ** -50 : 2 ** -21)
  }
})

test('matmul takes the shapes and dtypes that np.matmul takes', () => {
  for (const { left, right, out } of fixture.products) {
    const got = matmul(fromBits(left), fromBits(right))
    if (out.dtype === 'float64' || out.dtype === 'float32') {
      // Sums that cancel have a larger relative error, so the bound is absolute; every product is below 10.
      const expected = fromBits(out)
      expect([got.dtype, got.shape]).toEqual([expected.dtype, expected.shape])
      const bound = out.dtype === 'float64' ? 1e-13 : 1e-4
      expected.data.forEach((v, i) => {
        expect(Math.abs(got.data[i]! - v)).toBeLessThan(bound)
      })
    } else {
      expectSame(got, out)
    }
  }
})

test('slice reads what Python reads, with bounds beyond the ends and negative steps', () => {
  const x = ndarray(
    Int32Array.from({ length: 60 }, (_, i) => i),
    { shape: [3, 4, 5] },
  )
  for (const { ranges, out } of fixture.slices) {
    expectSame(rearrange.slice(x, ranges), out)
    const back = rearrange.scatterSlice(rearrange.slice(x, ranges), ranges, x.shape)
    const chosen = new Set(fromBits(out).data)
    expect([...back.data]).toEqual([...x.data].map((v) => (chosen.has(v) ? v : 0)))
  }
})

test('rearranging moves elements where NumPy moves them', () => {
  const part = fixture.rearranged
  const x = ndarray(
    Int32Array.from({ length: 24 }, (_, i) => i),
    { shape: [2, 3, 4] },
  )
  const y = ndarray(
    Int32Array.from({ length: 12 }, (_, i) => 100 + i),
    { shape: [1, 3, 4] },
  )
  const index = ndarray(
    [
      [0, 2],
      [-1, 1],
    ],
    { dtype: 'int32' },
  )
  for (const [axes, out] of table(part, 'transpose'))
    expectSame(rearrange.transpose(x, axes ?? undefined), out)
  for (const [axis, out] of table(part, 'flip')) expectSame(rearrange.flip(x, axis ?? undefined), out)
  for (const [axis, out] of table(part, 'stack')) {
    expectSame(rearrange.stack([x, elementwise.add(x, ndarray(1, { dtype: 'int32' }))], axis), out)
  }
  for (const [axis, out] of table(part, 'take')) expectSame(take(x, index, axis), out)
  for (const [parts, axis, outs] of part.split as unknown as [number | number[], number, Bits[]][]) {
    const got = rearrange.split(x, parts, axis)
    expect(got.length).toBe(outs.length)
    outs.forEach((out, i) => {
      expectSame(got[i]!, out)
    })
  }
  expectSame(rearrange.concat([x, y]), part.concat as unknown as Bits)
  expectSame(
    rearrange.pad(
      x,
      [
        [1, 0],
        [0, 2],
        [1, 1],
      ],
      7,
    ),
    part.pad as unknown as Bits,
  )
  const g = ndarray(
    [
      [
        [0, 2, 1, 1],
        [2, 2, 0, 1],
      ],
      [
        [1, 0, 0, 0],
        [0, 1, 2, 2],
      ],
    ],
    { dtype: 'int32' },
  )
  expectSame(gather(x, g, 1), part.gather as unknown as Bits)
  expectSame(
    rearrange.broadcastTo(rearrange.slice(y, [null, null, [0, 1]]), [2, 2, 3, 4]),
    part.broadcastTo as unknown as Bits,
  )
  expectSame(eye(3, 4), part.eye as unknown as Bits)
  const [tenths, down] = part.arange as unknown as [Bits, Bits]
  expectClose(arange(0.5, 3, 0.3), tenths, 2 ** -52)
  expectSame(arange(5, 0, -2), down)
})

test('extremes, their places, running sums and truth over axes are those of NumPy', () => {
  const part = fixture.extremes
  const [x, y, z, big] = ['x', 'y', 'z', 'big'].map((name) => fromBits(part[name] as unknown as Bits)) as [
    NDArray,
    NDArray,
    NDArray,
    NDArray,
  ]
  for (const [axis, out] of table(part, 'argmax'))
    expectSame(reductions.argmax(x, options(axis) as never), out)
  for (const [axis, out] of table(part, 'argmin'))
    expectSame(reductions.argmin(x, options(axis) as never), out)
  for (const [axis, out] of table(part, 'max')) expectSame(reductions.max(x, options(axis)), out)
  for (const [axis, out] of table(part, 'minInt')) expectSame(reductions.min(y, options(axis)), out)
  for (const [axis, out] of table(part, 'any')) expectSame(reductions.any(z, options(axis)), out)
  for (const [axis, out] of table(part, 'all')) expectSame(reductions.all(z, options(axis)), out)
  for (const [axis, out] of table(part, 'cumsum')) expectSame(reductions.cumsum(big, axis ?? undefined), out)
  for (const [axis, out] of table(part, 'cumsum32')) {
    expectSame(reductions.cumsum(big.astype('float32'), axis ?? undefined), out)
  }
  for (const [axis, out] of table(part, 'sumBool')) expectSame(reductions.sum(z, options(axis)), out)
  for (const [axis, out] of table(part, 'meanInt')) expectSame(reductions.mean(y, options(axis)), out)
})

test('arrays print as NumPy prints them', () => {
  for (const one of fixture.printed) {
    const shape = one.shape ?? []
    const x = one.x
      ? fromBits(one.x)
      : one.noise
        ? noise(one.noise[0], one.noise[1], 'float64', shape)
        : arange(0, sizeOf(shape), 1, one.dtype as DType)
    const shaped = one.x ? x : rearrange.reshape(x, shape)
    expect(shaped.toString()).toBe(one.text)
  }
})
