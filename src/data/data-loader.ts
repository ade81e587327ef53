/** Batches of a data set, in order or shuffled by a seed. The order of an epoch follows from the seed and its number. */

import { ndarray } from '../array/make-array.js'
import type { NDArray } from '../array/ndarray.js'
import { permutation, randomState } from '../array/random.js'
import { valueText } from '../errors.js'
import { flagOf, integerOf, refuse } from '../functions/attributes.js'
import { closeEpoch, givesBatch } from '../graph/open-epochs.js'
import { type Operand, Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { type Batch, TensorDataset } from './tensor-dataset.js'
import { WeightedSampler } from './weighted-sampler.js'

export interface DataLoaderOptions<T extends readonly Operand[] = Operand[]> {
  /** How many rows a batch has. Default 1. */
  batchSize?: number | undefined
  /** Whether each epoch has its own random order. Default false. */
  shuffle?: boolean | undefined
  /** What the orders follow from. Default the seed of the default generator when an epoch begins: that of the run (`startRun`), or of `seedRandom`. */
  seed?: number | undefined
  /** What draws the rows of an epoch instead of an order of all: a `WeightedSampler`. Not together with shuffle. */
  sampler?: WeightedSampler | undefined
  /** Whether to leave out a last batch that would be smaller. Default false. */
  dropLast?: boolean | undefined
  /**
   * What becomes of each batch before it is given: `(x, t) => [randomFlip(x), t]`. It is called when it is the batch's turn, and what it
   * calls is recorded. As many Variables as the batch has.
   */
  collate?: ((...batch: Batch<T>) => Batch<T>) | undefined
}

/**
 * `for (const [x, t] of new DataLoader(dataset, { batchSize: 50, shuffle: true, seed: 1 }))` is one epoch; iterating again
 * is the next. Each batch is made when it is its turn.
 */
export class DataLoader<T extends readonly Operand[]> {
  /** What batches are taken from. */
  readonly dataset: TensorDataset<T>
  /** How many rows a batch has; the last of an epoch may have fewer. */
  readonly batchSize: number
  /** The number of the epoch that iterating begins next, from 0. Assign it to go on where another process stood. */
  epoch = 0
  private readonly shuffle: boolean
  /** What the orders follow from; null for the seed of the default generator when an epoch begins. */
  seed: number | null
  private readonly dropLast: boolean
  private readonly sampler: WeightedSampler | null
  private readonly collate: ((...batch: Batch<T>) => Batch<T>) | null

  /** Throws BAD_ARGUMENT for the options, and for a data set that gives no batch. */
  constructor(dataset: TensorDataset<T>, options: DataLoaderOptions<T> = {}) {
    checkOptions(options, ['batchSize', 'shuffle', 'seed', 'sampler', 'dropLast', 'collate'], 'DataLoader')
    if (!(dataset instanceof TensorDataset)) {
      refuse(
        `DataLoader expected a TensorDataset, got ${valueText(dataset)}; wrap arrays with new TensorDataset(x, t)`,
      )
    }
    this.dataset = dataset
    this.batchSize = integerOf(options.batchSize, 1, 1, 'batchSize', 'DataLoader')
    this.shuffle = flagOf(options.shuffle, false, 'shuffle', 'DataLoader')
    this.seed =
      options.seed === undefined ? null : integerOf(options.seed, undefined, 0, 'seed', 'DataLoader')
    this.dropLast = flagOf(options.dropLast, false, 'dropLast', 'DataLoader')
    const { sampler, collate = null } = options
    if (collate !== null && typeof collate !== 'function')
      refuse(`DataLoader expected collate to be a function of a batch, got ${valueText(collate)}`)
    this.collate = collate
    if (sampler !== undefined && (!(sampler instanceof WeightedSampler) || sampler.rows !== dataset.length))
      refuse(
        `DataLoader expected a sampler of ${dataset.length} rows, as the data set has, got ${valueText(sampler)}`,
      )
    if (sampler !== undefined && this.shuffle) refuse('DataLoader expected a sampler or shuffle, got both')
    this.sampler = sampler ?? null
    if (options.seed !== undefined && !this.shuffle) {
      refuse('DataLoader expected a seed only with { shuffle: true }, got one without')
    }
    if (this.length === 0) {
      refuse(
        `DataLoader expected data for at least one batch, got ${dataset.length} rows` +
          `${this.dropLast ? ` for batches of ${this.batchSize}; use smaller ones, or do not drop the last` : ''}`,
      )
    }
  }

  /** The number of batches in an epoch. */
  get length(): number {
    const batches = this.rows / this.batchSize
    return this.dropLast ? Math.floor(batches) : Math.ceil(batches)
  }

  /** The batches of the epoch `epoch`, which is one more afterwards. */
  *[Symbol.iterator](): Generator<Batch<T>, void, undefined> {
    const { dataset, batchSize, length } = this
    const rows = this.rows
    const epoch = integerOf(this.epoch, 0, 0, 'epoch', 'DataLoader')
    this.epoch = epoch + 1
    const order = this.order(epoch)
    const { name, part } = dataset
    const place = {
      epoch,
      batches: length,
      batchSize,
      data: dataset.arrays[0]!,
      dataset: name,
      part,
      batch: 0,
      recorder: null,
    }
    try {
      for (let batch = 0; batch < length; batch++) {
        const start = batch * batchSize
        const taken = dataset.take(rowsOf(order, start, Math.min(start + batchSize, rows)))
        givesBatch(place, batch)
        yield this.collated(taken)
      }
    } finally {
      closeEpoch(place)
    }
  }

  private collated(batch: Batch<T>): Batch<T> {
    if (this.collate === null) return batch
    const made: unknown = this.collate(...batch)
    const fits = Array.isArray(made) && made.length === batch.length
    if (fits && made.every((one) => one instanceof Variable)) return made as unknown as Batch<T>
    return refuse(
      `DataLoader expected collate to give ${batch.length} Variables, as the batch has, got ${valueText(made)}`,
    )
  }

  private get rows(): number {
    return this.sampler?.count ?? this.dataset.length
  }

  private order(epoch: number): NDArray | null {
    const seed = this.seed ?? randomState().seed
    if (this.sampler !== null) return this.sampler.order(epoch, seed)
    return this.shuffle ? permutation(this.dataset.length, { key: { seed, counter: epoch } }) : null
  }
}

function rowsOf(order: NDArray | null, start: number, stop: number): NDArray {
  const rows = new Int32Array(stop - start)
  for (let i = 0; i < rows.length; i++)
    rows[i] = order === null ? start + i : order.buffer[order.offset + start + i]!
  return ndarray(rows)
}
