/** What a worker and the thread of a job say to each other. */
import type { ErrorCode } from '../errors.js'
import type { JobRequest, JobResult } from './kinds.js'
import type { JobOutput } from './perform.js'

/** What the thread is started with. */
export interface JobThreadData {
  readonly request: JobRequest
  readonly tape: string
  readonly other: string | null
  /** Users' modules, by their URLs. */
  readonly modules: readonly string[]
  /** How many pieces of columns were handed on, and how many of them the store has. */
  readonly pieces: Int32Array
}

export type FromJobThread =
  | JobOutput
  | { readonly kind: 'result'; readonly result: JobResult }
  | { readonly kind: 'failed'; readonly code: ErrorCode | null; readonly message: string }
