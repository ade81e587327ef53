/** Attention as one call: scores, softmax and the weighted mean of the values. */
import * as comparison from '../array/comparison.js'
import { isFloating } from '../array/dtype.js'
import * as elementwise from '../array/elementwise.js'
import { allocate, type NDArray, scalar } from '../array/ndarray.js'
import { matmul as matmulOf } from '../array/products.js'
import { promotedToFloat } from '../array/promotion.js'
import * as reductions from '../array/reductions.js'
import { formatShape, type Shape } from '../array/shape.js'
import { softmaxGradient, softmax as softmaxOf } from '../array/softmax.js'
import { TapeError } from '../errors.js'
import { Func } from '../graph/func.js'
import { needsCalls } from '../graph/mapped.js'
import { registerFunc } from '../graph/registry.js'
import { type Operand, Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { add, mul, sub } from './arithmetic.js'
import { flagOf } from './attributes.js'
import { cast } from './casting.js'
import { where } from './comparison.js'
import { matmul } from './products.js'
import { sum } from './reductions.js'
import { sumTo } from './shapes.js'
import { softmax } from './softmax.js'

export interface AttentionOptions {
  /** Whether query i sees keys 0 … i only. Default false. */
  causal?: boolean | undefined
  /** Bools or integers: 0 hides a key from a query. Floats: added to the scores. Broadcasts to [..., queries, keys]. */
  mask?: Operand | undefined
}

/**
 * softmax(q·kᵀ/√d + mask)·v.  Backward, with weights p, scores s: gv = pᵀ·gy, gp = gy·vᵀ, gs = p·(gp − Σ gp·p),
 * gq = gs·k/√d, gk = gsᵀ·q/√d, gmask = gs.
 */
export class ScaledDotProductAttention extends Func {
  private readonly causal: boolean

  constructor(attributes: { causal?: boolean | undefined } = {}) {
    checkOptions(attributes, ['causal'], 'scaledDotProductAttention')
    const causal = flagOf(attributes.causal, false, 'causal', 'scaledDotProductAttention')
    super({ causal })
    this.causal = causal
  }

  override forward(queries: NDArray, keys: NDArray, values: NDArray, mask?: NDArray): NDArray {
    requireHeads(queries, keys, values)
    // A mask of floats is added to the scores, so it takes part in what dtype they have.
    const added = mask !== undefined && isFloating(mask.dtype) ? [mask] : []
    const [q, k, v] = promotedToFloat([queries, keys, values, ...added]) as [NDArray, NDArray, NDArray]
    const width = q.shape[q.ndim - 1]!
    const products = matmulOf(q, k, { transposeB: true })
    let scores = elementwise.mul(products, scalar(1 / Math.sqrt(width), products.dtype))
    const never = scalar(-Infinity, scores.dtype)
    if (mask !== undefined) {
      scores = isFloating(mask.dtype) ? elementwise.add(scores, mask) : comparison.where(mask, scores, never)
    }
    if (this.causal) hideLater(scores)
    return matmulOf(softmaxOf(scores, -1), v)
  }

  override backward(gy: Variable): (Variable | null)[] {
    const q = cast(this.inputAt(0), gy.dtype)
    const k = cast(this.inputAt(1), gy.dtype)
    const v = cast(this.inputAt(2), gy.dtype)
    const mask = this.inputCount > 3 ? this.inputAt(3) : null
    const scale = 1 / Math.sqrt(q.shape[q.ndim - 1]!)
    const weights = this.weights(q, k, mask, scale, gy)
    const gp = matmul(gy, v, { transposeB: true })
    const made = needsCalls(gp, weights) ? null : softmaxGradient(gp.data, weights.data)
    const gs =
      made !== null
        ? new Variable(made, false, 'variable')
        : mul(weights, sub(gp, sum(mul(gp, weights), { axis: -1, keepdims: true })))
    const gradients = [
      this.needsGradient(0) ? sumTo(mul(matmul(gs, k), scale), q.shape) : null,
      this.needsGradient(1) ? sumTo(mul(matmul(gs, q, { transposeA: true }), scale), k.shape) : null,
      this.needsGradient(2) ? sumTo(matmul(weights, gy, { transposeA: true }), v.shape) : null,
    ]
    if (mask !== null) gradients.push(this.needsGradient(3) ? sumTo(gs, mask.shape) : null)
    return gradients
  }

  private weights(q: Variable, k: Variable, mask: Variable | null, scale: number, gy: Variable): Variable {
    let scores = mul(matmul(q, k, { transposeB: true }), scale)
    if (mask === null && !needsCalls(q, k)) {
      if (this.causal) hideLater(scores.data)
      return new Variable(softmaxOf(scores.data, -1), false, 'variable')
    }
    if (mask !== null) scores = isFloating(mask.dtype) ? add(scores, mask) : where(mask, scores, -Infinity)
    if (this.causal) scores = where(visibleOf(scores.shape), scores, -Infinity)
    if (mask === null) return softmax(scores)
    // A query that sees no key has weights NaN. Where nobody used what it gave, they must not reach keys and values.
    const unused = unusedRows(scores.data, gy.data)
    if (unused === null) return softmax(scores)
    return where(unused, 0, softmax(where(unused, 0, scores)))
  }
}

/** Which queries see no key and have a gradient of 0 throughout; null when there is none. */
function unusedRows(scores: NDArray, gy: NDArray): NDArray | null {
  const over = { axis: -1, keepdims: true }
  const seen = reductions.any(comparison.notEqual(scores, scalar(-Infinity, scores.dtype)), over)
  const used = reductions.any(comparison.notEqual(gy, scalar(0, gy.dtype)), over)
  const unused = comparison.logicalNot(comparison.logicalOr(seen, used))
  return unused.data.includes(1) ? unused : null
}

/** Hides from each query the keys after it, in scores that nobody else has. */
function hideLater({ buffer, offset, size, shape }: NDArray): void {
  const [rows, columns] = [shape[shape.length - 2]!, shape[shape.length - 1]!]
  if (size === 0) return
  for (let i = 0, row = offset; row < offset + size; i = i + 1 === rows ? 0 : i + 1, row += columns)
    buffer.fill(-Infinity, row + Math.min(i + 1, columns), row + columns)
}

/** Which keys each query sees: those not after it. */
function visibleOf(scores: Shape): NDArray {
  const rows = scores.at(-2)!
  const columns = scores.at(-1)!
  const visible = allocate('bool', Object.freeze([rows, columns]))
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j <= Math.min(i, columns - 1); j++) visible.buffer[visible.offset + i * columns + j] = 1
  }
  return visible
}

function requireHeads(q: NDArray, k: NDArray, v: NDArray): void {
  const fits =
    q.ndim > 1 &&
    k.ndim > 1 &&
    v.ndim > 1 &&
    q.shape[q.ndim - 1] === k.shape[k.ndim - 1] &&
    k.shape[k.ndim - 2] === v.shape[v.ndim - 2]
  if (fits) return
  throw new TapeError(
    'SHAPE_MISMATCH',
    'scaledDotProductAttention expected q [..., queries, d], k [..., keys, d], v [..., keys, e], got ' +
      `${formatShape(q.shape)}, ${formatShape(k.shape)}, ${formatShape(v.shape)}`,
  )
}

/**
 * softmax(q·kᵀ/√d)·v, with keys hidden or scores shifted by a mask.
 *
 * Shapes   q [..., queries, d], k [..., keys, d], v [..., keys, e] → [..., queries, e]; leading axes broadcast.
 * Throws   SHAPE_MISMATCH. A query that sees no key gives NaN, as in PyTorch; while nobody uses that row, its NaN reaches no gradient.
 */
export function scaledDotProductAttention(
  q: Operand,
  k: Operand,
  v: Operand,
  options: AttentionOptions = {},
): Variable {
  checkOptions(options, ['causal', 'mask'], 'scaledDotProductAttention')
  const { causal, mask } = options
  const call = new ScaledDotProductAttention({ causal })
  return mask === undefined ? call.apply(q, k, v) : call.apply(q, k, v, mask)
}

registerFunc(ScaledDotProductAttention)
