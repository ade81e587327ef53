/**
 * What the training thread and the writing thread say to each other. Messages go by a port, in order; how far writing
 * has come stands in shared memory, because a training loop that never comes back to its event loop gets no messages.
 */
import type { MessagePort } from 'node:worker_threads'
import type { ErrorCode } from '../../errors.js'
import type { PackedBatch } from '../../events/pack.js'
import type { ArraysAt } from './shared-batch.js'
import type { Progress } from './writer.js'

/** Places in a run's control block, an Int32Array in shared memory. */
export const CONTROL = {
  /** Counts up whenever one of the others changes: who waits, waits for this one. */
  changes: 0,
  /** Batches written since the run was handed over. */
  written: 1,
  /** 1 when writing stopped; the failure has been posted then. */
  failed: 2,
  length: 3,
} as const

/** Places in the thread's own control block. */
export const THREAD = {
  /** 1 when the thread has let go of the file. */
  closed: 0,
  length: 1,
} as const

/** A batch whose words and arrays are in shared memory. */
export interface BatchMessage extends Omit<PackedBatch, 'values'> {
  readonly arrays: ArraysAt
}

export type ToThread =
  | {
      readonly kind: 'begin'
      readonly name: string
      readonly progress: Progress
      readonly control: Int32Array
      /** `nothing`, or `perhaps`: a thread before may have written batches of this run and not lived to say so. */
      readonly writtenBefore: 'nothing' | 'perhaps'
    }
  | { readonly kind: 'batch'; readonly runId: number; readonly batch: BatchMessage }
  | { readonly kind: 'retry'; readonly runId: number }
  | { readonly kind: 'end'; readonly runId: number }
  | { readonly kind: 'close' }

/** Why writing stopped; an error's class would not survive the way. */
export interface FailureMessage {
  readonly runId: number
  readonly code: ErrorCode
  readonly explanation: string
  readonly cause: string | null
}

/** What the thread is started with. */
export interface ThreadData {
  readonly path: string
  /** Names the file, wherever it is: another one under the same path is not written to. */
  readonly file: string
  readonly port: MessagePort
  /** Held, and nothing else: that it closes tells the training thread that this one is gone. */
  readonly life: MessagePort
  readonly control: Int32Array
}

export function tellChange(control: Int32Array): void {
  Atomics.add(control, CONTROL.changes, 1)
  Atomics.notify(control, CONTROL.changes)
}
