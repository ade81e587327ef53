/**
 * Arrays of equal length as a data set. Each is one constant Variable for as long as the data set lives, so that a tape
 * holds it once; a batch is a recorded `take` of rows, and costs its indices.
 */

import { take as takeRows } from '../array/indexing.js'
import { ndarray } from '../array/make-array.js'
import type { NDArray } from '../array/ndarray.js'
import { permutation } from '../array/random.js'
import { formatShape } from '../array/shape.js'
import { TapeError, valueText } from '../errors.js'
import { integerOf, refuse } from '../functions/attributes.js'
import { take } from '../functions/indexing.js'
import { constant } from '../graph/leaves.js'
import { noGrad } from '../graph/mode.js'
import { checkedName, type Operand, Variable } from '../graph/variable.js'
import { checkFunction, checkOptions } from '../options.js'

/** A Variable for each array of the data set. */
export type Batch<T extends readonly unknown[]> = { -readonly [K in keyof T]: Variable }

/** Arrays of equally many rows: row i of each belongs to example i. A `DataLoader` takes batches from it. */
export class TensorDataset<T extends readonly Operand[] = Operand[]> {
  /** The whole arrays, as constants. */
  readonly arrays: Batch<T>
  /** The number of rows. */
  readonly length: number
  /** What the data set is called on tapes; null until `named`. */
  name: string | null = null
  /** Which part of it this is: 'train', 'test'; null where it is the whole, or nobody said. */
  part: string | null = null

  /**
   * arrays   inputs, targets, and what else has a row for each example: `new TensorDataset(x, t)`
   * Throws   SHAPE_MISMATCH unless all have the same number of rows; BAD_ARGUMENT for none
   */
  constructor(...arrays: T) {
    if (arrays.length === 0) refuse('TensorDataset expected at least one array, got none')
    // A name that the program gave is the data set's on the tape, too.
    const variables = arrays.map((array) =>
      constant(array, array instanceof Variable && array.name !== null ? { name: array.name } : {}),
    )
    for (const { shape } of variables) {
      if (shape.length === 0) {
        throw new TapeError('SHAPE_MISMATCH', 'TensorDataset expected arrays with rows, got a scalar')
      }
    }
    const lengths = variables.map(({ shape }) => shape[0]!)
    if (lengths.some((length) => length !== lengths[0])) {
      throw new TapeError(
        'SHAPE_MISMATCH',
        `TensorDataset expected arrays with the same number of rows, got ${variables.map(({ shape }) => formatShape(shape)).join(' and ')}`,
      )
    }
    this.length = lengths[0]!
    this.arrays = variables as Batch<T>
  }

  /**
   * The rows that the indices name, of each array; the indices are recorded once for all.
   *
   * indices  integers [n]: int32, uint8 or a list
   * Throws   INDEX_OUT_OF_RANGE; BAD_DTYPE unless the indices are integers
   */
  take(indices: Variable | NDArray | readonly number[]): Batch<T> {
    const rows =
      indices instanceof Variable
        ? indices
        : constant(Array.isArray(indices) ? int32(indices) : (indices as NDArray))
    return (this.arrays as Variable[]).map((array) => take(array, rows)) as Batch<T>
  }

  /**
   * Gives the data set its name, which tapes show with each epoch and batch: `new TensorDataset(x, t).named('faces', { part: 'train' })`.
   * Its arrays get the name too, where they have none: `faces.train[0]`. What is made of it (split, filter, slice, map) is called the same.
   *
   * Returns  the data set itself
   * Throws   BAD_ARGUMENT unless name and part are texts of whole characters, and not empty
   */
  named(name: string, options: { part?: string | null | undefined } = {}): this {
    checkOptions(options, ['part'], 'TensorDataset.named')
    const part = options.part ?? null
    checkedName(name)
    if (part !== null) checkedName(part)
    this.name = name
    this.part = part
    ;(this.arrays as Variable[]).forEach((array, i) => {
      if (array.name === null) array.name = `${name}${part === null ? '' : `.${part}`}[${i}]`
    })
    return this
  }

  /** The same name for what is made of this data set. */
  private passOnName<U extends readonly Operand[]>(
    made: TensorDataset<U>,
    part: string | null = this.part,
  ): TensorDataset<U> {
    return this.name === null ? made : made.named(this.name, { part })
  }

  /**
   * Data sets of parts of the rows, drawn by a seed: `const [train, test] = dataset.split([0.8, 0.2], { seed: 1 })`. The same seed gives the
   * same parts; every row is in one of them.
   *
   * shares   of each part, which add up to 1; or whole numbers of rows, which add up to all
   * parts    what each is called on tapes, when the data set has a name: ['train', 'test']
   * Throws   BAD_ARGUMENT
   */
  split(
    shares: readonly number[],
    options: { seed?: number | undefined; parts?: readonly string[] | undefined } = {},
  ): TensorDataset<T>[] {
    checkOptions(options, ['seed', 'parts'], 'TensorDataset.split')
    const { parts } = options
    const seed = integerOf(options.seed, 0, 0, 'seed', 'TensorDataset.split')
    const isList =
      Array.isArray(shares) && shares.length > 0 && shares.every((one) => Number.isFinite(one) && one >= 0)
    const total = isList ? shares.reduce((a, b) => a + b, 0) : Number.NaN
    const isCounts = isList && shares.every(Number.isInteger) && total === this.length
    if (!isCounts && !(Math.abs(total - 1) < 1e-9))
      refuse(
        `TensorDataset.split expected shares that add up to 1, or numbers of rows that add up to ${this.length}, got ${valueText(shares)}`,
      )
    if (parts !== undefined && (!Array.isArray(parts) || parts.length !== shares.length))
      refuse(`TensorDataset.split expected ${shares.length} names of parts, got ${valueText(parts)}`)
    for (const part of parts ?? []) checkedName(part)
    if (parts !== undefined && this.name === null)
      refuse(
        'TensorDataset.split expected parts only of a data set that has a name; give it one with named(…) first',
      )
    const order = permutation(this.length, { key: { seed, counter: 0 } }).data
    let sum = 0
    let from = 0
    return shares.map((share, i) => {
      sum += share
      const to = i === shares.length - 1 ? this.length : Math.round(isCounts ? sum : sum * this.length)
      const rows = Array.from(order.slice(from, to))
      from = to
      return this.passOnName(this.of(rows), parts?.[i] ?? this.part)
    })
  }

  /** A data set of the rows for whose number `keep` gives true; it copies them. */
  filter(keep: (row: number) => boolean): TensorDataset<T> {
    checkFunction(keep, 'TensorDataset.filter')
    return this.passOnName(
      this.of(Array.from({ length: this.length }, (_, row) => row).filter((row) => keep(row))),
    )
  }

  /** A data set of what `change` makes of the whole arrays: `dataset.map((x, t) => [x.div(255), t])`. Throws as the constructor. */
  map<U extends readonly Operand[]>(change: (...arrays: Batch<T>) => readonly [...U]): TensorDataset<U> {
    checkFunction(change, 'TensorDataset.map')
    const made = noGrad(() => change(...this.arrays))
    if (!Array.isArray(made)) refuse(`TensorDataset.map expected a list of arrays, got ${valueText(made)}`)
    const arrays = (made as readonly Operand[]).map((one) => (one instanceof Variable ? one.data : one))
    return this.passOnName(new TensorDataset(...(arrays as unknown as U)))
  }

  private of(rows: readonly number[]): TensorDataset<T> {
    const places = ndarray(Int32Array.from(rows))
    const parts = (this.arrays as Variable[]).map(({ data }) => takeRows(data, places, 0))
    return new TensorDataset(...(parts as unknown as T))
  }

  /**
   * A data set of the rows from start to before stop, which it copies; negative places count from the end.
   *
   * Throws   BAD_ARGUMENT for places that are no integers; infinite ones are the ends
   */
  slice(start: number, stop: number = this.length): TensorDataset<T> {
    for (const at of [start, stop])
      if (!Number.isInteger(at) && Math.abs(at) !== Infinity)
        refuse(`TensorDataset.slice expected integers as its places, got ${valueText(at)}`)
    const place = (at: number) => Math.min(this.length, Math.max(0, at < 0 ? at + this.length : at))
    const [from, to] = [place(start), place(stop)]
    const parts = (this.arrays as Variable[]).map(({ data: { data, shape, dtype } }) => {
      const width = data.length / Math.max(1, this.length)
      return ndarray(data.subarray(from * width, Math.max(from, to) * width), {
        shape: [Math.max(0, to - from), ...shape.slice(1)],
        dtype,
      })
    })
    return this.passOnName(new TensorDataset(...(parts as unknown as T)))
  }
}

function int32(indices: readonly number[]): NDArray {
  return ndarray(indices, { dtype: 'int32' })
}
