/**
 * The kernel in plain JavaScript: sends every primitive to the loop of its element type. Its results define
 * the id `portable-1`; a faster kernel with that id must give the same bits.
 */
import { compareLoop } from './compare-loops.js'
import { binaryFloat32, clipFloat32, unaryFloat32 } from './float32-loops.js'
import { binaryFloat64, clipFloat64, unaryFloat64 } from './float64-loops.js'
import { binaryInteger, unaryInteger } from './integer-loops.js'
import { matmulFloat32, matmulFloat64, matmulInteger } from './matmul-loops.js'
import { adamLoop, momentumLoop, sgdLoop } from './optimizer-loops.js'
import type { Kernel } from './primitives.js'
import { accumulateFloat32, accumulateWide, reduceFloat32, reduceWide } from './reduce-loops.js'
import { slopeFloat32, slopeFloat64 } from './slope-loops.js'
import { logSoftmaxFloat32, logSoftmaxFloat64, softmaxFloat32, softmaxFloat64 } from './softmax-loops.js'

export const plainKernel: Kernel = Object.freeze<Kernel>({
  id: 'portable-1',
  sumsByHalves: false,

  unary(op, x, xo, out, oo, n) {
    if (x instanceof Float64Array) unaryFloat64(op, x, xo, out as Float64Array, oo, n)
    else if (x instanceof Float32Array) unaryFloat32(op, x, xo, out as Float32Array, oo, n)
    else unaryInteger(op, x, xo, out as typeof x, oo, n)
  },

  binary(op, rows, columns, a, ao, ar, ac, b, bo, br, bc, out, oo) {
    if (a instanceof Float64Array) {
      binaryFloat64(op, rows, columns, a, ao, ar, ac, b as Float64Array, bo, br, bc, out as Float64Array, oo)
    } else if (a instanceof Float32Array) {
      binaryFloat32(op, rows, columns, a, ao, ar, ac, b as Float32Array, bo, br, bc, out as Float32Array, oo)
    } else {
      binaryInteger(op, rows, columns, a, ao, ar, ac, b as typeof a, bo, br, bc, out as typeof a, oo)
    }
  },

  compare: compareLoop,
  sgdStep: sgdLoop,
  momentumStep: momentumLoop,
  adamStep: adamLoop,

  slope(op, g, go, x, xo, out, oo, n) {
    if (g instanceof Float64Array) {
      slopeFloat64(op, g, go, x as Float64Array, xo, out as Float64Array, oo, n)
    } else {
      slopeFloat32(op, g as Float32Array, go, x as Float32Array, xo, out as Float32Array, oo, n)
    }
  },

  clip(x, xo, least, most, out, oo, n) {
    if (x instanceof Float64Array) clipFloat64(x, xo, least, most, out as Float64Array, oo, n)
    else if (x instanceof Float32Array) clipFloat32(x, xo, least, most, out as Float32Array, oo, n)
    else for (let i = 0; i < n; i++) out[oo + i] = Math.min(Math.max(x[xo + i]!, least), most)
  },

  reduceRows(op, x, xo, rows, columns, out, oo) {
    if (x instanceof Float32Array) reduceFloat32(op, x, xo, rows, columns, out as Float32Array, oo)
    else reduceWide(op, x, xo, rows, columns, out as Float64Array, oo)
  },

  accumulateRows(op, x, xo, rows, columns, out, oo) {
    if (x instanceof Float32Array) accumulateFloat32(op, x, xo, rows, columns, out as Float32Array, oo)
    else accumulateWide(op, x, xo, rows, columns, out as Float64Array, oo)
  },

  matmul(m, k, n, a, ao, ar, ac, b, bo, br, bc, out, oo) {
    if (a instanceof Float64Array) {
      matmulFloat64(m, k, n, a, ao, ar, ac, b as Float64Array, bo, br, bc, out as Float64Array, oo)
    } else if (a instanceof Float32Array) {
      matmulFloat32(m, k, n, a, ao, ar, ac, b as Float32Array, bo, br, bc, out as Float32Array, oo)
    } else {
      matmulInteger(m, k, n, a, ao, ar, ac, b as typeof a, bo, br, bc, out as typeof a, oo)
    }
  },

  softmaxRows(x, xo, rows, columns, out, oo) {
    if (x instanceof Float32Array) softmaxFloat32(x, xo, rows, columns, out as Float32Array, oo)
    else softmaxFloat64(x as Float64Array, xo, rows, columns, out as Float64Array, oo)
  },

  logSoftmaxRows(x, xo, rows, columns, out, oo) {
    if (x instanceof Float32Array) logSoftmaxFloat32(x, xo, rows, columns, out as Float32Array, oo)
    else logSoftmaxFloat64(x as Float64Array, xo, rows, columns, out as Float64Array, oo)
  },
})
