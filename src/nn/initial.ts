/** How parameters begin: uniform within ±bound, or one value everywhere. The draws come from the default generator. */
import { getDefaultDtype } from '../array/dtype.js'
import { full } from '../array/make-array.js'
import { normal, uniform } from '../array/random.js'
import type { Shape } from '../array/shape.js'
import { TapeError, valueText } from '../errors.js'
import { integerOf } from '../functions/attributes.js'
import { constant, parameter } from '../graph/leaves.js'
import type { Variable } from '../graph/variable.js'

export type FloatDType = 'float64' | 'float32'

/** What every layer can be told. */
export interface LayerOptions {
  /** The dtype of the parameters. Default the default dtype. */
  dtype?: FloatDType | undefined
}

export interface BiasOptions extends LayerOptions {
  /** Whether there is a bias. Default true. */
  bias?: boolean | undefined
}

export function floatDtype(value: unknown, what: string): FloatDType {
  if (value === undefined) return getDefaultDtype()
  if (value === 'float64' || value === 'float32') return value
  throw new TapeError('BAD_DTYPE', `${what} expected dtype 'float64' or 'float32', got ${valueText(value)}`)
}

/** A number of features, channels or the like. */
export function sizeOption(value: unknown, key: string, what: string): number {
  return integerOf(value, undefined, 1, key, what)
}

/** Uniform in ±1/√fanIn, the number of terms that one output adds up (PyTorch's default for linear layers and convolutions). */
export function uniformParameter(shape: Shape, fanIn: number, dtype: FloatDType): Variable {
  const bound = 1 / Math.sqrt(fanIn)
  return parameter(uniform(shape, { least: -bound, most: bound, dtype }))
}

export function normalParameter(shape: Shape, dtype: FloatDType): Variable {
  return parameter(normal(shape, { dtype }))
}

export function filledParameter(shape: Shape, value: number, dtype: FloatDType): Variable {
  return parameter(full(shape, value, dtype))
}

/** What scales or shifts after normalising: a parameter, or, where nothing is learned, a constant of the same value. */
export function affineParameter(
  shape: Shape,
  value: number,
  dtype: FloatDType,
  isLearned: boolean,
): Variable {
  return isLearned ? filledParameter(shape, value, dtype) : constant(full(shape, value, dtype))
}
