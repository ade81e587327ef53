/**
 * Finds the machine's BLAS (OpenBLAS on Linux, Accelerate on macOS), pins its threads and makes its two matrix
 * products callable through koffi. Knows nothing of kernels and checks no arguments: blas-kernel.ts does.
 */
import nodeModule from 'node:module'
import os from 'node:os'
import process from 'node:process'
import { TapeError } from '../errors.js'

/** c = alpha·op(a)·op(b) + beta·c, as CBLAS has it; `order` and the transpositions are its constants. */
export type Gemm = (
  order: number,
  transposeA: number,
  transposeB: number,
  m: number,
  n: number,
  k: number,
  alpha: number,
  a: Float64Array | Float32Array,
  lda: number,
  b: Float64Array | Float32Array,
  ldb: number,
  beta: number,
  c: Float64Array | Float32Array,
  ldc: number,
) => void

export const ROW_MAJOR = 101
export const AS_IS = 111
export const TRANSPOSED = 112

export interface BlasLibrary {
  /** All that its bits depend on: name, build, core type and thread count. */
  readonly id: string
  readonly gemm64: Gemm
  readonly gemm32: Gemm
}

/** What is used of koffi, which may not be installed. */
export interface Binding {
  load(path: string): NativeLibrary
}

interface NativeLibrary {
  /** Throws when the library has no such function. */
  func(prototype: string): (...args: never[]) => unknown
}

interface BlasSearch {
  /** The library's file; default GRADTAPE_BLAS, else the usual names of the platform. */
  path?: string | undefined
  /** Default GRADTAPE_BLAS_THREADS, else 1. */
  threads?: number | undefined
  platform?: string
  /** Gives koffi; throws when there is none. */
  binding?: () => Binding
}

const ACCELERATE = '/System/Library/Frameworks/Accelerate.framework/Accelerate'

/** Without a folder, so that the dynamic linker looks where this system keeps libraries. */
const OPENBLAS = [
  'libopenblas.so.0',
  'libopenblas.so',
  'libopenblasp.so.0', // Fedora's with threads; the plain name is its serial build
  '/opt/OpenBLAS/lib/libopenblas.so',
]

const REMEDY =
  'install OpenBLAS (Debian, Ubuntu: apt-get install libopenblas0-pthread; Fedora: dnf install openblas; macOS ' +
  'brings Accelerate), name its file in GRADTAPE_BLAS, or stay with the portable kernel'

/**
 * Loads the BLAS and has it prove itself on a small product.
 *
 * Throws   KERNEL_UNAVAILABLE when koffi or the library is missing, or the library is not one this file can drive.
 *          BAD_ARGUMENT when the thread count is no whole number from 1 on.
 */
export function loadBlas(search: BlasSearch = {}): BlasLibrary {
  const threads = search.threads ?? threadsOfEnvironment()
  if (!Number.isInteger(threads) || threads < 1 || threads > 1024) {
    throw new TapeError(
      'BAD_ARGUMENT',
      `the BLAS kernel expected a thread count from 1 to 1024, got ${threads}; correct GRADTAPE_BLAS_THREADS`,
    )
  }
  const platform = search.platform ?? process.platform
  const asked = search.path ?? (process.env.GRADTAPE_BLAS || undefined)
  const { path, native } = open(bindingOf(search), asked, platform)
  const gemm = (letter: 's' | 'd', type: 'float' | 'double') =>
    required(
      native,
      path,
      `void cblas_${letter}gemm(int order, int ta, int tb, int m, int n, int k, ${type} alpha, const ${type} *a, int lda, const ${type} *b, int ldb, ${type} beta, ${type} *c, int ldc)`,
    ) as Gemm
  const id = path === ACCELERATE ? pinAccelerate(native, threads) : pinOpenBlas(native, path, threads)
  const library = { id, gemm64: gemm('d', 'double'), gemm32: gemm('s', 'float') }
  prove(library, path)
  return library
}

function threadsOfEnvironment(): number {
  const asked = process.env.GRADTAPE_BLAS_THREADS
  return asked === undefined || asked === '' ? 1 : Number(asked)
}

function bindingOf(search: BlasSearch): Binding {
  try {
    return (search.binding ?? koffi)()
  } catch (cause) {
    throw new TapeError(
      'KERNEL_UNAVAILABLE',
      'the BLAS kernel needs the package koffi, which cannot be loaded here; npm install koffi, or stay with the portable kernel',
      { cause },
    )
  }
}

/** Only when it is asked for: an optional dependency may be missing, and loading it takes some milliseconds. */
function koffi(): Binding {
  // A bundle in CommonJS has no import.meta.url, and has its own name.
  const own: string | undefined = import.meta.url
  return nodeModule.createRequire(own ?? __filename)('koffi') as Binding
}

function open(
  binding: Binding,
  asked: string | undefined,
  platform: string,
): { path: string; native: NativeLibrary } {
  const candidates = asked !== undefined ? [asked] : platform === 'darwin' ? [ACCELERATE] : OPENBLAS
  const reasons: string[] = []
  for (const path of candidates) {
    try {
      return { path, native: binding.load(path) }
    } catch (error) {
      reasons.push(error instanceof Error ? error.message : String(error))
    }
  }
  const tried =
    asked === undefined
      ? `the BLAS kernel found no library under the names ${candidates.join(', ')}`
      : `the BLAS kernel could not load "${asked}", which GRADTAPE_BLAS names`
  throw new TapeError('KERNEL_UNAVAILABLE', `${tried} (${reasons[0]}); ${REMEDY}`)
}

function required(native: NativeLibrary, path: string, prototype: string): (...args: never[]) => unknown {
  try {
    return native.func(prototype)
  } catch (cause) {
    const name = /\w+(?=\()/.exec(prototype)?.[0]
    throw new TapeError(
      'KERNEL_UNAVAILABLE',
      `the BLAS kernel expected ${path} to be OpenBLAS with 32-bit indices, but it has no function ${name}; ${REMEDY}`,
      { cause },
    )
  }
}

/** Returns the id. The thread count in it is the one that OpenBLAS then has; it may grant fewer than asked. */
function pinOpenBlas(native: NativeLibrary, path: string, threads: number): string {
  const call = (prototype: string) => required(native, path, prototype)
  const config = String(call('const char *openblas_get_config()')()).trim()
  const core = String(call('const char *openblas_get_corename()')())
  if (/\bUSE64BITINT\b/.test(config)) {
    throw new TapeError(
      'KERNEL_UNAVAILABLE',
      `the BLAS kernel expected OpenBLAS with 32-bit indices, got ${path} with 64-bit ones (${config}); ${REMEDY}`,
    )
  }
  const pin = call('void openblas_set_num_threads(int count)') as (count: number) => void
  pin(threads)
  const granted = Number(call('int openblas_get_num_threads()')())
  const named = config.split(/\s+/).includes(core) ? config : `${config} ${core}`
  return `${named.startsWith('OpenBLAS') ? named : `OpenBLAS ${named}`} threads=${granted}`
}

/**
 * Accelerate tells no version of its own, so the system's stands for it. It knows one thread or as many as it likes,
 * set for the calling thread (macOS 15 and later); before that only a variable read at its first use.
 */
function pinAccelerate(native: NativeLibrary, threads: number): string {
  process.env.VECLIB_MAXIMUM_THREADS = String(threads)
  try {
    const pin = native.func('int BLASSetThreading(uint32_t threading)') as (threading: number) => number
    pin(threads === 1 ? 1 : 0)
  } catch {
    // An older macOS, where the variable decides.
  }
  return `Accelerate darwin-${os.release()} ${process.arch} threads=${threads === 1 ? 1 : 'many'}`
}

/**
 * One product in whole numbers, with a line longer than the row and one operand transposed, exact in any order: a
 * library that does not take its arguments as declared is found out here, not in somebody's gradients.
 */
function prove(library: BlasLibrary, path: string): void {
  for (const [gemm, Floats] of [
    [library.gemm64, Float64Array],
    [library.gemm32, Float32Array],
  ] as const) {
    const a = Floats.of(1, 2, 3, NaN, 4, 5, 6, NaN)
    const b = Floats.of(7, 8, 9, 10, 11, 12)
    const c = Floats.of(NaN, NaN, NaN, NaN)
    gemm(ROW_MAJOR, AS_IS, TRANSPOSED, 2, 2, 3, 1, a, 4, b, 3, 0, c, 2)
    if (c.join() !== '50,68,122,167') {
      throw new TapeError(
        'KERNEL_UNAVAILABLE',
        `the BLAS kernel expected [50, 68, 122, 167] from a product by ${path}, got [${c.join(', ')}]; it is not the library it seems to be: ${REMEDY}`,
      )
    }
  }
}
