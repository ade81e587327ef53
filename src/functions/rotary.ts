/** Rotary positions: what attention compares is turned by its place, so that products depend on how far apart two places are. */
import { isFloating } from '../array/dtype.js'
import type { NDArray } from '../array/ndarray.js'
import { rotate } from '../array/rotary.js'
import { formatShape } from '../array/shape.js'
import { TapeError } from '../errors.js'
import { Func } from '../graph/func.js'
import { registerFunc } from '../graph/registry.js'
import type { Operand, Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { flagOf, integerOf, numberOf, refuse } from './attributes.js'

/** Settings of `rotary`. */
export interface RotaryOptions {
  /** Pair i of d/2 turns by place·base^(−2i/d). Default 10,000. */
  base?: number | undefined
  /** The place of the first row: how many came before, in a cache. Default 0. */
  offset?: number | undefined
  /** Whether pairs are neighbours (2i, 2i + 1), as in GPT-J; else element i belongs to element i + d/2, as in Llama. Default false. */
  interleaved?: boolean | undefined
}

/** Pairs of elements turned by their place.  Backward: gy turned back. */
export class Rotary extends Func {
  private readonly turning: { base: number; offset: number; interleaved: boolean; inverse: boolean }

  constructor(attributes: RotaryOptions & { inverse?: boolean | undefined } = {}) {
    checkOptions(attributes, ['base', 'offset', 'interleaved', 'inverse'], 'rotary')
    const base = numberOf(attributes.base, 10_000, 'base', 'rotary')
    if (base <= 0) refuse(`rotary expected base above 0, got ${base}`)
    const turning = {
      base,
      offset: integerOf(attributes.offset, 0, 0, 'offset', 'rotary'),
      interleaved: flagOf(attributes.interleaved, false, 'interleaved', 'rotary'),
      inverse: flagOf(attributes.inverse, false, 'inverse', 'rotary'),
    }
    super(turning)
    this.turning = turning
  }

  override forward(x: NDArray): NDArray {
    const d = x.shape.at(-1)
    if (x.ndim < 2 || d === undefined || d % 2 !== 0)
      throw new TapeError(
        'BAD_SHAPE',
        `rotary expected x [..., length, d] with an even d, got ${formatShape(x.shape)}`,
      )
    return rotate(isFloating(x.dtype) ? x : x.astype('float64'), this.turning)
  }

  override backward(gy: Variable): Variable {
    return new Rotary({ ...this.turning, inverse: !this.turning.inverse }).apply1(gy)
  }
}

/**
 * Each row of x turned by its place: pairs of its elements by angles that grow with the place. For queries and keys, before their products.
 *
 * Shapes   x [..., length, d], d even → the same
 * Throws   BAD_SHAPE; BAD_ARGUMENT for the options.
 * Source   "RoFormer" (Su and others, 2021); the halves as in Llama, `interleaved` as in GPT-J
 */
export function rotary(x: Operand, options: RotaryOptions = {}): Variable {
  checkOptions(options, ['base', 'offset', 'interleaved'], 'rotary')
  return new Rotary(options).apply1(x)
}

registerFunc(Rotary, { name: 'rotary' })
