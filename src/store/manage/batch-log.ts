/**
 * The batches of a tape as the hash chain covers them: what one has to hand on, so that a tape can be made from them elsewhere that
 * has the same chain and the same head. For each batch sha256(hash before ‖ payload) = hash, which anybody can check that knows
 * nothing of gradtape.
 *
 * A payload names larger arrays by the SHA-256 of their content; the contents travel beside the batches, each once.
 */
import { TapeError } from '../../errors.js'
import {
  type ArrayCapture,
  CAPTURE_BYTES,
  CAPTURE_HASH,
  CAPTURE_INLINE,
  CAPTURE_SUMMARY,
} from '../../events/capture.js'
import { dtypeCode, ELEMENT_BYTES, RECORDED_DTYPES } from '../../events/dtypes.js'
import type { RecordedArray } from '../../events/event.js'
import { InlineArray } from '../../events/inline-array.js'
import { type PackedBatch, Packer } from '../../events/pack.js'
import { SUMMARY_SIZE } from '../../events/record-layout.js'
import { ScalarValue } from '../../events/scalar-value.js'
import { SummarizedArray } from '../../events/summarized-array.js'
import { summaryFrom } from '../../events/summary.js'
import {
  chained,
  GENESIS,
  type LabelChange,
  labelsPayload,
  type MaterializedRow,
  materializedPayload,
  payloadParts,
} from '../format/chain.js'
import type { Connection, Statement } from '../format/connection.js'
import { Digests } from '../format/digests.js'
import { positionOfId } from '../format/ids.js'
import { arrayFromBytes, fromScalar } from '../format/value.js'
import { packAgain } from '../proof/pack-again.js'
import { addDigest } from '../proof/verify.js'
import { present } from '../read/present.js'
import { type CommitRow, type LabelRow, Reader } from '../read/reader.js'
import { ValueRows } from '../read/stored-array.js'
import { copyLabels } from '../write/label-writer.js'
import { type MaterializedValue, Materializer } from '../write/materializer.js'
import { Writer } from '../write/writer.js'

/** One batch, as it travels. */
export interface LoggedBatch {
  /** Its number in the tape, from 1 without gaps. */
  readonly n: number
  /** SHA-256 over the hash before and the payload. */
  readonly hash: Buffer
  readonly payload: Buffer
  /** Events of a run, values that were computed again after it, or changes of its name and tags. */
  readonly kind: 'events' | 'values' | 'labels'
  /** When it was written, as the payload has it. */
  readonly committedAt: string
  /** The run's name, where the run begins in this batch; else null. */
  readonly runName: string | null
  /** Bytes of the packed events and of the texts in the payload; 0 and 0 for others. */
  readonly wordsBytes: number
  readonly textsBytes: number
  /** Of each array that the payload covers: what is kept of it, its dtype's code and its size, one after the other. */
  readonly arrays: readonly number[]
}

/** An array whose content a batch names by its hash. */
export interface NamedContent {
  readonly hash: Buffer
  readonly dtype: string
  readonly size: number
}

const HASH_BYTES = 32
const SUMMARY_BYTES = 8 * SUMMARY_SIZE
/** A Float64Array of: run, first position, first step, events, first text, texts, digests. */
const PLACE_BYTES = 56

/** How far a log was read: what one needs to go on behind it. */
interface LogPlace {
  readonly n: number
  readonly hash: Buffer
  /** Of each run, what has packed its events so far. */
  readonly packers: Map<number, Packer>
}

/** Reads the batches of an open tape, each held to its hash. */
export class TapeLog {
  private readonly reader: Reader
  private readonly values: ValueRows
  private readonly db: Connection
  private place: LogPlace
  private readonly digests = new Digests()

  /** `db` is held still by its owner while batches are read. `place` is where another log of the same tape stopped: it must not go on. */
  constructor(db: Connection, place: LogPlace = { n: 0, hash: GENESIS, packers: new Map() }) {
    this.db = db
    this.place = place
    this.reader = new Reader(db)
    this.values = new ValueRows(db)
  }

  /** How far it was read. */
  get readUpTo(): LogPlace {
    return this.place
  }

  /** How many batches the tape has, the hash of the last, and that of batch `n` when asked for. */
  state(n = 0): { batches: number; head: Buffer; at: Buffer | null } {
    const last = this.reader.lastCommit()
    return {
      batches: last?.id ?? 0,
      head: last?.hash ?? GENESIS,
      at: n === 0 ? null : (this.reader.lastCommit(n, n)?.hash ?? null),
    }
  }

  /**
   * The batches behind number `after`, in order, and behind what was read before.
   *
   * Throws  TAPE_CORRUPT when one does not have its hash
   */
  *batches(after = 0): Generator<LoggedBatch> {
    for (const commit of this.reader.commitsAfter(this.place.n)) {
      const batch = this.batch(commit)
      if (batch.n !== this.place.n + 1 || !chained(this.place.hash, batch.payload).equals(commit.hash))
        throw new TapeError(
          'TAPE_CORRUPT',
          `batch ${commit.id} does not have the hash it was written with; verify the tape (\`gradtape verify\`)`,
        )
      this.place = { ...this.place, n: batch.n, hash: commit.hash }
      if (batch.n > after) yield batch
    }
  }

  /** The bytes of a content. Throws TAPE_CORRUPT when the tape does not have them. */
  content({ hash, dtype, size }: NamedContent): Buffer {
    const id = this.db.prepare('SELECT id FROM _value WHERE hash = ?').pluck().get(hash) as number | undefined
    const bytes = id === undefined ? null : this.values.content(id).bytes
    if (bytes !== null) return bytes
    throw new TapeError(
      'TAPE_CORRUPT',
      `the content ${hash.toString('hex')} (${size} ${dtype}) is named by a batch and not on the tape`,
    )
  }

  private batch(commit: CommitRow): LoggedBatch {
    if (commit.event_count > 0) return this.eventsBatch(commit)
    const labels = this.reader.labelsBy(commit.id)
    return labels.length > 0 ? this.labelsBatch(commit, labels) : this.valuesBatch(commit)
  }

  private labelsBatch(commit: CommitRow, changes: readonly LabelRow[]): LoggedBatch {
    const { id: n, run_id: run, committed_at: at, hash } = commit
    const payload = labelsPayload(run, at, changes)
    return {
      ...{ n, hash, payload, kind: 'labels', committedAt: at, runName: null, arrays: [] },
      wordsBytes: 0,
      textsBytes: 0,
    }
  }

  private eventsBatch(commit: CommitRow): LoggedBatch {
    const { id: n, run_id: run, first_position: first, event_count: count, committed_at: at, hash } = commit
    const { packers } = this.place
    const packer = packers.get(run) ?? new Packer()
    packers.set(run, packer)
    let runName: string | null = null
    const batch = packAgain(this.reader, packer, run, [first, first + count - 1], (event) => {
      if (event.type === 'RunStarted') runName = event.name
    })
    if (batch === null) throw new TapeError('TAPE_CORRUPT', `batch ${n} of run ${run} has no events`)
    this.digests.clear()
    const arrays: number[] = []
    batch.values.forEach((value, i) => {
      addDigest(this.digests, value)
      arrays.push(batch.captures[i]!, dtypeCode(value.dtype), value.size)
    })
    const parts = payloadParts(run, at, batch, this.digests)
    return {
      ...{ n, hash, kind: 'events', committedAt: at, runName, arrays },
      payload: Buffer.concat(parts),
      wordsBytes: parts[2]!.byteLength,
      textsBytes: parts[3]!.byteLength,
    }
  }

  private valuesBatch(commit: CommitRow): LoggedBatch {
    const { id: n, run_id: run, committed_at: at, hash } = commit
    const rows = this.reader.materializedBy(n, run)
    const find = this.db.prepare('SELECT dtype, size FROM _value WHERE hash = ?')
    const arrays = rows.flatMap(({ hash: content }) => {
      if (content === null) return []
      const { dtype, size } = present(
        find.get(Buffer.from(content, 'hex')) as { dtype: string; size: number } | undefined,
        `the value ${content}`,
      )
      return [CAPTURE_BYTES, dtypeCode(dtype), size]
    })
    const payload = materializedPayload(run, at, rows)
    return {
      ...{ n, hash, payload, kind: 'values', committedAt: at, runName: null, arrays },
      wordsBytes: 0,
      textsBytes: 0,
    }
  }
}

/** The contents that a batch names, each once. Throws TAPE_CORRUPT for a batch that is none. */
export function contentsOf(batch: LoggedBatch): NamedContent[] {
  const found = new Map<string, NamedContent>()
  const note = (hash: Buffer, dtype: string, size: number) =>
    found.set(hash.toString('hex'), { hash, dtype, size })
  if (batch.kind === 'labels') return []
  if (batch.kind === 'values') {
    rowsOf(batch).named.forEach(({ hash }, i) => {
      const { dtype, size } = arrayAt(batch, i)
      note(Buffer.from(hash!, 'hex'), dtype, size)
    })
  } else {
    eachDigest(batch, (kept, dtype, size, digest) => {
      if (kept === CAPTURE_BYTES) note(digest, dtype, size)
    })
  }
  return [...found.values()]
}

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

/** What is kept of array `i` of a batch, its dtype and its size. Throws TAPE_CORRUPT. */
function arrayAt(batch: LoggedBatch, i: number): { kept: ArrayCapture; dtype: string; size: number } {
  const [kept, code, size] = batch.arrays.slice(3 * i, 3 * i + 3)
  const dtype = code === undefined ? undefined : RECORDED_DTYPES[code]
  if (dtype === undefined || size === undefined || !Number.isSafeInteger(size) || size < 0)
    throw new TapeError('TAPE_CORRUPT', `batch ${batch.n} does not say what its array ${i} is`)
  return { kept: kept as ArrayCapture, dtype, size }
}

function digestBytes(kept: ArrayCapture, dtype: string, size: number): number {
  switch (kept) {
    case CAPTURE_BYTES:
      return HASH_BYTES
    case CAPTURE_SUMMARY:
      return SUMMARY_BYTES
    case CAPTURE_HASH:
      return HASH_BYTES + SUMMARY_BYTES
    case CAPTURE_INLINE:
      return size * ELEMENT_BYTES[dtypeCode(dtype)]!
    default:
      throw new TapeError(
        'TAPE_CORRUPT',
        `a batch keeps an array in a way that does not exist (${String(kept)})`,
      )
  }
}

type EachDigest = (kept: ArrayCapture, dtype: string, size: number, digest: Buffer) => void

function eachDigest(batch: LoggedBatch, each: EachDigest): void {
  const { digests, place } = partsOf(batch)
  let at = 0
  for (let i = 0; i < place[6]!; i++) {
    const { kept, dtype, size } = arrayAt(batch, i)
    const end = at + digestBytes(kept, dtype, size)
    if (end > digests.length)
      throw new TapeError('TAPE_CORRUPT', `the payload of batch ${batch.n} ends before its arrays do`)
    each(kept, dtype, size, digests.subarray(at, end))
    at = end
  }
  if (at !== digests.length || batch.arrays.length !== 3 * place[6]!)
    throw new TapeError(
      'TAPE_CORRUPT',
      `the payload of batch ${batch.n} does not fit the arrays that it names`,
    )
}

interface Parts {
  readonly place: Float64Array
  readonly words: Float64Array
  readonly texts: string[]
  readonly digests: Buffer
}

function partsOf(batch: LoggedBatch): Parts {
  const { payload, committedAt, wordsBytes, textsBytes } = batch
  const at = PLACE_BYTES + Buffer.byteLength(committedAt)
  const textsAt = at + wordsBytes
  const digestsAt = textsAt + textsBytes
  const fits =
    digestsAt <= payload.length &&
    wordsBytes >= 0 &&
    wordsBytes % 8 === 0 &&
    textsBytes >= 2 &&
    payload.toString('utf8', PLACE_BYTES, at) === committedAt
  if (!fits)
    throw new TapeError('TAPE_CORRUPT', `the payload of batch ${batch.n} does not have the parts it says`)
  return {
    place: floats(payload.subarray(0, PLACE_BYTES)),
    words: floats(payload.subarray(at, textsAt)),
    texts: JSON.parse(payload.toString('utf8', textsAt, digestsAt)) as string[],
    digests: payload.subarray(digestsAt),
  }
}

/** A copy, since a payload may stand anywhere in memory. */
function floats(bytes: Buffer): Float64Array {
  return new Float64Array(
    bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer,
  )
}

/** The rows of a batch of values that were computed again. */
function rowsOf(batch: LoggedBatch): { run: number; rows: MaterializedRow[]; named: MaterializedRow[] } {
  const [run, at, list] = JSON.parse(batch.payload.toString('utf8')) as [number, string, unknown[][]]
  if (at !== batch.committedAt)
    throw new TapeError('TAPE_CORRUPT', `batch ${batch.n} says two times (${at} and ${batch.committedAt})`)
  const rows = list.map(([id, part, hash, scalar]): MaterializedRow => {
    const number = scalar === 'Infinity' || scalar === '-Infinity' ? Number(scalar) : scalar
    return {
      id: id as number,
      part: part as number,
      hash: hash as string | null,
      scalar: number as number | string | null,
    }
  })
  return { run, rows, named: rows.filter(({ hash }) => hash !== null) }
}
