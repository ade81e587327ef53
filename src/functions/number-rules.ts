/**
 * What functions do with single float64 numbers, bit for bit as with arrays of one (`test/functions/number-rules.test.ts`
 * holds each to it): forward, and the gradient for each operand. A past graph of scalars is walked by these, without an
 * object a call. A function that is not here takes the way over arrays.
 */
import { exp, exp2, expm1 } from '../array/math/exp.js'
import { log, log1p } from '../array/math/log.js'
import { isProduct, pow, powerOf } from '../array/math/pow.js'
import { sigmoid } from '../array/math/sigmoid.js'
import { tanh } from '../array/math/tanh.js'
import { cos, sin } from '../array/math/trigonometry.js'
import type { NumberRule } from '../graph/number-rule.js'
import { setNumberRule } from '../graph/registry.js'
import { Relu, Sigmoid } from './activations.js'
import { Abs, Add, Div, Mul, Neg, Sqrt, Square, Sub } from './arithmetic.js'
import { Cos, Exp, Exp2, Expm1, Log, Log1p, Pow, Sin, Tanh } from './exponential.js'

type Backward1 = (gy: number, x: number, y: number) => number
type Backward2 = (slot: number, gy: number, a: number, b: number, y: number) => number

const of1 = (forward: (x: number) => number, backward: Backward1): NumberRule => ({
  operands: 1,
  forward,
  backward: (_slot, gy, x, _b, y) => backward(gy, x, y),
})
const of2 = (forward: (a: number, b: number) => number, backward: Backward2): NumberRule => ({
  operands: 2,
  forward,
  backward,
})
const pow1 = (e: number, isByProducts: boolean) => {
  const power = isByProducts ? byProducts : pow
  return of1(
    (x) => power(x, e),
    (gy, x) => (e === 0 ? 0 : gy * (power(x, e - 1) * e)),
  )
}
/** As `pow` of exponential.ts chooses. */
const byProducts = (x: number, e: number) => (isProduct(e) ? powerOf(x, e) : pow(x, e))

setNumberRule(
  Add,
  of2(
    (a, b) => a + b,
    (_, gy) => gy,
  ),
)
setNumberRule(
  Sub,
  of2(
    (a, b) => a - b,
    (slot, gy) => (slot === 0 ? gy : -gy),
  ),
)
setNumberRule(
  Mul,
  of2(
    (a, b) => a * b,
    (slot, gy, a, b) => gy * (slot === 0 ? b : a),
  ),
)
setNumberRule(
  Div,
  of2(
    (a, b) => a / b,
    (slot, gy, _, b, y) => (slot === 0 ? gy / b : -((gy / b) * y)),
  ),
)
setNumberRule(
  Neg,
  of1(
    (x) => -x,
    (gy) => -gy,
  ),
)
setNumberRule(
  Square,
  of1(
    (x) => x * x,
    (gy, x) => gy * (x * 2),
  ),
)
setNumberRule(
  Sqrt,
  of1(Math.sqrt, (gy, _, y) => gy / (y * 2)),
)
setNumberRule(
  Abs,
  of1(Math.abs, (gy, x) => gy * (x > 0 ? 1 : x < 0 ? -1 : x === 0 ? 0 : x)),
)
setNumberRule(
  Exp,
  of1(exp, (gy, _, y) => gy * y),
)
setNumberRule(
  Exp2,
  of1(exp2, (gy, _, y) => gy * (y * Math.LN2)),
)
setNumberRule(
  Expm1,
  of1(expm1, (gy, _, y) => gy * (y + 1)),
)
setNumberRule(
  Log,
  of1(log, (gy, x) => gy / x),
)
setNumberRule(
  Log1p,
  of1(log1p, (gy, x) => gy / (x + 1)),
)
setNumberRule(
  Sin,
  of1(sin, (gy, x) => gy * cos(x)),
)
setNumberRule(
  Cos,
  of1(cos, (gy, x) => -(gy * sin(x))),
)
setNumberRule(
  Tanh,
  of1(tanh, (gy, _, y) => gy * (1 - y * y)),
)
setNumberRule(
  Sigmoid,
  of1(sigmoid, (gy, _, y) => gy * y * (1 - y)),
)
setNumberRule(
  Relu,
  of1(
    (x) => Math.max(x, 0),
    (gy, x) => (x <= 0 ? 0 : gy),
  ),
)
setNumberRule(Pow, ({ exponent, method }) =>
  typeof exponent === 'number' ? pow1(exponent, method !== undefined) : null,
)
