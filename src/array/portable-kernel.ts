/**
 * The default kernel: small arrays in the plain kernel's loops, large ones in WebAssembly where that is faster. Both
 * ways give the same bits, so the sizes where they change are a matter of speed alone and may differ between
 * machines. Where WebAssembly is not to be had, everything goes the plain way.
 *
 * The bits do not depend on the machine either, be it x86-64 or arm64: both ways use only + − × ÷ √, comparisons,
 * conversions and moves of bits, each of which IEEE 754 gives one result; ECMAScript and WebAssembly (without its
 * relaxed operations) allow no engine to fuse or reorder them or to flush subnormals.
 *
 * Of a NaN only that it is one is promised: its sign and payload may differ between the ways, and between engines.
 * Whoever compares or hashes results takes one NaN for all.
 */
import type { TypedArray } from './dtype.js'
import { plainKernel } from './plain-kernel.js'
import type { Kernel } from './primitives.js'
import {
  binaryStaged,
  clipStaged,
  columnwiseStaged,
  rowwiseStaged,
  softmaxFits,
  softmaxStaged,
} from './wasm/arithmetic.js'
import { powStaged, unaryStaged, vectorKernel } from './wasm/functions.js'
import { matmulStaged } from './wasm/matmul.js'
import { adamStaged, momentumStaged, sgdStaged } from './wasm/optimizers.js'
import { extremeStaged, pairwiseStaged, rowFits, rowsIntoStaged } from './wasm/reductions.js'
import { staging } from './wasm/staging.js'

/** From these sizes on the copies in and out pay: multiplications of a product, elements of the others. */
const PRODUCT_MIN = 512
const ELEMENTS_MIN = 32
const PAIRS_MIN = 256
const SUM_MIN = 512

export const portableKernel: Kernel = Object.freeze<Kernel>({
  ...plainKernel,

  unary(op, x, xo, out, oo, n) {
    if (n >= ELEMENTS_MIN && (x instanceof Float64Array || x instanceof Float32Array)) {
      const memory = staging()
      const compute = memory === null ? null : vectorKernel(memory.run, op, x instanceof Float64Array)
      if (memory !== null && compute !== null) {
        return unaryStaged(memory, compute, op, x, xo, out as typeof x, oo, n)
      }
    }
    plainKernel.unary(op, x, xo, out, oo, n)
  },

  binary(op, rows, columns, a, ao, ar, ac, b, bo, br, bc, out, oo) {
    const count = rows * columns
    if (count >= (op === 'pow' ? ELEMENTS_MIN : PAIRS_MIN)) {
      if (a instanceof Float64Array || a instanceof Float32Array) {
        const memory = staging()
        if (memory !== null) {
          const [y, z] = [b as typeof a, out as typeof a]
          const aStep = flatStep(rows, columns, ar, ac)
          const bStep = flatStep(rows, columns, br, bc)
          if (aStep !== null && bStep !== null) {
            if (op === 'pow') return powStaged(memory, a, ao, aStep, y, bo, bStep, z, oo, count)
            if (binaryStaged(memory, op, a, ao, aStep, y, bo, bStep, z, oo, count)) return
          } else if (aStep === 1 && br === 0 && bc === 1) {
            if (rowwiseStaged(memory, op, rows, columns, a, ao, y, bo, z, oo)) return
          } else if (aStep === 1 && br === 1 && bc === 0) {
            if (columnwiseStaged(memory, op, rows, columns, a, ao, y, bo, z, oo)) return
          }
        }
      }
    }
    plainKernel.binary(op, rows, columns, a, ao, ar, ac, b, bo, br, bc, out, oo)
  },

  clip(x, xo, least, most, out, oo, n) {
    const isFloat = x instanceof Float64Array || x instanceof Float32Array
    const memory = n >= PAIRS_MIN && isFloat ? staging() : null
    if (memory === null) return plainKernel.clip(x, xo, least, most, out, oo, n)
    const z = x as Float64Array | Float32Array
    clipStaged(memory, z, xo, least, most, out as typeof z, oo, n)
  },

  slope(op, g, go, x, xo, out, oo, n) {
    const memory = n >= PAIRS_MIN ? staging() : null
    if (memory === null) return plainKernel.slope(op, g, go, x, xo, out, oo, n)
    const z = g as Float64Array | Float32Array
    binaryStaged(memory, `${op}Slope`, z, go, 1, x as typeof z, xo, 1, out as typeof z, oo, n)
  },

  matmul(m, k, n, a, ao, ar, ac, b, bo, br, bc, out, oo) {
    if (m * k * n >= PRODUCT_MIN && (a instanceof Float64Array || a instanceof Float32Array)) {
      const memory = staging()
      const other = b as typeof a
      if (
        memory !== null &&
        matmulStaged(memory, m, k, n, a, ao, ar, ac, other, bo, br, bc, out as typeof a, oo)
      ) {
        return
      }
    }
    plainKernel.matmul(m, k, n, a, ao, ar, ac, b, bo, br, bc, out, oo)
  },

  reduceRows(op, x, xo, rows, columns, out, oo) {
    // A product runs from left to right: one chain, with nothing for vectors to do.
    const isLarge = op !== 'prod' && columns >= SUM_MIN
    if (isLarge && (x instanceof Float64Array || x instanceof Float32Array)) {
      const memory = staging()
      if (memory !== null) {
        for (let r = 0; r < rows; r++) {
          const [before, at] = [out[oo + r]!, xo + r * columns]
          out[oo + r] =
            op === 'sum'
              ? before + pairwiseStaged(memory, x, at, columns)
              : extremeStaged(memory, op, before, x, at, columns)
        }
        return
      }
    }
    plainKernel.reduceRows(op, x, xo, rows, columns, out, oo)
  },

  accumulateRows(op, x, xo, rows, columns, out, oo) {
    const isLarge = rows > 2 && columns >= 8 && rows * columns >= SUM_MIN
    if (isLarge && (x instanceof Float64Array || x instanceof Float32Array) && rowFits(columns)) {
      const memory = staging()
      if (memory !== null) {
        return rowsIntoStaged(memory, op, x, xo, rows, columns, out as typeof x, oo)
      }
    }
    plainKernel.accumulateRows(op, x, xo, rows, columns, out, oo)
  },

  sgdStep(w, wo, g, go, out, oo, n, lr, weightDecay) {
    const memory =
      n >= PAIRS_MIN && (w instanceof Float64Array || w instanceof Float32Array) ? staging() : null
    if (memory === null) return plainKernel.sgdStep(w, wo, g, go, out, oo, n, lr, weightDecay)
    const x = w as Float64Array | Float32Array
    sgdStaged(memory, x, wo, g as typeof x, go, out as typeof x, oo, n, lr, weightDecay)
  },

  momentumStep(w, wo, g, go, v, vo, outW, outWo, outV, outVo, n, numbers) {
    const memory =
      n >= ELEMENTS_MIN && (w instanceof Float64Array || w instanceof Float32Array) ? staging() : null
    if (memory === null) {
      return plainKernel.momentumStep(w, wo, g, go, v, vo, outW, outWo, outV, outVo, n, numbers)
    }
    const x = w as Float64Array | Float32Array
    const [gx, vx] = [g as typeof x, v as typeof x]
    const [outX, outVx] = [outW as typeof x, outV as typeof x]
    momentumStaged(memory, x, wo, gx, go, vx, vo, outX, outWo, outVx, outVo, n, numbers)
  },

  adamStep(w, wo, g, go, m, mo, v, vo, outW, outWo, outM, outMo, outV, outVo, n, numbers) {
    const memory =
      n >= ELEMENTS_MIN && (w instanceof Float64Array || w instanceof Float32Array) ? staging() : null
    if (memory === null) {
      return plainKernel.adamStep(
        ...([w, wo, g, go, m, mo, v, vo, outW, outWo, outM, outMo, outV, outVo, n, numbers] as const),
      )
    }
    const x = w as Float64Array | Float32Array
    const [gx, mx, vx] = [g as typeof x, m as typeof x, v as typeof x]
    const [outX, outMx, outVx] = [outW as typeof x, outM as typeof x, outV as typeof x]
    adamStaged(
      ...([
        memory,
        x,
        wo,
        gx,
        go,
        mx,
        mo,
        vx,
        vo,
        outX,
        outWo,
        outMx,
        outMo,
        outVx,
        outVo,
        n,
        numbers,
      ] as const),
    )
  },

  softmaxRows(x, xo, rows, columns, out, oo) {
    if (!softmaxWhenLarge(false, x, xo, rows, columns, out, oo)) {
      plainKernel.softmaxRows(x, xo, rows, columns, out, oo)
    }
  },

  logSoftmaxRows(x, xo, rows, columns, out, oo) {
    if (!softmaxWhenLarge(true, x, xo, rows, columns, out, oo)) {
      plainKernel.logSoftmaxRows(x, xo, rows, columns, out, oo)
    }
  },
})

/** The one step of a block that is contiguous (1) or a repeated element (0), else null. */
function flatStep(rows: number, columns: number, row: number, column: number): 0 | 1 | null {
  if (column === 0 && (rows === 1 || row === 0)) return 0
  return (column === 1 || columns === 1) && (rows === 1 || row === columns) ? 1 : null
}

/** Returns whether it was done. */
function softmaxWhenLarge(
  isLog: boolean,
  x: TypedArray,
  xo: number,
  rows: number,
  columns: number,
  out: TypedArray,
  oo: number,
): boolean {
  if (rows * columns < ELEMENTS_MIN || columns < 2 || !softmaxFits(columns)) return false
  if (!(x instanceof Float64Array || x instanceof Float32Array)) return false
  const memory = staging()
  if (memory === null) return false
  softmaxStaged(memory, isLog, x, xo, rows, columns, out as typeof x, oo)
  return true
}
