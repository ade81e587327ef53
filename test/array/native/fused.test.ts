/** What native code computes in one call has the bits of the steps that plain code takes, forward and back, with a graph and without. */
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { numbers } from '../../../scripts/kernel-corpus.mjs'
import { plainKernel2, portableKernel2, useKernel } from '../../../src/array/kernel.js'
import { ndarray } from '../../../src/array/make-array.js'
import { native } from '../../../src/array/native/library.js'
import { nativeKernel } from '../../../src/array/native-kernel.js'
import { plainKernel } from '../../../src/array/plain-kernel.js'
import type { Kernel } from '../../../src/array/primitives.js'
import { elu, gelu, hardtanh, leakyRelu, prelu } from '../../../src/functions/activations.js'
import { add, floor, mul } from '../../../src/functions/arithmetic.js'
import { scaledDotProductAttention } from '../../../src/functions/attention.js'
import { clip, maximum, minimum } from '../../../src/functions/bounds.js'
import { cast } from '../../../src/functions/casting.js'
import { greater, where } from '../../../src/functions/comparison.js'
import { conv2d, convTranspose2d } from '../../../src/functions/convolution.js'
import { huberLoss, smoothL1Loss } from '../../../src/functions/distances.js'
import {
  FourierTransform,
  fourierTransform,
  HalfFourier,
  RealFourier,
} from '../../../src/functions/fourier.js'
import { gather, scatterAdd } from '../../../src/functions/gathering.js'
import { groupNorm } from '../../../src/functions/group-normalization.js'
import { take } from '../../../src/functions/indexing.js'
import { interpolate } from '../../../src/functions/interpolation.js'
import { concat } from '../../../src/functions/joining.js'
import { hardSigmoid, hardSwish, selu } from '../../../src/functions/more-activations.js'
import { batchNorm, layerNorm } from '../../../src/functions/normalization.js'
import { argsort, sort } from '../../../src/functions/ordering.js'
import { averagePool2d, maxPool2d } from '../../../src/functions/pooling.js'
import { median, quantile } from '../../../src/functions/quantiles.js'
import { softmax } from '../../../src/functions/softmax.js'
import { cdist } from '../../../src/functions/vectors.js'
import { adaptiveMaxPool3d, maxPool3d } from '../../../src/functions/window-pooling.js'
import { grad } from '../../../src/graph/backward.js'
import { Variable } from '../../../src/graph/variable.js'
import { expectSameBits } from '../wasm/same-bits.js'

type Floats = Float64Array | Float32Array
type Call = (...xs: Variable[]) => Variable

const before = useKernel(portableKernel2)
const ways = native()?.library.ways ?? []
afterAll(() => {
  native()?.library.use(ways[0]!)
  useKernel(before)
})

function drawn(
  Type: typeof Float64Array | typeof Float32Array,
  size: number,
  seed: number,
  special: boolean,
) {
  return Type === Float64Array
    ? numbers(Float64Array, size, seed, special)
    : numbers(Float32Array, size, seed, special)
}

/** The result and the gradients, each where `out` says what they are. */
function computed(kernel: Kernel, xs: readonly Variable[], call: Call, createGraph: boolean): Floats[] {
  useKernel(kernel)
  const y = call(...xs)
  const gy = drawn(y.dtype === 'float32' ? Float32Array : Float64Array, y.data.size, 9, false)
  const gradients = grad([y], [...xs], { gradients: [ndarray(gy, { shape: y.shape })], createGraph })
  return [y, ...gradients].map(({ data }) => data.data as Floats)
}

function check(shapes: readonly (readonly number[])[], call: Call, what: string, seed: number): void {
  for (const Type of [Float64Array, Float32Array]) {
    for (const special of [false, true]) {
      const xs = shapes.map((shape, i) => {
        const size = shape.reduce((product, extent) => product * extent, 1)
        return new Variable(ndarray(drawn(Type, size, seed + i, special), { shape: [...shape] }))
      })
      for (const [plain, tested] of [
        [plainKernel, nativeKernel],
        [plainKernel2, portableKernel2],
      ] as const) {
        const expected = computed(plain, xs, call, true)
        for (const way of ways) {
          native()!.library.use(way)
          computed(tested, xs, call, false).forEach((got, i) => {
            const name = `${what} ${JSON.stringify(shapes)} ${Type.name} ${tested.id} ${way}, part ${i}`
            expectSameBits(got, expected[i]!, name)
          })
        }
      }
    }
  }
}

const few = fc.integer({ min: 1, max: 5 })
const some = fc.integer({ min: 1, max: 30 })
const runs = { numRuns: 3 }

describe.runIf(ways.length > 0)('one call of native code has the bits of the steps:', () => {
  test('layerNorm, with rows beyond a block too', () => {
    const call: Call = (x, gamma, beta) => layerNorm(x, gamma, beta, { eps: 0.01 })
    fc.assert(
      fc.property(few, some, some, fc.nat(), (a, b, c, seed) => {
        check([[a, b, c], [c], [c]], call, 'layerNorm', seed)
        check(
          [
            [a, b, c],
            [b, c],
            [b, c],
          ],
          call,
          'layerNorm',
          seed,
        )
      }),
      runs,
    )
    check([[1100, 3], [3], [3]], call, 'layerNorm', 1)
  })

  test('batchNorm, of rows, of images and of a single channel, beyond a block too', () => {
    const call: Call = (x, gamma, beta) => batchNorm(x, gamma, beta)
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 9 }), some, few, few, fc.nat(), (n, c, h, w, seed) => {
        check([[n, c, h, w], [c], [c]], call, 'batchNorm', seed)
        check([[n, c], [c], [c]], call, 'batchNorm', seed)
        check([[n, 1, h, 9], [1], [1]], call, 'batchNorm', seed)
        check([[1, c, h, 9], [c], [c]], call, 'batchNorm', seed)
      }),
      runs,
    )
    check([[1100, 3], [3], [3]], call, 'batchNorm', 1)
    check([[270, 3, 5], [3], [3]], call, 'batchNorm', 1)
  })

  test('groupNorm, a group after the other', () => {
    fc.assert(
      fc.property(few, fc.integer({ min: 1, max: 3 }), some, fc.nat(), (n, groups, inner, seed) => {
        const channels = 2 * groups
        const shapes = [[n, channels, 20 + inner], [channels], [channels]]
        check(shapes, (x, gamma, beta) => groupNorm(x, gamma, beta, { groups }), 'groupNorm', seed)
      }),
      runs,
    )
    // More images than a block of a sum has.
    check([[140, 2, 40], [2], [2]], (x, g, b) => groupNorm(x, g, b, { groups: 1 }), 'groupNorm', 1)
  })

  test('gather, scatterAdd and take, whatever the axis and the places', () => {
    const axis = fc.integer({ min: 0, max: 2 })
    fc.assert(
      fc.property(few, some, some, axis, fc.nat(), (a, b, c, at, seed) => {
        const shape = [a, b + 4, c + 4]
        const below = shape[at]!
        const places = (count: number) =>
          Int32Array.from({ length: count }, (_, i) => ((i * 7919 + seed) % (2 * below)) - below)
        const elements = ndarray(places(a * (b + 4) * (c + 4)), { shape })
        const slices = ndarray(places(5))
        check([shape], (x) => gather(x, elements, { axis: at }), 'gather', seed)
        check([shape, shape], (x, y) => scatterAdd(x, elements, y, { axis: at }), 'scatterAdd', seed)
        check([shape], (x) => take(x, slices, { axis: at }), 'take', seed)
      }),
      runs,
    )
  })

  test('and the first index that names nothing is the one that is named, by each way', () => {
    const x = new Variable(ndarray(new Float64Array(800), { shape: [20, 40] }))
    const wrong = Int32Array.from({ length: 800 }, (_, i) => (i === 555 ? 40 : i === 700 ? -41 : i % 40))
    for (const kernel of [plainKernel2, portableKernel2]) {
      useKernel(kernel)
      const elements = ndarray(wrong, { shape: [20, 40] })
      const says = /expected indices from -40 to 39, got 40 at element 555 of the indices/
      expect(() => gather(x, elements, { axis: 1 })).toThrow(says)
      expect(() => scatterAdd(x, elements, x, { axis: 1 })).toThrow(says)
      expect(() => take(x, ndarray(wrong), { axis: 1 })).toThrow(says)
    }
  })

  test('softmax, gelu and attention', () => {
    fc.assert(
      fc.property(few, some, some, fc.nat(), (a, b, c, seed) => {
        check([[a, b, c]], (x) => softmax(x), 'softmax', seed)
        check([[a, b, c]], (x) => gelu(x), 'gelu', seed)
        const heads = [
          [a, b, 8],
          [a, c, 8],
          [a, c, 3],
        ]
        check(heads, (q, k, v) => scaledDotProductAttention(q, k, v), 'attention', seed)
      }),
      runs,
    )
  })

  test('leakyRelu, elu, hardtanh and clip, which let a gradient through or not', () => {
    fc.assert(
      fc.property(fc.integer({ min: 60, max: 700 }), fc.nat(), (n, seed) => {
        check([[n]], (x) => leakyRelu(x, { slope: 0.3 }), 'leakyRelu', seed)
        check([[n]], (x) => elu(x, { alpha: 1.7 }), 'elu', seed)
        check([[n]], selu, 'selu', seed)
        check([[n]], (x) => hardSigmoid(mul(x, 3)), 'hardSigmoid', seed)
        check([[n]], (x) => hardSwish(mul(x, 3)), 'hardSwish', seed)
        check([[n]], (x) => hardtanh(x, { min: -0.1, max: 0.3 }), 'hardtanh', seed)
        check([[n]], (x) => clip(x, { min: -0.1, max: 0.3 }), 'clip', seed)
        check([[n]], (x) => clip(x, { max: 0 }), 'clip from above', seed)
        check([[n]], (x) => clip(x, { min: 0.1 }), 'clip from below', seed)
      }),
      runs,
    )
  })

  test('sort and median, rows and columns, in either direction, with equal elements and NaN', () => {
    fc.assert(
      fc.property(
        few,
        fc.integer({ min: 20, max: 90 }),
        few,
        fc.boolean(),
        fc.nat(),
        (a, b, c, descending, seed) => {
          const coarse: Call = (x) => add(floor(mul(x, 8)), mul(x, 0))
          for (const axis of [0, 1, 2])
            check([[a, b, c]], (x) => sort(coarse(x), { axis, descending })[0], 'sort', seed)
          check([[a, b]], (x) => cast(argsort(x, { descending }), x.dtype), 'argsort', seed)
          check([[a, b]], (x) => median(x, { axis: 1 }), 'median', seed)
        },
      ),
      runs,
    )
  })

  test('maxima of volumes, at steps and of bands', () => {
    fc.assert(
      fc.property(
        few,
        fc.integer({ min: 3, max: 6 }),
        fc.integer({ min: 4, max: 9 }),
        few,
        fc.nat(),
        (n, d, h, w, seed) => {
          const shape = [n, 1, d, h, w + 2]
          check([shape], (x) => maxPool3d(x, { kernel: 3, stride: 2, padding: 1 }), 'maxPool3d', seed)
          check([shape], (x) => adaptiveMaxPool3d(x, [2, 3, 2]), 'adaptiveMaxPool3d', seed)
          check([shape], (x) => maxPool3d(floor(mul(x, 2)), { kernel: 2 }), 'maxPool3d of ties', seed)
        },
      ),
      runs,
    )
  })

  test('distances of vectors, and quantiles of rows', () => {
    fc.assert(
      fc.property(few, some, some, some, fc.nat(), (r, m, n, d, seed) => {
        for (const ord of [1, 2])
          check(
            [
              [r, m, 3 * d],
              [r, n + 8, 3 * d],
            ],
            (a, b) => cdist(a, b, { ord }),
            'cdist',
            seed,
          )
        const coarse: Call = (x) => add(floor(mul(x, 8)), mul(x, 0))
        for (const q of [0, 0.3, 0.5, 1])
          check([[m, 40 * n]], (x) => quantile(coarse(x), q, { axis: 1 }), 'quantile', seed)
      }),
      runs,
    )
  })

  test('Fourier transforms of rows, of any length, complex and real, by each method', () => {
    fc.assert(
      fc.property(
        some,
        fc.integer({ min: 2, max: 140 }),
        fc.boolean(),
        fc.nat(),
        (rows, n, inverse, seed) => {
          const shape = [rows + 20, n]
          const half = [rows + 20, Math.floor(n / 2) + 1]
          for (const part of [0, 1])
            for (const method of [undefined, 'radices'] as const) {
              const transform: Call = (re, im) =>
                new FourierTransform({ inverse, method }).applyAll(re, im)[part]!
              check([shape, shape], transform, `part ${part}, ${method ?? 'old method'}`, seed)
            }
          for (const part of [0, 1])
            check([shape], (x) => new RealFourier().applyAll(x)[part]!, `real, part ${part}`, seed)
          check([half, half], (re, im) => new HalfFourier({ n }).apply2(re, im), 'half', seed)
        },
      ),
      runs,
    )
    for (const [rows, n] of [
      [3, 64],
      [1, 512],
      [1, 6000],
      [2, 4098],
      [2, 4913],
    ]) {
      const shape = [rows!, n!]
      check([shape, shape], (re, im) => fourierTransform(re, im)[0], 'a long row', 1)
      check([shape], (x) => new RealFourier().applyAll(x)[1]!, 'a long real row', 1)
    }
  })

  test('averagePool2d, linear interpolation, and convolutions of single pixels', () => {
    fc.assert(
      fc.property(few, few, some, some, fc.nat(), (n, c, h, w, seed) => {
        const image = [n, c, h + 5, w + 6]
        check(
          [image],
          (x) => averagePool2d(x, { kernel: [3, 2], stride: [2, 1], padding: 1 }),
          'averagePool2d',
          seed,
        )
        check([image], (x) => averagePool2d(x, { kernel: 2 }), 'averagePool2d', seed)
        for (const alignCorners of [false, true])
          check(
            [image],
            (x) => interpolate(x, { size: [9, 20], mode: 'bilinear', alignCorners }),
            'bilinear',
            seed,
          )
        check([image, [4, c, 1, 1]], (x, k) => conv2d(x, k), 'conv2d of pixels', seed)
      }),
      runs,
    )
  })

  test('losses of differences, and numbers in the other floating dtype', () => {
    fc.assert(
      fc.property(some, some, fc.nat(), (m, n, seed) => {
        const two = [
          [m, 9 * n],
          [m, 9 * n],
        ]
        for (const size of [1, 0.3])
          for (const reduction of ['none', 'mean'] as const) {
            check(two, (a, b) => huberLoss(a, b, { delta: size, reduction }), 'huberLoss', seed)
            check(two, (a, b) => smoothL1Loss(a, b, { beta: size, reduction }), 'smoothL1Loss', seed)
          }
        check(two, (a, b) => smoothL1Loss(a, b, { beta: 0 }), 'smoothL1Loss of beta 0', seed)
        check([[m, 30 * n]], (x) => cast(x, x.dtype === 'float64' ? 'float32' : 'float64'), 'cast', seed)
      }),
      runs,
    )
  })

  test('concat of columns', () => {
    fc.assert(
      fc.property(some, some, some, fc.nat(), (a, b, c, seed) => {
        check(
          [
            [a, b],
            [a, c + 30],
          ],
          (x, y) => concat([x, y], { axis: 1 }),
          'concat',
          seed,
        )
      }),
      runs,
    )
  })

  test('prelu, with a slope for all or one for each channel', () => {
    fc.assert(
      fc.property(few, some, some, fc.nat(), (n, c, inner, seed) => {
        check([[n, c, inner + 10], [c]], prelu, 'prelu', seed)
        check([[n + 9, c + 9], [c + 9]], prelu, 'prelu of rows', seed)
        check([[n + 9, c + 9], []], prelu, 'prelu of one slope', seed)
      }),
      runs,
    )
  })

  test('maximum, minimum and where, equal and repeated numbers too', () => {
    fc.assert(
      fc.property(some, some, fc.nat(), (a, b, seed) => {
        const shape = [8 + a, 8 + b]
        const two = [shape, shape]
        check(two, (x, y) => maximum(x, y), 'maximum', seed)
        check(two, (x, y) => minimum(x, where(greater(y, 0), x, y)), 'minimum with equal ones', seed)
        check(two, (x, y) => where(greater(x, y), x, 0.5), 'where with a number', seed)
        check(two, (x, y) => where(greater(x, y), -0, y), 'where with a zero', seed)
        check([shape, [8 + b]], (x, y) => where(greater(x, y), y, x), 'where with a row', seed)
      }),
      runs,
    )
  })

  test('maxPool2d, whatever the windows', () => {
    const sizes = fc.record({
      kernel: fc.tuple(few, few),
      stride: fc.tuple(few, few),
      pads: fc.tuple(fc.nat(2), fc.nat(2)),
    })
    fc.assert(
      fc.property(few, few, some, some, sizes, fc.nat(), (n, c, h, w, { kernel, stride, pads }, seed) => {
        const fitting = [Math.min(kernel[0], h), Math.min(kernel[1], w)] as const
        const padding = [Math.min(pads[0], fitting[0] >> 1), Math.min(pads[1], fitting[1] >> 1)] as const
        check([[n, c, h, w]], (x) => maxPool2d(x, { kernel: fitting, stride, padding }), 'maxPool2d', seed)
        // Equal numbers share.
        const flat: Call = (x) => maxPool2d(mul(x, 0), { kernel: fitting, stride, padding })
        check([[n, c, h, w]], flat, 'maxPool2d of zeros', seed)
      }),
      runs,
    )
  })

  test('conv2d and convTranspose2d, whatever the windows, of more images than a block and of longer sums', () => {
    const at = { stride: fc.tuple(few, few), padding: fc.tuple(fc.nat(3), fc.nat(3)) }
    fc.assert(
      fc.property(few, few, few, few, few, fc.record(at), fc.nat(), (n, c, o, kh, kw, windows, seed) => {
        const image = [n, c, kh + 6, kw + 9]
        const call: Call = (x, w) => conv2d(x, w, undefined, windows)
        check([image, [o, c, kh, kw]], call, `conv2d ${JSON.stringify(windows)}`, seed)
        const padding = [Math.min(windows.padding[0], 2), Math.min(windows.padding[1], 2)] as const
        const back: Call = (x, w) => convTranspose2d(x, w, undefined, { ...windows, padding })
        check([image, [c, o, kh, kw]], back, `convTranspose2d ${JSON.stringify(windows)}`, seed)
      }),
      runs,
    )
    const call: Call = (x, w) => conv2d(x, w)
    check(
      [
        [270, 1, 4, 5],
        [2, 1, 2, 2],
      ],
      call,
      'conv2d',
      1,
    )
    check(
      [
        [1, 33, 6, 6],
        [2, 33, 6, 6],
      ],
      call,
      'conv2d',
      1,
    )
    check(
      [
        [2, 1, 34, 34],
        [2, 1, 2, 2],
      ],
      call,
      'conv2d',
      1,
    )
  })
})

test('kernels without such calls take the steps', () => {
  expect(plainKernel.fused).toBeUndefined()
  expect(plainKernel2.fused).toBeUndefined()
})
