/** The end of a run that nobody records any more, as a batch: written by who outlives it, or comes upon it later. */
import { appendEvent } from '../../events/append.js'
import { type PackedBatch, Packer } from '../../events/pack.js'
import { TEXT_WORDS } from '../../events/record-layout.js'
import { TEXTS_MAX } from '../../events/text-numbering.js'
import type { Connection } from '../format/connection.js'

interface Stand {
  readonly events: number
  readonly steps: number
  readonly elapsedMs: number | null
  readonly status: string
}

/**
 * `interrupted`, after what is in the file; null when the run has an end.
 *
 * texts  how many texts the run has numbered
 */
export function interruptedEnd(db: Connection, runId: number, texts: number): PackedBatch | null {
  const stand = db
    .prepare<[number], Stand>(
      `SELECT event_count AS events, step_count AS steps, status,
         (SELECT round((julianday(max(committed_at)) - julianday(started_at)) * 86400000) FROM _commit WHERE run_id = run.id) AS elapsedMs
       FROM run WHERE id = ?`,
    )
    .get(runId)
  if (stand === undefined || stand.status !== 'recording') return null
  const packer = new Packer({ position: stand.events, step: stand.steps })
  // As far as anybody knows: until its last batch.
  const elapsedMs = Math.max(0, stand.elapsedMs ?? 0)
  appendEvent(packer, { type: 'RunFinished', status: 'interrupted', error: null, elapsedMs })
  const batch = packer.take()!
  const firstText = texts < TEXTS_MAX ? texts : 0
  batch.words[TEXT_WORDS.text] = firstText
  return { ...batch, firstText }
}
