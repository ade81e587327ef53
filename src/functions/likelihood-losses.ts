/** Losses that are the negative logarithm of a likelihood. Made of others, which the tape records. */
import { asVariable, type Operand, type Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { add, div, mul, square, sub } from './arithmetic.js'
import { flagOf, numberOf, refuse } from './attributes.js'
import { clip } from './bounds.js'
import { greater, where } from './comparison.js'
import { exp, log } from './exponential.js'
import { type LossOptions, reduced, reductionOf, requirePair } from './loss-reduction.js'

function epsOf(value: unknown, otherwise: number, what: string): number {
  const eps = numberOf(value, otherwise, 'eps', what)
  return eps > 0 ? eps : refuse(`${what} expected eps above 0, got ${eps}`)
}

/** Settings of `gaussianNllLoss`. */
export interface GaussianNllOptions extends LossOptions {
  /** Whether the constant ln(2π)/2 is added. Default false. */
  full?: boolean | undefined
  /** Variances count as at least this. Default 1e-6. */
  eps?: number | undefined
}

/**
 * The mean of (ln v + (x − t)²/v)/2: targets t as drawn from a normal distribution of mean x and variance v, both learned.
 *
 * Shapes   x and t of one shape, or one broadcasts to the other; v broadcasts to them → [], or their shape for 'none'
 * Throws   SHAPE_MISMATCH; BAD_ARGUMENT
 * Source   PyTorch `gaussian_nll_loss`; a variance below eps has no gradient here
 */
export function gaussianNllLoss(
  x: Operand,
  t: Operand,
  variance: Operand,
  options: GaussianNllOptions = {},
): Variable {
  checkOptions(options, ['full', 'eps', 'reduction'], 'gaussianNllLoss')
  const reduction = reductionOf(options.reduction, 'gaussianNllLoss')
  const eps = epsOf(options.eps, 1e-6, 'gaussianNllLoss')
  const mean = asVariable(x)
  const target = asVariable(t, mean)
  requirePair(mean.shape, target.shape, 'gaussianNllLoss')
  const spread = clip(asVariable(variance, mean), { min: eps })
  const difference = sub(mean, target)
  requirePair(difference.shape, spread.shape, 'gaussianNllLoss')
  const losses = mul(add(log(spread), div(square(difference), spread)), 0.5)
  const isFull = flagOf(options.full, false, 'full', 'gaussianNllLoss')
  return reduced(isFull ? add(losses, HALF_LN_2PI) : losses, reduction)
}

/** ln(2π)/2. */
const HALF_LN_2PI = 0.9189385332046727

/** Settings of `poissonNllLoss`. */
export interface PoissonNllOptions extends LossOptions {
  /** Whether x are the logarithms of the rates. Default true. */
  logInput?: boolean | undefined
  /** Whether Stirling's approximation of ln t! is added where t > 1. Default false. */
  full?: boolean | undefined
  /** Added to rates before their logarithm, when x are no logarithms. Default 1e-8. */
  eps?: number | undefined
}

/**
 * The mean of eˣ − t·x: counts t as drawn from a Poisson distribution with the logarithms x of its rates, or x − t·ln(x + eps) of rates x.
 *
 * Shapes   x and t of one shape, or one broadcasts to the other → [], or that shape for 'none'
 * Throws   SHAPE_MISMATCH; BAD_ARGUMENT
 * Source   PyTorch `poisson_nll_loss`
 */
export function poissonNllLoss(x: Operand, t: Operand, options: PoissonNllOptions = {}): Variable {
  checkOptions(options, ['logInput', 'full', 'eps', 'reduction'], 'poissonNllLoss')
  const reduction = reductionOf(options.reduction, 'poissonNllLoss')
  const eps = epsOf(options.eps, 1e-8, 'poissonNllLoss')
  const isLog = flagOf(options.logInput, true, 'logInput', 'poissonNllLoss')
  const isFull = flagOf(options.full, false, 'full', 'poissonNllLoss')
  const given = asVariable(x)
  const target = asVariable(t, given)
  requirePair(given.shape, target.shape, 'poissonNllLoss')
  const losses = isLog ? sub(exp(given), mul(target, given)) : sub(given, mul(target, log(add(given, eps))))
  if (!isFull) return reduced(losses, reduction)
  const isMore = greater(target, 1)
  const count = where(isMore, target, 1)
  const stirling = add(sub(mul(count, log(count)), count), mul(log(mul(count, 2 * Math.PI)), 0.5))
  return reduced(add(losses, where(isMore, stirling, 0)), reduction)
}
