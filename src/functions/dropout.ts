/** Dropout, whose mask is drawn from a seed and a counter that stand on the tape: a replay drops the same elements. */

import { isFloating } from '../array/dtype.js'
import * as elementwise from '../array/elementwise.js'
import { allocate, type NDArray } from '../array/ndarray.js'
import { nextRandomKey, randomWords } from '../array/random.js'
import { Func } from '../graph/func.js'
import { registerFunc } from '../graph/registry.js'
import { asVariable, type Operand, type Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { flagOf, integerOf, numberOf, refuse } from './attributes.js'

/** Settings of `dropout`: the probability, and the key and counter of its random numbers. */
export interface DropoutOptions {
  /** The share of elements that become 0. Default 0.5. */
  p?: number | undefined
  /** False gives x itself. Default true. */
  training?: boolean | undefined
  /** The stream and the place in it to draw the mask from; the default generator's next unless both are given. */
  seed?: number | undefined
  counter?: number | undefined
}

/** 0 with probability p, else x/(1 − p).  Backward gx = gy through the same mask. */
export class Dropout extends Func {
  private readonly p: number
  private readonly seed: number
  private readonly counter: number

  constructor(attributes: { p: number; seed: number; counter: number }) {
    checkOptions(attributes, ['p', 'seed', 'counter'], 'dropout')
    const p = probabilityOf(attributes.p)
    const seed = integerOf(attributes.seed, undefined, 0, 'seed', 'dropout')
    const counter = integerOf(attributes.counter, undefined, 0, 'counter', 'dropout')
    super({ p, seed, counter })
    this.p = p
    this.seed = seed
    this.counter = counter
  }

  override forward(x: NDArray): NDArray {
    const { seed, counter, p } = this
    const dtype = isFloating(x.dtype) ? x.dtype : 'float64'
    const words = randomWords({ seed, counter }, x.size)
    const factors = allocate(dtype, x.shape, x.size)
    const least = p * 2 ** 32
    const kept = p < 1 ? 1 / (1 - p) : 0
    for (let i = 0; i < x.size; i++) factors.buffer[factors.offset + i] = words[i]! >= least ? kept : 0
    return elementwise.mul(x, factors)
  }

  override backward(gy: Variable): Variable {
    const { p, seed, counter } = this
    return new Dropout({ p, seed, counter }).apply1(gy)
  }
}

function probabilityOf(value: unknown): number {
  const p = numberOf(value, 0.5, 'p', 'dropout')
  if (p >= 0 && p <= 1) return p
  return refuse(`dropout expected p from 0 to 1, got ${p}`)
}

/**
 * x with a share p of its elements 0 and the others divided by 1 − p; x itself, without a call, when not training or p is 0.
 *
 * Throws   BAD_ARGUMENT for p outside [0, 1], or a seed without a counter.
 */
export function dropout(x: Operand, options: DropoutOptions = {}): Variable {
  checkOptions(options, ['p', 'training', 'seed', 'counter'], 'dropout')
  const p = probabilityOf(options.p)
  if (!flagOf(options.training, true, 'training', 'dropout') || p === 0) return asVariable(x)
  if ((options.seed === undefined) !== (options.counter === undefined)) {
    refuse(
      'dropout expected seed and counter together, got one of them; leave both out to use the default generator',
    )
  }
  const { seed, counter } =
    options.seed === undefined ? nextRandomKey() : (options as { seed: number; counter: number })
  return new Dropout({ p, seed, counter }).apply1(x)
}

registerFunc(Dropout, { name: 'dropout' })
