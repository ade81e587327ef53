/** Whether the names and tags of runs are as they were written: every row belongs to one batch of labels, in order. */
import { chained, labelsPayload } from '../format/chain.js'
import type { Connection } from '../format/connection.js'
import type { CommitRow, Reader } from '../read/reader.js'
import { corrupt } from './corrupt.js'
import { checkBytes } from './text-proof.js'

export class LabelProof {
  private readonly db: Connection
  private readonly reader: Reader
  private checked = 0

  constructor(db: Connection, reader: Reader) {
    this.db = db
    this.reader = reader
  }

  /** Holds a batch of labels to its hash, which it gives; null for a batch of something else. Throws TAPE_CORRUPT. */
  batch(commit: CommitRow, before: Buffer, runHasBegun: boolean): Buffer | null {
    const rows = this.reader.labelsBy(commit.id)
    if (rows.length === 0) return null
    const where = `batch ${commit.id} (name and tags of run ${commit.run_id})`
    for (const { id, runId, text } of rows) {
      if (id !== ++this.checked) corrupt(`row ${id} of _label stands where row ${this.checked} was expected`)
      if (runId !== commit.run_id) corrupt(`${where} holds a label of run ${runId}`)
      checkBytes(this.db, '_label', 'text', id, text)
    }
    const hash = chained(before, labelsPayload(commit.run_id, commit.committed_at, rows))
    if (!runHasBegun || commit.first_position !== 0 || !hash.equals(commit.hash))
      corrupt(`${where} does not have the hash it was written with: it, or what came before it, was changed`)
    return hash
  }

  finish(): void {
    const all = this.db.prepare('SELECT count(*) FROM _label').pluck().get() as number
    if (all !== this.checked) corrupt(`_label holds ${all} rows, batches wrote ${this.checked}`)
  }
}
