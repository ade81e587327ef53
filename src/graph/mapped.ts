/**
 * What stands inside of `vmap` for one example: a Variable without an array, which knows the variable that holds all examples along
 * its first axis. It has the shape of one example; whoever asks for its numbers is refused, since it has those of no example. Knows
 * no function.
 */
import type { DType } from '../array/dtype.js'
import type { NDArray } from '../array/ndarray.js'
import type { Shape } from '../array/shape.js'
import { TapeError } from '../errors.js'
import type { Func } from './func.js'
import { mode } from './mode.js'
import type { Owner, ValueLoader } from './recorder.js'
import type { Variable } from './variable.js'

/** One `vmap` that is under way. */
export interface MapLevel {
  /** Of two that are nested the inner one has the higher number. */
  readonly depth: number
  /** How many examples there are. */
  readonly rows: number
  /** Set at its end: what the function kept of it elsewhere is no value then. */
  over: boolean
}

/** Thrown to whoever asks for the numbers of one example. */
export class NumbersWanted extends TapeError {}

/** What an example knows in the place of an array. */
export class Mapped implements Owner, ValueLoader {
  readonly finished = true
  readonly past = null
  readonly level: MapLevel
  /** All examples, along the first axis; inside of an outer vmap an example of that. */
  readonly whole: Variable
  readonly shape: Shape
  readonly dtype: DType

  constructor(level: MapLevel, whole: Variable) {
    this.level = level
    this.whole = whole
    this.shape = Object.freeze(whole.shape.slice(1))
    this.dtype = whole.dtype
  }

  get mapped(): Mapped {
    return this
  }

  get loader(): ValueLoader {
    return this
  }

  get size(): number {
    return this.shape.reduce((product, extent) => product * extent, 1)
  }

  loadValue(): NDArray {
    throw new NumbersWanted(
      'BAD_ARGUMENT',
      'inside vmap a variable stands for all examples at once, so it has no .data, .item() or .grad of its own, and none can be assigned; ' +
        'choose between values with where(…), take gradients with grad(…), and read numbers from what vmap gives',
    )
  }
}

/**
 * Whether a gradient of these has to be computed by calls: because somebody may differentiate it, or because they stand for examples. Else it
 * can be computed of their arrays at once.
 */
export function needsCalls(a: Variable, b: Variable): boolean {
  return mode.linking || a.mapped !== null || b.mapped !== null
}

function notLoaded(): never {
  throw new Error('examples are made by vmap, which loads what calls with them')
}

/** Calls a function with operands of which some are examples. `map-calls.ts` fills it in; a Func cannot import what makes calls. */
export const mapping: {
  /** How many `vmap`s are under way. */
  depth: number
  call: (func: Func, inputs: readonly Variable[]) => Variable[]
  /** An example in another dtype. */
  cast: (example: Variable, dtype: DType) => Variable
} = {
  depth: 0,
  call: notLoaded,
  cast: notLoaded,
}
