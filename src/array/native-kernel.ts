/**
 * The portable kernel with native code for large arrays, where that is to be had: the same bits (native/library.ts sees to it), no
 * staging memory, vectors as wide as the processor has them. Below the sizes here a call into native code costs more than it saves;
 * these sizes are a matter of speed alone.
 */
import type { TypedArray } from './dtype.js'
import { cos, sin, tan } from './math/trigonometry.js'
import type { Native } from './native/addon.js'
import {
  adamNatively,
  binaryNatively,
  clipNatively,
  compareNatively,
  matmulNatively,
  momentumNatively,
  rowsNatively,
  sgdNatively,
  softmaxNatively,
  unaryNatively,
  unaryNumber,
} from './native/calls.js'
import { native as nativeHere } from './native/library.js'
import { fusedOver } from './native-fused.js'
import { portableKernel } from './portable-kernel.js'
import type { Kernel } from './primitives.js'

/** Elements from which native code pays; multiplications of a product. */
const ELEMENTS_MIN = 64
const PAIRS_MIN = 512
const COMPARISONS_MIN = 256
const SUM_MIN = 256
const PRODUCT_MIN = 2048

/** The vector code of sine, cosine and tangent leaves larger arguments to the scalar one. */
const LARGE = 1048576

type Floats = Float64Array | Float32Array

function isFloats(x: TypedArray): x is Floats {
  return x instanceof Float64Array || x instanceof Float32Array
}

/** The kernel over native code that `native` gives at each call; null where there is none. */
export function nativeKernelOver(native: () => Native | null): Kernel {
  return Object.freeze<Kernel>({
    ...portableKernel,
    fused: fusedOver(native),

    unary(op, x, xo, out, oo, n) {
      const code = n >= ELEMENTS_MIN && isFloats(x) ? native() : null
      const number = code === null ? undefined : unaryNumber(op)
      if (code === null || number === undefined) return portableKernel.unary(op, x, xo, out, oo, n)
      const scalar = op === 'sin' ? sin : op === 'cos' ? cos : op === 'tan' ? tan : null
      if (scalar !== null && x === out) return portableKernel.unary(op, x, xo, out, oo, n)
      unaryNatively(code, number, x as Floats, xo, out as Floats, oo, n)
      if (scalar === null) return
      for (let i = 0; i < n; i++) {
        const v = x[xo + i]!
        if (v >= LARGE || v <= -LARGE) out[oo + i] = scalar(v)
      }
    },

    binary(op, rows, columns, a, ao, ar, ac, b, bo, br, bc, out, oo) {
      const code =
        rows * columns >= (op === 'pow' || op === 'arctan2' ? ELEMENTS_MIN : PAIRS_MIN) && isFloats(a)
          ? native()
          : null
      if (code === null)
        return portableKernel.binary(op, rows, columns, a, ao, ar, ac, b, bo, br, bc, out, oo)
      const [x, y, z] = [a as Floats, b as Floats, out as Floats]
      // One row, where it can be one: fewer, longer loops.
      if (rows > 1 && flat(columns, ar, ac) && flat(columns, br, bc)) {
        return binaryNatively(code, op, 1, rows * columns, x, ao, 0, ac, y, bo, 0, bc, z, oo)
      }
      binaryNatively(code, op, rows, columns, x, ao, ar, ac, y, bo, br, bc, z, oo)
    },

    compare(op, rows, columns, a, ao, ar, ac, b, bo, br, bc, out, oo) {
      const code = rows * columns >= COMPARISONS_MIN && isFloats(a) ? native() : null
      if (code === null)
        return portableKernel.compare(op, rows, columns, a, ao, ar, ac, b, bo, br, bc, out, oo)
      compareNatively(code, op, rows, columns, a as Floats, ao, ar, ac, b as Floats, bo, br, bc, out, oo)
    },

    clip(x, xo, least, most, out, oo, n) {
      const code = n >= PAIRS_MIN && isFloats(x) ? native() : null
      if (code === null) return portableKernel.clip(x, xo, least, most, out, oo, n)
      clipNatively(code, x as Floats, xo, least, most, out as Floats, oo, n)
    },

    slope(op, g, go, x, xo, out, oo, n) {
      const code = n >= PAIRS_MIN && isFloats(g) ? native() : null
      if (code === null) return portableKernel.slope(op, g, go, x, xo, out, oo, n)
      const [a, b, z] = [g as Floats, x as Floats, out as Floats]
      binaryNatively(code, `${op}Slope`, 1, n, a, go, 0, 1, b, xo, 0, 1, z, oo)
    },

    matmul(m, k, n, a, ao, ar, ac, b, bo, br, bc, out, oo) {
      const code = m * k * n >= PRODUCT_MIN && isFloats(a) ? native() : null
      if (code === null) return portableKernel.matmul(m, k, n, a, ao, ar, ac, b, bo, br, bc, out, oo)
      matmulNatively(code, m, k, n, a as Floats, ao, ar, ac, b as Floats, bo, br, bc, out as Floats, oo)
    },

    reduceRows(op, x, xo, rows, columns, out, oo) {
      const code = rows * columns >= SUM_MIN && isFloats(x) ? native() : null
      if (code === null) return portableKernel.reduceRows(op, x, xo, rows, columns, out, oo)
      rowsNatively(code, false, op, x as Floats, xo, rows, columns, out as Floats, oo)
    },

    accumulateRows(op, x, xo, rows, columns, out, oo) {
      const code = rows * columns >= SUM_MIN && isFloats(x) ? native() : null
      if (code === null) return portableKernel.accumulateRows(op, x, xo, rows, columns, out, oo)
      rowsNatively(code, true, op, x as Floats, xo, rows, columns, out as Floats, oo)
    },

    softmaxRows(x, xo, rows, columns, out, oo) {
      const code = rows * columns >= ELEMENTS_MIN && columns >= 2 && isFloats(x) ? native() : null
      if (code === null) return portableKernel.softmaxRows(x, xo, rows, columns, out, oo)
      softmaxNatively(code, false, x as Floats, xo, rows, columns, out as Floats, oo)
    },

    logSoftmaxRows(x, xo, rows, columns, out, oo) {
      const code = rows * columns >= ELEMENTS_MIN && columns >= 2 && isFloats(x) ? native() : null
      if (code === null) return portableKernel.logSoftmaxRows(x, xo, rows, columns, out, oo)
      softmaxNatively(code, true, x as Floats, xo, rows, columns, out as Floats, oo)
    },

    sgdStep(w, wo, g, go, out, oo, n, lr, weightDecay) {
      const code = n >= PAIRS_MIN && isFloats(w) ? native() : null
      if (code === null) return portableKernel.sgdStep(w, wo, g, go, out, oo, n, lr, weightDecay)
      sgdNatively(code, w as Floats, wo, g as Floats, go, out as Floats, oo, n, lr, weightDecay)
    },

    momentumStep(w, wo, g, go, v, vo, outW, outWo, outV, outVo, n, numbers) {
      const code = n >= PAIRS_MIN && isFloats(w) ? native() : null
      if (code === null) {
        return portableKernel.momentumStep(w, wo, g, go, v, vo, outW, outWo, outV, outVo, n, numbers)
      }
      const [x, d, u] = [w as Floats, g as Floats, v as Floats]
      momentumNatively(
        ...([code, x, wo, d, go, u, vo, outW as Floats, outWo, outV as Floats, outVo, n, numbers] as const),
      )
    },

    adamStep(w, wo, g, go, m, mo, v, vo, outW, outWo, outM, outMo, outV, outVo, n, numbers) {
      const code = n >= PAIRS_MIN && isFloats(w) ? native() : null
      if (code === null) {
        return portableKernel.adamStep(
          ...([w, wo, g, go, m, mo, v, vo, outW, outWo, outM, outMo, outV, outVo, n, numbers] as const),
        )
      }
      const [x, d, mean, square] = [w as Floats, g as Floats, m as Floats, v as Floats]
      const [newW, newM, newV] = [outW as Floats, outM as Floats, outV as Floats]
      adamNatively(
        ...([code, x, wo, d, go, mean, mo, square, vo, newW, outWo, newM, outMo] as const),
        ...([newV, outVo, n, numbers] as const),
      )
    },
  })
}

export const nativeKernel: Kernel = nativeKernelOver(nativeHere)

/** Whether rows × columns are one run of elements, or one element again and again. */
function flat(columns: number, row: number, column: number): boolean {
  return column === 0 ? row === 0 : column === 1 && row === columns
}
