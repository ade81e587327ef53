/**
 * Functional transforms: derivatives of a function at a point, without `.grad`. All are made of `grad`, so they see the
 * same rules, and with `createGraph` they can be differentiated again.
 */
import { NDArray, ndarray, zerosLike } from '../array/ndarray.js'
import { formatShape } from '../array/shape.js'
import { TapeError } from '../errors.js'
import { grad } from './backward.js'
import { withLinking } from './mode.js'
import { createFunc } from './registry.js'
import { asVariable, gradientLike, type Operand, Variable } from './variable.js'

/** A point: one operand, or a list of them. What is made for a list is a list. */
export type Point = Operand | readonly Variable[]
export type Differentiable = (...inputs: Variable[]) => Variable

export interface TransformOptions {
  /** The result can be differentiated again. */
  createGraph?: boolean
}

/**
 * Vector-Jacobian product: v·∂fn/∂x, by one backward pass.
 *
 * v        shape of fn's output; may be left out for a scalar
 * Returns  the value of fn, and the product for each input
 */
export function vjp(
  fn: Differentiable,
  inputs: Point,
  v?: Operand,
  options: TransformOptions = {},
): { value: Variable; gradients: Variable[] } {
  const points = variablesOf(inputs)
  const value = evaluate(fn, points)
  const gradients = grad([value], points, { ...options, ...(v === undefined ? {} : { gradients: [v] }) })
  return { value, gradients }
}

/**
 * Jacobian-vector product: ∂fn/∂x·v, by differentiating a backward pass with respect to its seed, in which it is linear.
 *
 * v        a direction for each input, in its shape
 * Returns  the value of fn, and the product in fn's shape
 */
export function jvp(
  fn: Differentiable,
  inputs: Point,
  v: Point,
  options: TransformOptions = {},
): { value: Variable; tangent: Variable } {
  const points = variablesOf(inputs)
  const directions = listOf(v)
  if (directions.length !== points.length) {
    throw new TapeError(
      'BAD_ARGUMENT',
      `jvp expected one direction for each of ${points.length} inputs, got ${directions.length}`,
    )
  }
  const value = evaluate(fn, points)
  const seed = new Variable(zerosLike(value.data), true, 'variable')
  const products = withLinking(true, () => grad([value], points, { gradients: [seed], createGraph: true }))
  const dependent = products
    .map((product, i) => ({ product, direction: gradientLike(directions[i]!, points[i]!, 'direction') }))
    .filter(({ product }) => product.requiresGrad)
  if (dependent.length === 0)
    return { value, tangent: new Variable(zerosLike(value.data), false, 'constant') }
  const [tangent] = grad(
    dependent.map(({ product }) => product),
    [seed],
    { ...options, gradients: dependent.map(({ direction }) => direction) },
  )
  return { value, tangent: tangent! }
}

/**
 * All partial derivatives: shape [...output, ...input], one backward pass for each element of the output.
 *
 * Returns  a Variable for one input; a list for a list of inputs
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
  const points = variablesOf(inputs)
  const rows = rowsOf(evaluate(fn, points), points, options)
  return isList(inputs) ? rows : rows[0]!
}

/**
 * Second derivatives of a scalar function of one input: shape [...input, ...input].
 *
 * Throws  NOT_SCALAR when fn's output has more than one element
 */
export function hessian(fn: Differentiable, input: Operand, options: TransformOptions = {}): Variable {
  const [point] = variablesOf(input) as [Variable]
  return rowsOf(gradientOf(fn, point), [point], options)[0]!
}

/** Hessian-vector product of a scalar function, without the Hessian: the gradient of (gradient · v). */
export function hvp(
  fn: Differentiable,
  input: Operand,
  v: Operand,
  options: TransformOptions = {},
): { value: Variable; product: Variable } {
  const [point] = variablesOf(input) as [Variable]
  const value = evaluate(fn, [point])
  const [gradient] = grad([scalarOf(value)], [point], { createGraph: true })
  if (!gradient!.requiresGrad)
    return { value, product: new Variable(zerosLike(point.data), false, 'constant') }
  const [product] = grad([gradient!], [point], { ...options, gradients: [v] })
  return { value, product: product! }
}

function gradientOf(fn: Differentiable, point: Variable): Variable {
  return grad([scalarOf(evaluate(fn, [point]))], [point], { createGraph: true })[0]!
}

function scalarOf(value: Variable): Variable {
  if (value.size !== 1)
    throw new TapeError(
      'NOT_SCALAR',
      `hessian and hvp need a scalar function, got an output of shape ${formatShape(value.shape)}; sum it`,
    )
  return value
}

/** Row by row of the output, the derivatives of `y` by each point, put together as [...y, ...point]. */
function rowsOf(y: Variable, points: readonly Variable[], options: TransformOptions): Variable[] {
  const rows = points.map(() => [] as Variable[])
  for (let i = 0; i < y.size; i++) {
    const oneHot = ndarray(
      Float64Array.from({ length: y.size }, (_, j) => (i === j ? 1 : 0)),
      { shape: y.shape },
    ).astype(y.dtype)
    const found = y.requiresGrad
      ? grad([y], points, { ...options, gradients: [oneHot] })
      : points.map((point) => new Variable(zerosLike(point.data), false, 'constant'))
    for (let k = 0; k < points.length; k++) rows[k]!.push(found[k]!)
  }
  return rows.map((list, k) => {
    const shape = [...y.shape, ...points[k]!.shape]
    if (list.length === 0)
      return new Variable(ndarray(new Float64Array(0), { shape }).astype(points[k]!.dtype), false, 'constant')
    return createFunc('reshape', { shape }).apply(createFunc('stack', { axis: 0 }).applyList(list)[0]!)
  })
}

function evaluate(fn: Differentiable, points: readonly Variable[]): Variable {
  const value = withLinking(true, () => fn(...points))
  if (!(value instanceof Variable))
    throw new TapeError('BAD_ARGUMENT', `expected a function that returns a Variable, got ${typeof value}`)
  return value
}

/** Variables that need gradients are taken as they are, so that transforms nest; everything else becomes a leaf. */
function variablesOf(point: Point): Variable[] {
  return listOf(point).map((operand) => {
    const variable = asVariable(operand)
    return variable.requiresGrad ? variable : new Variable(variable.data)
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
