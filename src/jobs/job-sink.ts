/** Writes to the store what a job comes to: columns, findings, parts that others may do, and the verdict. */
import { randomBytes } from 'node:crypto'
import { storedText } from '../fleet/sql-client.js'
import { type JobRequest, type JobResult, jobRequest } from './kinds.js'
import type { JobOutput } from './perform.js'
import type { JobQueue } from './queue.js'

/** Writes to the store what the thread of a job hands on. */
export class JobSink {
  private readonly queue: JobQueue
  private readonly id: string
  private readonly request: JobRequest
  private readonly progress: { done: number; total: number }
  private readonly generation: string
  /** Rows of columns that were written for each run. */
  private readonly rows = new Map<number, number>()

  constructor(queue: JobQueue, id: string, request: JobRequest, progress: { done: number; total: number }) {
    this.queue = queue
    this.id = id
    this.request = request
    this.progress = progress
    this.generation = `${id} ${randomBytes(6).toString('hex')}`
  }

  async take(output: JobOutput): Promise<void> {
    const { queue } = this
    const { tape } = this.request
    switch (output.kind) {
      case 'progress':
        Object.assign(this.progress, { done: output.done, total: output.total })
        break
      case 'columns': {
        const { table, rows } = output.columns
        this.rows.set(output.run, (this.rows.get(output.run) ?? 0) + rows.length)
        await queue.query('SELECT gradtape.put_columns($1, $2, $3, $4, $5::text::jsonb)', [
          ...[tape, output.run, this.generation, table, json(rows)],
        ])
        break
      }
      case 'run':
        await queue.query('SELECT gradtape.finish_run($1, $2, $3, $4, $5::text::jsonb)', [
          ...[tape, output.run, this.generation, this.rows.get(output.run) ?? 0, json(output.row)],
        ])
        break
      case 'findings':
        await queue.query('SELECT gradtape.put_findings($1, $2, $3::text::jsonb)', [
          ...[tape, output.run, json(output.findings)],
        ])
        break
      case 'split':
        for (const [from, to] of output.ranges)
          await queue.ask(jobRequest('replay', [`${tape}:${output.run}`], { from, to }))
        break
    }
  }

  /** The verdict, of a tape that had this many batches. */
  async end(result: JobResult, batches: number, worker: string): Promise<void> {
    const { kind, tape } = this.request
    const verdict = {
      ...{ run: result.run, kind, from_step: result.fromStep, to_step: result.toStep },
      ...{ kernel: result.kernel, verdict: result.verdict, first_divergence: result.firstDivergence },
      ...{ batches, details: { ...result.details, isBad: result.isBad }, worker, job: this.id },
    }
    await this.queue.query('SELECT gradtape.put_verdict($1, $2::text::jsonb)', [tape, json(verdict)])
  }
}

/** JSON that PostgreSQL takes. */
function json(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) =>
    typeof each === 'string'
      ? storedText(each)
      : typeof each === 'number' && !Number.isFinite(each)
        ? String(each)
        : each,
  )
}
