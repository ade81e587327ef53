/** Vectors brought to length 1, and the distances between them. Made of others, which the tape records. */
import { formatShape } from '../array/shape.js'
import { TapeError } from '../errors.js'
import { asVariable, type Operand, type Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { div, sub } from './arithmetic.js'
import { type Axis, axisOf, numberOf, refuse } from './attributes.js'
import { clip } from './bounds.js'
import { expandDims } from './shapes.js'
import { norm } from './statistics.js'

/** Settings of `normalize`. */
export interface NormalizeOptions {
  /** The order of the norm. Default 2. */
  ord?: number | undefined
  /** The axis along which vectors lie, or axes. Default the last. */
  axis?: Axis | undefined
  /** Shorter vectors are divided by this. Default 1e-12. */
  eps?: number | undefined
}

/**
 * Vectors divided by their lengths.
 *
 * Throws   BAD_AXIS; BAD_ARGUMENT
 * Source   PyTorch `nn.functional.normalize`, whose dim is 1 unless said
 */
export function normalize(x: Operand, options: NormalizeOptions = {}): Variable {
  checkOptions(options, ['ord', 'axis', 'eps'], 'normalize')
  const eps = numberOf(options.eps, 1e-12, 'eps', 'normalize')
  if (eps <= 0) refuse(`normalize expected eps above 0, got ${eps}`)
  const given = asVariable(x)
  const axis = axisOf(options.axis, 'normalize') ?? -1
  const length = norm(given, { ord: options.ord ?? 2, axis, keepdims: true })
  return div(given, clip(length, { min: eps }))
}

/**
 * The distance of each of the vectors a from each of b.
 *
 * Shapes   a [..., m, d], b [..., n, d] → [..., m, n]; leading axes broadcast
 * Throws   SHAPE_MISMATCH; BAD_SHAPE for fewer than two axes
 * Source   PyTorch `cdist`; by differences, so that distances of near vectors keep their digits
 */
export function cdist(a: Operand, b: Operand, options: { ord?: number | undefined } = {}): Variable {
  checkOptions(options, ['ord'], 'cdist')
  const left = asVariable(a)
  const right = asVariable(b, left)
  if (left.ndim < 2 || right.ndim < 2)
    throw new TapeError(
      'BAD_SHAPE',
      `cdist expected vectors [..., m, d] and [..., n, d], got ${formatShape(left.shape)} and ${formatShape(right.shape)}`,
    )
  if (left.shape.at(-1) !== right.shape.at(-1))
    throw new TapeError(
      'SHAPE_MISMATCH',
      `cdist expected vectors of one length, got ${formatShape(left.shape)} and ${formatShape(right.shape)}`,
    )
  const differences = sub(expandDims(left, -2), expandDims(right, -3))
  return norm(differences, { ord: options.ord ?? 2, axis: -1 })
}
