/**
 * What a case of the contract is, and how cases are made: operands, settings, and the shapes to expect. Values keep away from
 * kinks and ties, where there is no derivative; those are tested apart.
 */

import { ndarray } from '../../src/array/make-array.js'
import type { NDArray } from '../../src/array/ndarray.js'
import { type Shape, sizeOf } from '../../src/array/shape.js'
import type { Attributes } from '../../src/graph/attributes.js'
import type { Operand, Variable } from '../../src/graph/variable.js'

export interface Case {
  /** Operands by slot. Integers and bools are constants; the others are differentiated. */
  readonly inputs: readonly NDArray[]
  /** What the class is told. */
  readonly attributes?: Attributes
  /** What follows the operands in the function form and the method form. */
  readonly args?: readonly unknown[]
  /** The function form, where it is not `name(...operands, ...args)`; then there is no method form. */
  readonly call?: (functions: Functions, xs: readonly Operand[]) => Variable | Variable[]
  /** The shape of each output. */
  readonly shapes: readonly Shape[]
}

/** Cases by the registered name of the function. */
export type Cases = Readonly<Record<string, readonly Case[]>>

export type Functions = Record<string, (...args: unknown[]) => Variable | Variable[]>

/** Distinct values in (−1, 1), none near 0. */
export function spread(shape: Shape, seed = 0): NDArray {
  const values = Float64Array.from(
    { length: sizeOf(shape) },
    (_, i) => (((i * 37 + seed * 23 + 5) % 101) - 50 + 0.37) / 51,
  )
  return ndarray(values, { shape })
}

/** Distinct values in (0.3, 1.3). */
export function positive(shape: Shape, seed = 0): NDArray {
  return spread(shape, seed).map((value) => value / 2 + 0.8)
}

/** Distinct values in (0.1, 0.9). */
export function share(shape: Shape, seed = 0): NDArray {
  return spread(shape, seed).map((value) => 0.5 + value * 0.4)
}

export function integers(values: number[], shape: Shape = [values.length]): NDArray {
  return ndarray(values, { dtype: 'int32', shape })
}

export function bools(shape: Shape): NDArray {
  return spread(shape, 3)
    .map((value) => Number(value > 0))
    .astype('bool')
}

export const none: NDArray = ndarray([], { shape: [0] })
export const noRows: NDArray = ndarray([], { shape: [0, 3] })

/** One operand, element by element: a row, a scalar, a matrix, nothing. */
export function unary(
  make: (shape: Shape) => NDArray,
  args?: readonly unknown[],
  attributes?: Attributes,
): Case[] {
  return ([[3], [], [2, 3], [0], [0, 3]] as Shape[]).map((shape) => ({
    inputs: [make(shape)],
    shapes: [shape],
    ...(args === undefined ? {} : { args }),
    ...(attributes === undefined ? {} : { attributes }),
  }))
}

/** Two operands, element by element: alike, broadcast either way and both ways, scalars, nothing. */
export function binary(left: typeof spread = spread, right: typeof spread = left): Case[] {
  const pairs: [Shape, Shape, Shape][] = [
    [[3], [3], [3]],
    [[2, 3], [3], [2, 3]],
    [[], [2, 3], [2, 3]],
    [
      [2, 1],
      [1, 3],
      [2, 3],
    ],
    [
      [2, 1, 3],
      [4, 1],
      [2, 4, 3],
    ],
    [[], [], []],
    [[0, 3], [3], [0, 3]],
    [[1], [0], [0]],
  ]
  return pairs.map(([a, b, shape]) => ({ inputs: [left(a, 1), right(b, 2)], shapes: [shape] }))
}

/** A reduction over all, one, several and no axes. */
export function reduction(make: typeof spread = spread, empty = true, extra: Attributes = {}): Case[] {
  const given = (options: Attributes) => ({
    attributes: { ...options, ...extra },
    args: [{ ...options, ...extra }],
  })
  return [
    { inputs: [make([2, 3])], ...given({}), shapes: [[]] },
    { inputs: [make([2, 3])], ...given({ axis: 0 }), shapes: [[3]] },
    { inputs: [make([2, 3])], ...given({ axis: -1, keepdims: true }), shapes: [[2, 1]] },
    { inputs: [make([2, 3, 2])], ...given({ axis: [0, 2] }), shapes: [[3]] },
    { inputs: [make([2, 3])], ...given({ keepdims: true }), shapes: [[1, 1]] },
    { inputs: [make([])], ...given({}), shapes: [[]] },
    { inputs: [noRows], ...given({ axis: 1 }), shapes: [[0]] },
    ...(empty ? [{ inputs: [noRows], ...given({ axis: 0 }), shapes: [[3]] }] : []),
  ]
}

export function withOptions(inputs: readonly NDArray[], options: Attributes, ...shapes: Shape[]): Case {
  return { inputs, attributes: options, args: [options], shapes }
}

/** A setting that the function form takes bare: `reshape(x, shape)`. */
export function withBare(
  inputs: readonly NDArray[],
  key: string,
  value: Attributes[string],
  ...shapes: Shape[]
): Case {
  return { inputs, attributes: { [key]: value }, args: [value], shapes }
}

export function joined(name: string, inputs: readonly NDArray[], axis: number, shape: Shape): Case {
  return { inputs, attributes: { axis }, call: (f, xs) => f[name]!(xs, { axis }), shapes: [shape] }
}

export function summed(equation: string, inputs: readonly NDArray[], shape: Shape): Case {
  return { inputs, attributes: { equation }, call: (f, xs) => f.einsum!(equation, ...xs), shapes: [shape] }
}

/** conv2d(x, w, b?, options): the place of a missing bias is kept. */
export function withoutBias(one: Case): Case {
  return one.inputs.length === 2 ? { ...one, args: [undefined, ...(one.args ?? [])] } : one
}
