import { spawnSync } from 'node:child_process'
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { afterAll, describe, expect, test } from 'vitest'
import { differences, expectedHashes, type Golden, kernelHashes } from '../../../scripts/kernel-corpus.mjs'
import { byHalves } from '../../../src/array/halves.js'
import { matmulNatively, measuresNatively, unaryNatively } from '../../../src/array/native/calls.js'
import { native } from '../../../src/array/native/library.js'
import { agrees } from '../../../src/array/native/self-test.js'
import { nativeKernel } from '../../../src/array/native-kernel.js'
import { describeWay } from '../kernel-contract.js'

/** Tests need a C++ compiler, so native code is there; on a system that it is not written for there is nothing to test. */
const isWritten = process.platform !== 'win32' && ['x64', 'arm64'].includes(process.arch)
const ways = native()?.library.ways ?? []
const golden = JSON.parse(
  readFileSync(new URL('../../fixtures/kernel-golden.json', import.meta.url), 'utf8'),
) as Golden

afterAll(() => {
  native()?.library.use(ways[0]!)
})

test('native code was built, and what this processor has is offered, the widest first', () => {
  if (isWritten && process.env.GRADTAPE_NATIVE !== '0') expect(ways.length).toBeGreaterThan(0)
  expect(native()?.way ?? ways[0]).toBe(ways[0])
  if (process.arch === 'x64' && ways.length > 0) expect(ways.at(-1)).toBe('sse2')
})

describe.each(ways)('%s', (way) => {
  test('gives the bits of the golden file, and is found to', () => {
    expect(native()!.library.use(way)).toBe(true)
    expect(agrees(native()!)).toBe(true)
    expect(differences(kernelHashes(nativeKernel), golden.hashes)).toEqual([])
    const newest = byHalves(nativeKernel, 'portable-2')
    expect(differences(kernelHashes(newest), expectedHashes(golden, 'portable-2'))).toEqual([])
  })

  describeWay(way, nativeKernel)
})

describe.runIf(ways.length > 0)('what native code refuses', () => {
  const made = native()!
  const refused = (call: () => void) => expect(call).toThrow(/does not lie within its arrays/)

  test('places and lengths beyond an array, before anything is written', () => {
    const [x, out] = [new Float64Array(100).fill(2), new Float64Array(100)]
    const of = (xo: number, oo: number, n: number) => () => unaryNatively(made, 1, x, xo, out, oo, n)
    for (const [xo, oo, n] of [
      [0, 0, 101],
      [1, 0, 100],
      [0, 1, 100],
      [101, 0, 0],
      [-1, 0, 5],
      [0, 0, -1],
      [0, 0, NaN],
      [0, 0, Infinity],
      [2 ** 53, 0, 5],
      [0, 0, 2 ** 60],
    ] as const) {
      refused(of(xo, oo, n))
    }
    expect(out).toEqual(new Float64Array(100))
    of(0, 0, 100)()
    expect(out).toEqual(new Float64Array(100).fill(4))
  })

  test('steps that leave an operand, on either side', () => {
    const [a, b, out] = [new Float32Array(64), new Float32Array(64), new Float32Array(64)]
    const product = (ar: number, ac: number, ao = 0) =>
      matmulNatively(made, 8, 8, 8, a, ao, ar, ac, b, 0, 8, 1, out, 0)
    product(8, 1)
    product(-8, 1, 56)
    for (const [ar, ac, ao] of [
      [9, 1, 0],
      [8, 2, 0],
      [-8, 1, 55],
      [8, 1, 1],
      [2 ** 52, 2 ** 52, 0],
      [-(2 ** 52), -(2 ** 52), 0],
      [NaN, 1, 0],
    ] as const) {
      refused(() => product(ar, ac, ao))
    }
  })

  test('arrays of other types, of two types, and what is no array', () => {
    const x = new Float64Array(100)
    const others = [
      new Int32Array(100),
      new Float32Array(100),
      new BigInt64Array(100),
      [1],
      null,
      undefined,
      {},
    ]
    for (const other of others) {
      refused(() => unaryNatively(made, 1, x, 0, other as never, 0, 5))
      refused(() => unaryNatively(made, 1, other as never, 0, x, 0, 5))
    }
    refused(() => (made.library.unary as () => void)())
    structuredClone(x, { transfer: [x.buffer] })
    refused(() => unaryNatively(made, 1, x, 0, new Float64Array(100), 0, 5))
  })

  test('arrays of which less is there than is to be summed up', () => {
    const [x, y] = [new Float64Array(100), new Float64Array(50)]
    refused(() => measuresNatively(made, x, 0, y, 0, 51))
    refused(() => measuresNatively(made, x, 60, y, 0, 41))
    refused(() => measuresNatively(made, x, 0, new Float32Array(100) as never, 0, 10))
    expect(measuresNatively(made, x, 50, y, 0, 50).sums.zeroCount).toBe(50)
  })

  test('numbers to convert that do not lie within their arrays, or arrays the wrong way round', () => {
    const [wide, narrow] = [new Float64Array(9).fill(0.3), new Float32Array(7).fill(0.7)]
    const call = (a: unknown, b: unknown, given: readonly number[]) => {
      made.numbers.set(given)
      made.library.convert(a as Float64Array, b as Float32Array)
    }
    const fine = [1, 4, 2, 5]
    fine.forEach((_, i) => {
      for (const x of [NaN, 2 ** 60, -1, 6]) refused(() => call(wide, narrow, fine.with(i, x)))
    })
    refused(() => call(narrow, wide, fine))
    refused(() => call(wide, wide, fine))
    refused(() => call(narrow, narrow, fine))
    refused(() => call(wide, null, fine))
    expect([...wide, ...narrow]).toEqual([...new Float64Array(9).fill(0.3), ...new Float32Array(7).fill(0.7)])
    call(wide, narrow, fine)
    expect([...narrow]).toEqual([0, 0, 1, 1, 1, 1, 1].map((is) => Math.fround(is ? 0.3 : 0.7)))
    call(wide, narrow, [0, 4, 0, 2])
    expect([...wide.subarray(3, 7)]).toEqual([0.3, Math.fround(0.7), Math.fround(0.7), 0.3])
  })

  test('operations that it does not know', () => {
    const x = new Float64Array(100)
    for (const op of [30, 255, 2 ** 40, -1, NaN]) refused(() => unaryNatively(made, op, x, 0, x, 0, 5))
    expect(made.library.use('avx1024')).toBe(false)
    expect((made.library.use as (way: unknown) => boolean)(5)).toBe(false)
  })

  // Numbers as calls.ts and native-fused.ts write them; arrays that hold just what these numbers name. The last list: the numbers that may be any.
  const [doubles, bytes, words] = [Float64Array, Uint8Array, Int32Array]
  const exact: readonly [
    string,
    readonly [typeof doubles | typeof bytes | typeof words, number][],
    number[],
    number[],
  ][] = [
    [
      'compare',
      [
        [doubles, 23],
        [doubles, 23],
        [bytes, 23],
      ],
      [2, 4, 5, 3, 5, 1, 3, 5, 1, 3],
      [],
    ],
    [
      'choose',
      [
        [doubles, 23],
        [doubles, 4],
        [bytes, 23],
        [doubles, 23],
      ],
      [20, 3, 1, 3, 0, 3, 3],
      [],
    ],
    [
      'largerShare',
      [
        [doubles, 23],
        [doubles, 23],
        [doubles, 23],
        [doubles, 23],
      ],
      [3, 3, 3, 3, 20],
      [],
    ],
    [
      'gate',
      [
        [doubles, 23],
        [doubles, 23],
        [doubles, 23],
      ],
      [1, 3, 3, 3, 20, 0.1, 0.2],
      [5, 6],
    ],
    [
      'foldRows',
      [
        [doubles, 8],
        [doubles, 10],
        [doubles, 23],
      ],
      [1, 4, 5, 3, 3, 2, 3, 5],
      [0],
    ],
    [
      'takeOuter',
      [
        [doubles, 23],
        [doubles, 10],
        [doubles, 8],
      ],
      [4, 5, 3, 5, 3, 2, 3],
      [],
    ],
    [
      'diagonalize',
      [
        [doubles, 16],
        [doubles, 16],
      ],
      [4, 1e-9, 9],
      [1],
    ],
    [
      'orthogonalize',
      [
        [doubles, 20],
        [doubles, 16],
      ],
      [4, 5, 1e-9, 9],
      [2],
    ],
    [
      'atPlaces',
      [
        [doubles, 33],
        [words, 43],
        [doubles, 43],
      ],
      [0, 2, 3, 4, 5, 3, 3, 3],
      [],
    ],
    [
      'atPlaces',
      [
        [doubles, 43],
        [words, 43],
        [doubles, 33],
      ],
      [1, 2, 3, 4, 5, 3, 3, 3],
      [],
    ],
    [
      'atPlaces',
      [
        [doubles, 33],
        [words, 7],
        [doubles, 43],
      ],
      [2, 2, 3, 4, 5, 3, 3, 3],
      [],
    ],
    [
      'atPlaces',
      [
        [doubles, 43],
        [words, 7],
        [doubles, 33],
      ],
      [3, 2, 3, 4, 5, 3, 3, 3],
      [],
    ],
    [
      'sortRows',
      [
        [doubles, 23],
        [doubles, 19],
        [words, 19],
      ],
      [1, 4, 5, 4, 3, 3, 3],
      [],
    ],
    [
      'distances',
      [
        [doubles, 27],
        [doubles, 35],
        [doubles, 27],
      ],
      [1, 2, 3, 4, 4, 3, 3, 3],
      [0],
    ],
    [
      'moveRuns',
      [
        [doubles, 24],
        [doubles, 27],
      ],
      [4, 3, 4, 8, 5, 9],
      [],
    ],
    [
      'volumeMaxima',
      [
        [doubles, 27],
        [doubles, 5],
        [words, 8],
      ],
      [2, 1, 3, 4, 1, 1, 1, 2, 3, 3],
      [],
    ],
    [
      'volumeMaximaScatter',
      [
        [doubles, 5],
        [doubles, 27],
        [doubles, 27],
        [words, 8],
      ],
      [2, 1, 3, 4, 1, 1, 1, 2, 3, 3, 3],
      [],
    ],
  ]
  test.each(exact)(
    '%s of %j with %j: less memory, another type, other numbers',
    (name, sizes, numbers, free) => {
      const call = (arrays: readonly unknown[], given: readonly number[]) => {
        made.numbers.set(given)
        ;(made.library as unknown as Record<string, (...arrays: readonly unknown[]) => void>)[name]!(
          ...arrays,
        )
      }
      const fresh = () =>
        sizes.map(([Type, size], number) => {
          const array = new Type(size)
          for (let i = 0; i < size; i++) array[i] = Type === doubles ? number + i / 7 : i % 2
          return array
        })
      const arrays = fresh()
      sizes.forEach(([Type, size], i) => {
        const others = [new Type(size - 1), new Float32Array(size), new Int8Array(size), null]
        for (const other of others) refused(() => call(arrays.with(i, other as never), numbers))
      })
      refused(() => call(arrays.slice(1), numbers))
      numbers.forEach((_, i) => {
        if (!free.includes(i)) for (const x of [NaN, 2 ** 60]) refused(() => call(arrays, numbers.with(i, x)))
      })
      expect(arrays).toEqual(fresh())
      call(arrays, numbers)
      expect(arrays).not.toEqual(fresh())
    },
  )
})

const CHECKED = [
  ...(['unary', 'matmul', 'adamStep', 'normalize', 'normalizeSlopes', 'softmaxSlope', 'geluSlope'] as const),
  ...(['maxPool', 'maxPoolScatter', 'convolve', 'convolveTransposed', 'convolveWeights'] as const),
  ...([
    'compare',
    'choose',
    'largerShare',
    'gate',
    'atPlaces',
    'moveRuns',
    'distances',
    'foldRows',
    'takeOuter',
    'diagonalize',
    'orthogonalize',
  ] as const),
] as const
type Checked = (typeof CHECKED)[number]

const IN_FIRST = new Set<string>(['foldRows', 'takeOuter', 'diagonalize', 'orthogonalize'])

test('a code that gives one other bit is found by the self-test', () => {
  const made = native()
  if (made === null) return
  const wrong = (name: Checked) => ({
    ...made,
    library: {
      ...made.library,
      [name](...arrays: Float64Array[]) {
        ;(made.library[name] as (...arrays: Float64Array[]) => void)(...arrays)
        // Where the first array is the one that changes, its first elements are a part of what does.
        const [out, at] = IN_FIRST.has(name) ? [arrays[0]!, 5] : [arrays.at(-1)!, 20]
        out[at] = name === 'compare' ? 1 - out[at]! : out[at]! * (1 + 2 ** -23) + 2 ** -60
      },
    },
  })
  expect(agrees(made)).toBe(true)
  for (const name of CHECKED) expect(agrees(wrong(name)), name).toBe(false)
})

test('a thread of its own computes natively too', async () => {
  const where = new URL('../../../dist/array/', import.meta.url).href
  const worker = new Worker(
    `const { parentPort } = require('node:worker_threads')
     Promise.all([import('${where}native/library.js'), import('${where}kernel.js')]).then(([{ nativeWay }, { kernel }]) => {
       const out = new Float64Array(1000)
       kernel.unary('exp', Float64Array.from({ length: 1000 }, (_, i) => i / 100), 0, out, 0, 1000)
       parentPort.postMessage({ way: nativeWay(), out })
     })`,
    { eval: true },
  )
  const { way, out } = await new Promise<{ way: string | null; out: Float64Array }>((resolve, reject) => {
    worker.once('message', resolve).once('error', reject)
  })
  expect(way).toBe(native()?.way ?? null)
  const expected = new Float64Array(1000)
  nativeKernel.unary(
    'exp',
    Float64Array.from({ length: 1000 }, (_, i) => i / 100),
    0,
    expected,
    0,
    1000,
  )
  expect(out).toEqual(expected)
})

test.each([
  ['that is damaged', (file: string) => writeFileSync(file, 'no code')],
  [
    'of another package',
    (file: string) =>
      copyFileSync(
        createRequire(import.meta.url).resolve('better-sqlite3/build/Release/better_sqlite3.node'),
        file,
      ),
  ],
])('a file %s is not used, and computing goes on', (what, put) => {
  const root = mkdtempSync(join(tmpdir(), 'gradtape-native-'))
  try {
    mkdirSync(join(root, 'build/Release'), { recursive: true })
    symlinkSync(fileURLToPath(new URL('../../../dist', import.meta.url)), join(root, 'dist'))
    put(join(root, 'build/Release/gradtape.node'))
    const program = `import(${JSON.stringify(pathToFileURL(join(root, 'dist/array/native/library.js')).href)})
      .then(({ nativeWay }) => console.log(nativeWay()))`
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--preserve-symlinks', '-e', program], {
      encoding: 'utf8',
      env: { ...process.env, GRADTAPE_NATIVE: '' },
    })
    expect(stdout, stderr).toBe('null\n')
    expect(status).toBe(0)
    if (what === 'that is damaged') expect(stderr).toMatch(/cannot be loaded.*npm rebuild gradtape/)
  } finally {
    rmSync(root, { recursive: true })
  }
})
