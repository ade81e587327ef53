/**
 * Elements named by indices. Indices are inputs of integers, not attributes, so that a tape stores them as leaves; a plain
 * list of integers given as indices becomes int32.
 */
import { type DType, getDefaultDtype, isDType } from '../array/dtype.js'
import * as indexing from '../array/indexing.js'
import { ndarray } from '../array/make-array.js'
import type { NDArray } from '../array/ndarray.js'
import { TapeError, valueText } from '../errors.js'
import { Func } from '../graph/func.js'
import { registerFunc } from '../graph/registry.js'
import type { Operand, Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { integerOf, oneAxisOf, UNSAID } from './attributes.js'
import { equal, logicalOr, where } from './comparison.js'
import { NotDifferentiable } from './not-differentiable.js'
import { reshape } from './shapes.js'

/** Indices as an operand: numbers and lists of numbers as int32, all else as it is. */
export function indexOperand(indices: Operand): Operand {
  return typeof indices === 'number' || Array.isArray(indices)
    ? ndarray(indices, { dtype: 'int32' })
    : indices
}

/** Throws BAD_DTYPE with advice when labels or indices are no integers. */
export function requireIndices(indices: NDArray, what: string): void {
  if (indices.dtype === 'int32' || indices.dtype === 'uint8') return
  throw new TapeError(
    'BAD_DTYPE',
    `${what} expected int32 or uint8, got ${indices.dtype}; make them with ndarray(values, { dtype: 'int32' })`,
  )
}

export interface TakeOptions {
  /** The axis along which the indices count. Default 0. */
  axis?: number | undefined
}

/** Slices named by indices.  Backward: every slice of gy is added where it was read. */
export class Take extends Func {
  readonly axis: number

  constructor(attributes: TakeOptions = {}) {
    checkOptions(attributes, ['axis'], 'take')
    const axis = oneAxisOf(attributes.axis, 0, 'take')
    super({ axis })
    this.axis = axis
  }

  override forward(x: NDArray, indices: NDArray): NDArray {
    requireIndices(indices, 'take: indices')
    return indexing.take(x, indices, this.axis)
  }

  override backward(gy: Variable): (Variable | null)[] {
    return [
      scatterTake(gy, this.inputAt(1), takenAxis(this.axis, this.inputAt(0).ndim), this.sizeOfAxis()),
      null,
    ]
  }

  private sizeOfAxis(): number {
    const { shape } = this.inputAt(0)
    return shape[takenAxis(this.axis, shape.length)]!
  }
}

function takenAxis(axis: number, ndim: number): number {
  return axis < 0 ? axis + ndim : axis
}

/**
 * The slices of x that integer indices name along an axis, the first unless said: rows of a data set.
 *
 * Shapes   x [a…, n, b…], indices [i…] → [a…, i…, b…]
 * Throws   INDEX_OUT_OF_RANGE; BAD_DTYPE unless the indices are integers; BAD_AXIS.
 * Source   NumPy `take`, but for the default axis.
 */
export function take(x: Operand, indices: Operand, options: TakeOptions = {}): Variable {
  return new Take(options).apply2(x, indexOperand(indices))
}

/** The adjoint of take.  Backward: gy is read where it was added. */
export class ScatterTake extends Func {
  private readonly axis: number
  private readonly size: number

  constructor(attributes: { axis: number; size: number }) {
    checkOptions(attributes, ['axis', 'size'], 'scatterTake')
    const axis = integerOf(attributes.axis, undefined, 0, 'axis', 'scatterTake')
    const size = integerOf(attributes.size, undefined, 0, 'size', 'scatterTake')
    super({ axis, size })
    this.axis = axis
    this.size = size
  }

  override forward(values: NDArray, indices: NDArray): NDArray {
    requireIndices(indices, 'scatterTake: indices')
    return indexing.scatterTake(values, indices, this.axis, this.size)
  }

  override backward(gy: Variable): (Variable | null)[] {
    return [take(gy, this.inputAt(1), { axis: this.axis }), null]
  }
}

/**
 * Zeros to which slices are added at the indices along an axis.
 *
 * Shapes   values [a…, i…, b…], indices [i…] → [a…, size, b…]
 * Throws   SHAPE_MISMATCH, INDEX_OUT_OF_RANGE, BAD_DTYPE, BAD_AXIS.
 */
export function scatterTake(values: Operand, indices: Operand, axis: number, size: number): Variable {
  return new ScatterTake({ axis, size }).apply2(values, indexOperand(indices))
}

/** Settings of embedding. */
export interface EmbeddingOptions {
  /** The id of padding, whose row gets no gradient. None unless said. */
  paddingIndex?: number | undefined
}

/** Rows of a table.  Backward as take; the row of padding gets none. */
export class Embedding extends Func {
  private readonly paddingIndex: number | undefined

  constructor(attributes: EmbeddingOptions = UNSAID) {
    checkOptions(attributes, ['paddingIndex'], 'embedding')
    if (attributes.paddingIndex === undefined) {
      super()
      return
    }
    const paddingIndex = integerOf(attributes.paddingIndex, undefined, -Infinity, 'paddingIndex', 'embedding')
    super({ paddingIndex })
    this.paddingIndex = paddingIndex
  }

  override forward(w: NDArray, ids: NDArray): NDArray {
    if (w.ndim !== 2) {
      throw new TapeError(
        'SHAPE_MISMATCH',
        `embedding expected a table w [count, width], got ${valueText(w.shape)}`,
      )
    }
    requireIndices(ids, 'embedding: ids')
    const { paddingIndex } = this
    const count = w.shape[0]!
    if (paddingIndex !== undefined && (paddingIndex >= count || paddingIndex < -count))
      throw new TapeError(
        'INDEX_OUT_OF_RANGE',
        `embedding expected paddingIndex from ${-count} to ${count - 1}, for the ${count} rows of w, got ${paddingIndex}`,
      )
    return indexing.take(w, ids, 0)
  }

  override backward(gy: Variable): (Variable | null)[] {
    const ids = this.inputAt(1)
    const count = this.inputAt(0).shape[0]!
    const { paddingIndex } = this
    if (paddingIndex === undefined) return [scatterTake(gy, ids, 0, count), null]
    // Ids count from the end where they are negative, and so may the padding's.
    const id = paddingIndex < 0 ? paddingIndex + count : paddingIndex
    const fromEnd = ids.wholeData.data.some((one) => one < 0)
    const isPadding = fromEnd ? logicalOr(equal(ids, id), equal(ids, id - count)) : equal(ids, id)
    return [scatterTake(where(reshape(isPadding, [...ids.shape, 1]), 0, gy), ids, 0, count), null]
  }
}

/**
 * The rows of w that ids name.
 *
 * Shapes   w [count, width], ids [i…] → [i…, width]
 * Throws   INDEX_OUT_OF_RANGE; BAD_DTYPE unless ids are integers.
 */
export function embedding(w: Operand, ids: Operand, options: EmbeddingOptions = UNSAID): Variable {
  return new Embedding(options).apply2(w, indexOperand(ids))
}

export interface OneHotOptions {
  /** The number of classes. */
  classes: number
  /** The dtype of the result. Default the default dtype. */
  dtype?: DType | undefined
}

/** 1 at each index, 0 elsewhere. */
export class OneHot extends NotDifferentiable {
  private readonly classes: number
  private readonly dtype: DType

  constructor(attributes: OneHotOptions) {
    checkOptions(attributes, ['classes', 'dtype'], 'oneHot')
    const classes = integerOf(attributes.classes, undefined, 0, 'classes', 'oneHot')
    const dtype = attributes.dtype ?? getDefaultDtype()
    if (!isDType(dtype)) throw new TapeError('BAD_DTYPE', `oneHot expected a dtype, got ${valueText(dtype)}`)
    super({ classes, dtype })
    this.classes = classes
    this.dtype = dtype
  }

  protected override get reason(): string {
    return 'indices are integers'
  }

  override forward(indices: NDArray): NDArray {
    requireIndices(indices, 'oneHot: indices')
    return indexing.oneHot(indices, this.classes, this.dtype)
  }
}

/**
 * 1 where the class is that of the index, else 0. Not differentiable.
 *
 * Shapes   indices [i…] → [i…, classes]
 * Throws   INDEX_OUT_OF_RANGE; BAD_DTYPE unless the indices are integers.
 */
export function oneHot(indices: Operand, options: OneHotOptions): Variable {
  return new OneHot(options).apply1(indexOperand(indices))
}

registerFunc(Take, { name: 'take' })
registerFunc(ScatterTake, { name: 'scatterTake' })
registerFunc(Embedding, { name: 'embedding' })
registerFunc(OneHot, { name: 'oneHot' })
