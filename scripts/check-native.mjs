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
import { functionHashes, loadEngine } from './function-corpus.mjs'
import {
  differences,
  hashOf,
  kernelHashes,
  measuresOf,
  numbers,
  plainMeasures,
  summands,
  words,
} from './kernel-corpus.mjs'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

async function main() {
  const options = { minutes: { type: 'string' }, seed: { type: 'string' }, file: { type: 'string' } }
  const { values } = parseArgs({ options: { ...options, sanitize: { type: 'boolean' } } })
  if (values.sanitize) return await sanitized()
  const { plainKernel } = await import('../dist/array/plain-kernel.js')
  const { nativeKernelOver } = await import('../dist/array/native-kernel.js')
  const engine = await loadEngine((part) => import(`../dist/${part}.js`))
  const native = values.file === undefined ? await installed() : opened(values.file)
  if (native === null) {
    console.log('skipped: there is no native code here; npm run build compiles it where a C++ compiler is')
    return 2
  }
  const kernel = nativeKernelOver(() => native)
  const functionsOn = (kernel) => {
    engine.useKernel(kernel)
    return functionHashes(engine)
  }
  let agree = true
  for (const way of native.library.ways) {
    native.library.use(way)
    for (const [name, hashesOn] of Object.entries({ kernel: kernelHashes, function: functionsOn })) {
      const { hashes } = JSON.parse(readFileSync(join(ROOT, `test/fixtures/${name}-golden.json`), 'utf8'))
      const wrong = differences(hashesOn(kernel), hashes)
      if (wrong.length > 0) agree = false
      const verdict =
        wrong.length === 0
          ? `all ${Object.keys(hashes).length} results agree`
          : `${wrong.length} differ: ${wrong.slice(0, 8).join(', ')}`
      console.log(`Node ${process.version}, ${process.arch}, ${way}, ${name}s: ${verdict}`)
    }
  }
  const minutes = Number(values.minutes ?? 0)
  const seed = Number(values.seed ?? Date.now() % 2 ** 31)
  if (minutes > 0) {
    const calls = [await fusedCalls(engine, kernel, plainKernel), await measures(native)]
    if (!drawn(native, kernel, plainKernel, minutes, seed, calls)) agree = false
  }
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
  'neg square abs relu sqrt reciprocal exp log sin cos tanh sigmoid erf gelu softplus expm1 log1p sign floor tan sinh cosh arcsin arccos arctan ceil trunc round cube exp2'.split(
    ' ',
  )
const BINARY = 'add sub mul div maximum minimum pow arctan2 remainder'.split(' ')
const COMPARE = 'equal notEqual less lessEqual greater greaterEqual'.split(' ')
const REDUCE = ['sum', 'prod', 'max', 'min']

/**
 * Functions that native code computes in one call, and plain code in steps: each of drawn shapes, with its gradients, whose hashes are to
 * be equal. A call that is refused says so on both sides.
 */
async function fusedCalls(engine, kernel, plain) {
  const of = async (part, name) => (await import(`../dist/${part}.js`))[name]
  const [grad, Variable] = [await of('graph/backward', 'grad'), await of('graph/variable', 'Variable')]
  const ndarray = await of('array/make-array', 'ndarray')
  const [layerNorm, batchNorm] = [
    await of('functions/normalization', 'layerNorm'),
    await of('functions/normalization', 'batchNorm'),
  ]
  const [softmax, gelu] = [
    await of('functions/softmax', 'softmax'),
    await of('functions/activations', 'gelu'),
  ]
  const [conv2d, convTranspose2d] = [
    await of('functions/convolution', 'conv2d'),
    await of('functions/convolution', 'convTranspose2d'),
  ]
  const activation = async (name) => await of('functions/activations', name)
  const algebra = async (name) => await of('functions/linear-algebra', name)
  const parts = async (name) => await of('functions/decompositions', name)
  const factors = {
    inv: await algebra('inv'),
    cholesky: await algebra('cholesky'),
    svd: await parts('svd'),
    eigh: await parts('eigh'),
  }
  const [sum, add] = [await of('functions/reductions', 'sum'), await of('functions/arithmetic', 'add')]
  /** One number of all parts, so that there is a gradient of all. */
  const factorsOf = (x, name) => {
    const found = factors[name](x)
    return Array.isArray(found) ? found.map((part) => sum(part)).reduce((a, b) => add(a, b)) : found
  }
  const transform = async (name) => await of('functions/fourier', name)
  const [fft, rfft, irfft] = [await transform('fft'), await transform('rfft'), await transform('irfft')]
  const prelu = await activation('prelu')
  const [leakyRelu, elu, hardtanh] = [
    await activation('leakyRelu'),
    await activation('elu'),
    await activation('hardtanh'),
  ]
  const bound = async (name) => await of('functions/bounds', name)
  const [clip, maximum, minimum] = [await bound('clip'), await bound('maximum'), await bound('minimum')]
  const [where, greater] = [
    await of('functions/comparison', 'where'),
    await of('functions/comparison', 'greater'),
  ]
  const [maxPool2d, transpose] = [
    await of('functions/pooling', 'maxPool2d'),
    await of('functions/shapes', 'transpose'),
  ]
  const [huber, smoothL1] = [
    await of('functions/distances', 'huberLoss'),
    await of('functions/distances', 'smoothL1Loss'),
  ]
  const cast = await of('functions/casting', 'cast')
  const groupNorm = await of('functions/group-normalization', 'groupNorm')
  const attention = await of('functions/attention', 'scaledDotProductAttention')
  const byHalves = await of('array/halves', 'byHalves')
  const pairs = [
    [kernel, plain],
    [byHalves(kernel, 'portable-2'), byHalves(plain, 'portable-2')],
  ]
  return (word) => {
    const below = (n) => word() % n
    const few = () => 1 + below(5)
    const some = () => 1 + below(40)
    const [n, c, o, h, w] = [below(20) === 0 ? 300 : few(), few(), few(), some(), some()]
    const pair = () => [few(), few()]
    const [size, stride, padding] = [pair(), pair(), [below(3), below(3)]]
    const many = below(9) === 0 ? 1300 : some()
    const causal = below(2) === 0
    const odd = below(2)
    const factor = ['inv', 'cholesky'][below(2)]
    const order = [
      [0, 2, 1, 3],
      [3, 1, 2, 0],
      [2, 3, 0, 1],
      [1, 0, 3, 2],
    ][below(4)]
    const [shapes, call, name] = [
      () => [[[many, w], [w], [w]], (...xs) => layerNorm(...xs), 'layerNorm'],
      () => [[[many, c, h % 4], [c], [c]], (...xs) => batchNorm(...xs), 'batchNorm'],
      () => [[[many, w], [w], [w]], (...xs) => batchNorm(...xs), 'batchNorm of rows'],
      () => [[[n, c, h, w % 7], [c], [c]], (...xs) => batchNorm(...xs), 'batchNorm of images'],
      () => [[[few(), 4, h, w], [4], [4]], (...xs) => groupNorm(...xs, { groups: 2 }), 'groupNorm'],
      () => [[[many, w]], (x) => softmax(x), 'softmax'],
      () => [[[many, w]], (x) => gelu(x), 'gelu'],
      () => [[[many, w]], (x) => leakyRelu(x, { slope: 0.3 }), 'leakyRelu'],
      () => [[[many, w]], (x) => elu(x, { alpha: 1.7 }), 'elu'],
      () => [[[many, w]], (x) => hardtanh(x, { min: -0.1, max: 0.3 }), 'hardtanh'],
      () => [[[many, w]], (x) => clip(x, { min: -0.1, max: 0.3 }), 'clip'],
      () => [
        [
          [many, w],
          [many, w],
        ],
        (x, y) => maximum(x, minimum(y, where(greater(x, y), x, 0.5))),
        'maximum',
      ],
      () => [[[few(), c, h, w], [c]], (x, slopes) => prelu(x, slopes), 'prelu'],
      () => [
        [
          [many, w],
          [many, w],
        ],
        (a, b) => huber(a, b, { delta: 0.4 }),
        'huberLoss',
      ],
      () => [
        [
          [many, w],
          [many, w],
        ],
        (a, b) => smoothL1(a, b, { beta: 0.4 }),
        'smoothL1Loss',
      ],
      () => [[[many, w]], (x) => cast(x, x.dtype === 'float64' ? 'float32' : 'float64'), 'cast'],
      () => [[[few(), w, w]], (x) => factorsOf(x, factor), factor],
      () => [[[few(), h, w]], (x) => factorsOf(x, 'svd'), 'svd'],
      () => [[[few(), w, w]], (x) => factorsOf(x, 'eigh'), 'eigh'],
      () => [[[few(), c, h, w]], (x) => transpose(x, order), 'transpose'],
      () => [[[few(), c, h, w]], (x) => maxPool2d(x, { kernel: size, stride, padding }), 'maxPool2d'],
      () => [
        [
          [n, c, h, w],
          [o, c, ...size],
        ],
        (x, k) => conv2d(x, k, undefined, { stride, padding }),
        'conv2d',
      ],
      () => [
        [
          [n, c, h % 9, w % 9],
          [c, o, ...size],
        ],
        (x, k) => convTranspose2d(x, k, undefined, { stride, padding }),
        'convTranspose2d',
      ],
      () => [
        [
          [c, h, 5],
          [c, w, 5],
          [c, w, 3],
        ],
        (q, k, v) => attention(q, k, v, { causal }),
        'attention',
      ],
      () => [
        [
          [h, many],
          [h, many],
        ],
        (x, y) => add(...fft(x, y)),
        'fft',
      ],
      () => [[[h, many]], (x) => add(...rfft(x)), 'rfft'],
      () => [
        [
          [h, many + 1],
          [h, many + 1],
        ],
        (x, y) => irfft(x, y, { n: 2 * many + odd }),
        'irfft',
      ],
    ][below(27)]()
    const Type = below(2) === 0 ? Float64Array : Float32Array
    const isOdd = below(2) === 0
    const count = (shape) => shape.reduce((product, extent) => product * extent, 1)
    const arrays = shapes.map((shape) =>
      ndarray(numbers(Type, count(shape), word(), isOdd), {
        shape,
        dtype: Type === Float64Array ? 'float64' : 'float32',
      }),
    )
    const hashes = (on, createGraph) => {
      engine.useKernel(on)
      try {
        const xs = arrays.map((array) => new Variable(array))
        const y = call(...xs)
        const gy = ndarray(numbers(Type, y.data.size, 3, isOdd), { shape: y.shape }).astype(y.dtype)
        return [y, ...grad([y], xs, { gradients: [gy], createGraph })]
          .map(({ data }) => hashOf(data.data))
          .join(' ')
      } catch (error) {
        if (error.code === undefined) throw error
        return `${error.code}`
      }
    }
    const [tested, steps] = pairs[below(2)]
    if (hashes(tested, false) === hashes(steps, true)) return null
    return `${name} of ${JSON.stringify(shapes)} ${Type.name}, ${JSON.stringify({ size, stride, padding, causal })}, ${tested.id}`
  }
}

/** What recorders keep of arrays of drawn lengths at drawn places; null, or what differs. */
async function measures(native) {
  const { distanceNatively, measuresNatively, sumsNatively } = await import('../dist/array/native/calls.js')
  return (word) => {
    const below = (n) => word() % n
    const Type = below(2) === 0 ? Float64Array : Float32Array
    const n = [below(70), 1024 * below(20) + below(9), 1024 * below(20) + below(1024), 65_530 + below(12)][
      below(4)
    ]
    const [xo, yo] = [below(9), below(9)]
    const strange = below(3) === 0 ? [NaN, Infinity, -Infinity, 1e300, -3.4e38][below(5)] : null
    const [x, y] = [summands(Type, n + xo, word(), strange), summands(Type, n + yo, word())]
    const expected = plainMeasures(x, xo, y, yo, n)
    const both = measuresNatively(native, x, xo, y, yo, n)
    const apart = distanceNatively(native, x, xo, y, yo, n)
    const got = [
      measuresOf(sumsNatively(native, x, xo, n), apart),
      measuresOf(both.sums, both.squaredDistance),
    ]
    return got.every((list) => list.every((number, i) => Object.is(number, expected[i])))
      ? null
      : `sums of ${n} ${Type.name} from ${xo} and ${yo}, with ${strange}`
  }
}

/** Whether native code gave the plain loops' bits in all calls that were drawn in this time. */
function drawn(native, kernel, plain, minutes, seed, others) {
  console.log(`drawn calls: --seed ${seed}`)
  const until = Date.now() + minutes * 60_000
  const word = words(seed)
  const below = (n) => word() % n
  const pick = (from) => from[below(from.length)]
  let calls = 0
  for (; Date.now() < until; calls++) {
    native.library.use(pick(native.library.ways))
    if (calls % 4 < others.length) {
      const difference = others[calls % 4](word)
      if (difference !== null) {
        console.log(`${difference} differs after ${calls} calls of --seed ${seed}`)
        return false
      }
      continue
    }
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
      () => [
        `${pick(COMPARE)}`,
        (c, o, op) => {
          const bytes = new Uint8Array(room)
          c.compare(op, m, n, x, at, ax ? n : 0, 1, y, at, bx ? n : 1, bx ? 1 : 0, bytes, at)
          o.set(bytes)
        },
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
