/**
 * Writes values that were computed again into the tape, beside the events that made them: marked as such, each batch in one
 * transaction that the hash chain covers. It does not know how they were computed.
 */
import type { RecordedArray } from '../../events/event.js'
import { GENESIS, type MaterializedRow, materializedHash } from '../format/chain.js'
import type { Connection, Statement } from '../format/connection.js'
import { sqliteError } from '../format/database.js'
import { eventId } from '../format/ids.js'
import { checkContent } from '../format/own-content.js'
import { toScalar } from '../format/value.js'
import { ValueStore } from './value-store.js'

export interface MaterializedValue {
  readonly position: number
  /** Slot of a call's output; of a gradient 0 for the contribution, 1 for the accumulated one. */
  readonly part: number
  readonly value: RecordedArray
}

interface Materialized {
  values: number
  /** Of their contents; equal contents are stored once. */
  bytes: number
}

export class Materializer {
  private readonly db: Connection
  private readonly values: ValueStore
  private readonly isThere: Statement
  private readonly insert: Statement

  constructor(db: Connection) {
    this.db = db
    this.values = new ValueStore(db)
    this.isThere = db.prepare('SELECT 1 FROM _materialized WHERE id = ? AND part = ?')
    this.insert = db.prepare(
      'INSERT INTO _materialized (id, part, commit_id, value_id, scalar) VALUES (?, ?, ?, ?, ?)',
    )
  }

  /** Writes those that are not there yet; gives how many that were, and their bytes. */
  write(
    runId: number,
    values: readonly MaterializedValue[],
    committedAt = new Date().toISOString(),
  ): Materialized {
    checkContent(this.db)
    try {
      return this.db.transaction(() => this.writeAll(runId, values, committedAt)).immediate()
    } catch (error) {
      this.values.forgetIds()
      throw sqliteError(error, `writing values of run ${runId} that were computed again`)
    }
  }

  private writeAll(runId: number, values: readonly MaterializedValue[], committedAt: string): Materialized {
    let bytes = 0
    const last = this.db.prepare('SELECT id, hash FROM _commit ORDER BY id DESC LIMIT 1').get() as
      | { id: number; hash: Buffer }
      | undefined
    const commitId = (last?.id ?? 0) + 1
    const rows: MaterializedRow[] = []
    for (const { position, part, value } of values) {
      const id = eventId(runId, position)
      if (this.isThere.get(id, part) !== undefined) continue
      bytes += value.data.byteLength
      if (value.size === 1) {
        const scalar = toScalar(value.data[0]!)
        this.insert.run(id, part, commitId, null, scalar)
        rows.push({ id, part, hash: null, scalar })
      } else {
        const stored = this.values.keepBytes(value)
        this.insert.run(id, part, commitId, stored.id, null)
        rows.push({ id, part, hash: stored.hash!.toString('hex'), scalar: null })
      }
    }
    if (rows.length === 0) return { values: 0, bytes: 0 }
    rows.sort((a, b) => a.id - b.id || a.part - b.part)
    this.db
      .prepare(
        'INSERT INTO _commit (id, run_id, first_position, event_count, committed_at, hash) VALUES (?, ?, 0, 0, ?, ?)',
      )
      .run(commitId, runId, committedAt, materializedHash(last?.hash ?? GENESIS, runId, committedAt, rows))
    return { values: rows.length, bytes }
  }
}
