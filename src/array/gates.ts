/** Gradients of activations, each in one pass; what they are the gradients of is not known here. */
import { TapeError } from '../errors.js'
import { isFloating } from './dtype.js'
import type { GateOp } from './fused-primitives.js'
import { kernel } from './kernel.js'
import { allocateUnset, type NDArray } from './ndarray.js'
import type { SlopeOp } from './primitives.js'
import { formatShape, sameShape } from './shape.js'

/**
 * y where x is above 0 or NaN, else 0.
 *
 * Shapes   y, x of one shape; the dtype is that of y.
 * Throws   SHAPE_MISMATCH.
 */
export function gateAboveZero(y: NDArray, x: NDArray): NDArray {
  if (isFloating(y.dtype) && x.dtype === y.dtype) return slope('relu', y, x)
  requireOneShape(y, x)
  return y.map((value, i) => (x.buffer[x.offset + i]! <= 0 ? 0 : value))
}

/**
 * (g·y)·(1 − y): the gradient of y = sigmoid(x).
 *
 * Shapes   g, y of one shape and one floating dtype.
 * Throws   SHAPE_MISMATCH.
 */
export function sigmoidSlope(g: NDArray, y: NDArray): NDArray {
  return slope('sigmoid', g, y)
}

/** g·(1 − y·y): the gradient of y = tanh(x); otherwise as `sigmoidSlope`. */
export function tanhSlope(g: NDArray, y: NDArray): NDArray {
  return slope('tanh', g, y)
}

/** gy·(Φ(x) + x·φ(x)), the gradient of gelu at x; null where it is to be computed in steps. Throws SHAPE_MISMATCH. */
export function geluSlope(gy: NDArray, x: NDArray): NDArray | null {
  const { fused } = kernel
  if (fused === undefined || gy.dtype !== x.dtype || !isFloating(x.dtype)) return null
  requireOneShape(gy, x)
  const out = allocateUnset(x.dtype, x.shape, x.size)
  const { buffer, offset, size } = out
  return fused.geluSlope(gy.buffer, gy.offset, x.buffer, x.offset, buffer, offset, size) ? out : null
}

/** `op` of g and x with its numbers (`FusedKernel.gate`); null where it is to be computed in steps. Throws SHAPE_MISMATCH. */
export function gate(op: GateOp, g: NDArray, x: NDArray, p: number, q: number = 0): NDArray | null {
  const { fused } = kernel
  if (fused === undefined || g.dtype !== x.dtype || !isFloating(x.dtype)) return null
  requireOneShape(g, x)
  const out = allocateUnset(x.dtype, x.shape, x.size)
  const { buffer, offset, size } = out
  const [first, second] = x.dtype === 'float32' ? [Math.fround(p), Math.fround(q)] : [p, q]
  return fused.gate(op, g.buffer, g.offset, x.buffer, x.offset, first, second, buffer, offset, size)
    ? out
    : null
}

/**
 * x above 0, x times the slope of its channel (axis 1) elsewhere; null where it is to be computed in steps.
 *
 * Shapes   slopes of one element, or of as many as x has channels; one floating dtype
 */
export function slopedBelowZero(x: NDArray, slopes: NDArray): NDArray | null {
  const { fused } = kernel
  const { size: channels } = slopes
  if (fused === undefined || x.size === 0 || channels === 0) return null
  const outer = channels === 1 ? 1 : x.shape[0]!
  const inner = x.size / (outer * channels)
  const out = allocateUnset(x.dtype, x.shape, x.size)
  const { buffer, offset } = out
  const done = fused.prelu(
    ...([x.buffer, x.offset, slopes.buffer, slopes.offset, buffer, offset, outer, channels, inner] as const),
  )
  return done ? out : null
}

/** What of g goes to a when the larger of a and b is taken; null where it is to be computed in steps. */
export function shareOfLarger(g: NDArray, a: NDArray, b: NDArray): NDArray | null {
  const { fused } = kernel
  const isOne = g.dtype === a.dtype && a.dtype === b.dtype && isFloating(g.dtype)
  if (fused === undefined || !isOne || !sameShape(g.shape, a.shape) || !sameShape(a.shape, b.shape))
    return null
  const out = allocateUnset(g.dtype, g.shape, g.size)
  const { buffer, offset, size } = out
  const [x, y, z] = [g.buffer, a.buffer, b.buffer]
  return fused.largerShare(x, g.offset, y, a.offset, z, b.offset, buffer, offset, size) ? out : null
}

function slope(op: SlopeOp, g: NDArray, x: NDArray): NDArray {
  requireOneShape(g, x)
  const out = allocateUnset(g.dtype, g.shape, g.size)
  kernel.slope(op, g.buffer, g.offset, x.buffer, x.offset, out.buffer, out.offset, g.size)
  return out
}

function requireOneShape(y: NDArray, x: NDArray): void {
  if (sameShape(y.shape, x.shape)) return
  throw new TapeError(
    'SHAPE_MISMATCH',
    `a gradient expected the shape of what it belongs to, got ${formatShape(y.shape)} for ${formatShape(x.shape)}`,
  )
}
