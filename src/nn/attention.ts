/** Attention in several heads, with learned projections in and out. */

import { formatShape } from '../array/shape.js'
import { TapeError } from '../errors.js'
import { scaledDotProductAttention } from '../functions/attention.js'
import { flagOf, refuse } from '../functions/attributes.js'
import { reshape, transpose } from '../functions/shapes.js'
import { asVariable, type Operand, type Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { type BiasOptions, sizeOption } from './initial.js'
import { Linear } from './linear.js'
import { Module } from './module.js'

export interface MultiHeadAttentionOptions extends BiasOptions {
  /** Whether position i sees positions 0 … i only. Default false. */
  causal?: boolean | undefined
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
  readonly #causal: boolean

  /** Throws BAD_ARGUMENT when the heads do not divide the width. */
  constructor(width: number, heads: number, options: MultiHeadAttentionOptions = {}) {
    super()
    checkOptions(options, ['causal', 'bias', 'dtype'], 'MultiHeadAttention')
    sizeOption(width, 'width', 'MultiHeadAttention')
    this.heads = sizeOption(heads, 'heads', 'MultiHeadAttention')
    if (width % heads !== 0) {
      refuse(
        `MultiHeadAttention expected a width that its heads divide, got width ${width} and ${heads} heads`,
      )
    }
    this.#causal = flagOf(options.causal, false, 'causal', 'MultiHeadAttention')
    const { bias, dtype } = options
    this.query = new Linear(width, width, { bias, dtype })
    this.key = new Linear(width, width, { bias, dtype })
    this.value = new Linear(width, width, { bias, dtype })
    this.output = new Linear(width, width, { bias, dtype })
  }

  /**
   * key, value   what is attended to; the query unless said, and key for value
   * mask         as in `scaledDotProductAttention`: broadcasts to [n, heads, queries, keys]
   */
  override forward(
    query: Operand,
    key: Operand = query,
    value: Operand = key,
    options: { mask?: Operand | undefined } = {},
  ): Variable {
    const { mask } = options
    const causal = this.#causal
    const q = this.split(this.query.forward(checked(query)))
    const k = this.split(this.key.forward(checked(key)))
    const v = this.split(this.value.forward(checked(value)))
    const joined = transpose(scaledDotProductAttention(q, k, v, { causal, mask }), [0, 2, 1, 3])
    const [n, length, heads, part] = joined.shape as [number, number, number, number]
    return this.output.forward(reshape(joined, [n, length, heads * part]))
  }

  /** [n, length, width] → [n, heads, length, width / heads] */
  private split(x: Variable): Variable {
    const [n, length, width] = x.shape as [number, number, number]
    return transpose(reshape(x, [n, length, this.heads, width / this.heads]), [0, 2, 1, 3])
  }
}

function checked(x: Operand): Variable {
  const variable = asVariable(x)
  if (variable.ndim === 3) return variable
  throw new TapeError(
    'SHAPE_MISMATCH',
    `MultiHeadAttention expected [n, length, width], got ${formatShape(variable.shape)}`,
  )
}
