/**
 * How operands of different shapes run through one result: strides with 0 where an operand repeats, merged
 * axes, and the walk over what a kernel's block of rows and columns does not cover. Knows no dtype and no
 * operation.
 */
import { type Shape, sameShape, sizeOf } from './shape.js'

/** Row-major strides of an array of this shape, in elements. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length)
  let step = 1
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = step
    step *= shape[i]!
  }
  return strides
}

/** Strides with which an array of shape `from` runs through `to`: 0 along axes that it lacks or has once. */
export function broadcastStrides(from: Shape, to: Shape): number[] {
  const lead = to.length - from.length
  const strides = new Array<number>(to.length).fill(0)
  let step = 1
  for (let i = from.length - 1; i >= 0; i--) {
    strides[lead + i] = from[i] === 1 ? 0 : step
    step *= from[i]!
  }
  return strides
}

/**
 * Extents and strides of several operands, outermost first, where axes that run on into each other are
 * merged.
 */
type Walk = { readonly extents: number[]; readonly strides: number[][] }

/** Merges axis i with i + 1 where every operand steps through both as through one, and drops extents of 1. */
export function mergeAxes(shape: Shape, strides: readonly number[][]): Walk {
  const extents: number[] = []
  const merged: number[][] = strides.map(() => [])
  for (let axis = 0; axis < shape.length; axis++) {
    const extent = shape[axis]!
    if (extent === 1) continue
    const last = extents.length - 1
    if (last >= 0 && strides.every((s, o) => merged[o]![last] === s[axis]! * extent)) {
      extents[last] = extents[last]! * extent
      strides.forEach((s, o) => {
        merged[o]![last] = s[axis]!
      })
    } else {
      extents.push(extent)
      strides.forEach((s, o) => {
        merged[o]!.push(s[axis]!)
      })
    }
  }
  return { extents, strides: merged }
}

/**
 * Calls `block` with the operands' offsets for every position of the axes before the last `inner` ones, in
 * row-major order. `offsets` is the same array each time.
 */
export function forEachBlock(walk: Walk, inner: number, block: (offsets: readonly number[]) => void): void {
  const outer = walk.extents.length - inner
  const offsets = walk.strides.map(() => 0)
  if (walk.extents.includes(0)) return
  if (outer <= 0) {
    block(offsets)
    return
  }
  const index = new Array<number>(outer).fill(0)
  for (;;) {
    block(offsets)
    let axis = outer - 1
    for (; axis >= 0; axis--) {
      const at = ++index[axis]!
      for (let o = 0; o < offsets.length; o++) offsets[o]! += walk.strides[o]![axis]!
      if (at < walk.extents[axis]!) break
      for (let o = 0; o < offsets.length; o++) offsets[o]! -= walk.strides[o]![axis]! * at
      index[axis] = 0
    }
    if (axis < 0) return
  }
}

/**
 * A block of two operands: rows × columns, and for each operand where it begins and how far its steps are.
 */
type PairBlock = (
  rows: number,
  columns: number,
  aStart: number,
  aRow: number,
  aColumn: number,
  bStart: number,
  bRow: number,
  bColumn: number,
  outStart: number,
) => void

/**
 * Cuts the broadcast of two operands to `shape` into blocks for a kernel. Equal shapes, an operand of one
 * element and a row that repeats (a bias) are one block; they are found without strides, because small arrays
 * feel every allocation.
 */
export function forEachPair(aShape: Shape, bShape: Shape, shape: Shape, block: PairBlock): void {
  const size = sizeOf(shape)
  if (sameShape(aShape, bShape)) return block(1, size, 0, 0, 1, 0, 0, 1, 0)
  const aSize = sizeOf(aShape)
  const bSize = sizeOf(bShape)
  if (size === 0) return
  if (bSize === 1) return block(1, size, 0, 0, 1, 0, 0, 0, 0)
  if (aSize === 1) return block(1, size, 0, 0, 0, 0, 0, 1, 0)
  if (aSize === size && endsWith(shape, bShape)) return block(size / bSize, bSize, 0, bSize, 1, 0, 0, 1, 0)
  if (bSize === size && endsWith(shape, aShape)) return block(size / aSize, aSize, 0, 0, 1, 0, aSize, 1, 0)
  const walk = mergeAxes(shape, [broadcastStrides(aShape, shape), broadcastStrides(bShape, shape)])
  const last = walk.extents.length - 1
  const columns = walk.extents[last] ?? 1
  const rows = walk.extents[last - 1] ?? 1
  const [a, b] = walk.strides as [number[], number[]]
  let at = 0
  forEachBlock(walk, 2, ([aStart, bStart]) => {
    const [aRow, aColumn, bRow, bColumn] = [a[last - 1] ?? 0, a[last] ?? 0, b[last - 1] ?? 0, b[last] ?? 0]
    block(rows, columns, aStart!, aRow, aColumn, bStart!, bRow, bColumn, at)
    at += rows * columns
  })
}

function endsWith(shape: Shape, end: Shape): boolean {
  const lead = shape.length - end.length
  for (let i = 0; i < end.length; i++) if (shape[lead + i] !== end[i]) return false
  return true
}
