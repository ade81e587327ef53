/** Makes a tape from the batches of another: it has the same chain and the same head. */
import { TapeError } from '../../errors.js'
import {
  type ArrayCapture,
  CAPTURE_BYTES,
  CAPTURE_HASH,
  CAPTURE_INLINE,
  CAPTURE_SUMMARY,
} from '../../events/capture.js'
import type { RecordedArray } from '../../events/event.js'
import { InlineArray } from '../../events/inline-array.js'
import type { PackedBatch } from '../../events/pack.js'
import { ScalarValue } from '../../events/scalar-value.js'
import { SummarizedArray } from '../../events/summarized-array.js'
import { summaryFrom } from '../../events/summary.js'
import { GENESIS, type LabelChange } from '../format/chain.js'
import type { Connection, Statement } from '../format/connection.js'
import { positionOfId } from '../format/ids.js'
import { arrayFromBytes, fromScalar } from '../format/value.js'
import { copyLabels } from '../write/label-writer.js'
import { type MaterializedValue, Materializer } from '../write/materializer.js'
import { Writer } from '../write/writer.js'
import { arrayAt, eachDigest, HASH_BYTES, type LoggedBatch, partsOf, rowsOf } from './logged-batch.js'

/** Writes batches into an empty tape, and holds each to its hash: in the end the tape has the chain they came from. */
export class TapeFromLog {
  private readonly db: Connection
  private readonly writers = new Map<number, Writer>()
  private readonly lastHash: Statement
  private batches = 0

  constructor(db: Connection) {
    this.db = db
    this.lastHash = db.prepare('SELECT hash FROM _commit ORDER BY id DESC LIMIT 1').pluck()
  }

  /**
   * `contents` are the bytes of what the batch names, by their hash in hex.
   *
   * Throws  TAPE_CORRUPT when the batch is not the next one, or does not come out with its hash
   */
  add(batch: LoggedBatch, contents: ReadonlyMap<string, Buffer>): void {
    if (batch.n !== this.batches + 1)
      throw new TapeError('TAPE_CORRUPT', `expected batch ${this.batches + 1}, got batch ${batch.n}`)
    try {
      switch (batch.kind) {
        case 'events':
          this.addEvents(batch, contents)
          break
        case 'values':
          this.addValues(batch, contents)
          break
        case 'labels':
          this.addLabels(batch)
          break
        default:
          throw new TapeError(
            'TAPE_CORRUPT',
            `batch ${(batch as LoggedBatch).n} is of a kind that this gradtape does not know (${String((batch as LoggedBatch).kind)}); a newer one may`,
          )
      }
    } catch (error) {
      if (error instanceof TapeError) throw error
      throw new TapeError(
        'TAPE_CORRUPT',
        `batch ${batch.n} is none that gradtape writes (${String(error)})`,
        {
          cause: error,
        },
      )
    }
    if (!this.head.equals(batch.hash))
      throw new TapeError(
        'TAPE_CORRUPT',
        `batch ${batch.n} came out with another hash than it has: it, or what came before it, was changed on the way`,
      )
    this.batches++
  }

  /** The hash of the last batch. */
  get head(): Buffer {
    return (this.lastHash.get() as Buffer | undefined) ?? GENESIS
  }

  private addEvents(batch: LoggedBatch, contents: ReadonlyMap<string, Buffer>): void {
    const { place, words, texts } = partsOf(batch)
    const [run, firstPosition, firstStep, count, firstText] = place as unknown as number[]
    let writer = this.writers.get(run!)
    if (writer === undefined) writer = this.begin(run!, batch)
    const values: RecordedArray[] = []
    const captures: ArrayCapture[] = []
    eachDigest(batch, (kept, dtype, size, digest) => {
      captures.push(kept)
      values.push(arrayOf(kept, dtype, size, digest, contents))
    })
    const packed: PackedBatch = {
      ...{ firstPosition: firstPosition!, firstStep: firstStep!, count: count!, firstText: firstText! },
      ...{ words, texts, values, captures },
    }
    const failure = writer.write([packed], batch.committedAt)
    if (failure !== null) throw failure
  }

  private begin(run: number, batch: LoggedBatch): Writer {
    const expected = this.writers.size + 1
    if (run !== expected || batch.runName === null)
      throw new TapeError(
        'TAPE_CORRUPT',
        `batch ${batch.n} expected to begin run ${expected}, is of run ${run}`,
      )
    this.db.prepare('INSERT INTO _run (id, name) VALUES (?, ?)').run(run, batch.runName)
    const state = { runId: run, repetitions: { current: 1, previous: 1 }, texts: [] }
    const writer = new Writer(this.db, null, batch.runName, state)
    this.writers.set(run, writer)
    return writer
  }

  private addLabels(batch: LoggedBatch): void {
    const [word, run, at, list] = JSON.parse(batch.payload.toString('utf8')) as [
      string,
      number,
      string,
      [LabelChange['kind'], string][],
    ]
    if (word !== 'labels' || at !== batch.committedAt || !this.writers.has(run))
      throw new TapeError('TAPE_CORRUPT', `batch ${batch.n} does not hold the labels of a run before it`)
    const changes = list.map(([kind, text]) => ({ kind, text }))
    copyLabels(this.db, run, changes, at)
  }

  private addValues(batch: LoggedBatch, contents: ReadonlyMap<string, Buffer>): void {
    const { run, rows } = rowsOf(batch)
    let named = 0
    const values = rows.map(({ id, part, hash, scalar }): MaterializedValue => {
      const position = positionOfId(id)
      if (hash === null) return { position, part, value: new ScalarValue(fromScalar(scalar!), 'float64', []) }
      const { dtype, size } = arrayAt(batch, named++)
      const digest = Buffer.from(hash, 'hex')
      return { position, part, value: arrayOf(CAPTURE_BYTES, dtype, size, digest, contents) }
    })
    new Materializer(this.db).write(run, values, batch.committedAt)
  }
}

function arrayOf(
  kept: ArrayCapture,
  dtype: string,
  size: number,
  digest: Buffer,
  contents: ReadonlyMap<string, Buffer>,
): RecordedArray {
  const summary = (from: number) => summaryFrom((place) => digest.readDoubleLE(from + 8 * place))
  switch (kept) {
    case CAPTURE_INLINE:
      return new InlineArray(dtype, [size], arrayFromBytes(dtype, size, digest))
    case CAPTURE_SUMMARY:
      return new SummarizedArray(dtype, [size], { ...summary(0), hash: null })
    case CAPTURE_HASH: {
      const hash = digest.toString('hex', 0, HASH_BYTES)
      return new SummarizedArray(dtype, [size], { ...summary(HASH_BYTES), hash })
    }
    case CAPTURE_BYTES: {
      const bytes = contents.get(digest.toString('hex'))
      if (bytes === undefined)
        throw new TapeError(
          'TAPE_CORRUPT',
          `the content ${digest.toString('hex')} was not sent with its batch`,
        )
      return new InlineArray(dtype, [size], arrayFromBytes(dtype, size, bytes))
    }
  }
}
