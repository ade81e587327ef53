import { execFileSync } from 'node:child_process'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { BLAS_PRODUCT_MIN, blasKernelWith } from '../../src/array/blas-kernel.js'
import {
  AS_IS,
  type Binding,
  type BlasLibrary,
  type Gemm,
  loadBlas,
  TRANSPOSED,
} from '../../src/array/blas-library.js'
import { currentKernel, type Kernel, useKernel } from '../../src/array/kernel.js'
import { setKernel, setKernelFromEnvironment } from '../../src/array/kernel-choice.js'
import { ndarray } from '../../src/array/ndarray.js'
import { plainKernel } from '../../src/array/plain-kernel.js'
import { portableKernel } from '../../src/array/portable-kernel.js'
import { linear, matmul } from '../../src/array/products.js'
import { TapeError } from '../../src/errors.js'
import { codeOf, messageOf, thrownBy } from './thrown.js'

type Floats = Float64Array | Float32Array
type FloatsType = typeof Float64Array | typeof Float32Array

afterEach(() => {
  vi.unstubAllEnvs()
  useKernel(portableKernel)
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
    expect(watched().kernel.id).toBe(`blas-1+${portableKernel.id} Watched 1 threads=1`)
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

// --- finding the library -------------------------------------------------------------------------------------

interface MadeUp {
  readonly config?: string
  readonly core?: string
  readonly lacks?: string
  readonly only?: string
  readonly wrong?: boolean
}

/** Something that loads like koffi: an OpenBLAS of plain loops, with what a real one would have amiss. */
function madeUpBinding(has: MadeUp = {}): { binding: () => Binding; tried: string[]; pinned: number[] } {
  const tried: string[] = []
  const pinned: number[] = []
  const gemm: Gemm = (_order, _ta, _tb, m, n, k, _alpha, a, lda, b, ldb, _beta, c) => {
    plainKernel.matmul(m, k, n, a, 0, lda, 1, b, 0, 1, has.wrong ? 2 : ldb, c, 0)
  }
  const functions: Record<string, (...args: never[]) => unknown> = {
    cblas_dgemm: gemm as (...args: never[]) => unknown,
    cblas_sgemm: gemm as (...args: never[]) => unknown,
    openblas_get_config: () => has.config ?? 'OpenBLAS 0.3.99 DYNAMIC_ARCH Z80 MAX_THREADS=4',
    openblas_get_corename: () => has.core ?? 'Z80',
    openblas_set_num_threads: (count: number) => pinned.push(count),
    openblas_get_num_threads: () => Math.min(pinned.at(-1) ?? 4, 4),
    BLASSetThreading: (threading: number) => pinned.push(threading),
  }
  const binding = () => ({
    load(path: string) {
      tried.push(path)
      if (has.only !== undefined && path !== has.only) throw new Error(`${path}: no such file`)
      return {
        func(prototype: string) {
          const name = /\w+(?=\()/.exec(prototype)?.[0] ?? ''
          const found = functions[name]
          if (found === undefined || name === has.lacks) throw new Error(`no ${name}`)
          return found
        },
      }
    },
  })
  return { binding, tried, pinned }
}

describe('loadBlas', () => {
  const linux = { platform: 'linux', threads: 1 }

  test('has one thread unless asked, and the id says what the library granted', () => {
    vi.stubEnv('GRADTAPE_BLAS_THREADS', '')
    vi.stubEnv('GRADTAPE_BLAS', '')
    const one = madeUpBinding()
    const config = 'OpenBLAS 0.3.99 DYNAMIC_ARCH Z80 MAX_THREADS=4'
    expect(loadBlas({ binding: one.binding, platform: 'linux' }).id).toBe(`${config} threads=1`)
    expect(one.pinned).toEqual([1])
    vi.stubEnv('GRADTAPE_BLAS_THREADS', '3')
    expect(loadBlas({ binding: one.binding, platform: 'linux' }).id).toBe(`${config} threads=3`)
    expect(loadBlas({ binding: one.binding, platform: 'linux', threads: 9 }).id).toBe(`${config} threads=4`)
  })

  test('adds the core type where the configuration does not name it', () => {
    const { binding } = madeUpBinding({ config: 'OpenBLAS 0.3.99 ', core: 'Zen' })
    expect(loadBlas({ binding, ...linux }).id).toBe('OpenBLAS 0.3.99 Zen threads=1')
  })

  test('refuses thread counts that are none', () => {
    for (const asked of ['0', '-1', '1.5', 'all', '1e9']) {
      vi.stubEnv('GRADTAPE_BLAS_THREADS', asked)
      const { binding, tried } = madeUpBinding()
      expect(messageOf(() => loadBlas({ binding }))).toContain('correct GRADTAPE_BLAS_THREADS')
      expect(tried).toEqual([])
    }
  })

  test('tries the usual names in turn, and on macOS Accelerate', () => {
    vi.stubEnv('GRADTAPE_BLAS', '')
    const second = madeUpBinding({ only: 'libopenblas.so' })
    loadBlas({ binding: second.binding, ...linux })
    expect(second.tried).toEqual(['libopenblas.so.0', 'libopenblas.so'])
    vi.stubEnv('VECLIB_MAXIMUM_THREADS', undefined)
    const mac = madeUpBinding({ lacks: 'openblas_get_config' })
    const { id } = loadBlas({ binding: mac.binding, platform: 'darwin', threads: 1 })
    expect(mac.tried).toEqual(['/System/Library/Frameworks/Accelerate.framework/Accelerate'])
    expect(id).toMatch(/^Accelerate darwin-\S+ \S+ threads=1$/)
    expect(mac.pinned).toEqual([1])
  })

  test('takes the file that GRADTAPE_BLAS names, and no other', () => {
    vi.stubEnv('GRADTAPE_BLAS', '/somewhere/libopenblas.so')
    const right = madeUpBinding()
    loadBlas({ binding: right.binding, ...linux })
    expect(right.tried).toEqual(['/somewhere/libopenblas.so'])
    const wrong = madeUpBinding({ only: 'libopenblas.so.0' })
    const { code, message } = thrownBy(() => loadBlas({ binding: wrong.binding, ...linux }))
    expect(code).toBe('KERNEL_UNAVAILABLE')
    expect(message).toContain('could not load "/somewhere/libopenblas.so", which GRADTAPE_BLAS names')
    expect(wrong.tried).toEqual(['/somewhere/libopenblas.so'])
  })

  test('says what to install when there is no library, or no koffi', () => {
    vi.stubEnv('GRADTAPE_BLAS', '')
    const none = madeUpBinding({ only: 'nowhere' })
    const missing = thrownBy(() => loadBlas({ binding: none.binding, ...linux }))
    expect(missing.code).toBe('KERNEL_UNAVAILABLE')
    expect(missing.message).toContain('libopenblas.so.0: no such file')
    expect(missing.message).toContain('apt-get install libopenblas0-pthread')
    const cause = new Error("Cannot find module 'koffi'")
    const unbound = thrownBy(() =>
      loadBlas({
        ...linux,
        binding: () => {
          throw cause
        },
      }),
    )
    expect(unbound.code).toBe('KERNEL_UNAVAILABLE')
    expect(unbound.message).toContain('npm install koffi')
    expect(unbound.cause).toBe(cause)
  })

  test('refuses a library that is another, has wide indices, or multiplies wrongly', () => {
    const refusal = (has: MadeUp) => {
      const { code, message } = thrownBy(() => loadBlas({ binding: madeUpBinding(has).binding, ...linux }))
      expect(code).toBe('KERNEL_UNAVAILABLE')
      return message
    }
    expect(refusal({ lacks: 'cblas_dgemm' })).toContain('no function cblas_dgemm')
    expect(refusal({ lacks: 'openblas_get_config' })).toContain('no function openblas_get_config')
    expect(refusal({ config: 'OpenBLAS 0.3.99 USE64BITINT Z80' })).toContain('64-bit ones')
    expect(refusal({ wrong: true })).toContain('expected [50, 68, 122, 167]')
  })
})

// --- choosing it ---------------------------------------------------------------------------------------------

describe('a kernel is chosen', () => {
  test('by its name, and the one before is returned', () => {
    const before = { ...plainKernel, id: 'before' }
    useKernel(before)
    expect(setKernel('portable')).toBe(before)
    expect(currentKernel()).toBe(portableKernel)
    // @ts-expect-error a caller without types
    expect(messageOf(() => setKernel('blast'))).toContain("'portable' or 'blas', got 'blast'")
    expect(currentKernel()).toBe(portableKernel)
  })

  test('by GRADTAPE_KERNEL, unless it is empty', () => {
    const before = { ...plainKernel, id: 'before' }
    useKernel(before)
    vi.stubEnv('GRADTAPE_KERNEL', '')
    setKernelFromEnvironment()
    expect(currentKernel()).toBe(before)
    vi.stubEnv('GRADTAPE_KERNEL', 'portable')
    setKernelFromEnvironment()
    expect(currentKernel()).toBe(portableKernel)
    vi.stubEnv('GRADTAPE_KERNEL', 'cuda')
    expect(messageOf(setKernelFromEnvironment)).toContain("got 'cuda' in GRADTAPE_KERNEL")
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
  const kernel = library === null ? portableKernel : blasKernelWith(library)

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
        multiply(portableKernel, p, a, b, y)
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
    for (const name of Object.keys(portableKernel) as (keyof Kernel)[]) {
      if (name !== 'id' && name !== 'matmul') expect(kernel[name]).toBe(portableKernel[name])
    }
  })

  test('the id names library, build, core and threads, and setKernel finds the same library', () => {
    expect(kernel.id).toMatch(
      /^blas-1\+portable-\d+ (OpenBLAS \d+\.\d+\.\S+ .*\S|Accelerate \S+ \S+) threads=1$/,
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
