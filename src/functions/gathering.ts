/** Single elements named by indices, in PyTorch's meaning: one index for each element read or added to; and slices that are added by index. */
import { isFloating } from '../array/dtype.js'
import * as elementwise from '../array/elementwise.js'
import * as indexing from '../array/indexing.js'
import type { NDArray } from '../array/ndarray.js'
import { promoted } from '../array/promotion.js'
import { formatShape, normalizeAxis } from '../array/shape.js'
import { TapeError } from '../errors.js'
import { Func } from '../graph/func.js'
import { needsCalls } from '../graph/mapped.js'
import { registerFunc } from '../graph/registry.js'
import { asVariable, type Operand, Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { add } from './arithmetic.js'
import { oneAxisOf } from './attributes.js'
import { indexOperand, requireIndices, scatterTake } from './indexing.js'
import { broadcastTo } from './shapes.js'

export interface GatherOptions {
  /** The axis along which the indices count. Default 0. */
  axis?: number | undefined
}

/** One element for every index.  Backward: gy is added where it was read. */
export class Gather extends Func {
  private readonly axis: number

  constructor(attributes: GatherOptions = {}) {
    checkOptions(attributes, ['axis'], 'gather')
    const axis = oneAxisOf(attributes.axis, 0, 'gather')
    super({ axis })
    this.axis = axis
  }

  override forward(x: NDArray, indices: NDArray): NDArray {
    requireIndices(indices, 'gather: indices')
    return indexing.gather(x, indices, this.axis)
  }

  override backward(gy: Variable): (Variable | null)[] {
    const x = this.inputAt(0)
    const indices = this.inputAt(1)
    // Where nobody will differentiate the gradient it needs no graph, and no zeros to add to.
    if (!needsCalls(gy, x) && indices.mapped === null && gy.dtype === x.dtype) {
      const gx = indexing.scatterAdd(x.shape, indices.data, this.axis, gy.data)
      return [new Variable(gx, false, 'variable'), null]
    }
    return [scatterAdd(broadcastTo(asVariable(0, x), x.shape), indices, gy, { axis: this.axis }), null]
  }
}

/**
 * out[i, j] = x[indices[i, j], j] for axis 0, x[i, indices[i, j]] for axis 1, and so on.
 *
 * Shapes   indices have as many axes as x, and but for `axis` no extent above that of x; the result has their shape.
 * Throws   SHAPE_MISMATCH, INDEX_OUT_OF_RANGE, BAD_AXIS, BAD_DTYPE.
 * Source   PyTorch `gather`.
 */
export function gather(x: Operand, indices: Operand, options: GatherOptions = {}): Variable {
  return new Gather(options).apply2(x, indexOperand(indices))
}

/** x with values added to elements named by indices.  Backward gx = gy, gvalues = gy read at the indices. */
export class ScatterAdd extends Func {
  private readonly axis: number

  constructor(attributes: GatherOptions = {}) {
    checkOptions(attributes, ['axis'], 'scatterAdd')
    const axis = oneAxisOf(attributes.axis, 0, 'scatterAdd')
    super({ axis })
    this.axis = axis
  }

  override forward(x: NDArray, indices: NDArray, values: NDArray): NDArray {
    requireIndices(indices, 'scatterAdd: indices')
    const [target, added] = promoted([x, values] as const)
    const sums = indexing.scatterAdd(x.shape, indices, this.axis, added)
    return isFloating(sums.dtype) ? indexing.addedInto(target, sums) : elementwise.add(target, sums)
  }

  override backward(gy: Variable): (Variable | null)[] {
    return [gy, null, this.needsGradient(2) ? gather(gy, this.inputAt(1), { axis: this.axis }) : null]
  }
}

/**
 * x to which every value is added at its index along an axis; values that meet are added in row-major order. x and values are
 * brought to the dtype in which they meet before anything is added.
 *
 * Shapes   indices and values of one shape, against x as in `gather`.
 * Throws   SHAPE_MISMATCH, INDEX_OUT_OF_RANGE, BAD_AXIS, BAD_DTYPE.
 * Source   PyTorch `scatter_add`.
 */
export function scatterAdd(
  x: Operand,
  indices: Operand,
  values: Operand,
  options: GatherOptions = {},
): Variable {
  const target = asVariable(x, values instanceof Variable ? values : null)
  return new ScatterAdd(options).apply(target, indexOperand(indices), asVariable(values, target))
}

/**
 * x to whose slices along an axis those of `values` are added, each to the one that its index names.
 *
 * Shapes   x [n, ...], indices [k], values [k, ...] → that of x, for axis 0
 * Throws   SHAPE_MISMATCH; INDEX_OUT_OF_RANGE; BAD_DTYPE; BAD_AXIS
 * Source   PyTorch `index_add`
 */
export function indexAdd(
  x: Operand,
  indices: Operand,
  values: Operand,
  options: { axis?: number | undefined } = {},
): Variable {
  checkOptions(options, ['axis'], 'indexAdd')
  const given = asVariable(x)
  const axis = normalizeAxis(oneAxisOf(options.axis, 0, 'indexAdd'), given.ndim, 'indexAdd')
  const more = asVariable(values, given)
  const isAlike =
    more.ndim === given.ndim && more.shape.every((extent, i) => i === axis || extent === given.shape[i])
  if (!isAlike)
    throw new TapeError(
      'SHAPE_MISMATCH',
      `indexAdd expected values of the shape of x but along axis ${axis}, got ${formatShape(more.shape)} for ${formatShape(given.shape)}`,
    )
  const places = asVariable(indexOperand(indices))
  if (places.ndim !== 1)
    throw new TapeError('SHAPE_MISMATCH', `indexAdd expected indices [k], got ${formatShape(places.shape)}`)
  return add(given, scatterTake(more, places, axis, given.shape[axis]!))
}

registerFunc(Gather, { name: 'gather' })
registerFunc(ScatterAdd, { name: 'scatterAdd' })
