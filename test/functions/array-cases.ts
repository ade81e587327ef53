/** Cases of reductions and of what moves, joins and cuts arrays. */
import {
  type Cases,
  integers,
  joined,
  none,
  noRows,
  reduction,
  spread,
  withBare,
  withOptions,
} from './case.js'

export const arrayCases: Cases = {
  // reductions
  sum: reduction(),
  mean: reduction(spread, false),
  max: reduction(spread, false),
  min: reduction(spread, false),
  prod: reduction(),
  prodOthers: [
    { inputs: [spread([3])], shapes: [[3]] },
    { inputs: [spread([2, 5])], shapes: [[2, 5]] },
    { inputs: [spread([2, 1])], shapes: [[2, 1]] },
    { inputs: [spread([2, 0])], shapes: [[2, 0]] },
  ],
  var: [...reduction(spread, false), withOptions([spread([4, 2])], { axis: 0, ddof: 1 }, [2])],
  std: [
    ...reduction(spread, false).filter(({ inputs }) => inputs[0]!.ndim > 0),
    withOptions([spread([4, 2])], { axis: 0, ddof: 1 }, [2]),
  ],
  norm: [
    ...['inf', '-inf'].flatMap((ord) => reduction(spread, false, { ord })),
    ...reduction(spread, true, { ord: 0 }),
    ...reduction(spread, true, { ord: 0.5 }),
    ...reduction(spread, false, { ord: -2 }),
    ...reduction(),
    ...reduction(spread, true, { ord: 1 }),
    ...reduction(spread, true, { ord: 3 }),
  ],
  logSumExp: reduction(spread, false),
  cumsum: [
    withOptions([spread([2, 3])], { axis: 0 }, [2, 3]),
    withOptions([spread([2, 3])], { axis: -1 }, [2, 3]),
    withOptions([spread([2, 3])], {}, [6]),
    withOptions([noRows], { axis: 0 }, [0, 3]),
  ],
  cumprod: [
    withOptions([spread([2, 3])], { axis: 0 }, [2, 3]),
    withOptions([spread([2, 3, 2])], { axis: -2 }, [2, 3, 2]),
    withOptions([spread([2, 3])], {}, [6]),
    withOptions([spread([2, 4]).map((value, i) => (i % 3 === 1 ? 0 : value))], { axis: 1 }, [2, 4]),
    withOptions([noRows], { axis: 0 }, [0, 3]),
  ],
  sort: [
    withOptions([spread([2, 5])], {}, [2, 5], [2, 5]),
    withOptions([spread([4, 2])], { axis: 0, descending: true }, [4, 2], [4, 2]),
    withOptions([noRows], { axis: 0 }, [0, 3], [0, 3]),
  ],
  tile: [
    withBare([spread([2, 3])], 'repeats', [2], [2, 6]),
    withBare([spread([2, 3])], 'repeats', [2, 1, 2], [2, 2, 6]),
    withBare([spread([])], 'repeats', [3], [3]),
    withBare([spread([2])], 'repeats', [0], [0]),
  ],
  diff: [
    withOptions([spread([2, 5])], { axis: -1 }, [2, 4]),
    withOptions([spread([3, 2, 2])], { axis: 0 }, [2, 2, 2]),
    withOptions([spread([2, 3, 2])], { axis: 1 }, [2, 2, 2]),
    withOptions([spread([1])], { axis: 0 }, [0]),
  ],
  diag: [
    withOptions([spread([3])], {}, [3, 3]),
    withOptions([spread([2, 2])], { offset: 1 }, [2, 3, 3]),
    withOptions([spread([2])], { offset: -2 }, [4, 4]),
    withOptions([spread([0])], {}, [0, 0]),
  ],
  cross: [
    withOptions([spread([3]), spread([3], 1)], {}, [3]),
    withOptions([spread([2, 3]), spread([2, 3], 1)], {}, [2, 3]),
    withOptions([spread([3, 4]), spread([3, 4], 1)], { axis: 0 }, [3, 4]),
  ],
  roll: [
    { inputs: [spread([5])], attributes: { shifts: [2] }, args: [2], shapes: [[5]] },
    { inputs: [spread([2, 3])], attributes: { shifts: [-4] }, args: [-4], shapes: [[2, 3]] },
    {
      inputs: [spread([2, 3])],
      attributes: { shifts: [1, -1], axis: [0, 1] },
      args: [[1, -1], { axis: [0, 1] }],
      shapes: [[2, 3]],
    },
    { inputs: [noRows], attributes: { shifts: [1], axis: 0 }, args: [1, { axis: 0 }], shapes: [[0, 3]] },
  ],
  triu: [
    withOptions([spread([3, 4])], {}, [3, 4]),
    withOptions([spread([2, 3, 3])], { diagonal: 1 }, [2, 3, 3]),
    withOptions([noRows], { diagonal: -1 }, [0, 3]),
  ],
  tril: [
    withOptions([spread([3, 4])], {}, [3, 4]),
    withOptions([spread([2, 3, 3])], { diagonal: -1 }, [2, 3, 3]),
  ],
  unique: [{ inputs: [spread([2, 3]).map((value) => Math.round(value))], shapes: [[3], [2, 3], [3]] }],
  bincount: [
    {
      inputs: [integers([2, 0, 2])],
      attributes: { minLength: 5 },
      args: [undefined, { minLength: 5 }],
      shapes: [[5]],
    },
    { inputs: [integers([2, 0, 2]), spread([3])], shapes: [[3]] },
  ],
  histogram: [
    withOptions([spread([2, 3])], { bins: 4 }, [4], [5]),
    withOptions([spread([7])], { bins: 2, min: -0.5, max: 0.5 }, [2], [3]),
  ],
  argmax: [
    withOptions([spread([2, 3])], {}, []),
    withOptions([spread([2, 3])], { axis: 1 }, [2]),
    withOptions([spread([2, 3])], { axis: 0, keepdims: true }, [1, 3]),
    withOptions([noRows], { axis: 1 }, [0]),
  ],
  argmin: [
    withOptions([spread([2, 3])], {}, []),
    withOptions([spread([2, 3])], { axis: 1 }, [2]),
    withOptions([spread([2, 3])], { axis: 0, keepdims: true }, [1, 3]),
  ],
  topk: [
    {
      inputs: [spread([2, 5])],
      attributes: { k: 3 },
      args: [3],
      shapes: [
        [2, 3],
        [2, 3],
      ],
    },
    {
      inputs: [spread([4, 2])],
      attributes: { k: 2, axis: 0, largest: false },
      args: [2, { axis: 0, largest: false }],
      shapes: [
        [2, 2],
        [2, 2],
      ],
    },
    {
      inputs: [noRows],
      attributes: { k: 0 },
      args: [0],
      shapes: [
        [0, 0],
        [0, 0],
      ],
    },
  ],
  // shapes
  reshape: [
    withBare([spread([2, 3])], 'shape', [3, 2], [3, 2]),
    withBare([spread([2, 3])], 'shape', [-1], [6]),
    withBare([spread([])], 'shape', [1, 1], [1, 1]),
    withBare([noRows], 'shape', [3, 0], [3, 0]),
  ],
  transpose: [
    { inputs: [spread([2, 3])], args: [], shapes: [[3, 2]] },
    withBare([spread([2, 3, 4])], 'axes', [1, -1, 0], [3, 4, 2]),
    { inputs: [spread([])], shapes: [[]] },
    { inputs: [noRows], shapes: [[3, 0]] },
  ],
  broadcastTo: [
    withBare([spread([3, 1])], 'shape', [2, 3, 4], [2, 3, 4]),
    withBare([spread([])], 'shape', [2], [2]),
    withBare([spread([1, 3])], 'shape', [0, 3], [0, 3]),
  ],
  sumTo: [
    withBare([spread([2, 3, 4])], 'shape', [3, 1], [3, 1]),
    withBare([spread([2])], 'shape', [], []),
    withBare([noRows], 'shape', [3], [3]),
  ],
  expandDims: [
    withBare([spread([2, 3])], 'axis', 1, [2, 1, 3]),
    withBare([spread([])], 'axis', -1, [1]),
    withBare([none], 'axis', 0, [1, 0]),
  ],
  squeeze: [
    withBare([spread([1, 3, 1])], 'axis', -1, [1, 3]),
    { inputs: [spread([1, 3, 1])], args: [], shapes: [[3]] },
    withBare([spread([1, 0])], 'axis', [0], [0]),
  ],
  flip: [
    { inputs: [spread([2, 3])], args: [], shapes: [[2, 3]] },
    withBare([spread([2, 3])], 'axis', [-1], [2, 3]),
    { inputs: [spread([])], args: [], shapes: [[]] },
    { inputs: [noRows], args: [], shapes: [[0, 3]] },
  ],
  cast: [
    withBare([spread([2, 3])], 'dtype', 'float64', [2, 3]),
    withBare([spread([])], 'dtype', 'float64', []),
  ],
  // joining and cutting
  concat: [
    joined('concat', [spread([2, 3]), spread([1, 3], 1), spread([2, 3], 2)], 0, [5, 3]),
    joined('concat', [spread([2, 3]), spread([2, 1], 1)], -1, [2, 4]),
    joined('concat', [noRows, spread([2, 3])], 0, [2, 3]),
    joined('concat', [spread([2])], 0, [2]),
  ],
  stack: [
    joined('stack', [spread([2, 3]), spread([2, 3], 1)], 0, [2, 2, 3]),
    joined('stack', [spread([2]), spread([2], 1), spread([2], 2)], -1, [2, 3]),
    joined('stack', [spread([]), spread([], 1)], 0, [2]),
    joined('stack', [none, none], 1, [0, 2]),
  ],
  split: [
    {
      inputs: [spread([4, 2])],
      attributes: { parts: 2 },
      args: [2],
      shapes: [
        [2, 2],
        [2, 2],
      ],
    },
    {
      inputs: [spread([2, 5])],
      attributes: { parts: [1, 4], axis: 1 },
      args: [[1, 4], { axis: 1 }],
      shapes: [
        [2, 1],
        [2, 3],
        [2, 1],
      ],
    },
    { inputs: [spread([3])], attributes: { parts: 1 }, args: [1], shapes: [[3]] },
    {
      inputs: [noRows],
      attributes: { parts: 2 },
      args: [2],
      shapes: [
        [0, 3],
        [0, 3],
      ],
    },
  ],
  slice: [
    withBare([spread([5, 4])], 'ranges', [[1, 3]], [2, 4]),
    withBare([spread([5, 4])], 'ranges', [null, [null, null, -2]], [5, 2]),
    withBare(
      [spread([5, 4])],
      'ranges',
      [
        [-2, null],
        [0, 0],
      ],
      [2, 0],
    ),
  ],
  scatterSlice: [
    {
      inputs: [spread([2, 2])],
      attributes: {
        ranges: [
          [1, 3],
          [null, null, -2],
        ],
        shape: [4, 3],
      },
      args: [
        [
          [1, 3],
          [null, null, -2],
        ],
        [4, 3],
      ],
      shapes: [[4, 3]],
    },
  ],
  pad: [
    withBare(
      [spread([2, 3])],
      'widths',
      [
        [1, 0],
        [2, 1],
      ],
      [3, 6],
    ),
    {
      inputs: [spread([2])],
      attributes: { widths: [[1, 2]], value: 0.5 },
      args: [[[1, 2]], { value: 0.5 }],
      shapes: [[5]],
    },
    withBare([none], 'widths', [[1, 1]], [2]),
    withBare([spread([])], 'widths', [], []),
  ],
}
