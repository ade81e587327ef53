/**
 * Shapes and axes: sizes, broadcasting, counting axes from the end. Numbers only; knows no array.
 */
import { TapeError } from '../errors.js'

/** The extents of an array, outermost first. Never changed after it was made, so arrays share them. */
export type Shape = readonly number[]

export const SCALAR: Shape = Object.freeze([])

/** The number of elements: 1 for a scalar, 0 as soon as one extent is 0. */
export function sizeOf(shape: Shape): number {
  let size = 1
  for (let i = 0; i < shape.length; i++) size *= shape[i]!
  return size
}

/** The number of elements that the axes from `from` up to, not including, `to` span. */
export function sizeBetween(shape: Shape, from: number, to: number = shape.length): number {
  let size = 1
  for (let i = from; i < to; i++) size *= shape[i]!
  return size
}

// Freezing a list costs more than a small operation, and lists of several kinds cost every loop over extents. So shapes
// are made here, frozen, and the few of a program are found again.
const KNOWN_MAX = 1024
const known = new Array<Shape | null>(KNOWN_MAX).fill(null)

/** A frozen shape of these extents; the list itself stays the caller's. */
export function fixedShape(extents: readonly number[]): Shape {
  const { length } = extents
  if (length === 0) return SCALAR
  let hash = length
  for (let i = 0; i < length; i++) hash = (Math.imul(hash, 31) + extents[i]!) | 0
  const place = (hash ^ (hash >>> 10)) & (KNOWN_MAX - 1)
  const candidate = known[place]!
  if (candidate !== null && sameExtents(candidate, extents)) return candidate
  const shape: number[] = []
  for (let i = 0; i < length; i++) shape.push(extents[i]!)
  Object.freeze(shape)
  known[place] = shape
  return shape
}

/** The shape [rows, columns], without a list of them. */
export function matrixShape(rows: number, columns: number): Shape {
  const hash = (Math.imul(Math.imul(2, 31) + rows, 31) + columns) | 0
  const candidate = known[(hash ^ (hash >>> 10)) & (KNOWN_MAX - 1)]!
  if (candidate !== null && candidate.length === 2 && candidate[0] === rows && candidate[1] === columns)
    return candidate
  return fixedShape([rows, columns])
}

function sameExtents(a: Shape, b: Shape): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** The shape with `count` axes at `at` replaced by others; frozen. */
export function replaceAxes(shape: Shape, at: number, count: number, by: Shape): Shape {
  const out: number[] = []
  for (let i = 0; i < at; i++) out.push(shape[i]!)
  for (let i = 0; i < by.length; i++) out.push(by[i]!)
  for (let i = at + count; i < shape.length; i++) out.push(shape[i]!)
  return fixedShape(out)
}

/** A frozen copy, for shapes that come from users. */
export function copyShape(shape: Shape): Shape {
  return fixedShape(shape)
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a === b || sameExtents(a, b)
}

/** `[2, 3]`; `[]` for a scalar. */
export function formatShape(shape: Shape): string {
  return `[${shape.join(', ')}]`
}

/** As NumPy: nobody has more, but for a damaged or hostile file. */
export const RANK_MAX = 64

/**
 * Throws BAD_SHAPE unless there are at most RANK_MAX axes, every extent is an integer of at least 0, and the size is one that a typed
 *          array can have.
 */
export function requireShape(shape: Shape, what: string): Shape {
  if (!Array.isArray(shape)) {
    throw new TapeError('BAD_SHAPE', `${what} expected a shape (an array of extents), got ${String(shape)}`)
  }
  if (shape.length > RANK_MAX)
    throw new TapeError('BAD_SHAPE', `${what} expected at most ${RANK_MAX} axes, got ${shape.length}`)
  for (const extent of shape) {
    if (!Number.isSafeInteger(extent) || extent < 0) {
      throw new TapeError(
        'BAD_SHAPE',
        `${what} expected extents that are integers of at least 0, got ${formatShape(shape)}`,
      )
    }
  }
  if (sizeOf(shape) > 2 ** 32) {
    throw new TapeError('BAD_SHAPE', `${what} expected at most 2^32 elements, got ${formatShape(shape)}`)
  }
  return shape
}

/**
 * The shape that two operands broadcast to: aligned at the last axis, an extent of 1 stretches.
 *
 * Shapes   [3, 1], [4] → [3, 4]
 * Throws   SHAPE_MISMATCH when two extents differ and neither is 1.
 * Source   NumPy broadcasting.
 */
export function broadcastShapes(a: Shape, b: Shape, what: string): Shape {
  if (sameShape(a, b)) return a
  const ndim = Math.max(a.length, b.length)
  const out = new Array<number>(ndim)
  let isA = a.length === ndim
  let isB = b.length === ndim
  for (let i = 0; i < ndim; i++) {
    const ea = i < ndim - a.length ? 1 : a[i - ndim + a.length]!
    const eb = i < ndim - b.length ? 1 : b[i - ndim + b.length]!
    if (ea !== eb && ea !== 1 && eb !== 1) {
      throw new TapeError(
        'SHAPE_MISMATCH',
        `${what} expected shapes that broadcast, got ${formatShape(a)} and ${formatShape(b)} ` +
          `(axis ${i - ndim}: ${ea} ≠ ${eb}); extents must be equal or 1, counted from the last axis`,
      )
    }
    const extent = ea === 1 ? eb : ea
    if (ea !== extent) isA = false
    if (eb !== extent) isB = false
    out[i] = extent
  }
  return isA ? a : isB ? b : fixedShape(out)
}

/**
 * An axis counted from the front.
 *
 * Throws   BAD_AXIS when it is no integer in [-ndim, ndim).
 */
export function normalizeAxis(axis: number, ndim: number, what: string): number {
  if (!Number.isInteger(axis) || axis < -ndim || axis >= ndim) {
    const range = ndim === 0 ? 'no axis, as a scalar has none' : `an axis from ${-ndim} to ${ndim - 1}`
    throw new TapeError('BAD_AXIS', `${what} expected ${range}, got ${String(axis)}`)
  }
  return axis < 0 ? axis + ndim : axis
}

/**
 * Axes counted from the front, ascending; all of them for `undefined`.
 *
 * Throws   BAD_AXIS when one is out of range or named twice.
 */
export function normalizeAxes(
  axis: number | readonly number[] | undefined,
  ndim: number,
  what: string,
): number[] {
  if (axis === undefined) {
    const every: number[] = []
    for (let i = 0; i < ndim; i++) every.push(i)
    return every
  }
  if (typeof axis === 'number') return [normalizeAxis(axis, ndim, what)]
  if (!Array.isArray(axis)) {
    throw new TapeError('BAD_AXIS', `${what} expected an axis or an array of axes, got ${String(axis)}`)
  }
  const axes = axis.map((one) => normalizeAxis(one, ndim, what)).sort((p, q) => p - q)
  for (let i = 1; i < axes.length; i++) {
    if (axes[i] === axes[i - 1]) {
      throw new TapeError(
        'BAD_AXIS',
        `${what} expected each axis once, got ${formatShape(axis)} for ${ndim} axes`,
      )
    }
  }
  return axes
}

/**
 * Replaces the one -1 of a wanted shape by what `size` leaves for it.
 *
 * Throws   BAD_SHAPE when there are two, or the sizes do not fit.
 */
export function resolveShape(wanted: Shape, size: number, what: string): Shape {
  if (!Array.isArray(wanted)) {
    throw new TapeError('BAD_SHAPE', `${what} expected a shape (an array of extents), got ${String(wanted)}`)
  }
  const open = wanted.indexOf(-1)
  let shape: Shape = wanted
  if (open >= 0) {
    if (wanted.indexOf(-1, open + 1) >= 0) {
      throw new TapeError('BAD_SHAPE', `${what} expected at most one -1, got ${formatShape(wanted)}`)
    }
    const rest = wanted.reduce((product, extent, i) => (i === open ? product : product * extent), 1)
    const extent = rest === 0 ? 0 : size / rest
    shape = wanted.map((e, i) => (i === open ? extent : e))
    if (!Number.isInteger(extent) || (rest === 0 && size !== 0)) {
      throw new TapeError(
        'BAD_SHAPE',
        `${what} expected ${size} elements to fill ${formatShape(wanted)}, but ${size} is no multiple of ${rest}`,
      )
    }
    requireShape(shape, what)
  } else {
    requireShape(shape, what)
    if (sizeOf(shape) !== size) {
      throw new TapeError(
        'BAD_SHAPE',
        `${what} expected a shape of ${size} elements, got ${formatShape(wanted)} (${sizeOf(shape)} elements)`,
      )
    }
  }
  return copyShape(shape)
}
