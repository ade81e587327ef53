/**
 * What functions do with single float64 numbers, bit for bit as with arrays of one (`test/functions/number-rules.test.ts`
 * holds each to it): forward, and the gradient for each operand. A past graph of scalars is walked by these, without an
 * object a call. A function that is not here takes the way over arrays.
 */
import { exp, expm1 } from '../array/math/exp.js'
import { log, log1p } from '../array/math/log.js'
import { pow } from '../array/math/pow.js'
import { sigmoid } from '../array/math/sigmoid.js'
import { tanh } from '../array/math/tanh.js'
import { cos, sin } from '../array/math/trigonometry.js'
import { setNumberRule } from '../graph/registry.js'
import { Relu, Sigmoid } from './activations.js'
import { Abs, Add, Div, Mul, Neg, Sqrt, Square, Sub } from './arithmetic.js'
import { Cos, Exp, Expm1, Log, Log1p, Pow, Sin, Tanh } from './exponential.js'

setNumberRule(Add, { forward: (a, b) => a + b, backward: (_, gy) => gy })
setNumberRule(Sub, { forward: (a, b) => a - b, backward: (slot, gy) => (slot === 0 ? gy : -gy) })
setNumberRule(Mul, { forward: (a, b) => a * b, backward: (slot, gy, a, b) => gy * (slot === 0 ? b : a) })
setNumberRule(Div, {
  forward: (a, b) => a / b,
  backward: (slot, gy, _, b, y) => (slot === 0 ? gy / b : -((gy / b) * y)),
})
setNumberRule(Neg, { forward: (x) => -x, backward: (_, gy) => -gy })
setNumberRule(Square, { forward: (x) => x * x, backward: (_, gy, x) => gy * (x * 2) })
setNumberRule(Sqrt, { forward: Math.sqrt, backward: (_, gy, _x, _b, y) => gy / (y * 2) })
setNumberRule(Abs, {
  forward: Math.abs,
  backward: (_, gy, x) => gy * (x > 0 ? 1 : x < 0 ? -1 : x === 0 ? 0 : x),
})
setNumberRule(Exp, { forward: exp, backward: (_, gy, _x, _b, y) => gy * y })
setNumberRule(Expm1, { forward: expm1, backward: (_, gy, _x, _b, y) => gy * (y + 1) })
setNumberRule(Log, { forward: log, backward: (_, gy, x) => gy / x })
setNumberRule(Log1p, { forward: log1p, backward: (_, gy, x) => gy / (x + 1) })
setNumberRule(Sin, { forward: sin, backward: (_, gy, x) => gy * cos(x) })
setNumberRule(Cos, { forward: cos, backward: (_, gy, x) => -(gy * sin(x)) })
setNumberRule(Tanh, { forward: tanh, backward: (_, gy, _x, _b, y) => gy * (1 - y * y) })
setNumberRule(Sigmoid, { forward: sigmoid, backward: (_, gy, _x, _b, y) => gy * y * (1 - y) })
setNumberRule(Relu, { forward: (x) => Math.max(x, 0), backward: (_, gy, x) => (x <= 0 ? 0 : gy) })
setNumberRule(Pow, ({ exponent }) =>
  typeof exponent !== 'number'
    ? null
    : {
        forward: (x) => pow(x, exponent),
        backward: (_, gy, x) => (exponent === 0 ? 0 : gy * (pow(x, exponent - 1) * exponent)),
      },
)
