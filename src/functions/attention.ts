/** Attention as one call: scores, softmax and the weighted mean of the values. */
import * as comparison from '../array/comparison.js'
import { isFloating } from '../array/dtype.js'
import * as elementwise from '../array/elementwise.js'
import { allocate, type NDArray, scalar } from '../array/ndarray.js'
import { matmul as matmulOf } from '../array/products.js'
import { promotedToFloat } from '../array/promotion.js'
import { nextRandomKey } from '../array/random.js'
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
import { flagOf, integerOf, numberOf, refuse } from './attributes.js'
import { cast } from './casting.js'
import { where } from './comparison.js'
import { Dropout } from './dropout.js'
import { matmul } from './products.js'
import { sum } from './reductions.js'
import { sumTo } from './shapes.js'
import { softmax } from './softmax.js'

/** Settings of `scaledDotProductAttention`. */
export interface AttentionOptions {
  /** Whether query i sees keys 0 … i only. Default false. */
  causal?: boolean | undefined
  /** Bools or integers: 0 hides a key from a query. Floats: added to the scores. Broadcasts to [..., queries, keys]. */
  mask?: Operand | undefined
  /** The share of the weights that become 0, after softmax. Default 0. */
  dropout?: number | undefined
  /** False drops none. Default true. */
  training?: boolean | undefined
  /** The stream and the place in it to draw what is dropped from; the default generator's next unless both are given. */
  seed?: number | undefined
  counter?: number | undefined
}

/** What a call drops: its attributes, where it drops something. */
interface Drop {
  readonly dropout: number
  readonly seed: number
  readonly counter: number
}

type DropAttributes = Pick<AttentionOptions, 'dropout' | 'seed' | 'counter'>

/**
 * softmax(q·kᵀ/√d + mask)·v.  Backward, with weights p, scores s: gv = pᵀ·gy, gp = gy·vᵀ, gs = p·(gp − Σ gp·p),
 * gq = gs·k/√d, gk = gsᵀ·q/√d, gmask = gs. With dropout and d the weights that were left, gv = dᵀ·gy, gs = d·gp − p·Σ d·gp.
 */
export class ScaledDotProductAttention extends Func {
  private readonly causal: boolean
  private readonly drop: Drop | null

  constructor(attributes: Omit<AttentionOptions, 'mask' | 'training'> = {}) {
    checkOptions(attributes, ['causal', 'dropout', 'seed', 'counter'], 'scaledDotProductAttention')
    const causal = flagOf(attributes.causal, false, 'causal', 'scaledDotProductAttention')
    const drop = dropOf(attributes)
    super(drop === null ? { causal } : { causal, ...drop })
    this.causal = causal
    this.drop = drop
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
    const weights = softmaxOf(scores, -1)
    return matmulOf(this.drop === null ? weights : this.dropping(this.drop).forward(weights), v)
  }

  override backward(gy: Variable): (Variable | null)[] {
    const q = cast(this.inputAt(0), gy.dtype)
    const k = cast(this.inputAt(1), gy.dtype)
    const v = cast(this.inputAt(2), gy.dtype)
    const mask = this.inputCount > 3 ? this.inputAt(3) : null
    const scale = 1 / Math.sqrt(q.shape[q.ndim - 1]!)
    const weights = this.weights(q, k, mask, scale, gy)
    const left = this.drop === null ? weights : this.dropping(this.drop).apply1(weights)
    const gp = matmul(gy, v, { transposeB: true })
    const gs = this.drop === null ? scoresGradient(gp, weights) : droppedGradient(gp, weights, left)
    const gradients = [
      this.needsGradient(0) ? sumTo(mul(matmul(gs, k), scale), q.shape) : null,
      this.needsGradient(1) ? sumTo(mul(matmul(gs, q, { transposeA: true }), scale), k.shape) : null,
      this.needsGradient(2) ? sumTo(matmul(left, gy, { transposeA: true }), v.shape) : null,
    ]
    if (mask !== null) gradients.push(this.needsGradient(3) ? sumTo(gs, mask.shape) : null)
    return gradients
  }

  private dropping({ dropout: p, seed, counter }: Drop): Dropout {
    return new Dropout({ p, seed, counter })
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

function scoresGradient(gp: Variable, weights: Variable): Variable {
  const made = needsCalls(gp, weights) ? null : softmaxGradient(gp.data, weights.data)
  if (made !== null) return new Variable(made, false, 'variable')
  return mul(weights, sub(gp, sum(mul(gp, weights), { axis: -1, keepdims: true })))
}

function droppedGradient(gp: Variable, weights: Variable, left: Variable): Variable {
  const shares = mul(left, gp)
  return sub(shares, mul(weights, sum(shares, { axis: -1, keepdims: true })))
}

/** What is dropped, checked; null where it is nothing. */
function dropOf({ dropout, seed, counter }: DropAttributes): Drop | null {
  const p = shareOf(dropout)
  if (p === 0) return null
  return {
    dropout: p,
    seed: integerOf(seed, undefined, 0, 'seed', 'scaledDotProductAttention'),
    counter: integerOf(counter, undefined, 0, 'counter', 'scaledDotProductAttention'),
  }
}

function shareOf(value: unknown): number {
  const p = numberOf(value, 0, 'dropout', 'scaledDotProductAttention')
  return p >= 0 && p <= 1 ? p : refuse(`scaledDotProductAttention expected dropout from 0 to 1, got ${p}`)
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
 * softmax(q·kᵀ/√d)·v, with keys hidden or scores shifted by a mask, and a share of the weights dropped in training.
 *
 * Shapes   q [..., queries, d], k [..., keys, d], v [..., keys, e] → [..., queries, e]; leading axes broadcast.
 * Throws   SHAPE_MISMATCH; BAD_ARGUMENT for dropout outside [0, 1], or a seed without a counter. A query that sees no key gives NaN, as in PyTorch; while nobody uses that row, its NaN reaches no gradient.
 */
export function scaledDotProductAttention(
  q: Operand,
  k: Operand,
  v: Operand,
  options: AttentionOptions = {},
): Variable {
  checkOptions(
    options,
    ['causal', 'mask', 'dropout', 'training', 'seed', 'counter'],
    'scaledDotProductAttention',
  )
  const { causal, mask, seed, counter } = options
  const dropout = shareOf(options.dropout)
  if ((seed === undefined) !== (counter === undefined))
    refuse('scaledDotProductAttention expected seed and counter together, got one of them')
  const drops = flagOf(options.training, true, 'training', 'scaledDotProductAttention') && dropout > 0
  const key = seed === undefined && drops ? nextRandomKey() : { seed, counter }
  const call = new ScaledDotProductAttention(drops ? { causal, dropout, ...key } : { causal })
  return mask === undefined ? call.apply(q, k, v) : call.apply(q, k, v, mask)
}

registerFunc(ScaledDotProductAttention, { name: 'scaledDotProductAttention' })
