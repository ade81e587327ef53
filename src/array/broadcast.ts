/**
 * How operands of different shapes run through one result: strides with 0 where an operand repeats, merged
 * axes, and the walk over what a kernel's block of rows and columns does not cover. Knows no dtype and no
 * operation.
 */
import type { Shape } from './shape.js'

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
export type Walk = { readonly extents: number[]; readonly strides: number[][] }

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
