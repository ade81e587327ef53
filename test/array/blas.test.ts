// What the BLAS kernel lets through to the library, tested everywhere on a library made up for the purpose; and what it
// computes, tested where a BLAS is installed, else skipped with the reason printed.
import { execFileSync } from 'node:child_process'
import { afterEach, describe, expect, test } from 'vitest'
import { BLAS_PRODUCT_MIN, blasKernelWith } from '../../src/array/blas-kernel.js'
import { AS_IS, type BlasLibrary, type Gemm, loadBlas, TRANSPOSED } from '../../src/array/blas-library.js'
import { currentKernel, type Kernel, useKernel } from '../../src/array/kernel.js'
import { setKernel } from '../../src/array/kernel-choice.js'
import { ndarray } from '../../src/array/make-array.js'
import { nativeKernel } from '../../src/array/native-kernel.js'
import { plainKernel } from '../../src/array/plain-kernel.js'
import { linear, matmul } from '../../src/array/products.js'
import { TapeError } from '../../src/errors.js'
import { codeOf, messageOf } from './thrown.js'

type Floats = Float64Array | Float32Array
type FloatsType = typeof Float64Array | typeof Float32Array

afterEach(() => {
  useKernel(nativeKernel)
})

// --- what the kernel lets through ----------------------------------------------------------------------------

/** A library that notes its calls and computes nothing. */
function watched(): { kernel: Kernel; calls: Parameters<Gemm>[] } {
  const calls: Parameters<Gemm>[] = []
  const gemm: Gemm = (...call) => {
    calls.push(call)
  }
  return { kernel: blasKernelWith({ id: 'Watched 1 threads=1', gemm64: gemm, gemm32: gemm }), calls }
}

describe('the kernel over a library', () => {
  const side = 16
  const x = new Float64Array(side * side)
  const out = new Float64Array(side * side)

  test('has the id of both: its own, the portable one and the library with its threads', () => {
    expect(watched().kernel.id).toBe(`blas-1+${nativeKernel.id} Watched 1 threads=1`)
  })

  test('gives products from 4096 multiplications on to the library, smaller ones and integers to the portable kernel', () => {
    const { kernel, calls } = watched()
    expect(side ** 3).toBe(BLAS_PRODUCT_MIN)
    kernel.matmul(side, side, side, x, 0, side, 1, x, 0, side, 1, out, 0)
    expect(calls.length).toBe(1)
    kernel.matmul(side, side - 1, side, x, 0, side, 1, x, 0, side, 1, out, 0)
    const whole = new Int32Array(side * side).fill(2)
    const sums = new Int32Array(side * side)
    kernel.matmul(side, side, side, whole, 0, side, 1, whole, 0, side, 1, sums, 0)
    expect(calls.length).toBe(1)
    expect(sums[255]).toBe(64)
  })

  test('names transposed operands and the distance of lines, and hands out no element beyond them', () => {
    const { kernel, calls } = watched()
    const [m, k, n] = [20, 30, 10]
    const a = new Float32Array(1000)
    const b = new Float32Array(1000)
    const c = new Float32Array(300)
    // a lies as [30, 25] of which 20 columns count, b as [10, 33] of which 30 do.
    kernel.matmul(m, k, n, a, 7, 1, 25, b, 11, 1, 33, c, 5)
    const call = calls[0]!
    expect(call.slice(0, 6)).toEqual([101, TRANSPOSED, TRANSPOSED, m, n, k])
    expect([call[6], call[8], call[10], call[11], call[13]]).toEqual([1, 25, 33, 0, n])
    const lent = [call[7], call[9], call[12]].map((view) => [view.byteOffset / 4, view.length])
    expect(lent).toEqual([
      [7, 29 * 25 + 20],
      [11, 9 * 33 + 30],
      [5, 200],
    ])
    kernel.matmul(m, k, n, a, 0, k, 1, b, 0, n, 1, c, 0)
    expect([calls[1]![1], calls[1]![2], calls[1]![8], calls[1]![10]]).toEqual([AS_IS, AS_IS, k, n])
  })

  test('keeps steps that belong to no matrix and its transpose for the portable kernel', () => {
    const { kernel, calls } = watched()
    const a = Float64Array.from({ length: 512 }, (_, i) => i)
    kernel.matmul(side, side, side, a, 0, 2 * side, 2, a, 0, 0, 1, out, 0)
    expect(calls).toEqual([])
    const expected = new Float64Array(out.length)
    plainKernel.matmul(side, side, side, a, 0, 2 * side, 2, a, 0, 0, 1, expected, 0)
    expect(out).toEqual(expected)
  })

  test('refuses operands of different types', () => {
    const { kernel, calls } = watched()
    const narrow = new Float32Array(side * side)
    const product = (b: Floats, c: Floats) => () =>
      kernel.matmul(side, side, side, x, 0, side, 1, b, 0, side, 1, c, 0)
    expect(messageOf(product(narrow, out))).toContain('Float64Array, Float32Array and Float64Array')
    expect(codeOf(product(x, narrow))).toBe('BAD_DTYPE')
    expect(calls).toEqual([])
  })

  test('refuses each operand that would reach beyond its elements, by one element too', () => {
    const { kernel, calls } = watched()
    const product = (ao: number, bo: number, oo: number) => () =>
      kernel.matmul(side, side, side, x, ao, side, 1, x, bo, side, 1, out, oo)
    for (const [ao, bo, oo, name] of [
      [1, 0, 0, 'a'],
      [0, 1, 0, 'b'],
      [0, 0, 1, 'out'],
      [-1, 0, 0, 'a'],
      [0, 0.5, 0, 'b'],
      [0, 0, NaN, 'out'],
    ] as const) {
      expect(codeOf(product(ao, bo, oo))).toBe('INDEX_OUT_OF_RANGE')
      expect(messageOf(product(ao, bo, oo))).toContain(`expected ${name} [16, 16]`)
    }
    product(0, 0, 0)()
    expect(calls.length).toBe(1)
  })

  test('refuses memory that was handed on to another thread', () => {
    const { kernel, calls } = watched()
    const gone = new Float64Array(side * side)
    structuredClone(gone.buffer, { transfer: [gone.buffer] })
    expect(codeOf(() => kernel.matmul(side, side, side, gone, 0, side, 1, x, 0, side, 1, out, 0))).toBe(
      'INDEX_OUT_OF_RANGE',
    )
    expect(calls).toEqual([])
  })

  test('refuses sizes beyond 32 bits and sizes that are not whole', () => {
    const { kernel, calls } = watched()
    for (const m of [2 ** 31, 2 ** 32 + 1, 4096.5, NaN, Number.POSITIVE_INFINITY]) {
      expect(codeOf(() => kernel.matmul(m, 1, 1, x, 0, 1, 1, x, 0, 1, 1, out, 0))).toBe('BAD_ARGUMENT')
    }
    expect(calls).toEqual([])
  })

  test('refuses a result that shares one element with an operand, and takes neighbours in one slab', () => {
    const { kernel, calls } = watched()
    const slab = new Float64Array(3 * side * side)
    const product = (ao: number, bo: number, oo: number) => () =>
      kernel.matmul(side, side, side, slab, ao, side, 1, slab, bo, side, 1, slab, oo)
    expect(messageOf(product(0, 512, 255))).toContain('in memory of its own')
    expect(codeOf(product(511, 0, 256))).toBe('BAD_ARGUMENT')
    expect(codeOf(product(0, 512, 511))).toBe('BAD_ARGUMENT')
    expect(calls).toEqual([])
    product(0, 512, 256)()
    product(0, 0, 256)() // a square: the operands may be one
    expect(calls.length).toBe(2)
  })
})

// --- the machine's own library -------------------------------------------------------------------------------

function installed(): BlasLibrary | null {
  try {
    return loadBlas()
  } catch (error) {
    if (error instanceof TapeError && error.code === 'KERNEL_UNAVAILABLE') {
      process.stderr.write(`BLAS products are not tested here. ${error.message}\n`)
      return null
    }
    throw error
  }
}

const library = installed()

/** Numbers from -1 to 1, the same every time. */
function numbers(Type: FloatsType, count: number, seed: number): Floats {
  let state = seed >>> 0
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 31 - 1
  }
  return Type.from(Array.from({ length: count }, next))
}

interface Product {
  readonly m: number
  readonly k: number
  readonly n: number
  readonly transposeA: boolean
  readonly transposeB: boolean
}

const PRODUCTS: Product[] = [
  [16, 16, 16],
  [17, 19, 23],
  [32, 784, 128],
  [784, 32, 128],
  [1, 5000, 1],
  [1, 64, 65],
  [65, 64, 1],
  [5000, 1, 3],
  [3, 1, 5000],
  [129, 257, 65],
].flatMap(([m, k, n]) =>
  [false, true].flatMap((transposeA) =>
    [false, true].map((transposeB) => ({ m: m!, k: k!, n: n!, transposeA, transposeB })),
  ),
)

function multiply(kernel: Kernel, p: Product, a: Floats, b: Floats, out: Floats, at = 0): void {
  const [ar, ac] = p.transposeA ? [1, p.m] : [p.k, 1]
  const [br, bc] = p.transposeB ? [1, p.k] : [p.n, 1]
  kernel.matmul(p.m, p.k, p.n, a, at, ar, ac, b, at, br, bc, out, at)
}

const bitsOf = (x: Floats) => Buffer.from(x.buffer, x.byteOffset, x.byteLength).toString('base64')

describe.skipIf(library === null)('with the BLAS of this machine', () => {
  const kernel = library === null ? nativeKernel : blasKernelWith(library)

  describe.each([
    ['float64', Float64Array, 2 ** -53],
    ['float32', Float32Array, 2 ** -24],
  ] as const)('in %s', (_dtype, Type, unit) => {
    /** The most by which an element exceeds, as a part of what the header of blas-kernel.ts allows. */
    function worst(p: Product, a: Floats, b: Floats, x: Floats, y: Floats): number {
      const sizes = new Float64Array(p.m * p.n)
      multiply(plainKernel, p, Float64Array.from(a, Math.abs), Float64Array.from(b, Math.abs), sizes)
      const gamma = (p.k * unit) / (1 - p.k * unit)
      let most = 0
      for (const [i, size] of sizes.entries()) {
        most = Math.max(most, Math.abs(x[i]! - y[i]!) / (2 * gamma * size))
      }
      return most
    }

    test('products differ from the portable ones within the stated bound, transposed or not', () => {
      for (const [seed, p] of PRODUCTS.entries()) {
        const a = numbers(Type, p.m * p.k, seed)
        const b = numbers(Type, p.k * p.n, seed + 1000)
        a[0] = b[0] = 1
        const [x, y] = [new Type(p.m * p.n), new Type(p.m * p.n)]
        multiply(kernel, p, a, b, x)
        multiply(nativeKernel, p, a, b, y)
        expect(worst(p, a, b, x, y), JSON.stringify(p)).toBeLessThanOrEqual(1)
        // The bound is tight enough to notice one lost term, as long as sums are not very long.
        if (p.k > 1000) continue
        const lost = x.slice()
        lost[0] = lost[0]! - 1
        expect(worst(p, a, b, lost, y), JSON.stringify(p)).toBeGreaterThan(1)
      }
    })

    test('products of whole numbers are exact', () => {
      for (const p of PRODUCTS) {
        const whole = (count: number, seed: number) =>
          numbers(Type, count, seed).map((value) => Math.round(value * 20)) as Floats
        const [a, b] = [whole(p.m * p.k, 1), whole(p.k * p.n, 2)]
        const [x, y] = [new Type(p.m * p.n), new Type(p.m * p.n)]
        multiply(kernel, p, a, b, x)
        multiply(plainKernel, p, a, b, y)
        expect(
          x.every((value, i) => value === y[i]),
          JSON.stringify(p),
        ).toBe(true)
      }
    })

    test('the same product has the same bits each time, wherever its operands lie', () => {
      for (const p of PRODUCTS) {
        const a = numbers(Type, p.m * p.k, 5)
        const b = numbers(Type, p.k * p.n, 6)
        const first = new Type(p.m * p.n)
        multiply(kernel, p, a, b, first)
        for (const at of [0, 1, 3, 8]) {
          const moved = (x: Floats) => {
            const y = new Type(x.length + at)
            y.set(x, at)
            return y
          }
          const out = new Type(p.m * p.n + at)
          multiply(kernel, p, moved(a), moved(b), out, at)
          expect(bitsOf(out.subarray(at)) === bitsOf(first), `${JSON.stringify(p)} at ${at}`).toBe(true)
        }
      }
    })

    test('what the result held before does not matter, and NaN and infinity reach it', () => {
      const p = { m: 17, k: 19, n: 23, transposeA: false, transposeB: false }
      const a = numbers(Type, p.m * p.k, 7)
      const b = numbers(Type, p.k * p.n, 8)
      const out = new Type(p.m * p.n).fill(NaN)
      multiply(kernel, p, a, b, out)
      expect(out.some(Number.isNaN)).toBe(false)
      a[0] = NaN
      a[p.k] = Number.POSITIVE_INFINITY
      b[0] = 0
      multiply(kernel, p, a, b, out)
      expect(out.subarray(0, p.n).every(Number.isNaN)).toBe(true)
      expect(out[p.n]).toBeNaN() // ∞ · 0
      expect(Math.abs(out[p.n + 1]!)).toBe(Number.POSITIVE_INFINITY)
      expect(out.subarray(2 * p.n).every(Number.isFinite)).toBe(true)
    })

    test('matmul and linear of arrays go through it', () => {
      const x = ndarray(numbers(Type, 40 * 30, 9), { shape: [40, 30] })
      const w = ndarray(numbers(Type, 30 * 20, 10), { shape: [30, 20] })
      const b = ndarray(numbers(Type, 20, 11))
      const portable = linear(x, w, b)
      useKernel(kernel)
      const product = matmul(x, w)
      const p = { m: 40, k: 30, n: 20, transposeA: false, transposeB: false }
      const direct = new Type(800)
      multiply(kernel, p, x.data as Floats, w.data as Floats, direct)
      expect(product.data).toEqual(direct)
      const fused = linear(x, w, b)
      expect(fused.data).toEqual(direct.map((value, i) => value + (b.data[i % 20] as number)))
      expect(fused.dtype).toBe(portable.dtype)
    })

    test('stacks of matrices are multiplied one by one', () => {
      const stack = ndarray(numbers(Type, 3 * 20 * 20, 12), { shape: [3, 20, 20] })
      useKernel(kernel)
      const all = matmul(stack, stack, { transposeB: true })
      for (let i = 0; i < 3; i++) {
        const one = ndarray(stack.data.slice(i * 400, i * 400 + 400) as Floats, { shape: [20, 20] })
        expect(matmul(one, one, { transposeB: true }).data).toEqual(all.data.slice(i * 400, i * 400 + 400))
      }
    })
  })

  test('everything but products is the portable kernel', () => {
    const { convolve: _, ...others } = nativeKernel.fused!
    expect(kernel.fused).toMatchObject(others)
    // A convolution is made of products.
    expect(kernel.fused!.convolve).not.toBe(nativeKernel.fused!.convolve)
    for (const name of Object.keys(nativeKernel) as (keyof Kernel)[]) {
      if (name !== 'id' && name !== 'matmul' && name !== 'fused')
        expect(kernel[name]).toBe(nativeKernel[name])
    }
  })

  test('the id names library, build, core and threads, and setKernel finds the same library', () => {
    expect(kernel.id).toMatch(
      /^blas-1\+portable-\d+ (OpenBLAS \d+\.\d+\.\S+ .*\S|Accelerate \S+ \S+) threads=\w+$/,
    )
    setKernel('blas')
    expect(currentKernel().id).toBe(kernel.id)
  })

  test('another process has the same id and the same bits', () => {
    const p = { m: 32, k: 784, n: 128, transposeA: false, transposeB: false }
    const out = new Float32Array(p.m * p.n)
    multiply(kernel, p, numbers(Float32Array, p.m * p.k, 1), numbers(Float32Array, p.k * p.n, 2), out)
    // The build that `npm test` makes: another process reads no TypeScript.
    const source = `
      import { blasKernel } from ${JSON.stringify(new URL('../../dist/array/blas-kernel.js', import.meta.url).href)}
      ${numbers}
      const out = new Float32Array(${p.m * p.n})
      const [a, b] = [numbers(Float32Array, ${p.m * p.k}, 1), numbers(Float32Array, ${p.k * p.n}, 2)]
      blasKernel().matmul(${p.m}, ${p.k}, ${p.n}, a, 0, ${p.k}, 1, b, 0, ${p.n}, 1, out, 0)
      console.log(blasKernel().id + ' ' + Buffer.from(out.buffer).toString('base64'))`
    const theirs = execFileSync(process.execPath, ['--input-type=module', '-e', source], { encoding: 'utf8' })
    expect(theirs.trim() === `${kernel.id} ${bitsOf(out)}`).toBe(true)
  })
})
