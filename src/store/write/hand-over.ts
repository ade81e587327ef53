/**
 * What the training thread and the writing thread say to each other. Messages go by a port, in order; how far writing
 * has come stands in shared memory, because a training loop that never comes back to its event loop gets no messages.
 */
import type { MessagePort } from 'node:worker_threads'
import type { ErrorCode } from '../../errors.js'
import type { Begun, PackedBatch } from '../../events/pack.js'
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
  /** One of THREAD_STATE: who sets it first decides whether the thread writes. */
  state: 1,
  /** The number of a signal that asks the process to end; 0 while there is none. Set by the thread. */
  signal: 2,
  /** 1 when all that the training thread had is in the file, and the process may end by the signal. */
  drained: 3,
  length: 4,
} as const

/** Signals that ask a process to end, and that it may put off: Ctrl-C, a closed terminal, `kill`. */
export const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const

export const THREAD_STATE = {
  starting: 0,
  /** Set by the thread. */
  running: 1,
  /** Set by the training thread, which writes by itself then; a thread that comes up after all ends at once. */
  givenUp: 2,
} as const

/** A batch whose words and arrays are in shared memory. */
export interface BatchMessage extends Omit<PackedBatch, 'values'> {
  readonly arrays: ArraysAt
}

/**
 * A batch that the training thread is filling. The thread may take what is whole of it, when nothing was added for a while.
 * The last chunk of arrays has no end yet.
 */
export interface FillingBatch extends Begun {
  readonly words: Float64Array
  readonly published: Int32Array
  readonly texts: Uint16Array
  readonly chunks: readonly SharedArrayBuffer[]
  readonly used: readonly number[]
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
  | { readonly kind: 'filling'; readonly runId: number; readonly batch: FillingBatch }
  | { readonly kind: 'retry'; readonly runId: number }
  | { readonly kind: 'end'; readonly runId: number }
  /** Whether runs are open, for which a signal must wait. */
  | { readonly kind: 'watch'; readonly isOn: boolean }
  | { readonly kind: 'close' }

/** Why writing stopped; an error's class would not survive the way. */
export interface FailureMessage {
  readonly runId: number
  readonly code: ErrorCode
  readonly explanation: string
  readonly cause: string | null
}

/** Wakes the training thread where it waits for events: `THREAD.signal` is set. */
export interface SignalMessage {
  readonly signal: number
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
  /** How many listeners the program itself has for each of SIGNALS: it decides then, and not the thread. */
  readonly listeners: Int32Array
}

export function tellChange(control: Int32Array): void {
  Atomics.add(control, CONTROL.changes, 1)
  Atomics.notify(control, CONTROL.changes)
}
