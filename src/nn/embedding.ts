/** A learned table of vectors, read by integers. */

import { embedding } from '../functions/indexing.js'
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

  constructor(count: number, width: number, options: LayerOptions = {}) {
    super()
    checkOptions(options, ['dtype'], 'Embedding')
    const shape = [sizeOption(count, 'count', 'Embedding'), sizeOption(width, 'width', 'Embedding')]
    this.weight = normalParameter(shape, floatDtype(options.dtype, 'Embedding'))
  }

  override forward(ids: Operand): Variable {
    return embedding(this.weight, ids)
  }
}
