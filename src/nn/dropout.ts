/** Dropout as a layer: at work in training only. */
import { numberOf, refuse } from '../functions/attributes.js'
import { dropout } from '../functions/dropout.js'
import type { Operand, Variable } from '../graph/variable.js'
import { Module } from './module.js'

/** Each element is 0 with probability p, the others are divided by 1 − p; after `eval()` x itself. */
export class Dropout extends Module {
  readonly p: number

  constructor(p = 0.5) {
    super()
    this.p = numberOf(p, 0.5, 'p', 'Dropout')
    if (this.p < 0 || this.p > 1) refuse(`Dropout expected p from 0 to 1, got ${this.p}`)
  }

  override forward(x: Operand): Variable {
    return dropout(x, { p: this.p, training: this.training })
  }
}
