/**
 * Elementary functions through staging memory, in pieces that stay in the second cache.
 */
import { cos, sin } from '../math/trigonometry.js'
import type { UnaryOp } from '../primitives.js'
import { copyIn, copyOut, type InPlace, STAGE, type Staging, type WasmExports } from './staging.js'

type Floats = Float64Array | Float32Array

/** Elements a piece. The second operand of `pow` is staged behind the first. */
const PIECE = 8192
const SECOND = STAGE + PIECE * 8

/** The vector kernels of sine and cosine leave larger arguments to the scalar ones. */
const LARGE = 1048576

/** The vector kernel of an operation, or null when it has none. */
export function vectorKernel(run: WasmExports, op: UnaryOp, wide: boolean): InPlace | null {
  switch (op) {
    case 'exp':
      return wide ? run.exp64 : run.exp32
    case 'expm1':
      return wide ? run.expm164 : run.expm132
    case 'log':
      return wide ? run.log64 : run.log32
    case 'log1p':
      return wide ? run.log1p64 : run.log1p32
    case 'tanh':
      return wide ? run.tanh64 : run.tanh32
    case 'sigmoid':
      return wide ? run.sigmoid64 : run.sigmoid32
    case 'softplus':
      return wide ? run.softplus64 : run.softplus32
    case 'erf':
      return wide ? run.erf64 : run.erf32
    case 'gelu':
      return wide ? run.gelu64 : run.gelu32
    case 'sin':
      return wide ? run.sin64 : run.sin32
    case 'cos':
      return wide ? run.cos64 : run.cos32
    case 'neg':
      return wide ? run.neg64 : run.neg32
    case 'square':
      return wide ? run.square64 : run.square32
    case 'abs':
      return wide ? run.abs64 : run.abs32
    case 'relu':
      return wide ? run.relu64 : run.relu32
    case 'sqrt':
      return wide ? run.sqrt64 : run.sqrt32
    case 'reciprocal':
      return wide ? run.reciprocal64 : run.reciprocal32
    default:
      return null
  }
}

/** out[i] = op(x[i]) for i < count, where `compute` is the vector kernel of `op`. */
export function unaryStaged(
  memory: Staging,
  compute: InPlace,
  op: UnaryOp,
  x: Floats,
  xOffset: number,
  out: Floats,
  outOffset: number,
  count: number,
): void {
  const wide = x instanceof Float64Array
  const heap = wide ? memory.float64 : memory.float32
  const at = STAGE / (wide ? 8 : 4)
  const scalar = op === 'sin' ? sin : op === 'cos' ? cos : null
  for (let done = 0; done < count; done += PIECE) {
    const some = Math.min(PIECE, count - done)
    const from = xOffset + done
    copyIn(x, from, some, heap, at)
    compute(STAGE, some)
    if (scalar !== null) {
      for (let i = 0; i < some; i++) {
        const v = x[from + i]!
        if (v >= LARGE || v <= -LARGE) heap[at + i] = scalar(v)
      }
    }
    copyOut(heap, at, some, out, outOffset + done)
  }
}

/** out[i] = x[i]^y[i] for i < count; a step of 0 repeats one element. */
export function powStaged(
  memory: Staging,
  x: Floats,
  xOffset: number,
  xStep: 0 | 1,
  y: Floats,
  yOffset: number,
  yStep: 0 | 1,
  out: Floats,
  outOffset: number,
  count: number,
): void {
  const wide = x instanceof Float64Array
  const heap = wide ? memory.float64 : memory.float32
  const compute = wide ? memory.run.pow64 : memory.run.pow32
  const at = STAGE / (wide ? 8 : 4)
  const second = SECOND / (wide ? 8 : 4)
  for (let done = 0; done < count; done += PIECE) {
    const some = Math.min(PIECE, count - done)
    if (xStep === 0) heap.fill(x[xOffset]!, at, at + some)
    else copyIn(x, xOffset + done, some, heap, at)
    if (yStep === 1) copyIn(y, yOffset + done, some, heap, second)
    else if (done === 0) heap.fill(y[yOffset]!, second, second + some)
    compute(STAGE, SECOND, some)
    copyOut(heap, at, some, out, outOffset + done)
  }
}
