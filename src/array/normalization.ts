/**
 * Normalisation to mean 0 and variance 1 in one call of the kernel, where it can do that, and its gradients: the bits of the steps in
 * src/functions/normalization.ts.
 */
import { isFloating } from './dtype.js'
import type { NormShape } from './fused-primitives.js'
import { cutOf } from './halves.js'
import { kernel } from './kernel.js'
import { allocateUnset, NDArray } from './ndarray.js'
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

/** How groups of channels lie: `rows` of `columns` elements, where each row is a group of an image of `size` elements. */
export interface GroupRows {
  readonly rows: number
  readonly columns: number
  readonly size: number
}

/** Rows shorter than this are normalised in steps. */
const GROUP_MIN = 64

function rowOf({ columns }: GroupRows, eps: number): NormShape {
  return { isByChannel: false, images: 1, channels: columns, inner: 1, cut: cutOf(kernel, 'rows'), eps }
}

/** A number for each element of an image from one for each channel. */
function spread(channels: NDArray, size: number): NDArray {
  const out = allocateUnset(channels.dtype, Object.freeze([size]), size)
  const inner = size / channels.size
  for (let c = 0, at = out.offset; c < channels.size; c++, at += inner)
    out.buffer.fill(channels.buffer[channels.offset + c]!, at, at + inner)
  return out
}

/** (x − mean)/√(variance + eps)·gamma + beta for each group, where gamma and beta have a number for each channel; null as `normalize`. */
export function normalizeGroups(
  z: GroupRows,
  eps: number,
  x: NDArray,
  gamma: NDArray,
  beta: NDArray,
): NDArray | null {
  const { fused } = kernel
  if (fused === undefined || z.rows === 0 || z.columns < GROUP_MIN || !isFloating(x.dtype)) return null
  const [scale, shift] = [spread(gamma, z.size), spread(beta, z.size)]
  const shape = rowOf(z, eps)
  const out = allocateUnset(x.dtype, x.shape, x.size)
  for (let at = 0; at < x.size; at += z.columns) {
    const of = at % z.size
    const done = fused.normalize(
      ...([shape, x.buffer, x.offset + at, scale.buffer, scale.offset + of] as const),
      ...([shift.buffer, shift.offset + of, out.buffer, out.offset + at] as const),
    )
    if (!done) return null
  }
  return out
}

/** The gradient of x, and gy·x̂ for each element; null as `normalize`. */
export function normalizeGroupsSlopes(
  z: GroupRows,
  eps: number,
  gy: NDArray,
  x: NDArray,
  gamma: NDArray,
): [gx: NDArray, shares: NDArray] | null {
  const { fused } = kernel
  if (fused === undefined || z.rows === 0 || z.columns < GROUP_MIN || !isFloating(gy.dtype)) return null
  if (x.dtype !== gy.dtype || gamma.dtype !== gy.dtype) return null
  const scale = spread(gamma, z.size)
  const shape = rowOf(z, eps)
  const gx = allocateUnset(gy.dtype, x.shape, x.size)
  const shares = allocateUnset(gy.dtype, x.shape, x.size)
  const sums = allocateUnset(gy.dtype, Object.freeze([2 * z.columns]), 2 * z.columns)
  for (let at = 0; at < x.size; at += z.columns) {
    const done = fused.normalizeSlopes(
      ...([shape, gy.buffer, gy.offset + at, x.buffer, x.offset + at] as const),
      ...([
        scale.buffer,
        scale.offset + (at % z.size),
        gx.buffer,
        gx.offset + at,
        sums.buffer,
        sums.offset,
      ] as const),
    )
    if (!done) return null
    // Of a single row the sums over rows are its elements.
    shares.buffer.set(sums.buffer.subarray(sums.offset, sums.offset + z.columns), shares.offset + at)
  }
  return [gx, shares]
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
