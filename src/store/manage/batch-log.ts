/**
 * The batches of a tape as the hash chain covers them: what one has to hand on, so that a tape can be made from them elsewhere (see
 * tape-from-log.ts) that has the same chain and the same head.
 */
import { TapeError } from '../../errors.js'
import { CAPTURE_BYTES } from '../../events/capture.js'
import { dtypeCode } from '../../events/dtypes.js'
import { Packer } from '../../events/pack.js'
import { chained, GENESIS, labelsPayload, materializedPayload, payloadParts } from '../format/chain.js'
import type { Connection } from '../format/connection.js'
import { Digests } from '../format/digests.js'
import { packAgain } from '../proof/pack-again.js'
import { addDigest } from '../proof/verify.js'
import { present } from '../read/present.js'
import { type CommitRow, type LabelRow, Reader } from '../read/reader.js'
import { ValueRows } from '../read/stored-array.js'
import type { LoggedBatch, NamedContent } from './logged-batch.js'

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
