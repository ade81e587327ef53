/** Cases of losses with settings, of likeness, and of normalisation by groups. */
import type { NDArray } from '../../src/array/ndarray.js'
import type { Shape } from '../../src/array/shape.js'
import { Eigh, Svd } from '../../src/functions/decompositions.js'
import type { Attributes } from '../../src/graph/attributes.js'
import { type Case, type Cases, integers, noRows, positive, share, spread, withOptions } from './case.js'

const labels = integers([2, 0, -100])

/** Matrices whose diagonal outweighs the rest: invertible, and with a positive definite symmetric part. */
function dominant(shape: Shape): NDArray {
  const n = shape.at(-1)!
  return spread(shape).map((value, i) => value / 2 + (Math.floor(i / n) % n === i % n ? 2 : 0))
}

function pairs(options: Attributes = {}): Case[] {
  return [
    withOptions([spread([2, 3]), spread([2, 3], 1)], options, []),
    withOptions([spread([2, 3]), spread([3], 1)], { ...options, reduction: 'sum' }, []),
    withOptions([spread([2, 1]), spread([2, 3], 1)], { ...options, reduction: 'none' }, [2, 3]),
    withOptions([spread([]), spread([], 1)], options, []),
    withOptions([noRows, noRows], { ...options, reduction: 'sum' }, []),
  ]
}

export const lossCases: Cases = {
  crossEntropy: [
    withOptions([spread([3, 4]), labels], {}, []),
    withOptions([spread([3, 4]), labels], { weight: [1, 0.5, 2, 0], labelSmoothing: 0.1 }, []),
    withOptions([spread([3, 4]), labels], { reduction: 'none', labelSmoothing: 0.2 }, [3]),
    withOptions([spread([3, 4]), labels], { reduction: 'sum', ignoreIndex: 2, weight: [1, 2, 3, 4] }, []),
    withOptions([spread([2, 2, 3]), integers([2, 0, 1, 1], [2, 2])], { reduction: 'none' }, [2, 2]),
    withOptions([spread([3, 4]), share([3, 4])], { weight: [1, 0.5, 2, 3], labelSmoothing: 0.1 }, []),
    withOptions([spread([3, 4]), share([3, 4])], { reduction: 'none' }, [3]),
    withOptions([noRows, integers([])], { reduction: 'sum' }, []),
  ].map((one) =>
    one.attributes?.ignoreIndex === 2 ? { ...one, inputs: [one.inputs[0]!, integers([2, 0, 3])] } : one,
  ),
  binaryCrossEntropyWithLogits: [
    ...[{}, { posWeight: 2.5 }].flatMap((options) => [
      withOptions([spread([2, 3]), share([2, 3])], options, []),
      withOptions([spread([2, 3]), share([3])], { ...options, reduction: 'sum' }, []),
      withOptions([spread([2, 1]), share([2, 3])], { ...options, reduction: 'none' }, [2, 3]),
    ]),
    withOptions([spread([2, 3]), share([2, 3])], { posWeight: [1, 2, 3] }, []),
    withOptions([spread([]), share([])], {}, []),
  ],
  l1Loss: pairs(),
  smoothL1Loss: [...pairs(), ...pairs({ beta: 0.4 }), ...pairs({ beta: 0 })],
  huberLoss: [...pairs(), ...pairs({ delta: 0.4 })],
  hingeLoss: [...pairs(), ...pairs({ margin: 0.2 })],
  klDivergence: [
    ...[{}, { logTarget: true }].flatMap((options) => [
      withOptions([spread([2, 3]), positive([2, 3])], options, []),
      withOptions([spread([2, 3]), positive([3])], { ...options, reduction: 'batchMean' }, []),
      withOptions([spread([2, 1]), positive([2, 3])], { ...options, reduction: 'none' }, [2, 3]),
    ]),
    withOptions([spread([]), positive([])], { reduction: 'sum' }, []),
  ],
  cosineSimilarity: [
    withOptions([spread([2, 3]), spread([2, 3], 1)], {}, [2]),
    withOptions([spread([2, 3, 2]), spread([3, 2], 1)], { axis: 1 }, [2, 2]),
    withOptions([spread([3]), spread([3], 1)], {}, []),
    withOptions([noRows, noRows], {}, [0]),
  ],
  inv: [dominant([3, 3]), dominant([2, 2, 2]), dominant([1, 1]), dominant([0, 2, 2])].map((x) => ({
    inputs: [x],
    shapes: [x.shape],
  })),
  det: [dominant([3, 3]), dominant([2, 2, 2]), dominant([1, 1])].map((x) => ({
    inputs: [x],
    shapes: [x.shape.slice(0, -2)],
  })),
  slogdet: [dominant([3, 3]), dominant([2, 2, 2])].map((x) => ({
    inputs: [x],
    shapes: [x.shape.slice(0, -2), x.shape.slice(0, -2)],
  })),
  cholesky: [dominant([3, 3]), dominant([2, 2, 2])].map((x) => ({ inputs: [x], shapes: [x.shape] })),
  qr: [dominant([3, 3]), spread([4, 2], 1), spread([2, 4], 1), dominant([2, 2, 2]), spread([1, 1])].map(
    (x) => {
      const [m, n] = x.shape.slice(-2) as [number, number]
      const lead = x.shape.slice(0, -2)
      const k = Math.min(m, n)
      return {
        inputs: [x],
        shapes: [
          [...lead, m, k],
          [...lead, k, n],
        ],
      }
    },
  ),
  // By the method that the function records, and by that of older tapes.
  eigh: [spread([3, 3], 2), dominant([2, 2, 2]), spread([1, 1])].flatMap((x): Case[] => {
    const one = { inputs: [x], shapes: [x.shape.slice(0, -1), x.shape] }
    return [
      { ...one, attributes: { method: 'tridiagonal' } },
      { ...one, call: (_, operands) => new Eigh().applyAll(...operands) },
    ]
  }),
  svd: [
    spread([3, 3], 2),
    spread([4, 2], 1),
    spread([2, 3], 1),
    spread([2, 3, 2], 1),
    spread([1, 1]),
  ].flatMap((x): Case[] => {
    const [m, n] = x.shape.slice(-2) as [number, number]
    const lead = x.shape.slice(0, -2)
    const k = Math.min(m, n)
    const one = {
      inputs: [x],
      shapes: [
        [...lead, m, k],
        [...lead, k],
        [...lead, k, n],
      ],
    }
    return [
      { ...one, attributes: { method: 'triangle' } },
      { ...one, call: (_, operands) => new Svd().applyAll(...operands) },
    ]
  }),
  pinv: [
    ...[dominant([3, 3]), spread([4, 2], 1), spread([2, 3], 1), spread([2, 3, 2], 1), spread([1, 1])].map(
      (x) => ({
        inputs: [x],
        shapes: [[...x.shape.slice(0, -2), x.shape.at(-1)!, x.shape.at(-2)!]],
      }),
    ),
    withOptions([dominant([2, 2])], { rtol: 1e-3 }, [2, 2]),
  ],
  solve: [
    { inputs: [dominant([3, 3]), spread([3, 2])], shapes: [[3, 2]] },
    { inputs: [dominant([2, 2]), spread([3, 2, 1])], shapes: [[3, 2, 1]] },
    { inputs: [dominant([2, 2, 2]), spread([2, 1])], shapes: [[2, 2, 1]] },
  ],
  groupNorm: [
    withOptions([spread([2, 4, 3]), positive([4]), spread([4], 2)], { groups: 2 }, [2, 4, 3]),
    withOptions([spread([2, 4]), positive([4]), spread([4], 2)], { groups: 1, eps: 0.1 }, [2, 4]),
    withOptions([spread([1, 2, 2, 2]), positive([2]), spread([2], 2)], { groups: 2 }, [1, 2, 2, 2]),
  ],
  rmsNorm: [
    withOptions([spread([2, 3]), positive([3])], {}, [2, 3]),
    withOptions([spread([2, 2, 3]), positive([2, 3])], { eps: 0.1 }, [2, 2, 3]),
    withOptions([noRows, positive([3])], {}, [0, 3]),
  ],
}
