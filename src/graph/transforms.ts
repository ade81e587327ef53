/**
 * Functional transforms: derivatives of a function at a point, without `.grad`. All are made of `grad`, so they see the
 * same rules, and with `createGraph` they can be differentiated again.
 *
 * The function gets a variable of its own for each input (`stand-in.ts`). What that means for it, and for variables that it
 * takes from around it, is written down once, in docs/transforms.md.
 */

import { isFloating } from '../array/dtype.js'
import { full as fill, ndarray } from '../array/make-array.js'
import { NDArray } from '../array/ndarray.js'
import { formatShape } from '../array/shape.js'
import { refuseOtherCopy } from '../copies.js'
import { TapeError } from '../errors.js'
import { checkOptions } from '../options.js'
import { gradientsOf } from './backward.js'
import { mode, withLinking } from './mode.js'
import { createFunc } from './registry.js'
import { standInFor } from './stand-in.js'
import { finished, refuseLaterWork } from './unfinished.js'
import { asVariable, gradientLike, type Operand, Variable } from './variable.js'

/** A point: one operand, or a list of them. What is made for a list is a list. */
export type Point = Operand | readonly Variable[]
type Differentiable = (...inputs: Variable[]) => Variable

export interface TransformOptions {
  /** The result can be differentiated again. */
  createGraph?: boolean
}

/**
 * Vector-Jacobian product: v·∂fn/∂x, by one backward pass.
 *
 * fn       is given a variable of its own for each input; what it takes from around it counts as constant
 * v        shape of fn's output; may be left out for a scalar
 * Returns  the value of fn, and the product for each input; zeros for an input that fn does not depend on
 * Throws   BAD_DTYPE for an input of integers; NOT_SCALAR without v; BAD_ARGUMENT for an async fn
 */
export function vjp(
  fn: Differentiable,
  inputs: Point,
  v?: Operand,
  options: TransformOptions = {},
): { value: Variable; gradients: Variable[] } {
  const again = isAgain(options, 'vjp')
  const points = pointsOf(inputs, 'vjp')
  const value = evaluate(fn, points, 'vjp')
  return { value, gradients: gradientsOf([value], points, v === undefined ? [] : [v], again) }
}

/**
 * Jacobian-vector product: ∂fn/∂x·v, by differentiating a backward pass with respect to its seed, in which it is linear.
 *
 * fn       as for vjp
 * v        a direction for each input, in its shape
 * Returns  the value of fn, and the product in fn's shape; zeros when fn depends on no input
 * Throws   BAD_DTYPE for an input of integers; BAD_ARGUMENT for an async fn
 */
export function jvp(
  fn: Differentiable,
  inputs: Point,
  v: Point,
  options: TransformOptions = {},
): { value: Variable; tangent: Variable } {
  const again = isAgain(options, 'jvp')
  const points = pointsOf(inputs, 'jvp')
  const given = listOf(v)
  if (given.length !== points.length) {
    throw new TapeError(
      'BAD_ARGUMENT',
      `jvp expected one direction for each of ${points.length} inputs, got ${given.length}`,
    )
  }
  const directions = given.map((direction, i) => gradientLike(direction, points[i]!, 'direction'))
  const value = evaluate(fn, points, 'jvp')
  if (!value.requiresGrad) return { value, tangent: zeros(value) }
  const seed = standInFor(new Variable(arrayOfZeros(value), true, 'variable'), true)
  const products = withLinking(true, () => gradientsOf([value], points, [seed], true))
  const [tangent] = gradientsOf(products, [seed], directions, again)
  return { value, tangent: tangent! }
}

/**
 * All partial derivatives: shape [...output, ...input], one backward pass for each element of the output.
 *
 * fn       as for vjp
 * Returns  a Variable for one input; a list for a list of inputs; zeros where fn does not depend on an input
 * Throws   BAD_DTYPE for an input of integers; BAD_ARGUMENT for an async fn
 */
export function jacobian(fn: Differentiable, inputs: Operand, options?: TransformOptions): Variable
export function jacobian(
  fn: Differentiable,
  inputs: readonly Variable[],
  options?: TransformOptions,
): Variable[]
export function jacobian(
  fn: Differentiable,
  inputs: Point,
  options: TransformOptions = {},
): Variable | Variable[] {
  const again = isAgain(options, 'jacobian')
  const points = pointsOf(inputs, 'jacobian')
  const rows = rowsOf(evaluate(fn, points, 'jacobian'), points, again)
  return isList(inputs) ? rows : rows[0]!
}

/**
 * Second derivatives of a scalar function of one input: shape [...input, ...input].
 *
 * fn      as for vjp; zeros when it depends on its input linearly, or not at all
 * Throws  NOT_SCALAR when fn's output has more than one element; BAD_DTYPE for an input of integers
 */
export function hessian(fn: Differentiable, input: Operand, options: TransformOptions = {}): Variable {
  const again = isAgain(options, 'hessian')
  const points = pointsOf([asVariable(input)], 'hessian')
  const value = scalarOf(evaluate(fn, points, 'hessian'), 'hessian')
  return rowsOf(withLinking(true, () => gradientsOf([value], points, [], true))[0]!, points, again)[0]!
}

/**
 * Hessian-vector product of a scalar function, without the Hessian: the gradient of (gradient · v).
 *
 * fn      as for vjp
 * v       in the shape of the input
 * Throws  NOT_SCALAR when fn's output has more than one element; BAD_DTYPE for an input of integers
 */
export function hvp(
  fn: Differentiable,
  input: Operand,
  v: Operand,
  options: TransformOptions = {},
): { value: Variable; product: Variable } {
  const again = isAgain(options, 'hvp')
  const points = pointsOf([asVariable(input)], 'hvp')
  const direction = gradientLike(v, points[0]!, 'direction')
  const value = scalarOf(evaluate(fn, points, 'hvp'), 'hvp')
  const slopes = withLinking(true, () => gradientsOf([value], points, [], true))
  return { value, product: gradientsOf(slopes, points, [direction], again)[0]! }
}

function isAgain(options: TransformOptions, what: string): boolean {
  checkOptions(options, ['createGraph'], what)
  return options.createGraph === true
}

function scalarOf(value: Variable, what: string): Variable {
  if (value.size !== 1)
    throw new TapeError(
      'NOT_SCALAR',
      `${what} needs a scalar function, got an output of shape ${formatShape(value.shape)}; sum it`,
    )
  return value
}

/** Row by row of the output, the derivatives of `y` by each point, put together as [...y, ...point]. */
function rowsOf(y: Variable, points: readonly Variable[], again: boolean): Variable[] {
  const rows = points.map(() => [] as Variable[])
  for (let i = 0; i < y.size; i++) {
    const oneHot = ndarray(
      Float64Array.from({ length: y.size }, (_, j) => (i === j ? 1 : 0)),
      { shape: y.shape },
    ).astype(y.dtype)
    const found = gradientsOf([y], points, [oneHot], again)
    for (let k = 0; k < points.length; k++) rows[k]!.push(found[k]!)
  }
  return rows.map((list, k) => {
    const shape = [...y.shape, ...points[k]!.shape]
    if (list.length === 0)
      return new Variable(ndarray(new Float64Array(0), { shape }).astype(points[k]!.dtype), false, 'constant')
    return createFunc('reshape', { shape }).apply1(createFunc('stack', { axis: 0 }).applyList(list)[0]!)
  })
}

function arrayOfZeros({ shape, dtype }: Variable): NDArray {
  return fill(shape, 0, dtype)
}

function zeros(like: Variable): Variable {
  return new Variable(arrayOfZeros(like), false, 'constant')
}

/** This many arguments fit on the stack, whoever called; JavaScript ends with a RangeError somewhere above. */
const INPUTS_MAX = 16_384

/** Throws BAD_ARGUMENT for more inputs than a function can be given. */
export function checkInputCount(count: number, what: string): void {
  if (count > INPUTS_MAX)
    throw new TapeError(
      'BAD_ARGUMENT',
      `${what} expected at most ${INPUTS_MAX} inputs, each of which is an argument of the function, got ${count}; stack them into one, or let the function take them from around it`,
    )
}

/** The value of fn where derivatives are to be taken. */
export function evaluate(fn: Differentiable, points: readonly Variable[], what: string): Variable {
  refuseLaterWork(fn, what)
  checkInputCount(points.length, what)
  const value = finished(
    withLinking(true, () => fn(...points)),
    what,
  )
  refuseOtherCopy(value, what)
  if (!(value instanceof Variable))
    throw new TapeError(
      'BAD_ARGUMENT',
      `${what} expected a function that returns a Variable, got ${value === null ? 'null' : typeof value}`,
    )
  return value
}

/** For each input a variable of its own. Outside of `noGrad` results can be differentiated on to the inputs. */
function pointsOf(point: Point, what: string): Variable[] {
  return listOf(point).map((operand) => {
    const variable = asVariable(operand)
    if (!isFloating(variable.dtype))
      throw new TapeError(
        'BAD_DTYPE',
        `${what} expected inputs of float64 or float32, got ${variable.dtype}, by which nothing can be differentiated; ` +
          'convert it with .astype(), or let the function take it from around it',
      )
    return standInFor(variable, mode.linking)
  })
}

function isList(point: Point): point is readonly Variable[] {
  return (
    Array.isArray(point) &&
    point.length > 0 &&
    (point as readonly unknown[]).every(
      (element) => element instanceof Variable || element instanceof NDArray,
    )
  )
}

function listOf(point: Point): readonly Operand[] {
  return isList(point) ? point : [point]
}
