/**
 * Recurrent layers over sequences. What the inputs contribute is computed for all times in one product; only what
 * depends on the state before goes time by time.
 */
import { zeros } from '../array/make-array.js'
import { formatShape, type Shape, sameShape } from '../array/shape.js'
import { TapeError, valueText } from '../errors.js'
import { relu, sigmoid } from '../functions/activations.js'
import { add, mul, sub } from '../functions/arithmetic.js'
import { refuse } from '../functions/attributes.js'
import { tanh } from '../functions/exponential.js'
import { split, stack } from '../functions/joining.js'
import { linear } from '../functions/products.js'
import { squeeze } from '../functions/shapes.js'
import { constant } from '../graph/leaves.js'
import { asVariable, type Operand, type Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { type FloatDType, floatDtype, type LayerOptions, sizeOption, uniformParameter } from './initial.js'
import { Module } from './module.js'

/** What a recurrent layer gives. */
export interface Recurrence {
  /** The hidden state after each time, [n, times, size]. */
  readonly outputs: Variable
  /** The hidden state after the last time, [n, size]: where the next part of the sequences goes on. */
  readonly hidden: Variable
}

export interface LSTMRecurrence extends Recurrence {
  /** The cell state after the last time, [n, size]. */
  readonly cell: Variable
}

/**
 * Weights for `gates` blocks side by side, as PyTorch orders them.
 *
 * Shapes   inputWeight [inputs, gates·size], hiddenWeight [size, gates·size], inputBias and hiddenBias [gates·size]
 * Begins   all uniform in ±1/√size, as PyTorch's
 */
abstract class Recurrent extends Module {
  readonly inputWeight: Variable
  readonly hiddenWeight: Variable
  readonly inputBias: Variable
  readonly hiddenBias: Variable
  protected readonly size: number
  readonly #dtype: FloatDType
  // One constant of zeros, so that it is one leaf of a run and not one a call.
  #zeros: Variable | null = null

  constructor(inputs: number, size: number, gates: number, dtype: FloatDType | undefined, what: string) {
    super()
    sizeOption(inputs, 'inputs', what)
    this.size = sizeOption(size, 'size', what)
    this.#dtype = floatDtype(dtype, what)
    this.inputWeight = uniformParameter([inputs, gates * size], size, this.#dtype)
    this.hiddenWeight = uniformParameter([size, gates * size], size, this.#dtype)
    this.inputBias = uniformParameter([gates * size], size, this.#dtype)
    this.hiddenBias = uniformParameter([gates * size], size, this.#dtype)
  }

  /** What the inputs contribute at each time: a list of [n, gates·size]. */
  protected fromInputs(x: Operand): Variable[] {
    const { shape } = asVariable(x)
    if (shape.length !== 3 || shape[1] === 0 || shape[2] !== this.inputWeight.shape[0]) {
      throw new TapeError(
        'SHAPE_MISMATCH',
        `${this.constructor.name} expected x [n, times, ${this.inputWeight.shape[0]}] with at least one time, got ${formatShape(shape)}`,
      )
    }
    const all = linear(x, this.inputWeight, this.inputBias)
    return split(all, shape[1]!, { axis: 1 }).map((one) => squeeze(one, 1))
  }

  protected fromHidden(hidden: Variable): Variable {
    return linear(hidden, this.hiddenWeight, this.hiddenBias)
  }

  /** The given state, or zeros. */
  protected begin(given: Operand | undefined, n: number, key: string): Variable {
    const shape: Shape = [n, this.size]
    if (given === undefined) {
      if (this.#zeros === null || !sameShape(this.#zeros.shape, shape))
        this.#zeros = constant(zeros(shape, this.#dtype))
      return this.#zeros
    }
    const state = asVariable(given)
    if (sameShape(state.shape, shape)) return state
    throw new TapeError(
      'SHAPE_MISMATCH',
      `${this.constructor.name} expected ${key} ${formatShape(shape)}, got ${formatShape(state.shape)}`,
    )
  }
}

export interface RNNOptions extends LayerOptions {
  /** Default 'tanh'. */
  activation?: 'tanh' | 'relu' | undefined
}

/**
 * h' = tanh(x·inputWeight + inputBias + h·hiddenWeight + hiddenBias).
 *
 * Shapes   x [n, times, inputs], hidden [n, size] (zeros unless given) → outputs [n, times, size], hidden [n, size]
 * Source   PyTorch `RNN` with `batch_first`, weights transposed
 */
export class RNN extends Recurrent {
  readonly #activation: (x: Operand) => Variable

  constructor(inputs: number, size: number, options: RNNOptions = {}) {
    checkOptions(options, ['activation', 'dtype'], 'RNN')
    super(inputs, size, 1, options.dtype, 'RNN')
    const { activation = 'tanh' } = options
    if (activation !== 'tanh' && activation !== 'relu')
      refuse(`RNN expected activation 'tanh' or 'relu', got ${valueText(activation)}`)
    this.#activation = activation === 'tanh' ? tanh : relu
  }

  override forward(x: Operand, state: { hidden?: Operand | undefined } = {}): Recurrence {
    const times = this.fromInputs(x)
    let hidden = this.begin(state.hidden, times[0]!.shape[0]!, 'hidden')
    const outputs = times.map((fromInput) => {
      hidden = this.#activation(add(fromInput, this.fromHidden(hidden)))
      return hidden
    })
    return { outputs: stack(outputs, { axis: 1 }), hidden }
  }
}

/**
 * Long short-term memory. Gates in the order input i, forget f, candidate g, output o:
 * c' = σ(f)·c + σ(i)·tanh(g), h' = σ(o)·tanh(c').
 *
 * Shapes   x [n, times, inputs], hidden and cell [n, size] (zeros unless given) → outputs [n, times, size], hidden, cell
 * Source   PyTorch `LSTM` with `batch_first`, weights transposed
 */
export class LSTM extends Recurrent {
  constructor(inputs: number, size: number, options: LayerOptions = {}) {
    checkOptions(options, ['dtype'], 'LSTM')
    super(inputs, size, 4, options.dtype, 'LSTM')
  }

  override forward(
    x: Operand,
    state: { hidden?: Operand | undefined; cell?: Operand | undefined } = {},
  ): LSTMRecurrence {
    const times = this.fromInputs(x)
    const n = times[0]!.shape[0]!
    let hidden = this.begin(state.hidden, n, 'hidden')
    let cell = this.begin(state.cell, n, 'cell')
    const outputs = times.map((fromInput) => {
      const [i, f, g, o] = split(add(fromInput, this.fromHidden(hidden)), 4, { axis: 1 }) as [
        Variable,
        Variable,
        Variable,
        Variable,
      ]
      cell = add(mul(sigmoid(f), cell), mul(sigmoid(i), tanh(g)))
      hidden = mul(sigmoid(o), tanh(cell))
      return hidden
    })
    return { outputs: stack(outputs, { axis: 1 }), hidden, cell }
  }
}

/**
 * Gated recurrent unit. Gates in the order reset r, update z, candidate n, where the hidden state's part of the candidate
 * is multiplied by r: h' = σ(z)·h + (1 − σ(z))·tanh(n_x + σ(r)·n_h).
 *
 * Shapes   x [n, times, inputs], hidden [n, size] (zeros unless given) → outputs [n, times, size], hidden [n, size]
 * Source   PyTorch `GRU` with `batch_first`, weights transposed
 */
export class GRU extends Recurrent {
  constructor(inputs: number, size: number, options: LayerOptions = {}) {
    checkOptions(options, ['dtype'], 'GRU')
    super(inputs, size, 3, options.dtype, 'GRU')
  }

  override forward(x: Operand, state: { hidden?: Operand | undefined } = {}): Recurrence {
    const times = this.fromInputs(x)
    let hidden = this.begin(state.hidden, times[0]!.shape[0]!, 'hidden')
    const { size } = this
    const outputs = times.map((fromInput) => {
      const [gatesX, candidateX] = split(fromInput, [2 * size], { axis: 1 }) as [Variable, Variable]
      const [gatesH, candidateH] = split(this.fromHidden(hidden), [2 * size], { axis: 1 }) as [
        Variable,
        Variable,
      ]
      const [reset, update] = split(sigmoid(add(gatesX, gatesH)), 2, { axis: 1 }) as [Variable, Variable]
      const candidate = tanh(add(candidateX, mul(reset, candidateH)))
      hidden = add(candidate, mul(update, sub(hidden, candidate))) // (1 − z)·candidate + z·h
      return hidden
    })
    return { outputs: stack(outputs, { axis: 1 }), hidden }
  }
}
