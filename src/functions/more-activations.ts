/** More activations, element by element; those that are no class of their own are made of others, which the tape records. */
import * as comparison from '../array/comparison.js'
import { isFloating } from '../array/dtype.js'
import * as elementwise from '../array/elementwise.js'
import { gate } from '../array/gates.js'
import { type NDArray, scalar } from '../array/ndarray.js'
import { formatShape } from '../array/shape.js'
import { TapeError } from '../errors.js'
import { Func } from '../graph/func.js'
import { needsCalls } from '../graph/mapped.js'
import { registerFunc } from '../graph/registry.js'
import { asVariable, type Operand, Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { elu, hardtanh, sigmoid, softplus } from './activations.js'
import { abs, add, div, mul, neg } from './arithmetic.js'
import { numberOf, oneAxisOf, refuse } from './attributes.js'
import { clip } from './bounds.js'
import { greater, greaterEqual, lessEqual, logicalOr, where } from './comparison.js'
import { exp } from './exponential.js'
import { split } from './joining.js'

/** ln sigmoid(x), exact where the sigmoid is 0 or 1. */
export function logSigmoid(x: Operand): Variable {
  return neg(softplus(neg(x)))
}

/** min(max(x, 0), 6). Its gradient at a bound is 0. */
export function relu6(x: Operand): Variable {
  return hardtanh(x, { min: 0, max: 6 })
}

/**
 * x above 0, alpha·(e^(x/alpha) − 1) below.
 *
 * Throws   BAD_ARGUMENT unless alpha > 0
 */
export function celu(x: Operand, options: { alpha?: number | undefined } = {}): Variable {
  checkOptions(options, ['alpha'], 'celu')
  const alpha = numberOf(options.alpha, 1, 'alpha', 'celu')
  if (alpha <= 0) refuse(`celu expected alpha above 0, got ${alpha}`)
  return alpha === 1 ? elu(x) : mul(elu(div(x, alpha)), alpha)
}

/** x/(1 + |x|). */
export function softsign(x: Operand): Variable {
  const given = asVariable(x)
  return div(given, add(abs(given), 1))
}

/**
 * The first half of x along an axis, times the sigmoid of the second.
 *
 * Shapes   x [..., 2·n] → [..., n], along the last axis unless said
 * Throws   BAD_AXIS; BAD_SHAPE for an odd extent
 */
export function glu(x: Operand, options: { axis?: number | undefined } = {}): Variable {
  checkOptions(options, ['axis'], 'glu')
  const axis = oneAxisOf(options.axis, -1, 'glu')
  const given = asVariable(x)
  const extent = given.shape.at(axis)
  if (extent !== undefined && extent % 2 !== 0)
    throw new TapeError(
      'BAD_SHAPE',
      `glu expected an even extent along axis ${axis}, got ${formatShape(given.shape)}`,
    )
  const [values, gates] = split(given, 2, { axis })
  return mul(values!, sigmoid(gates!))
}

/** scale·x above 0, scale·alpha·(eˣ − 1) below.  Backward gx = gy·scale above 0, gy·scale·alpha·eˣ at 0 and below. */
export class Selu extends Func {
  override forward(x: NDArray): NDArray {
    const once = gate('selu', x, x, SELU_LOW, SELU_SCALE)
    if (once !== null) return once
    const low = elementwise.expm1(elementwise.clip(x, undefined, 0))
    const [above, below] = [
      elementwise.mul(x, scalar(SELU_SCALE, low.dtype)),
      elementwise.mul(low, scalar(SELU_LOW, low.dtype)),
    ]
    return comparison.where(comparison.greater(x, scalar(0, x.dtype)), above, below)
  }

  override backward(gy: Variable): Variable {
    const x = this.input
    const gx = needsCalls(gy, x) ? null : gate('seluSlope', gy.data, x.data, SELU_LOW, SELU_SCALE)
    if (gx !== null) return new Variable(gx, false, 'variable')
    // As in elu.
    const low = mul(gy, mul(exp(clip(x, { max: 0 })), SELU_LOW))
    return where(greater(x, 0), mul(gy, SELU_SCALE), low)
  }
}

/** The scale of "Self-Normalizing Neural Networks" (Klambauer and others, 2017), and its product with their α. */
const SELU_SCALE = 1.0507009873554805
const SELU_LOW = SELU_SCALE * 1.6732632423543772

/** 1.0507·x above 0, 1.0507·1.6733·(eˣ − 1) below. */
export function selu(x: Operand): Variable {
  return new Selu().apply1(x)
}

/** min(max(x + 3, 0), 6)/6.  Backward gx = gy/6 between −3 and 3, 0 elsewhere. */
export class HardSigmoid extends Func {
  override forward(x: NDArray): NDArray {
    return gate('hardSigmoid', x, x, 3, 6) ?? hardSigmoidOf(x)
  }

  override backward(gy: Variable): Variable {
    return div(betweenBounds(gy, this.input), 6)
  }
}

function hardSigmoidOf(x: NDArray): NDArray {
  const moved = elementwise.add(x, scalar(3, isFloating(x.dtype) ? x.dtype : 'float64'))
  return elementwise.div(elementwise.clip(moved, 0, 6), scalar(6, moved.dtype))
}

/** g where x is between −3 and 3, 0 elsewhere. */
function betweenBounds(g: Variable, x: Variable): Variable {
  const once = needsCalls(g, x) ? null : gate('between', g.data, x.data, -3, 3)
  if (once !== null) return new Variable(once, false, 'variable')
  return where(logicalOr(lessEqual(x, -3), greaterEqual(x, 3)), 0, g)
}

/** min(max(x/6 + 1/2, 0), 1). */
export function hardSigmoid(x: Operand): Variable {
  return new HardSigmoid().apply1(x)
}

/** x·hardSigmoid(x).  Backward gx = gy·(x/3 + 1/2) between −3 and 3, 0 below, gy above. */
export class HardSwish extends Func {
  override forward(x: NDArray): NDArray {
    return gate('hardSwish', x, x, 3, 6) ?? elementwise.mul(x, hardSigmoidOf(x))
  }

  override backward(gy: Variable): Variable {
    const x = this.input
    const gx = needsCalls(gy, x) ? null : gate('hardSwishSlope', gy.data, x.data, 3)
    if (gx !== null) return new Variable(gx, false, 'variable')
    const between = mul(gy, add(div(x, 3), 0.5))
    return where(lessEqual(x, -3), 0, where(greaterEqual(x, 3), gy, between))
  }
}

/** x·hardSigmoid(x). */
export function hardSwish(x: Operand): Variable {
  return new HardSwish().apply1(x)
}

registerFunc(Selu, { name: 'selu' })
registerFunc(HardSigmoid, { name: 'hardSigmoid' })
registerFunc(HardSwish, { name: 'hardSwish' })
