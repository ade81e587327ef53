/** A learned table of vectors, read by integers. */

import { integerOf, refuse } from '../functions/attributes.js'
import { type EmbeddingOptions, embedding } from '../functions/indexing.js'
import type { Operand, Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { floatDtype, type LayerOptions, normalParameter, sizeOption } from './initial.js'
import { Module } from './module.js'

/**
 * The rows of a table that ids name.
 *
 * Shapes   ids [i…] of integers below count → [i…, width]; weight [count, width]
 * Begins   normal, mean 0 and deviation 1, as PyTorch's
 */
export class Embedding extends Module {
  readonly weight: Variable

  readonly #paddingIndex: number | undefined

  /** options  paddingIndex: the id of padding; its row begins as zeros and gets no gradient; negative from the end */
  constructor(count: number, width: number, options: LayerOptions & EmbeddingOptions = {}) {
    super()
    checkOptions(options, ['dtype', 'paddingIndex'], 'Embedding')
    const shape = [sizeOption(count, 'count', 'Embedding'), sizeOption(width, 'width', 'Embedding')]
    this.weight = normalParameter(shape, floatDtype(options.dtype, 'Embedding'))
    const { paddingIndex } = options
    if (paddingIndex === undefined) return
    const given = integerOf(paddingIndex, undefined, -count, 'paddingIndex', 'Embedding')
    if (given >= count) refuse(`Embedding expected paddingIndex below ${count}, got ${given}`)
    const padding = given < 0 ? given + count : given
    this.#paddingIndex = padding
    this.weight.data = this.weight.data.map((value, i) => (Math.floor(i / width) === padding ? 0 : value))
  }

  override forward(ids: Operand): Variable {
    const paddingIndex = this.#paddingIndex
    return paddingIndex === undefined
      ? embedding(this.weight, ids)
      : embedding(this.weight, ids, { paddingIndex })
  }
}
