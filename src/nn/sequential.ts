/** Layers one after the other, and the multilayer perceptron made of them. */
import { refuseOtherCopy } from '../copies.js'
import { TapeError, valueText } from '../errors.js'
import { relu } from '../functions/activations.js'
import { refuse } from '../functions/attributes.js'
import { asVariable, type Operand, Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import type { LayerOptions } from './initial.js'
import { Linear } from './linear.js'
import { Module } from './module.js'

/** A module from one Variable to one, or any function that is that. */
export type Layer = (Module & { forward(x: Variable): unknown }) | ((x: Variable) => Variable)

/** Each layer gets what the one before gave: `new Sequential(new Linear(2, 10), relu, new Linear(10, 3))`. */
export class Sequential extends Module {
  readonly layers: readonly Layer[]

  /** Throws BAD_ARGUMENT for what is neither a module nor a function. */
  constructor(...layers: readonly Layer[]) {
    super()
    layers.forEach((layer, i) => {
      refuseOtherCopy(layer, 'Sequential')
      if (!(layer instanceof Module) && typeof layer !== 'function') {
        refuse(`Sequential expected modules and functions, got ${valueText(layer)} as layer ${i}`)
      }
    })
    this.layers = layers
  }

  override forward(x: Operand): Variable {
    let y = asVariable(x)
    for (let i = 0; i < this.layers.length; i++) {
      const layer = this.layers[i]!
      const result = layer instanceof Module ? layer.forward(y) : layer(y)
      if (!(result instanceof Variable)) refuseResult(result, i, layer)
      y = result
    }
    return y
  }
}

function refuseResult(result: unknown, i: number, layer: Layer): never {
  const name = layer instanceof Module ? layer.constructor.name : layer.name || 'a function'
  throw new TapeError(
    'BAD_VALUE',
    `Sequential expected layer ${i} (${name}) to give a Variable, got ${valueText(result)}; ` +
      'put a function between that takes the part you want: (x) => lstm.forward(x).outputs',
  )
}

export interface MLPOptions extends LayerOptions {
  /** What stands between the layers; not after the last. Default relu. */
  activation?: ((x: Variable) => Variable) | undefined
}

/**
 * A multilayer perceptron: `new MLP([64, 32, 10])` has 64 inputs, 32 hidden units and 10 outputs.
 *
 * Shapes   x [..., sizes[0]] → [..., sizes at the end]
 */
export class MLP extends Module {
  readonly layers: readonly Linear[]
  readonly activation: (x: Variable) => Variable

  /** Throws BAD_ARGUMENT unless there are at least two sizes. */
  constructor(sizes: readonly number[], options: MLPOptions = {}) {
    super()
    checkOptions(options, ['activation', 'dtype'], 'MLP')
    if (!Array.isArray(sizes) || sizes.length < 2) {
      refuse(`MLP expected a list of at least two sizes, new MLP([64, 32, 10]), got ${valueText(sizes)}`)
    }
    const { activation = relu, dtype } = options
    if (typeof activation !== 'function')
      refuse(`MLP expected activation to be a function, got ${valueText(activation)}`)
    this.activation = activation
    this.layers = sizes.slice(1).map((outputs, i) => new Linear(sizes[i]!, outputs, { dtype }))
  }

  override forward(x: Operand): Variable {
    let y = this.layers[0]!.forward(x)
    for (let i = 1; i < this.layers.length; i++) y = this.layers[i]!.forward(this.activation(y))
    return y
  }
}
