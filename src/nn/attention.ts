/** Attention in several heads, with learned projections in and out. */

import { allocate, type NDArray } from '../array/ndarray.js'
import { formatShape } from '../array/shape.js'
import { TapeError } from '../errors.js'
import { scaledDotProductAttention } from '../functions/attention.js'
import { flagOf, numberOf, refuse } from '../functions/attributes.js'
import { type RotaryOptions, rotary } from '../functions/rotary.js'
import { expandDims, reshape, transpose } from '../functions/shapes.js'
import { asVariable, type Operand, type Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { type BiasOptions, sizeOption } from './initial.js'
import { KeyValueCache } from './key-value-cache.js'
import { Linear } from './linear.js'
import { Module } from './module.js'

export interface MultiHeadAttentionOptions extends BiasOptions {
  /** Whether position i sees positions 0 … i only. Default false. */
  causal?: boolean | undefined
  /** How many heads keys and values have: each serves several heads of the queries (grouped-query attention). Default as many as heads. */
  keyValueHeads?: number | undefined
  /** Whether queries and keys are turned by their place (see `rotary`), and how. Default false. */
  rotary?: boolean | Omit<RotaryOptions, 'offset'> | undefined
  /** The share of the weights that become 0 in training, after softmax. Default 0. */
  dropout?: number | undefined
}

/** Settings of one call. */
export interface AttentionCallOptions {
  /** As in `scaledDotProductAttention`: broadcasts to [n, heads, queries, keys]; of bool, true where a query may look. */
  mask?: Operand | undefined
  /** What was read before, which this call reads and adds to: for a text that is continued. */
  cache?: KeyValueCache | undefined
}

/**
 * Each head attends with its own part of the projected width; the heads' results are joined and projected.
 *
 * Shapes   query [n, queries, width], key and value [n, keys, width] → [n, queries, width]
 * Begins   the four projections as `Linear`
 */
export class MultiHeadAttention extends Module {
  readonly query: Linear
  readonly key: Linear
  readonly value: Linear
  readonly output: Linear
  readonly heads: number
  /** How many heads keys and values have. */
  readonly keyValueHeads: number
  /** The share of the weights that is dropped in training. */
  readonly dropout: number
  readonly #causal: boolean
  readonly #rotary: Omit<RotaryOptions, 'offset'> | null

  /** Throws BAD_ARGUMENT when the heads do not divide the width, or the heads of keys and values those of queries. */
  constructor(width: number, heads: number, options: MultiHeadAttentionOptions = {}) {
    super()
    checkOptions(
      options,
      ['causal', 'bias', 'dtype', 'keyValueHeads', 'rotary', 'dropout'],
      'MultiHeadAttention',
    )
    sizeOption(width, 'width', 'MultiHeadAttention')
    this.heads = sizeOption(heads, 'heads', 'MultiHeadAttention')
    if (width % heads !== 0) {
      refuse(
        `MultiHeadAttention expected a width that its heads divide, got width ${width} and ${heads} heads`,
      )
    }
    this.keyValueHeads = sizeOption(options.keyValueHeads ?? heads, 'keyValueHeads', 'MultiHeadAttention')
    if (heads % this.keyValueHeads !== 0)
      refuse(
        `MultiHeadAttention expected keyValueHeads that divide its ${heads} heads, got ${this.keyValueHeads}`,
      )
    this.dropout = numberOf(options.dropout, 0, 'dropout', 'MultiHeadAttention')
    if (this.dropout < 0 || this.dropout > 1)
      refuse(`MultiHeadAttention expected dropout from 0 to 1, got ${this.dropout}`)
    this.#causal = flagOf(options.causal, false, 'causal', 'MultiHeadAttention')
    this.#rotary = rotaryOf(options.rotary, width / heads)
    const { bias, dtype } = options
    const narrow = (width / heads) * this.keyValueHeads
    this.query = new Linear(width, width, { bias, dtype })
    this.key = new Linear(width, narrow, { bias, dtype })
    this.value = new Linear(width, narrow, { bias, dtype })
    this.output = new Linear(width, width, { bias, dtype })
  }

  /**
   * key, value   what is attended to; the query unless said, and key for value
   * options      mask; cache: with it the queries come after all that was read before, in place and in sight
   */
  override forward(
    query: Operand,
    key: Operand = query,
    value: Operand = key,
    options: AttentionCallOptions = {},
  ): Variable {
    checkOptions(options, ['mask', 'cache'], 'MultiHeadAttention.forward')
    const { mask, cache } = options
    if (cache !== undefined && !(cache instanceof KeyValueCache))
      refuse('MultiHeadAttention.forward expected cache to be a KeyValueCache')
    const offset = cache?.length ?? 0
    const q = this.#turned(this.#split(this.query.forward(checked(query)), this.heads), offset)
    let k = this.#turned(this.#split(this.key.forward(checked(key)), this.keyValueHeads), offset)
    let v = this.#split(this.value.forward(checked(value)), this.keyValueHeads)
    if (cache !== undefined) ({ keys: k, values: v } = cache.append(k, v))
    const joined = transpose(this.#attend(q, k, v, mask, offset), [0, 2, 1, 3])
    const [n, length, heads, part] = joined.shape as [number, number, number, number]
    return this.output.forward(reshape(joined, [n, length, heads * part]))
  }

  #attend(q: Variable, k: Variable, v: Variable, mask: Operand | undefined, offset: number): Variable {
    const [n, heads, queries, part] = q.shape as [number, number, number, number]
    // With places before the first query the built-in causal mask would begin at the wrong one.
    const isLater = this.#causal && offset > 0
    if (isLater && mask !== undefined)
      refuse('MultiHeadAttention expected no mask for a causal layer with a cache that holds something')
    const causal = this.#causal && !isLater
    const seen = isLater && queries > 1 ? seenFrom(queries, offset) : mask
    const { dropout, training } = this
    if (this.keyValueHeads === heads)
      return scaledDotProductAttention(q, k, v, { causal, mask: seen, dropout, training })
    const groups = heads / this.keyValueHeads
    const grouped = reshape(q, [n, this.keyValueHeads, groups, queries, part])
    const grid = seen === undefined ? undefined : this.#grouped(asVariable(seen), groups)
    const options = { causal, mask: grid, dropout, training }
    const made = scaledDotProductAttention(grouped, expandDims(k, 2), expandDims(v, 2), options)
    return reshape(made, [n, heads, queries, part])
  }

  /** A mask [n, heads, queries, keys] for heads in groups. */
  #grouped(mask: Variable, groups: number): Variable {
    if (mask.ndim < 3) return mask
    const heads = mask.shape.at(-3)!
    const lead = mask.shape.slice(0, -3)
    const apart = heads === this.heads ? [this.keyValueHeads, groups] : [heads, 1]
    return reshape(mask, [...lead, ...apart, ...mask.shape.slice(-2)])
  }

  #turned(x: Variable, offset: number): Variable {
    return this.#rotary === null ? x : rotary(x, { ...this.#rotary, offset })
  }

  /** [n, length, heads·part] → [n, heads, length, part] */
  #split(x: Variable, heads: number): Variable {
    const [n, length, width] = x.shape as [number, number, number]
    return transpose(reshape(x, [n, length, heads, width / heads]), [0, 2, 1, 3])
  }
}

function rotaryOf(
  given: MultiHeadAttentionOptions['rotary'],
  part: number,
): Omit<RotaryOptions, 'offset'> | null {
  if (given === undefined || given === false) return null
  if (part % 2 !== 0) refuse(`MultiHeadAttention expected an even width of a head for rotary, got ${part}`)
  if (given === true) return {}
  checkOptions(given, ['base', 'interleaved'], 'MultiHeadAttention rotary')
  return given
}

/** Which of the keys each of the last queries sees: those that are not after it. */
function seenFrom(queries: number, offset: number): NDArray {
  const keys = offset + queries
  const seen = allocate('bool', Object.freeze([queries, keys]))
  for (let i = 0; i < queries; i++)
    for (let j = 0; j <= offset + i; j++) seen.buffer[seen.offset + i * keys + j] = 1
  return seen
}

function checked(x: Operand): Variable {
  const variable = asVariable(x)
  if (variable.ndim === 3) return variable
  throw new TapeError(
    'SHAPE_MISMATCH',
    `MultiHeadAttention expected [n, length, width], got ${formatShape(variable.shape)}`,
  )
}
