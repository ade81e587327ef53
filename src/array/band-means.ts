/**
 * Means of the bands into which an axis is divided, whatever its extent: band i of `count` reaches from ⌊i·extent/count⌋ to ⌈(i + 1)·extent/count⌉, so
 * that bands may overlap by one. And the adjoint. Each result has the bits of `mean` over that part of the array.
 */
import { kernel } from './kernel.js'
import { allocate, type NDArray } from './ndarray.js'
import { plainKernel } from './plain-kernel.js'
import { fixedShape, sizeOf } from './shape.js'

/** The first place of band i, and the one behind its last. */
function bandAt(i: number, count: number, extent: number): readonly [from: number, to: number] {
  return [Math.floor((i * extent) / count), Math.ceil(((i + 1) * extent) / count)]
}

/** Up to this many elements of a row the kernel adds one after another; more it adds pairwise. */
const ROW_MAX = 7
/** Rows of up to this many elements are one block of a sum, which every kernel adds in the same order. */
const SHORT_ROW = 128
/** The same for rows that are added to one another. */
const ROWS_MAX = 512

function resized(x: NDArray, axis: number, extent: number): NDArray {
  const shape = fixedShape(x.shape.map((one, i) => (i === axis ? extent : one)))
  return allocate(x.dtype, shape, sizeOf(shape))
}

/** x, of floats, with `count` means along an axis that is not empty. */
export function bandMeans(x: NDArray, axis: number, count: number): NDArray {
  const extent = x.shape[axis]!
  const outer = sizeOf(x.shape.slice(0, axis))
  const inner = sizeOf(x.shape.slice(axis + 1))
  const out = resized(x, axis, count)
  for (let i = 0; i < count; i++) {
    const [from, to] = bandAt(i, count, extent)
    const start = x.offset + from * inner
    const at = out.offset + i * inner
    const [step, outStep] = [extent * inner, count * inner]
    // Of a short row the plain loops have the same bits, and no call into native code for each.
    const rowKernel = to - from <= SHORT_ROW ? plainKernel : kernel
    if (to - from > (inner === 1 ? ROW_MAX : ROWS_MAX))
      for (let o = 0; o < outer; o++) {
        const [source, target] = [start + o * step, at + o * outStep]
        if (inner === 1) rowKernel.reduceRows('sum', x.buffer, source, 1, to - from, out.buffer, target)
        else kernel.accumulateRows('sum', x.buffer, source, to - from, inner, out.buffer, target)
      }
    else if (x.buffer instanceof Float64Array)
      addUp64(x.buffer, start, step, outer, to - from, inner, out.buffer as Float64Array, at, outStep)
    else {
      const [source, target] = [x.buffer as Float32Array, out.buffer as Float32Array]
      addUp32(source, start, step, outer, to - from, inner, target, at, outStep)
    }
    for (let o = 0, row = at; o < outer; o++, row += outStep)
      for (let c = row; c < row + inner; c++) out.buffer[c] = out.buffer[c]! / (to - from)
  }
  return out
}

/** g, with a number for each band, given back to an axis of `extent` places: each has its share. The last band comes first, as in a pass. */
export function bandMeansScatter(g: NDArray, axis: number, extent: number): NDArray {
  const count = g.shape[axis]!
  const outer = sizeOf(g.shape.slice(0, axis))
  const inner = sizeOf(g.shape.slice(axis + 1))
  const out = resized(g, axis, extent)
  const share = allocate(g.dtype, g.shape, g.size)
  for (let i = count - 1; i >= 0; i--) {
    const [from, to] = bandAt(i, count, extent)
    for (let o = 0, row = i * inner; o < outer; o++, row += count * inner)
      for (let c = row; c < row + inner; c++)
        share.buffer[share.offset + c] = g.buffer[g.offset + c]! / (to - from)
    const [start, at] = [share.offset + i * inner, out.offset + from * inner]
    const [step, outStep] = [count * inner, extent * inner]
    for (let k = 0; k < to - from; k++) {
      const target = at + k * inner
      if (share.buffer instanceof Float64Array)
        addUp64(share.buffer, start, step, outer, 1, inner, out.buffer as Float64Array, target, outStep)
      else {
        const [source, sums] = [share.buffer as Float32Array, out.buffer as Float32Array]
        addUp32(source, start, step, outer, 1, inner, sums, target, outStep)
      }
    }
  }
  return out
}

/** Of each of `outer` parts, out += each of `rows` rows of `inner` elements, one after another. */
function addUp64(
  x: Float64Array,
  start: number,
  step: number,
  outer: number,
  rows: number,
  inner: number,
  out: Float64Array,
  at: number,
  outStep: number,
): void {
  for (let o = 0, source = start, target = at; o < outer; o++, source += step, target += outStep)
    for (let c = 0; c < inner; c++) {
      let sum = out[target + c]!
      for (let r = 0, place = source + c; r < rows; r++, place += inner) sum += x[place]!
      out[target + c] = sum
    }
}

/** The same, each sum rounded. */
function addUp32(
  x: Float32Array,
  start: number,
  step: number,
  outer: number,
  rows: number,
  inner: number,
  out: Float32Array,
  at: number,
  outStep: number,
): void {
  for (let o = 0, source = start, target = at; o < outer; o++, source += step, target += outStep)
    for (let c = 0; c < inner; c++) {
      let sum = out[target + c]!
      for (let r = 0, place = source + c; r < rows; r++, place += inner) sum = Math.fround(sum + x[place]!)
      out[target + c] = sum
    }
}
