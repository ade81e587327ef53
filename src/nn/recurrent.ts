/**
 * Recurrent layers over sequences, which may be of several lengths. What the inputs contribute is computed for all times in one product; only what
 * depends on the state before goes time by time.
 */
import { ndarray, zeros } from '../array/make-array.js'
import { formatShape, type Shape, sameShape } from '../array/shape.js'
import { TapeError, valueText } from '../errors.js'
import { relu, sigmoid } from '../functions/activations.js'
import { add, mul, sub } from '../functions/arithmetic.js'
import { flagOf, integerOf, numberOf, refuse } from '../functions/attributes.js'
import { where } from '../functions/comparison.js'
import { tanh } from '../functions/exponential.js'
import { concat, split, stack } from '../functions/joining.js'
import { linear } from '../functions/products.js'
import { flip, squeeze } from '../functions/shapes.js'
import { constant } from '../graph/leaves.js'
import { asVariable, type Operand, type Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { Dropout } from './dropout.js'
import { type FloatDType, floatDtype, type LayerOptions, sizeOption, uniformParameter } from './initial.js'
import { Module } from './module.js'

/** Settings that all recurrent layers have. */
export interface RecurrentOptions extends LayerOptions {
  /** How many layers, each reading the outputs of the one before. Default 1. */
  layers?: number | undefined
  /** Whether each layer also reads the sequences from their end; the outputs of both directions are side by side. Default false. */
  bidirectional?: boolean | undefined
  /** The share of elements that dropout takes, in training, of the outputs of each layer but the last. Default 0. */
  dropout?: number | undefined
}

/** How long each row is, where rows of several lengths are filled up at their ends: what is behind the end counts for nothing. */
export type Lengths = readonly number[]

/** What one layer gives in one direction. */
interface Once {
  readonly outputs: Variable
  readonly states: readonly Variable[]
}

/** What a recurrent layer gives. With several layers or directions its states are [layers·directions, n, size], as PyTorch orders them. */
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
export abstract class Recurrent extends Module {
  readonly inputWeight: Variable
  readonly hiddenWeight: Variable
  readonly inputBias: Variable
  readonly hiddenBias: Variable
  /** The other layers and directions, layer by layer, forward before backward; none for one layer in one direction. */
  readonly others: readonly Recurrent[]
  protected readonly size: number
  readonly #dtype: FloatDType
  // One constant of zeros, so that it is one leaf of a run and not one a call.
  #zeros: Variable | null = null

  readonly #bidirectional: boolean
  /** Between the layers; null where nothing is dropped. */
  readonly dropout: Dropout | null

  /** @internal 2 where the sequences are read from their end, too. */
  get directions(): number {
    return this.#bidirectional ? 2 : 1
  }

  constructor(
    inputs: number,
    size: number,
    gates: number,
    options: RecurrentOptions,
    what: string,
    another: (inputs: number) => Recurrent,
  ) {
    super()
    const { dtype } = options
    sizeOption(inputs, 'inputs', what)
    this.size = sizeOption(size, 'size', what)
    this.#dtype = floatDtype(dtype, what)
    this.inputWeight = uniformParameter([inputs, gates * size], size, this.#dtype)
    this.hiddenWeight = uniformParameter([size, gates * size], size, this.#dtype)
    this.inputBias = uniformParameter([gates * size], size, this.#dtype)
    this.hiddenBias = uniformParameter([gates * size], size, this.#dtype)
    const layers = integerOf(options.layers, 1, 1, 'layers', what)
    this.#bidirectional = flagOf(options.bidirectional, false, 'bidirectional', what)
    const dropped = numberOf(options.dropout, 0, 'dropout', what)
    if (dropped < 0 || dropped > 1) refuse(`${what} expected dropout from 0 to 1, got ${dropped}`)
    this.dropout = dropped === 0 ? null : new Dropout(dropped)
    const directions = this.#bidirectional ? 2 : 1
    this.others = Array.from({ length: layers * directions - 1 }, (_, i) =>
      another(i + 1 < directions ? inputs : size * directions),
    )
  }

  /** One layer in one direction: the outputs, and the states after the last time. */
  protected abstract once(
    x: Operand,
    states: readonly (Operand | undefined)[],
    within: readonly Variable[] | null,
  ): Once

  /** What of a time counts: in rows that have ended the state stays, and the output is 0. */
  protected kept(now: Variable, before: Variable, within: Variable | undefined): Variable {
    return within === undefined ? now : where(within, now, before)
  }

  protected joined(outputs: readonly Variable[], within: readonly Variable[] | null): Variable {
    return stack(within === null ? outputs : outputs.map((output, time) => where(within[time]!, output, 0)), {
      axis: 1,
    })
  }

  /** For each time which rows have not ended, [n, 1] each; null where all are as long as x. */
  #within(x: Variable, lengths: Lengths | undefined): Variable[] | null {
    if (lengths === undefined) return null
    const [n, times] = x.shape as [number, number]
    const list = Array.isArray(lengths) ? lengths : []
    if (list.length !== n || !list.every((one) => Number.isInteger(one) && one >= 0 && one <= times))
      throw new TapeError(
        'BAD_ARGUMENT',
        `${this.constructor.name} expected a length from 0 to ${times} for each of ${n} rows, got ${valueText(lengths)}`,
      )
    return Array.from({ length: times }, (_, time) =>
      constant(ndarray(list.map((length) => [time < length]))),
    )
  }

  /** All layers and directions. Each reads what all directions of the one before gave, side by side. */
  protected whole(x: Operand, states: readonly (Operand | undefined)[], lengths: Lengths | undefined): Once {
    const within = this.#within(asVariable(x), lengths)
    if (this.others.length === 0) return this.once(x, states, within)
    // From the end: what is behind the end of a row comes first there, and leaves its state as it began.
    const backwards = within === null ? null : [...within].reverse()
    const all: readonly Recurrent[] = [this, ...this.others]
    const directions = this.#bidirectional ? 2 : 1
    const given = states.map((state) => (state === undefined ? undefined : this.#apart(state, all.length)))
    const last: Variable[][] = states.map(() => [])
    let input = asVariable(x)
    for (let layer = 0; layer < all.length; layer += directions) {
      const outputs = Array.from({ length: directions }, (_, direction) => {
        const at = layer + direction
        const part = all[at]!.once(
          direction === 0 ? input : flip(input, 1),
          given.map((list) => list?.[at]),
          direction === 0 ? within : backwards,
        )
        part.states.forEach((state, i) => {
          last[i]!.push(state)
        })
        return direction === 0 ? part.outputs : flip(part.outputs, 1)
      })
      input = outputs.length === 1 ? outputs[0]! : concat(outputs, { axis: 2 })
      if (this.dropout !== null && layer + directions < all.length) input = this.dropout.forward(input)
    }
    return { outputs: input, states: last.map((list) => stack(list)) }
  }

  /** A state for each layer and direction. */
  #apart(given: Operand, count: number): Variable[] {
    const state = asVariable(given)
    if (state.ndim === 3 && state.shape[0] === count) return split(state, count).map((one) => squeeze(one, 0))
    throw new TapeError(
      'SHAPE_MISMATCH',
      `${this.constructor.name} expected states [${count}, n, ${this.size}], one for each layer and direction, got ${formatShape(state.shape)}`,
    )
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

export interface RNNOptions extends RecurrentOptions {
  /** Default 'tanh'. */
  activation?: 'tanh' | 'relu' | undefined
}

/**
 * h' = tanh(x·inputWeight + inputBias + h·hiddenWeight + hiddenBias).
 *
 * Shapes   x [n, times, inputs], hidden [n, size] (zeros unless given) → outputs [n, times, size], hidden [n, size]
 * Lengths  with `lengths` row i ends after lengths[i] times: its state stays from there on, its outputs are 0 (a packed sequence)
 * Source   PyTorch `RNN` with `batch_first`, weights transposed
 */
export class RNN extends Recurrent {
  readonly #activation: (x: Operand) => Variable

  constructor(inputs: number, size: number, options: RNNOptions = {}) {
    checkOptions(options, ['activation', 'dtype', 'layers', 'bidirectional', 'dropout'], 'RNN')
    const { activation = 'tanh', dtype } = options
    super(inputs, size, 1, options, 'RNN', (width) => new RNN(width, size, { activation, dtype }))
    if (activation !== 'tanh' && activation !== 'relu')
      refuse(`RNN expected activation 'tanh' or 'relu', got ${valueText(activation)}`)
    this.#activation = activation === 'tanh' ? tanh : relu
  }

  override forward(
    x: Operand,
    state: { hidden?: Operand | undefined; lengths?: Lengths | undefined } = {},
  ): Recurrence {
    const { outputs, states } = this.whole(x, [state.hidden], state.lengths)
    return { outputs, hidden: states[0]! }
  }

  protected override once(
    x: Operand,
    [given]: readonly (Operand | undefined)[],
    within: readonly Variable[] | null,
  ): Once {
    const times = this.fromInputs(x)
    let hidden = this.begin(given, times[0]!.shape[0]!, 'hidden')
    const outputs = times.map((fromInput, time) => {
      hidden = this.kept(this.#activation(add(fromInput, this.fromHidden(hidden))), hidden, within?.[time])
      return hidden
    })
    return { outputs: this.joined(outputs, within), states: [hidden] }
  }
}

/**
 * Long short-term memory. Gates in the order input i, forget f, candidate g, output o:
 * c' = σ(f)·c + σ(i)·tanh(g), h' = σ(o)·tanh(c').
 *
 * Shapes   x [n, times, inputs], hidden and cell [n, size] (zeros unless given) → outputs [n, times, size], hidden, cell
 * Lengths  with `lengths` row i ends after lengths[i] times: its state stays from there on, its outputs are 0 (a packed sequence)
 * Source   PyTorch `LSTM` with `batch_first`, weights transposed
 */
export class LSTM extends Recurrent {
  constructor(inputs: number, size: number, options: RecurrentOptions = {}) {
    checkOptions(options, ['dtype', 'layers', 'bidirectional', 'dropout'], 'LSTM')
    const { dtype } = options
    super(inputs, size, 4, options, 'LSTM', (width) => new LSTM(width, size, { dtype }))
  }

  override forward(
    x: Operand,
    state: { hidden?: Operand | undefined; cell?: Operand | undefined; lengths?: Lengths | undefined } = {},
  ): LSTMRecurrence {
    const { outputs, states } = this.whole(x, [state.hidden, state.cell], state.lengths)
    return { outputs, hidden: states[0]!, cell: states[1]! }
  }

  protected override once(
    x: Operand,
    given: readonly (Operand | undefined)[],
    within: readonly Variable[] | null,
  ): Once {
    const times = this.fromInputs(x)
    const n = times[0]!.shape[0]!
    let hidden = this.begin(given[0], n, 'hidden')
    let cell = this.begin(given[1], n, 'cell')
    const outputs = times.map((fromInput, time) => {
      const [i, f, g, o] = split(add(fromInput, this.fromHidden(hidden)), 4, { axis: 1 }) as [
        Variable,
        Variable,
        Variable,
        Variable,
      ]
      const next = add(mul(sigmoid(f), cell), mul(sigmoid(i), tanh(g)))
      hidden = this.kept(mul(sigmoid(o), tanh(next)), hidden, within?.[time])
      cell = this.kept(next, cell, within?.[time])
      return hidden
    })
    return { outputs: this.joined(outputs, within), states: [hidden, cell] }
  }
}

/**
 * Gated recurrent unit. Gates in the order reset r, update z, candidate n, where the hidden state's part of the candidate
 * is multiplied by r: h' = σ(z)·h + (1 − σ(z))·tanh(n_x + σ(r)·n_h).
 *
 * Shapes   x [n, times, inputs], hidden [n, size] (zeros unless given) → outputs [n, times, size], hidden [n, size]
 * Lengths  with `lengths` row i ends after lengths[i] times: its state stays from there on, its outputs are 0 (a packed sequence)
 * Source   PyTorch `GRU` with `batch_first`, weights transposed
 */
export class GRU extends Recurrent {
  constructor(inputs: number, size: number, options: RecurrentOptions = {}) {
    checkOptions(options, ['dtype', 'layers', 'bidirectional', 'dropout'], 'GRU')
    const { dtype } = options
    super(inputs, size, 3, options, 'GRU', (width) => new GRU(width, size, { dtype }))
  }

  override forward(
    x: Operand,
    state: { hidden?: Operand | undefined; lengths?: Lengths | undefined } = {},
  ): Recurrence {
    const { outputs, states } = this.whole(x, [state.hidden], state.lengths)
    return { outputs, hidden: states[0]! }
  }

  protected override once(
    x: Operand,
    [given]: readonly (Operand | undefined)[],
    within: readonly Variable[] | null,
  ): Once {
    const times = this.fromInputs(x)
    let hidden = this.begin(given, times[0]!.shape[0]!, 'hidden')
    const { size } = this
    const outputs = times.map((fromInput, time) => {
      const [gatesX, candidateX] = split(fromInput, [2 * size], { axis: 1 }) as [Variable, Variable]
      const [gatesH, candidateH] = split(this.fromHidden(hidden), [2 * size], { axis: 1 }) as [
        Variable,
        Variable,
      ]
      const [reset, update] = split(sigmoid(add(gatesX, gatesH)), 2, { axis: 1 }) as [Variable, Variable]
      const candidate = tanh(add(candidateX, mul(reset, candidateH)))
      // (1 − z)·candidate + z·h
      const next = add(candidate, mul(update, sub(hidden, candidate)))
      hidden = this.kept(next, hidden, within?.[time])
      return hidden
    })
    return { outputs: this.joined(outputs, within), states: [hidden] }
  }
}
