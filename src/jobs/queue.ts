/** The jobs of a store, by pg-boss: its tables are in the schema `gradtape_jobs` of the same database. */
import type PgBoss from 'pg-boss'
import { TapeError } from '../errors.js'
import { packageOf } from '../fleet/optional-package.js'
import { failed } from '../fleet/postgres-store.js'
import { prepareSchema } from '../fleet/schema.js'
import { type SqlClient, type SqlParameter, sqlClient, sqlState } from '../fleet/sql-client.js'
import { type StoreAddress, storeAddress, withoutPassword } from '../fleet/store-address.js'
import { JOB_KINDS, type Job, type JobKind, type JobRequest, type JobResult } from './kinds.js'

const SCHEMA = 'gradtape_jobs'
/** A worker that says nothing for so long is dead, and its job is another's. */
export const SILENT_MAX_SECONDS = 6
const RETRIES = 5

export class JobQueue {
  /** For messages. */
  readonly place: string
  readonly address: StoreAddress
  private readonly client: SqlClient
  private readonly boss: PgBoss

  private constructor(address: StoreAddress, client: SqlClient, boss: PgBoss) {
    this.address = address
    this.client = client
    this.place = client.place
    this.boss = boss
  }

  /**
   * Opens the jobs of a store, and makes their tables where this role may.
   *
   * Throws  BAD_ARGUMENT for a folder; STORE_FAILED
   */
  static async open(url: string): Promise<JobQueue> {
    const address = storeAddress(url)
    if (address.kind === 'folder' || address.kind === 'bucket')
      throw new TapeError(
        'BAD_ARGUMENT',
        `expected a store with a database (postgres://… or pglite:…), got the ${address.kind} ${address.place}`,
      )
    const client = await sqlClient(address)
    try {
      await prepareSchema(client)
      const { default: Boss } = await packageOf('pg-boss', () => import('pg-boss'))
      const installed = await client.query<{ is: boolean }>(
        `SELECT to_regclass('${SCHEMA}.queue') IS NOT NULL AS is`,
      )
      const boss = new Boss({
        db: { executeSql: (text: string, values?: unknown[]) => execute(client, text, values) },
        schema: SCHEMA,
        supervise: false,
        schedule: false,
        migrate: installed[0]?.is !== true || (await mayCreate(client)),
      })
      boss.on('error', () => {}) // what fails is thrown where it is asked for
      await boss.start()
      const known = new Set((await boss.getQueues()).map(({ name }) => name))
      for (const kind of JOB_KINDS)
        if (!known.has(kind))
          await boss.createQueue(kind, {
            name: kind,
            policy: 'standard',
            retryLimit: RETRIES,
            retryDelay: 0,
            expireInSeconds: SILENT_MAX_SECONDS,
            retentionMinutes: 60 * 24 * 30,
          })
      if (known.size < JOB_KINDS.length) await client.script(GRANTS)
      return new JobQueue(address, client, boss)
    } catch (error) {
      await client.close()
      throw failed(withoutPassword(url), error)
    }
  }

  /** Asks the database. Throws STORE_FAILED when it does not answer, and in our words what it refuses. */
  query<Row = Record<string, unknown>>(
    text: string,
    parameters: Parameters<SqlClient['query']>[1] = [],
  ): Promise<Row[]> {
    return this.trying(() => this.client.query<Row>(text, parameters))
  }

  /** Puts a job into the queue; one that waits already is not put there twice. Returns its number. */
  async ask(request: JobRequest): Promise<string> {
    return this.trying(async () => {
      const [waiting] = await this.query<{ id: string }>(
        `SELECT id::text FROM ${SCHEMA}.job WHERE name = $1 AND data = $2::text::jsonb AND state < 'active' LIMIT 1`,
        [request.kind, JSON.stringify(request)],
      )
      if (waiting !== undefined) return waiting.id
      const id = await this.boss.send(request.kind, request)
      if (id === null) throw new TapeError('STORE_FAILED', `${this.place} took no job`)
      return id
    })
  }

  /** The next job of one of these kinds, which is ours now; null when none waits. */
  async take(kinds: readonly JobKind[]): Promise<{ id: string; request: JobRequest } | null> {
    return this.trying(async () => {
      for (const kind of kinds) {
        const [job] = await this.boss.fetch<JobRequest>(kind)
        if (job !== undefined) return { id: job.id, request: job.data }
      }
      return null
    })
  }

  /** Says that the worker of a job lives. pg-boss 10 has no word for it, but counts from when the job was begun. */
  async alive(kind: JobKind, id: string): Promise<void> {
    await this.query(
      `UPDATE ${SCHEMA}.job SET started_on = now() WHERE name = $1 AND id = $2::text::uuid AND state = 'active'`,
      [kind, id],
    )
  }

  async complete(kind: JobKind, id: string, result: JobResult): Promise<void> {
    await this.trying(() => this.boss.complete(kind, id, { result }))
  }

  /** Gives a job back, to be begun again; `isFinal` when that would be of no use. */
  async fail(kind: JobKind, id: string, error: TapeError, isFinal: boolean): Promise<void> {
    if (isFinal)
      await this.query(
        `UPDATE ${SCHEMA}.job SET retry_limit = retry_count WHERE name = $1 AND id = $2::text::uuid`,
        [kind, id],
      )
    await this.trying(() => this.boss.fail(kind, id, { code: error.code, message: error.message }))
  }

  /** Gives jobs of workers that are dead to others. A server whose clock was set back would wait for the moments that it has noted. */
  async reclaim(): Promise<void> {
    await this.query(
      `UPDATE ${SCHEMA}.job SET start_after = least(start_after, now()), started_on = least(started_on, now())
         WHERE state <= 'active' AND (start_after > now() OR started_on > now())`,
    )
    await this.trying(() => (this.boss as unknown as { expire(): Promise<void> }).expire())
  }

  /** Forgets jobs that ended long ago. */
  async tidy(): Promise<void> {
    await this.trying(() => (this.boss as unknown as { maintain(): Promise<unknown> }).maintain())
    await this.query("SELECT gradtape.forget_progress(interval '30 days')")
  }

  /** Jobs: first those that have not ended, then the others; the newest first. */
  async jobs(options: { ids?: readonly string[]; limit?: number } = {}): Promise<Job[]> {
    const rows = await this.query<JobRow>(
      `SELECT j.id::text, j.data::text, j.state::text, j.retry_count, p.done, p.total, p.worker, j.output::text, j.created_on::text, j.completed_on::text
         FROM ${SCHEMA}.job j LEFT JOIN gradtape.job_progress p ON p.job = j.id::text
         WHERE j.name = ANY ($1::text::text[]) AND ($2::text IS NULL OR j.id = ANY ($2::text::uuid[]))
         ORDER BY j.state IN ('completed', 'failed', 'cancelled'), j.created_on DESC LIMIT $3`,
      [
        `{${JOB_KINDS.join(',')}}`,
        options.ids === undefined ? null : `{${options.ids.join(',')}}`,
        options.limit ?? 100,
      ],
    )
    return rows.map(toJob)
  }

  async close(): Promise<void> {
    await this.boss.stop({ graceful: false, wait: true, close: false }).catch(() => {})
    await this.client.close()
  }

  private async trying<T>(act: () => Promise<T>): Promise<T> {
    try {
      return await act()
    } catch (error) {
      throw failed(this.place, error)
    }
  }
}

interface JobRow {
  id: string
  data: string
  state: string
  retry_count: number
  done: number | null
  total: number | null
  worker: string | null
  output: string | null
  created_on: string
  completed_on: string | null
}

function toJob(row: JobRow): Job {
  const output = row.output === null ? null : (JSON.parse(row.output) as Record<string, unknown>)
  const {
    result = null,
    message,
    value,
  } = (output ?? {}) as {
    result?: JobResult | null
    message?: string
    value?: { message?: string }
  }
  return {
    id: row.id,
    request: JSON.parse(row.data) as JobRequest,
    state: row.state,
    retries: row.retry_count,
    done: row.done,
    total: row.total,
    worker: row.worker,
    result,
    error: row.state === 'completed' ? null : (message ?? value?.message ?? null),
    createdAt: row.created_on,
    endedAt: row.completed_on,
  }
}

/** pg-boss sends scripts without parameters, and statements with them. */
async function execute(
  client: SqlClient,
  text: string,
  values: unknown[] = [],
): Promise<{ rows: unknown[] }> {
  if (values.length === 0 && /;\s*\S/.test(text)) {
    await client.script(text.replace(/^\s*BEGIN;/i, '').replace(/COMMIT;?\s*$/i, ''))
    return { rows: [] }
  }
  const parameters = values.map((value) => (isPlain(value) ? JSON.stringify(value) : value)) as SqlParameter[]
  return { rows: await client.query(text, parameters) }
}

/** An object is JSON for a column of it; lists of ids stay lists. */
function isPlain(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Uint8Array) &&
    !(value instanceof Date)
  )
}

async function mayCreate(client: SqlClient): Promise<boolean> {
  try {
    const [row] = await client.query<{ may: boolean }>(
      `SELECT pg_has_role(current_user, nspowner, 'MEMBER') AS may FROM pg_namespace WHERE nspname = '${SCHEMA}'`,
    )
    return row?.may ?? true
  } catch (error) {
    if (sqlState(error) === null) throw error
    return false
  }
}

const GRANTS = `
DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'gradtape_worker') THEN
    GRANT USAGE ON SCHEMA ${SCHEMA} TO gradtape_worker;
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${SCHEMA} TO gradtape_worker;
  END IF;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'gradtape_reader') THEN
    GRANT USAGE ON SCHEMA ${SCHEMA} TO gradtape_reader;
    GRANT SELECT ON ALL TABLES IN SCHEMA ${SCHEMA} TO gradtape_reader;
  END IF;
END $$;
`
