/** Cases of indices, products, losses, images, normalisation and attention. */
import { ndarray } from '../../src/array/make-array.js'
import type { Shape } from '../../src/array/shape.js'
import { FourierTransform } from '../../src/functions/fourier.js'
import {
  type Case,
  type Cases,
  integers,
  none,
  noRows,
  positive,
  share,
  spread,
  summed,
  withOptions,
  withoutBias,
} from './case.js'

const image = spread([2, 2, 5, 4])
const pooled = { kernel: [2, 2], stride: [1, 2], padding: [1, 0] }

export const networkCases: Cases = {
  // indices
  take: [
    { inputs: [spread([4, 3]), integers([2, 0, 2])], shapes: [[3, 3]] },
    {
      inputs: [spread([2, 4]), integers([1, -1, 1, 0], [2, 2])],
      attributes: { axis: 1 },
      args: [{ axis: 1 }],
      shapes: [[2, 2, 2]],
    },
    { inputs: [spread([3]), integers([1], [])], shapes: [[]] },
    { inputs: [spread([4, 3]), integers([])], shapes: [[0, 3]] },
  ],
  scatterTake: [
    {
      inputs: [spread([3, 2]), integers([2, 0, 2])],
      attributes: { axis: 0, size: 4 },
      args: [0, 4],
      shapes: [[4, 2]],
    },
    {
      inputs: [spread([2, 3]), integers([1, 1, 0])],
      attributes: { axis: 1, size: 2 },
      args: [1, 2],
      shapes: [[2, 2]],
    },
  ],
  embedding: [
    { inputs: [spread([4, 3]), integers([2, 0, 2, 3], [2, 2])], shapes: [[2, 2, 3]] },
    { inputs: [spread([4, 3]), integers([])], shapes: [[0, 3]] },
    withOptions([spread([4, 3]), integers([2, 0, 2, 3], [2, 2])], {}, [2, 2, 3]),
  ],
  oneHot: [
    { inputs: [integers([2, 0, 1])], attributes: { classes: 3 }, args: [{ classes: 3 }], shapes: [[3, 3]] },
    { inputs: [integers([1], [])], attributes: { classes: 2 }, args: [{ classes: 2 }], shapes: [[2]] },
  ],
  gather: [
    { inputs: [spread([3, 2]), integers([2, 0, 2, 1], [2, 2])], shapes: [[2, 2]] },
    {
      inputs: [spread([2, 3]), integers([2, 2, 0, 1], [2, 2])],
      attributes: { axis: 1 },
      args: [{ axis: 1 }],
      shapes: [[2, 2]],
    },
    { inputs: [noRows, integers([], [0, 3])], shapes: [[0, 3]] },
  ],
  scatterAdd: [
    { inputs: [spread([3, 2]), integers([2, 0, 2, 1], [2, 2]), spread([2, 2], 1)], shapes: [[3, 2]] },
    {
      inputs: [spread([2, 3]), integers([2, 2, 0, 1], [2, 2]), spread([2, 2], 1)],
      attributes: { axis: -1 },
      args: [{ axis: -1 }],
      shapes: [[2, 3]],
    },
  ],
  // products
  matmul: [
    ...(
      [
        [
          [2, 3],
          [3, 4],
          [2, 4],
        ],
        [[3], [3], []],
        [[2, 3], [3], [2]],
        [[3], [3, 2], [2]],
        [
          [2, 2, 3],
          [3, 2],
          [2, 2, 2],
        ],
        [
          [2, 3],
          [2, 3, 2],
          [2, 2, 2],
        ],
        [
          [2, 1, 2, 3],
          [2, 3, 1],
          [2, 2, 2, 1],
        ],
        [[2, 2, 3], [3], [2, 2]],
        [[3], [2, 3, 2], [2, 2]],
        [
          [0, 3],
          [3, 2],
          [0, 2],
        ],
        [
          [2, 0],
          [0, 3],
          [2, 3],
        ],
      ] as [Shape, Shape, Shape][]
    ).map(([a, b, shape]) => ({ inputs: [spread(a), spread(b, 1)], shapes: [shape] })),
    withOptions([spread([3, 2]), spread([3, 4], 1)], { transposeA: true }, [2, 4]),
    withOptions([spread([2, 3]), spread([4, 3], 1)], { transposeB: true }, [2, 4]),
    withOptions([spread([3, 2]), spread([4, 3], 1)], { transposeA: true, transposeB: true }, [2, 4]),
    withOptions([spread([2, 3, 2]), spread([3, 2], 1)], { transposeA: true }, [2, 2, 2]),
    withOptions([spread([2, 2, 3]), spread([2, 3], 1)], { transposeB: true }, [2, 2, 2]),
    withOptions([spread([3]), spread([2, 3], 1)], { transposeA: true, transposeB: true }, [2]),
    withOptions([spread([3, 2]), spread([3], 1)], { transposeA: true, transposeB: true }, [2]),
  ],
  linear: [
    { inputs: [spread([4, 3]), spread([3, 2], 1), spread([2], 2)], shapes: [[4, 2]] },
    { inputs: [spread([4, 3]), spread([3, 2], 1)], shapes: [[4, 2]] },
    { inputs: [spread([2, 2, 3]), spread([3, 2], 1), spread([2], 2)], shapes: [[2, 2, 2]] },
    { inputs: [spread([3]), spread([3, 2], 1), spread([2], 2)], shapes: [[2]] },
    { inputs: [noRows, spread([3, 2]), spread([2])], shapes: [[0, 2]] },
  ],
  einsum: [
    summed('ij,jk->ik', [spread([2, 3]), spread([3, 2], 1)], [2, 2]),
    summed('bij,bjk', [spread([2, 2, 3]), spread([2, 3, 2], 1)], [2, 2]),
    summed('ii->i', [spread([3, 3])], [3]),
    summed('ii', [spread([3, 3])], []),
    summed('ij->j', [spread([2, 3])], [3]),
    summed('ji', [spread([2, 3])], [3, 2]),
    summed('i,j,k->kji', [spread([2]), spread([3], 1), spread([2], 2)], [2, 3, 2]),
    summed('...ij,...jk->...ik', [spread([2, 1, 2, 3]), spread([3, 3, 2], 1)], [2, 3, 2, 2]),
    summed('ij,jj,k->i', [spread([2, 3]), spread([3, 3], 1), spread([2], 2)], [2]),
    summed('ij,ij->i', [spread([2, 3]), spread([1, 3], 1)], [2]),
    summed(',i->i', [spread([]), spread([3], 1)], [3]),
    summed('ij,jk->ik', [noRows, spread([3, 2])], [0, 2]),
  ],
  // losses
  softmaxCrossEntropy: [
    { inputs: [spread([3, 4]), integers([2, 0, 3])], shapes: [[]] },
    { inputs: [spread([2, 2, 3]), integers([2, 0, 1, 1], [2, 2])], shapes: [[]] },
    { inputs: [spread([2, 3]), share([2, 3])], shapes: [[]] },
    { inputs: [spread([3]), integers([1], [])], shapes: [[]] },
  ],
  meanSquaredError: [
    { inputs: [spread([2, 3]), spread([2, 3], 1)], shapes: [[]] },
    { inputs: [spread([3]), spread([2, 3], 1)], shapes: [[]] },
    { inputs: [spread([]), spread([], 1)], shapes: [[]] },
  ],
  binaryCrossEntropy: [
    { inputs: [share([2, 3]), share([2, 3], 1)], shapes: [[]] },
    { inputs: [share([2, 3]), share([], 1)], shapes: [[]] },
    { inputs: [share([]), share([], 1)], shapes: [[]] },
    withOptions([share([2, 3]), share([2, 3], 1)], { reduction: 'sum' }, []),
    withOptions([share([3]), share([2, 3], 1)], { reduction: 'none' }, [2, 3]),
  ],
  // images
  conv2d: [
    withOptions([image, spread([3, 2, 3, 2], 1)], {}, [2, 3, 3, 3]),
    {
      inputs: [image, spread([3, 2, 2, 3], 1), spread([3], 2)],
      attributes: { stride: 2, padding: [1, 2] },
      args: [{ stride: 2, padding: [1, 2] }],
      shapes: [[2, 3, 3, 3]],
    },
    withOptions([spread([0, 2, 3, 3]), spread([1, 2, 2, 2])], {}, [0, 1, 2, 2]),
  ].map((one) => withoutBias(one)),
  convTranspose2d: [
    withOptions([spread([2, 3, 2, 3]), spread([3, 2, 2, 3], 1)], {}, [2, 2, 3, 5]),
    {
      inputs: [spread([2, 3, 2, 3]), spread([3, 2, 3, 2], 1), spread([2], 2)],
      attributes: { stride: [2, 3], padding: 1, extra: [1, 2] },
      args: [{ stride: [2, 3], padding: 1, extra: [1, 2] }],
      shapes: [[2, 2, 4, 8]],
    },
    withOptions([spread([0, 2, 3, 3]), spread([2, 1, 2, 2])], {}, [0, 1, 4, 4]),
  ].map((one) => withoutBias(one)),
  conv2dWeights: [
    {
      inputs: [image, spread([2, 3, 2, 2], 1)],
      attributes: { kernel: [2, 3], stride: [2, 1], padding: [0, 0] },
      args: [[2, 3], { stride: [2, 1], padding: [0, 0] }],
      shapes: [[3, 2, 2, 3]],
    },
  ],
  maxPool2d: [
    withOptions([image], { kernel: 2 }, [2, 2, 2, 2]),
    withOptions([image], pooled, [2, 2, 6, 2]),
    withOptions([spread([0, 2, 4, 4])], { kernel: 2 }, [0, 2, 2, 2]),
  ],
  maxPool2dScatter: [withOptions([spread([2, 2, 6, 2], 1), image], pooled, [2, 2, 5, 4])],
  maxPool2dGather: [withOptions([spread([2, 2, 5, 4], 1), image], pooled, [2, 2, 6, 2])],
  volumeMaxima: [
    withOptions(
      [spread([2, 1, 3, 4, 5])],
      { kernel: [2, 3, 2], stride: [1, 2, 2], padding: [1, 0, 1] },
      [2, 1, 4, 1, 3],
    ),
    withOptions([spread([1, 2, 3, 4, 5])], { kernel: 2, ceilMode: true }, [1, 2, 2, 2, 3]),
    withOptions([spread([1, 2, 3, 4, 5])], { size: [2, 3, 2] }, [1, 2, 2, 3, 2]),
    withOptions([spread([0, 2, 2, 2, 2])], { kernel: 2 }, [0, 2, 1, 1, 1]),
  ],
  volumeMaximaScatter: [
    withOptions([spread([1, 2, 2, 3, 2], 1), spread([1, 2, 3, 4, 5])], { size: [2, 3, 2] }, [1, 2, 3, 4, 5]),
  ],
  volumeMaximaGather: [
    withOptions([spread([1, 2, 3, 4, 5], 1), spread([1, 2, 3, 4, 5])], { size: [2, 3, 2] }, [1, 2, 2, 3, 2]),
  ],
  averagePool2d: [
    withOptions([image], { kernel: [3, 2], stride: 1 }, [2, 2, 3, 3]),
    withOptions([image], pooled, [2, 2, 6, 2]),
    withOptions([spread([0, 2, 4, 4])], { kernel: 2 }, [0, 2, 2, 2]),
  ],
  averagePool2dScatter: [withOptions([spread([2, 2, 6, 2])], { ...pooled, size: [5, 4] }, [2, 2, 5, 4])],
  bandMeans: [
    withOptions([spread([2, 5, 3])], { axis: -2, size: 3 }, [2, 3, 3]),
    withOptions([spread([2, 11])], { axis: -1, size: 1 }, [2, 1]),
    withOptions([spread([3])], { axis: -1, size: 4 }, [4]),
    withOptions([spread([0, 4])], { axis: -1, size: 3 }, [0, 3]),
  ],
  cdist: [
    withOptions([spread([3, 4]), spread([2, 4], 1)], { ord: 2 }, [3, 2]),
    withOptions([spread([2, 3, 2]), spread([2, 4, 2], 1)], { ord: 1 }, [2, 3, 4]),
    withOptions([spread([0, 2]), spread([3, 2], 1)], { ord: 2 }, [0, 3]),
  ],
  placesInOrder: [
    withOptions([spread([2, 5])], { places: [0, 2, 4] }, [2, 3], [2, 3]),
    withOptions([spread([6])], { places: [2, 3] }, [2], [2]),
  ],
  blend: [
    withOptions([spread([2, 5, 3])], { axis: -2, from: 5, to: 7, step: 0.7 }, [2, 7, 3]),
    withOptions([spread([2, 4])], { axis: -1, from: 4, to: 3, step: 1.5 }, [2, 3]),
    withOptions([spread([4])], { axis: -1, from: 4, to: 9, step: 1, alignCorners: true }, [9]),
    withOptions([spread([1])], { axis: -1, from: 1, to: 2, step: 0.5 }, [2]),
    withOptions([spread([0, 4])], { axis: -1, from: 4, to: 8, step: 0.5 }, [0, 8]),
  ],
  blendScatter: [
    withOptions([spread([2, 7, 3])], { axis: -2, from: 5, to: 7, step: 0.7 }, [2, 5, 3]),
    withOptions([spread([9])], { axis: -1, from: 4, to: 9, step: 1, alignCorners: true }, [4]),
  ],
  bandMeansScatter: [
    withOptions([spread([2, 3, 3])], { axis: -2, size: 5 }, [2, 5, 3]),
    withOptions([spread([4])], { axis: -1, size: 3 }, [3]),
  ],
  // normalisation, dropout, attention
  layerNorm: [
    withOptions([spread([2, 4]), spread([4], 1), spread([4], 2)], {}, [2, 4]),
    withOptions([spread([2, 2, 3]), spread([2, 3], 1), spread([2, 3], 2)], { eps: 0.1 }, [2, 2, 3]),
    withOptions([spread([3]), spread([3], 1), spread([3], 2)], {}, [3]),
    withOptions([noRows, spread([3]), spread([3])], {}, [0, 3]),
  ],
  batchNorm: [
    withOptions([spread([4, 2]), spread([2], 1), spread([2], 2)], {}, [4, 2]),
    withOptions([spread([2, 2, 3, 2]), spread([2], 1), spread([2], 2)], { eps: 0.1 }, [2, 2, 3, 2]),
    {
      inputs: [spread([3, 2]), spread([2], 1), spread([2], 2), spread([2], 3), positive([2], 4)],
      attributes: { eps: 0.1 },
      call: (f, [x, gamma, beta, runningMean, runningVariance]) =>
        f.batchNorm!(x, gamma, beta, { eps: 0.1, runningMean, runningVariance }),
      shapes: [[3, 2]],
    },
    withOptions([noRows, spread([3]), spread([3])], {}, [0, 3]),
  ],
  dropout: [
    withOptions([spread([4, 5])], { p: 0.4, seed: 3, counter: 7 }, [4, 5]),
    withOptions([spread([])], { p: 0.4, seed: 3, counter: 1 }, []),
    withOptions([none], { p: 0.4, seed: 3, counter: 1 }, [0]),
    withOptions([spread([3])], { p: 1, seed: 3, counter: 1 }, [3]),
  ],
  randomAffine: [
    withOptions(
      [spread([2, 2, 4, 3])],
      { degrees: 30, shift: 1, scale: [0.8, 1.2], seed: 3, counter: 7 },
      [2, 2, 4, 3],
    ),
    withOptions([spread([0, 1, 2, 2])], { degrees: 10, seed: 3, counter: 1 }, [0, 1, 2, 2]),
  ],
  randomNoise: [
    withOptions([spread([3, 4])], { deviation: 0.2, seed: 3, counter: 7 }, [3, 4]),
    withOptions([none], { deviation: 0.2, seed: 3, counter: 1 }, [0]),
  ],
  // By the method that the function records, and by that of older tapes.
  fourierTransform: (
    [
      [[2, 4], false],
      [[2, 6], false],
      [[5], true],
      [[7], true],
      [[2, 1], false],
      [[0, 3], false],
    ] as const
  ).flatMap(([shape, inverse]): Case[] => {
    const one = { inputs: [spread([...shape]), spread([...shape], 1)], shapes: [[...shape], [...shape]] }
    return [
      { ...one, attributes: { inverse, method: 'radices' }, args: [{ inverse }] },
      {
        ...one,
        attributes: { inverse },
        call: (_, operands) => new FourierTransform({ inverse }).applyAll(...operands),
      },
    ]
  }),
  realFourier: [[2, 6], [5], [2, 1], [0, 4]].map((shape): Case => {
    const half = [...shape.slice(0, -1), Math.floor(shape.at(-1)! / 2) + 1]
    return { inputs: [spread(shape)], shapes: [half, half] }
  }),
  halfFourier: [[2, 6], [5], [2, 1], [0, 4]].map((shape): Case => {
    const n = shape.at(-1)!
    const half = [...shape.slice(0, -1), Math.floor(n / 2) + 1]
    return {
      inputs: [spread(half), spread(half, 1)],
      attributes: { n },
      args: [{ n }],
      shapes: [shape],
    }
  }),
  rotary: [
    withOptions([spread([3, 4])], {}, [3, 4]),
    withOptions([spread([2, 2, 6])], { base: 100, offset: 5, interleaved: true }, [2, 2, 6]),
    withOptions([spread([0, 2])], {}, [0, 2]),
  ],
  scaledDotProductAttention: [
    { inputs: [spread([2, 3, 2]), spread([2, 4, 2], 1), spread([2, 4, 3], 2)], shapes: [[2, 3, 3]] },
    withOptions([spread([3, 2]), spread([3, 2], 1), spread([3, 2], 2)], { causal: true }, [3, 2]),
    withOptions(
      [spread([3, 2]), spread([3, 2], 1), spread([2, 3, 2], 2)],
      { causal: true, dropout: 0.4, seed: 3, counter: 7 },
      [2, 3, 2],
    ),
    {
      inputs: [spread([2, 3, 2]), spread([4, 2], 1), spread([4, 3], 2), spread([3, 4], 3)],
      call: (f, [q, k, v, mask]) => f.scaledDotProductAttention!(q, k, v, { mask }),
      shapes: [[2, 3, 3]],
    },
    {
      inputs: [
        spread([2, 2]),
        spread([3, 2], 1),
        spread([3, 2], 2),
        ndarray([
          [true, false, true],
          [true, true, false],
        ]),
      ],
      call: (f, [q, k, v, mask]) => f.scaledDotProductAttention!(q, k, v, { mask }),
      shapes: [[2, 2]],
    },
  ],
}
