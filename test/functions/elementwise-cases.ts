/** Cases of functions that work element by element, and of comparisons and choice. */
import type { NDArray } from '../../src/array/ndarray.js'
import type { Shape } from '../../src/array/shape.js'
import {
  binary,
  bools,
  type Cases,
  noRows,
  positive,
  share,
  spread,
  unary,
  withBare,
  withOptions,
} from './case.js'

/** Away from ±1, where arcsin has no derivative. */
function halved(shape: Shape): NDArray {
  return spread(shape).map((value) => value / 2)
}

export const elementwiseCases: Cases = {
  // arithmetic
  add: binary(),
  sub: binary(),
  mul: binary(),
  div: binary(spread, positive),
  neg: unary(spread),
  square: unary(spread),
  sqrt: unary(positive),
  abs: unary(spread),
  sign: unary(spread),
  floor: unary(spread),
  ceil: unary(spread),
  trunc: unary(spread),
  round: unary(spread),
  largerShare: [
    { inputs: [spread([2, 3]), spread([3], 1), spread([2, 3], 2)], shapes: [[2, 3]] },
    { inputs: [spread([]), spread([], 1), spread([], 2)], shapes: [[]] },
  ],
  maximum: binary(),
  minimum: binary(),
  clip: [
    ...unary(spread, [{ min: -0.3, max: 0.4 }], { min: -0.3, max: 0.4 }),
    withOptions([spread([4])], { min: 0.1 }, [4]),
    withOptions([spread([4])], { max: 0.1 }, [4]),
  ],
  // powers and circular functions
  exp: unary(spread),
  exp2: unary(spread),
  expm1: unary(spread),
  log: unary(positive),
  log1p: unary(positive),
  pow: [
    ...unary(positive, [2.5], { exponent: 2.5 }),
    ...unary(spread, [3], { exponent: 3, method: 'products' }),
    ...[2, 0.5, -0.5, -1, -2].map((exponent) => ({
      inputs: [positive([3])],
      attributes: { exponent, method: 'products' },
      args: [exponent],
      shapes: [[3]],
    })),
    withBare([spread([3])], 'exponent', 0, [3]),
    withBare([spread([3])], 'exponent', 1, [3]),
    withBare([spread([3])], 'exponent', -1, [3]),
    ...binary(positive, spread),
  ],
  sin: unary(spread),
  cos: unary(spread),
  tanh: unary(spread),
  // activations
  sigmoid: unary(spread),
  relu: unary(spread),
  selu: unary(spread),
  hardSigmoid: unary(spread),
  hardSwish: unary(spread),
  reluGradient: [{ inputs: [spread([2, 3]), spread([2, 3], 1)], shapes: [[2, 3]] }],
  leakyRelu: [...unary(spread, [{ slope: 0.2 }], { slope: 0.2 }), withOptions([spread([3])], {}, [3])],
  silu: unary(spread),
  mish: unary(spread),
  elu: [...unary(spread, [{ alpha: 0.7 }], { alpha: 0.7 }), withOptions([spread([3])], {}, [3])],
  prelu: [
    { inputs: [spread([2, 3]), share([3])], shapes: [[2, 3]] },
    { inputs: [spread([2, 3, 2]), share([3])], shapes: [[2, 3, 2]] },
    { inputs: [spread([4]), share([1])], shapes: [[4]] },
    { inputs: [spread([]), share([])], shapes: [[]] },
    { inputs: [noRows, share([3])], shapes: [[0, 3]] },
  ],
  hardtanh: [
    ...unary(spread, [{ min: -0.3, max: 0.4 }], { min: -0.3, max: 0.4 }),
    withOptions([spread([3])], {}, [3]),
  ],
  tan: unary(spread),
  sinh: unary(spread),
  cosh: unary(spread),
  arcsin: unary(halved),
  arccos: unary(halved),
  arctan: unary(spread),
  arctan2: binary(),
  remainder: binary(spread, positive),
  erf: unary(spread),
  gelu: unary(spread),
  softplus: unary(spread),
  softmax: [
    withOptions([spread([2, 3])], {}, [2, 3]),
    withOptions([spread([2, 3, 2])], { axis: 1 }, [2, 3, 2]),
    withOptions([noRows], {}, [0, 3]),
  ],
  logSoftmax: [
    withOptions([spread([2, 3])], {}, [2, 3]),
    withOptions([spread([2, 3, 2])], { axis: 0 }, [2, 3, 2]),
    withOptions([noRows], {}, [0, 3]),
  ],
  // comparisons and choice
  ...Object.fromEntries(
    ['equal', 'notEqual', 'less', 'lessEqual', 'greater', 'greaterEqual', 'logicalAnd', 'logicalOr'].map(
      (name) => [name, binary()],
    ),
  ),
  logicalNot: unary(spread),
  where: [
    { inputs: [bools([2, 3]), spread([2, 3]), spread([2, 3], 1)], shapes: [[2, 3]] },
    { inputs: [bools([3]), spread([2, 1]), spread([], 1)], shapes: [[2, 3]] },
    { inputs: [bools([]), spread([]), spread([], 1)], shapes: [[]] },
    { inputs: [bools([0, 3]), noRows, spread([3])], shapes: [[0, 3]] },
  ],
}
