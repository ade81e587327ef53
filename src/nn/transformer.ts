/**
 * Transformers: layers of attention and of two linear layers between, with sums around each, and stacks of them. The names of parts are
 * PyTorch's (`selfAttn` is its `self_attn`), so that `loadTorchState` finds everything.
 */
import { relu } from '../functions/activations.js'
import { add } from '../functions/arithmetic.js'
import { flagOf, refuse } from '../functions/attributes.js'
import { asVariable, type Operand, type Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { type AttentionCallOptions, MultiHeadAttention, type MultiHeadAttentionOptions } from './attention.js'
import { Dropout } from './dropout.js'
import { sizeOption } from './initial.js'
import { KeyValueCache } from './key-value-cache.js'
import { Linear } from './linear.js'
import { Module } from './module.js'
import { LayerNorm } from './normalization.js'

/** Settings of a layer of a transformer. */
export interface TransformerLayerOptions extends MultiHeadAttentionOptions {
  /** The width between the two linear layers. Default 2,048. */
  feedForward?: number | undefined
  /** The share of elements that dropout takes: of the weights of attention, of what each part adds, between the linear layers. Default 0.1. */
  dropout?: number | undefined
  /** What stands between the linear layers. Default relu. */
  activation?: ((x: Variable) => Variable) | undefined
  /** Whether each part reads what is normalised already, rather than its sum being normalised. Default false. */
  normFirst?: boolean | undefined
  /** Added to the variance in normalisation. Default 1e-5. */
  eps?: number | undefined
}

/** Settings of a stack of layers. */
export interface TransformerOptions extends TransformerLayerOptions {
  /** How many layers. Default 6. */
  layers?: number | undefined
  /** Whether a last normalisation follows; usual where normFirst is true. Default false. */
  norm?: boolean | undefined
}

const LAYER_KEYS = [
  ...['feedForward', 'dropout', 'activation', 'normFirst', 'eps'],
  ...['causal', 'bias', 'dtype', 'keyValueHeads', 'rotary'],
]
const STACK_KEYS = [...LAYER_KEYS, 'layers', 'norm']

/** What layers of encoders and decoders share: the linear layers, and how a part is added. */
abstract class TransformerLayer extends Module {
  readonly linear1: Linear
  readonly linear2: Linear
  /** Between the linear layers. */
  readonly dropout: Dropout
  readonly #normFirst: boolean
  readonly #activation: (x: Variable) => Variable

  constructor(width: number, options: TransformerLayerOptions, what: string) {
    super()
    checkOptions(options, LAYER_KEYS, what)
    sizeOption(width, 'width', what)
    const { bias, dtype, activation = relu } = options
    if (typeof activation !== 'function') refuse(`${what} expected activation to be a function`)
    const between = sizeOption(options.feedForward ?? 2048, 'feedForward', what)
    this.linear1 = new Linear(width, between, { bias, dtype })
    this.linear2 = new Linear(between, width, { bias, dtype })
    this.dropout = new Dropout(options.dropout ?? 0.1)
    this.#normFirst = flagOf(options.normFirst, false, 'normFirst', what)
    this.#activation = activation
  }

  /** x and what a part makes of it. */
  protected plus(x: Variable, norm: LayerNorm, dropout: Dropout, part: (x: Variable) => Variable): Variable {
    return this.#normFirst
      ? add(x, dropout.forward(part(norm.forward(x))))
      : norm.forward(add(x, dropout.forward(part(x))))
  }

  protected feedForward(x: Variable): Variable {
    return this.linear2.forward(this.dropout.forward(this.#activation(this.linear1.forward(x))))
  }
}

/**
 * A layer that attends to its own input, then two linear layers. With `causal` it is a layer of a GPT.
 *
 * Shapes   x [n, length, width] → the same
 * Source   PyTorch `TransformerEncoderLayer(batch_first=True)`
 */
export class TransformerEncoderLayer extends TransformerLayer {
  readonly selfAttn: MultiHeadAttention
  readonly norm1: LayerNorm
  readonly norm2: LayerNorm
  readonly dropout1: Dropout
  readonly dropout2: Dropout

  constructor(width: number, heads: number, options: TransformerLayerOptions = {}) {
    super(width, options, 'TransformerEncoderLayer')
    this.selfAttn = new MultiHeadAttention(width, heads, attentionOptions(options))
    const { eps, dtype } = options
    this.norm1 = new LayerNorm(width, { eps, dtype })
    this.norm2 = new LayerNorm(width, { eps, dtype })
    this.dropout1 = new Dropout(this.dropout.p)
    this.dropout2 = new Dropout(this.dropout.p)
  }

  /** options  mask and cache, as in `MultiHeadAttention` */
  override forward(x: Operand, options: AttentionCallOptions = {}): Variable {
    const attended = this.plus(asVariable(x), this.norm1, this.dropout1, (y) =>
      this.selfAttn.forward(y, y, y, options),
    )
    return this.plus(attended, this.norm2, this.dropout2, (y) => this.feedForward(y))
  }
}

/** Settings of one call of a decoder layer. */
export interface DecoderCallOptions extends AttentionCallOptions {
  /** Which parts of the memory each place may look at; broadcasts to [n, heads, queries, keys]. */
  memoryMask?: Operand | undefined
}

/**
 * A layer that attends to its own input, places after a query hidden, then to what an encoder made, then two linear layers.
 *
 * Shapes   x [n, length, width], memory [n, keys, width] → [n, length, width]
 * Source   PyTorch `TransformerDecoderLayer(batch_first=True)` with a causal `tgt_mask`;
 *          `causal: false` leaves the mask out
 */
export class TransformerDecoderLayer extends TransformerLayer {
  readonly selfAttn: MultiHeadAttention
  readonly multiheadAttn: MultiHeadAttention
  readonly norm1: LayerNorm
  readonly norm2: LayerNorm
  readonly norm3: LayerNorm
  readonly dropout1: Dropout
  readonly dropout2: Dropout
  readonly dropout3: Dropout

  constructor(width: number, heads: number, options: TransformerLayerOptions = {}) {
    super(width, options, 'TransformerDecoderLayer')
    const { causal = true, ...rest } = options
    this.selfAttn = new MultiHeadAttention(width, heads, attentionOptions({ ...rest, causal }))
    this.multiheadAttn = new MultiHeadAttention(width, heads, {
      ...attentionOptions(rest),
      causal: false,
      rotary: false,
    })
    const { eps, dtype } = options
    this.norm1 = new LayerNorm(width, { eps, dtype })
    this.norm2 = new LayerNorm(width, { eps, dtype })
    this.norm3 = new LayerNorm(width, { eps, dtype })
    this.dropout1 = new Dropout(this.dropout.p)
    this.dropout2 = new Dropout(this.dropout.p)
    this.dropout3 = new Dropout(this.dropout.p)
  }

  /** options  mask and cache of its own input, as in `MultiHeadAttention`; memoryMask */
  override forward(x: Operand, memory: Operand, options: DecoderCallOptions = {}): Variable {
    const { memoryMask, ...own } = options
    const read = asVariable(memory)
    const attended = this.plus(asVariable(x), this.norm1, this.dropout1, (y) =>
      this.selfAttn.forward(y, y, y, own),
    )
    const informed = this.plus(attended, this.norm2, this.dropout2, (y) =>
      this.multiheadAttn.forward(y, read, read, memoryMask === undefined ? {} : { mask: memoryMask }),
    )
    return this.plus(informed, this.norm3, this.dropout3, (y) => this.feedForward(y))
  }
}

function attentionOptions(options: TransformerLayerOptions): MultiHeadAttentionOptions {
  const { causal, bias, dtype, keyValueHeads, rotary, dropout = 0.1 } = options
  return { causal, bias, dtype, keyValueHeads, rotary, dropout }
}

function stackOptions(
  options: TransformerOptions,
  what: string,
): { count: number; norm: boolean; each: TransformerLayerOptions } {
  checkOptions(options, STACK_KEYS, what)
  const { layers, norm, ...each } = options
  return { count: sizeOption(layers ?? 6, 'layers', what), norm: flagOf(norm, false, 'norm', what), each }
}

/** One cache for each layer; none is as good. */
function cachesFor(
  caches: readonly KeyValueCache[] | undefined,
  count: number,
  what: string,
): readonly KeyValueCache[] | null {
  if (caches === undefined) return null
  if (Array.isArray(caches) && caches.length === count && caches.every((one) => one instanceof KeyValueCache))
    return caches
  return refuse(
    `${what} expected one KeyValueCache for each of ${count} layers; make them with model.caches()`,
  )
}

/** Settings of one call of a stack. */
export interface StackCallOptions {
  /** As in `MultiHeadAttention`. */
  mask?: Operand | undefined
  /** What each layer has read before: `caches()` makes them. */
  caches?: readonly KeyValueCache[] | undefined
}

/**
 * Encoder layers one after the other; with `causal` a GPT without its embedding.
 *
 * Shapes   x [n, length, width] → the same
 * Source   PyTorch `TransformerEncoder`
 */
export class TransformerEncoder extends Module {
  readonly layers: readonly TransformerEncoderLayer[]
  readonly norm: LayerNorm | null

  constructor(width: number, heads: number, options: TransformerOptions = {}) {
    super()
    const { count, norm, each } = stackOptions(options, 'TransformerEncoder')
    this.layers = Array.from({ length: count }, () => new TransformerEncoderLayer(width, heads, each))
    this.norm = norm ? new LayerNorm(width, { eps: each.eps, dtype: each.dtype }) : null
  }

  /** An empty cache for each layer, to continue a text token by token. */
  caches(): KeyValueCache[] {
    return this.layers.map(() => new KeyValueCache())
  }

  override forward(x: Operand, options: StackCallOptions = {}): Variable {
    checkOptions(options, ['mask', 'caches'], 'TransformerEncoder.forward')
    const caches = cachesFor(options.caches, this.layers.length, 'TransformerEncoder')
    const { mask } = options
    let y = asVariable(x)
    this.layers.forEach((layer, i) => {
      y = layer.forward(y, { mask, cache: caches?.[i] })
    })
    return this.norm === null ? y : this.norm.forward(y)
  }
}

/**
 * Decoder layers one after the other, all of which read the same memory.
 *
 * Shapes   x [n, length, width], memory [n, keys, width] → [n, length, width]
 * Source   PyTorch `TransformerDecoder`
 */
export class TransformerDecoder extends Module {
  readonly layers: readonly TransformerDecoderLayer[]
  readonly norm: LayerNorm | null

  constructor(width: number, heads: number, options: TransformerOptions = {}) {
    super()
    const { count, norm, each } = stackOptions(options, 'TransformerDecoder')
    this.layers = Array.from({ length: count }, () => new TransformerDecoderLayer(width, heads, each))
    this.norm = norm ? new LayerNorm(width, { eps: each.eps, dtype: each.dtype }) : null
  }

  /** An empty cache for each layer, to continue a text token by token. */
  caches(): KeyValueCache[] {
    return this.layers.map(() => new KeyValueCache())
  }

  override forward(
    x: Operand,
    memory: Operand,
    options: StackCallOptions & { memoryMask?: Operand | undefined } = {},
  ): Variable {
    checkOptions(options, ['mask', 'caches', 'memoryMask'], 'TransformerDecoder.forward')
    const caches = cachesFor(options.caches, this.layers.length, 'TransformerDecoder')
    const { mask, memoryMask } = options
    const read = asVariable(memory)
    let y = asVariable(x)
    this.layers.forEach((layer, i) => {
      y = layer.forward(y, read, { mask, cache: caches?.[i], memoryMask })
    })
    return this.norm === null ? y : this.norm.forward(y)
  }
}
