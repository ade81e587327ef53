/** Activations that are made of others, element by element; the tape records their parts. */
import { formatShape } from '../array/shape.js'
import { TapeError } from '../errors.js'
import { asVariable, type Operand, type Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { elu, hardtanh, sigmoid, softplus } from './activations.js'
import { abs, add, div, mul, neg } from './arithmetic.js'
import { numberOf, oneAxisOf, refuse } from './attributes.js'
import { split } from './joining.js'

/** ln sigmoid(x), exact where the sigmoid is 0 or 1. */
export function logSigmoid(x: Operand): Variable {
  return neg(softplus(neg(x)))
}

/** min(max(x, 0), 6). Its gradient at a bound is 0. */
export function relu6(x: Operand): Variable {
  return hardtanh(x, { min: 0, max: 6 })
}

/** The scale and α of "Self-Normalizing Neural Networks" (Klambauer and others, 2017). */
const SELU_SCALE = 1.0507009873554805
const SELU_ALPHA = 1.6732632423543772

/** 1.0507·x above 0, 1.0507·1.6733·(eˣ − 1) below. */
export function selu(x: Operand): Variable {
  return mul(elu(x, { alpha: SELU_ALPHA }), SELU_SCALE)
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
  return mul(elu(div(x, alpha)), alpha)
}

/** x/(1 + |x|). */
export function softsign(x: Operand): Variable {
  const given = asVariable(x)
  return div(given, add(abs(given), 1))
}

/** min(max(x/6 + 1/2, 0), 1). */
export function hardSigmoid(x: Operand): Variable {
  return div(relu6(add(x, 3)), 6)
}

/** x·hardSigmoid(x). */
export function hardSwish(x: Operand): Variable {
  const given = asVariable(x)
  return mul(given, hardSigmoid(given))
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
