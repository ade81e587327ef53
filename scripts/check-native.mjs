// Compares the native code with the plain loops: the golden corpus on each instruction set of this processor, then drawn shapes,
// steps, places and numbers that are not ordinary, for as long as one likes.
//   node scripts/check-native.mjs                  the corpus
//   node scripts/check-native.mjs --minutes 10     and drawn calls for ten minutes; --seed N draws those of an earlier run
//   node scripts/check-native.mjs --sanitize       a build of its own under AddressSanitizer and UndefinedBehaviorSanitizer (gcc, Linux)
// Ends with 0 when all agree, 1 when something differs, 2 when there is nothing to compare with.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { compileNative, compilerHere, headersFrom, WAYS } from './build-native.mjs'
import { differences, hashOf, kernelHashes, numbers, words } from './kernel-corpus.mjs'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

async function main() {
  const options = { minutes: { type: 'string' }, seed: { type: 'string' }, file: { type: 'string' } }
  const { values } = parseArgs({ options: { ...options, sanitize: { type: 'boolean' } } })
  if (values.sanitize) return await sanitized()
  const { plainKernel } = await import('../dist/array/plain-kernel.js')
  const { nativeKernelOver } = await import('../dist/array/native-kernel.js')
  const native = values.file === undefined ? await installed() : opened(values.file)
  if (native === null) {
    console.log('skipped: there is no native code here; npm run build compiles it where a C++ compiler is')
    return 2
  }
  const kernel = nativeKernelOver(() => native)
  const golden = JSON.parse(readFileSync(join(ROOT, 'test/fixtures/kernel-golden.json'), 'utf8'))
  let agree = true
  for (const way of native.library.ways) {
    native.library.use(way)
    const wrong = differences(kernelHashes(kernel), golden.hashes)
    if (wrong.length > 0) agree = false
    const verdict =
      wrong.length === 0
        ? `all ${Object.keys(golden.hashes).length} results agree`
        : `${wrong.length} differ: ${wrong.slice(0, 8).join(', ')}`
    console.log(`Node ${process.version}, ${process.arch}, ${way}: ${verdict}`)
  }
  const minutes = Number(values.minutes ?? 0)
  if (
    minutes > 0 &&
    !drawn(native, kernel, plainKernel, minutes, Number(values.seed ?? Date.now() % 2 ** 31))
  )
    agree = false
  return agree ? 0 : 1
}

async function installed() {
  const { native } = await import('../dist/array/native/library.js')
  return native()
}

function opened(file) {
  const library = createRequire(import.meta.url)(file)
  const shared = new Float64Array(24)
  library.share(shared)
  return { library, numbers: shared, way: library.ways[0] }
}

/** Builds with sanitizers, and runs the corpus and a minute of drawn calls in a Node that has their library loaded first. */
async function sanitized() {
  const [compiler, headers, ways] = [compilerHere(), headersFrom(ROOT), WAYS[process.arch]]
  const preload =
    compiler &&
    spawnSync(compiler[0], [...compiler.slice(1), '-print-file-name=libasan.so'], {
      encoding: 'utf8',
    }).stdout.trim()
  if (!compiler || !headers || !ways || process.platform !== 'linux' || !preload?.startsWith('/')) {
    console.log('skipped: this needs gcc with libasan, on Linux')
    return 2
  }
  const folder = join(ROOT, '.build', 'sanitized')
  mkdirSync(folder, { recursive: true })
  const file = join(folder, 'gradtape.node')
  const flags = ['-O1', '-g', '-fsanitize=address,undefined', '-fno-sanitize-recover=all']
  const failed = await compileNative(ROOT, { compiler, headers, ways, out: file, flags })
  if (failed !== null) throw new Error(failed)
  const env = { ...process.env, LD_PRELOAD: preload, ASAN_OPTIONS: 'detect_leaks=0' }
  const again = [fileURLToPath(import.meta.url), '--file', file, '--minutes', '1']
  return spawnSync(process.execPath, again, { stdio: 'inherit', env }).status ?? 1
}

const UNARY =
  'neg square abs relu sqrt reciprocal exp log sin cos tanh sigmoid erf gelu softplus expm1 log1p'.split(' ')
const BINARY = 'add sub mul div maximum minimum pow'.split(' ')
const REDUCE = ['sum', 'prod', 'max', 'min']

/** Whether native code gave the plain loops' bits in all calls that were drawn in this time. */
function drawn(native, kernel, plain, minutes, seed) {
  console.log(`drawn calls: --seed ${seed}`)
  const until = Date.now() + minutes * 60_000
  const word = words(seed)
  const below = (n) => word() % n
  const pick = (from) => from[below(from.length)]
  let calls = 0
  for (; Date.now() < until; calls++) {
    native.library.use(pick(native.library.ways))
    const Type = pick([Float64Array, Float32Array])
    const extent = () => pick([1, 2, 7, 8, 15, 16, 17, 31, 33, 64, 100, 129, 257]) + below(3)
    const [m, k, n] = [extent(), extent(), extent()]
    const [at, isOdd] = [below(4), below(2) === 0]
    const room = Math.max(m * k, k * n, m * n) + at
    const [x, y] = [numbers(Type, room, word(), isOdd), numbers(Type, room, word(), isOdd)]
    const [ax, bx] = [below(2), below(2)]
    const call = pick([
      () => [`${pick(UNARY)}`, (c, o, op) => c.unary(op, x, at, o, at, m * n)],
      () => [
        `${pick(BINARY)}`,
        (c, o, op) => c.binary(op, m, n, x, at, ax ? n : 0, 1, y, at, bx ? n : 1, bx ? 1 : 0, o, at),
      ],
      () => [`${pick(REDUCE)}`, (c, o, op) => c.reduceRows(op, x, at, m, n, o, at)],
      () => [`${pick(REDUCE)}`, (c, o, op) => c.accumulateRows(op, x, at, m, n, o, at)],
      () => ['softmax', (c, o) => c.softmaxRows(x, at, m, n, o, at)],
      () => ['logSoftmax', (c, o) => c.logSoftmaxRows(x, at, m, n, o, at)],
      () => ['clip', (c, o) => c.clip(x, at, -0.25, 3, o, at, m * n)],
      () => ['sgdStep', (c, o) => c.sgdStep(x, at, y, 0, o, at, m * n, 0.1, 0.01)],
      () => [
        'matmul',
        (c, o) => c.matmul(m, k, n, x, at, ax ? k : 1, ax ? 1 : m, y, at, bx ? n : 1, bx ? 1 : k, o, at),
      ],
    ])()
    const [op, perform] = call
    const [got, expected] = [new Type(room + 3).fill(0.75), new Type(room + 3).fill(0.75)]
    perform(kernel, got, op)
    perform(plain, expected, op)
    if (hashOf(got) !== hashOf(expected)) {
      console.log(`${op} of ${Type.name} ${m}×${k}×${n} differs after ${calls} calls of --seed ${seed}`)
      return false
    }
  }
  console.log(`${calls} drawn calls agree`)
  return true
}

process.exitCode = await main()
