/**
 * Normalisation to mean 0 and variance 1 in one call of the kernel, where it can do that, and its gradients: the bits of the steps in
 * src/functions/normalization.ts.
 */
import { isFloating } from './dtype.js'
import { cutOf } from './halves.js'
import { kernel } from './kernel.js'
import { allocateUnset, NDArray } from './ndarray.js'
import type { NormShape } from './primitives.js'
import { type Shape, sizeBetween } from './shape.js'

/** Rows of all axes from `axis` on; null where they have one element, or none. */
export function rowsFrom(axis: number, shape: Shape, eps: number): NormShape | null {
  const [images, channels] = [sizeBetween(shape, 0, axis), sizeBetween(shape, axis)]
  if (images === 0 || channels < 2) return null
  return { isByChannel: false, images, channels, inner: 1, cut: cutOf(kernel, 'rows'), eps }
}

/** Channels, which are axis 1; null where a channel has one element, or none. */
export function channelsOf(shape: Shape, eps: number): NormShape | null {
  const [images, channels, inner] = [shape[0]!, shape[1]!, sizeBetween(shape, 2)]
  if (images * channels * inner === 0 || images * inner === 1) return null
  // A reduction takes neighbours of one kind together, so all of a single channel are one row.
  const cut = cutOf(kernel, inner === 1 ? 'rows' : 'parts')
  if (channels === 1) return { isByChannel: true, images: 1, channels, inner: images * inner, cut, eps }
  return { isByChannel: true, images, channels, inner, cut, eps }
}

/** (x − mean)/√(variance + eps)·gamma + beta, or null where it is to be done in steps. */
export function normalize(z: NormShape | null, x: NDArray, gamma: NDArray, beta: NDArray): NDArray | null {
  const { fused } = kernel
  if (fused === undefined || z === null || !isFloating(x.dtype)) return null
  if (gamma.dtype !== x.dtype || beta.dtype !== x.dtype) return null
  const out = allocateUnset(x.dtype, x.shape, x.size)
  const [scale, shift] = [gamma.buffer, beta.buffer]
  const isDone = fused.normalize(
    ...([z, x.buffer, x.offset, scale, gamma.offset, shift, beta.offset, out.buffer, out.offset] as const),
  )
  return isDone ? out : null
}

/** The gradients of x, gamma and beta, or null where they are to be computed in steps. */
export function normalizeSlopes(
  z: NormShape | null,
  gy: NDArray,
  x: NDArray,
  gamma: NDArray,
): [gx: NDArray, ggamma: NDArray, gbeta: NDArray] | null {
  const { fused } = kernel
  if (fused === undefined || z === null || !isFloating(gy.dtype)) return null
  if (x.dtype !== gy.dtype || gamma.dtype !== gy.dtype) return null
  const gx = allocateUnset(gy.dtype, x.shape, x.size)
  const sums = allocateUnset(gy.dtype, Object.freeze([2 * gamma.size]), 2 * gamma.size)
  const isDone = fused.normalizeSlopes(
    ...([z, gy.buffer, gy.offset, x.buffer, x.offset, gamma.buffer, gamma.offset] as const),
    ...([gx.buffer, gx.offset, sums.buffer, sums.offset] as const),
  )
  if (!isDone) return null
  const { buffer, offset } = sums
  return [
    gx,
    new NDArray(gy.dtype, gamma.shape, gamma.size, buffer, offset),
    new NDArray(gy.dtype, gamma.shape, gamma.size, buffer, offset + gamma.size),
  ]
}
