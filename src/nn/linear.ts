/** The fully connected layer. */
import { flagOf } from '../functions/attributes.js'
import { linear } from '../functions/products.js'
import type { Operand, Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { type BiasOptions, floatDtype, sizeOption, uniformParameter } from './initial.js'
import { Module } from './module.js'

/**
 * x·weight + bias.
 *
 * Shapes   x [..., inputs] → [..., outputs]; weight [inputs, outputs] (PyTorch's transposed), bias [outputs]
 * Begins   both uniform in ±1/√inputs, as PyTorch's
 */
export class Linear extends Module {
  readonly weight: Variable
  readonly bias: Variable | null

  constructor(inputs: number, outputs: number, options: BiasOptions = {}) {
    super()
    checkOptions(options, ['bias', 'dtype'], 'Linear')
    sizeOption(inputs, 'inputs', 'Linear')
    sizeOption(outputs, 'outputs', 'Linear')
    const dtype = floatDtype(options.dtype, 'Linear')
    this.weight = uniformParameter([inputs, outputs], inputs, dtype)
    this.bias = flagOf(options.bias, true, 'bias', 'Linear')
      ? uniformParameter([outputs], inputs, dtype)
      : null
  }

  override forward(x: Operand): Variable {
    return this.bias === null ? linear(x, this.weight) : linear(x, this.weight, this.bias)
  }
}
