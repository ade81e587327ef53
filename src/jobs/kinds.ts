/** What may be asked of the workers of a store, and what they answer. */
import { TapeError, valueText } from '../errors.js'
import { checkTapeName } from '../fleet/batch-store.js'
import { storeAddress, withoutPassword } from '../fleet/store-address.js'

export const JOB_KINDS = ['verify', 'replay', 'why', 'diff', 'columns', 'seal'] as const
export type JobKind = (typeof JOB_KINDS)[number]

/** A run in a store: `gpu-7`, the newest of its tape, or `gpu-7:3`, by number or name. */
export interface RunInStore {
  readonly tape: string
  readonly run: string | null
}

/** What a job is about. */
export interface JobRequest {
  readonly kind: JobKind
  readonly tape: string
  /** Of replay, why and diff; the newest run when null. */
  readonly run: string | null
  /** Of replay: from the last checkpoint before step `from`, to the end of step `to`. */
  readonly from: number | null
  readonly to: number | null
  /** Of diff: the run it is compared with. */
  readonly other: RunInStore | null
  /** Of seal: the folder, or the address of a bucket. */
  readonly folder: string | null
}

/** What a worker found out. */
export interface JobResult {
  readonly verdict: string
  /** Whether somebody should look. */
  readonly isBad: boolean
  readonly run: number | null
  readonly kernel: string | null
  readonly fromStep: number | null
  readonly toStep: number | null
  readonly firstDivergence: string | null
  readonly details: Readonly<Record<string, unknown>>
}

/** A job as it stands. */
export interface Job {
  readonly id: string
  readonly request: JobRequest
  /** `created`, `retry`: it waits. `active`, `completed`, `failed`, `cancelled`. */
  readonly state: string
  /** How often it was begun again, because a worker died or failed. */
  readonly retries: number
  readonly done: number | null
  readonly total: number | null
  readonly worker: string | null
  readonly result: JobResult | null
  readonly error: string | null
  readonly createdAt: string
  readonly endedAt: string | null
}

/** Reads `TAPE` or `TAPE:RUN`. Throws BAD_ARGUMENT. */
export function runInStore(text: string): RunInStore {
  const at = text.indexOf(':')
  const tape = at < 0 ? text : text.slice(0, at)
  checkTapeName(tape)
  return { tape, run: at < 0 || at === text.length - 1 ? null : text.slice(at + 1) }
}

/**
 * What is asked for, checked.
 *
 * subjects   TAPE or TAPE:RUN; two of them for diff
 * Throws     BAD_ARGUMENT
 */
export function jobRequest(
  kind: string,
  subjects: readonly string[],
  options: { from?: number; to?: number; folder?: string } = {},
): JobRequest {
  if (!(JOB_KINDS as readonly string[]).includes(kind))
    throw new TapeError('BAD_ARGUMENT', `expected one of ${JOB_KINDS.join(', ')}, got ${valueText(kind)}`)
  const wanted = kind === 'diff' ? 2 : 1
  if (subjects.length !== wanted)
    throw new TapeError(
      'BAD_ARGUMENT',
      `${kind} expected ${wanted === 2 ? 'two runs, TAPE:RUN TAPE:RUN' : 'one tape, TAPE or TAPE:RUN'}, got ${subjects.length}`,
    )
  if (kind !== 'replay' && (options.from !== undefined || options.to !== undefined))
    throw new TapeError('BAD_ARGUMENT', `${kind} expected no steps; they are for replay`)
  if (options.from !== undefined && options.to !== undefined && options.from > options.to)
    throw new TapeError(
      'BAD_ARGUMENT',
      `replay expected from before to, got ${options.from} and ${options.to}`,
    )
  if ((kind === 'seal') !== (options.folder !== undefined))
    throw new TapeError(
      'BAD_ARGUMENT',
      kind === 'seal'
        ? 'seal expected a folder or bucket to seal to (--folder FOLDER)'
        : `${kind} expected no folder`,
    )
  if (options.folder !== undefined) checkPlace(options.folder)
  const first = runInStore(subjects[0]!)
  return {
    kind: kind as JobKind,
    ...first,
    from: options.from ?? null,
    to: options.to ?? null,
    other: kind === 'diff' ? runInStore(subjects[1]!) : null,
    folder: options.folder ?? null,
  }
}

/** Throws BAD_ARGUMENT for what is neither a folder nor a bucket, or names a tape. */
function checkPlace(folder: string): void {
  const { kind, tape } = storeAddress(folder)
  if ((kind === 'folder' || kind === 'bucket') && tape === null) return
  throw new TapeError(
    'BAD_ARGUMENT',
    `seal expected a folder or s3://BUCKET/PREFIX, got ${valueText(withoutPassword(folder))}`,
  )
}
