// How the BLAS is found, refused and chosen, shown on bindings made up for the purpose; blas.test.ts computes with a real one.
import { afterEach, describe, expect, test, vi } from 'vitest'
import { type Binding, type Gemm, loadBlas } from '../../src/array/blas-library.js'
import { currentKernel, portableKernel2, useKernel } from '../../src/array/kernel.js'
import { setKernel, setKernelFromEnvironment } from '../../src/array/kernel-choice.js'
import { plainKernel } from '../../src/array/plain-kernel.js'
import { messageOf, thrownBy } from './thrown.js'

afterEach(() => {
  vi.unstubAllEnvs()
  useKernel(portableKernel2)
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
    expect(currentKernel()).toBe(portableKernel2)
    // @ts-expect-error a caller without types
    expect(messageOf(() => setKernel('blast'))).toContain("'portable', 'portable-1' or 'blas', got 'blast'")
    expect(currentKernel()).toBe(portableKernel2)
  })

  test('by GRADTAPE_KERNEL, unless it is empty', () => {
    const before = { ...plainKernel, id: 'before' }
    useKernel(before)
    vi.stubEnv('GRADTAPE_KERNEL', '')
    setKernelFromEnvironment()
    expect(currentKernel()).toBe(before)
    vi.stubEnv('GRADTAPE_KERNEL', 'portable')
    setKernelFromEnvironment()
    expect(currentKernel()).toBe(portableKernel2)
    vi.stubEnv('GRADTAPE_KERNEL', 'cuda')
    expect(messageOf(setKernelFromEnvironment)).toContain("got 'cuda' in GRADTAPE_KERNEL")
  })
})
