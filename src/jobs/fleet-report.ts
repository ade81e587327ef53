/** How a store stands: its tapes, runs, verdicts, jobs and room, as data. */
import { withoutPassword } from '../fleet/store-address.js'
import type { Job } from './kinds.js'
import { JobQueue } from './queue.js'

/** A tape in a store. */
export interface FleetTape {
  readonly name: string
  readonly owner: string
  readonly batches: number
  readonly events: number
  readonly bytes: number
  readonly head: string
  readonly appendedAt: string | null
  /** Seconds since the last batch came, by the server's clock. */
  readonly silentSeconds: number | null
  /** Batches that the columns do not have yet. */
  readonly columnsBehind: number
  /** Batches that are in a folder and no more in the database, and that folder. */
  readonly sealed: number
  readonly sealedTo: string | null
}

/** A run in a store, as its columns have it. */
export interface FleetRun {
  readonly id: number
  readonly tape: string
  readonly run: number
  readonly name: string
  readonly status: string
  readonly startedAt: string
  readonly steps: number
  readonly events: number
  readonly firstNonFiniteStep: number | null
  readonly error: string | null
}

/** The last word on a tape or a run, of each kind. */
export interface FleetVerdict {
  readonly tape: string
  readonly run: number | null
  readonly kind: string
  readonly verdict: string
  readonly isBad: boolean
  readonly fromStep: number | null
  readonly toStep: number | null
  readonly firstDivergence: string | null
  /** Batches that came after it. */
  readonly batchesSince: number
  readonly at: string
}

/** How a store stands. */
export interface FleetReport {
  readonly url: string
  readonly tapes: FleetTape[]
  readonly runs: FleetRun[]
  readonly verdicts: FleetVerdict[]
  /** Of each kind how many wait, are being worked on, failed for good, and are done. */
  readonly jobs: Readonly<
    Record<string, { waiting: number; active: number; failed: number; completed: number }>
  >
  /** At most 20: first those that have not ended, then those that ended last. */
  readonly latest: Job[]
  readonly bytes: {
    readonly database: number
    readonly batches: number
    readonly contents: number
    readonly columns: number
  }
}

/**
 * Asks a store how it stands.
 *
 * Throws  BAD_ARGUMENT for a folder; STORE_FAILED
 */
export async function fleetReport(url: string): Promise<FleetReport> {
  const queue = await JobQueue.open(url)
  try {
    const tapes = await queue.query<FleetTape>(`
      SELECT name, owner, batches, events::float8 AS events, payload_bytes::float8 AS bytes, encode(head, 'hex') AS head,
        to_char(appended_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS "appendedAt",
        extract(epoch FROM clock_timestamp() - appended_at)::float8 AS "silentSeconds",
        batches - columns_batches AS "columnsBehind", sealed, sealed_to AS "sealedTo"
      FROM gradtape.tape WHERE batches > 0 ORDER BY name COLLATE "C"`)
    const runs = await queue.query<FleetRun>(`
      SELECT id::float8 AS id, tape, tape_run_id AS run, name, status, started_at AS "startedAt", step_count::float8 AS steps,
        event_count::float8 AS events, first_non_finite_step::float8 AS "firstNonFiniteStep", error
      FROM gradtape.run ORDER BY tape COLLATE "C", tape_run_id`)
    const verdicts = await queue.query<FleetVerdict>(`
      SELECT t.name AS tape, v.run, v.kind, v.verdict, coalesce((v.details->>'isBad')::boolean, false) AS "isBad",
        v.from_step::float8 AS "fromStep", v.to_step::float8 AS "toStep", v.first_divergence AS "firstDivergence",
        t.batches - v.batches AS "batchesSince", to_char(v.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS at
      FROM (SELECT DISTINCT ON (tape_id, run, kind, from_step, to_step, details->>'other') * FROM gradtape.verdict_row
            ORDER BY tape_id, run, kind, from_step, to_step, details->>'other', id DESC) v
      JOIN gradtape.tape t ON t.id = v.tape_id ORDER BY v.id`)
    const counts = await queue.query<{ name: string; state: string; n: number }>(
      'SELECT name, state::text AS state, count(*)::float8 AS n FROM gradtape_jobs.job GROUP BY 1, 2 ORDER BY 1, 2',
    )
    const jobs: Record<string, { waiting: number; active: number; failed: number; completed: number }> = {}
    for (const { name, state, n } of counts) {
      if (name.startsWith('__')) continue
      jobs[name] ??= { waiting: 0, active: 0, failed: 0, completed: 0 }
      const word = state === 'created' || state === 'retry' ? 'waiting' : state
      if (word === 'waiting' || word === 'active' || word === 'failed' || word === 'completed')
        jobs[name][word] += n
    }
    const [bytes] = await queue.query<FleetReport['bytes']>(`
      SELECT pg_database_size(current_database())::float8 AS database, pg_total_relation_size('gradtape.batch')::float8 AS batches,
        (pg_total_relation_size('gradtape.value') + pg_total_relation_size('gradtape.value_ref'))::float8 AS contents,
        (SELECT sum(pg_total_relation_size(format('gradtape.%I', x)::regclass)) FROM unnest(ARRAY['run_row', 'metric_column',
          'gradient_column', 'step_column', 'note_row', 'checkpoint_row']) x)::float8 AS columns`)
    return {
      url: withoutPassword(url),
      tapes,
      runs,
      verdicts,
      jobs,
      latest: await queue.jobs({ limit: 20 }),
      bytes: bytes!,
    }
  } finally {
    await queue.close()
  }
}
