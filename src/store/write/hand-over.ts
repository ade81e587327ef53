/**
 * What the training thread and the writing thread say to each other. Messages go by a port, in order; how far writing
 * has come stands in shared memory, because a training loop that never comes back to its event loop gets no messages.
 */

import type { MessagePort } from 'node:worker_threads'
import type { ErrorCode } from '../../errors.js'
import type { Plain } from '../../events/event.js'
import type { PackedBatch } from '../../events/pack.js'
import type { ContentMark } from '../format/file-identity.js'
import type { ArraysAt, SharedMemory } from './shared-batch.js'
import type { WriterState } from './writer.js'

/** Places in a run's control block, an Int32Array in shared memory. */
export const CONTROL = {
  /** Counts up whenever one of the others changes: whoever waits, waits for this one. */
  changes: 0,
  /** Batches written since the run was handed over. */
  written: 1,
  /** 1 when writing stopped; the failure has been posted then. */
  failed: 2,
  /** The id of the memory that the training thread fills; 0 for none that the thread can see. */
  filling: 3,
  /** Counts up when followers of the run have said something, and when they were asked to look and have looked. */
  said: 4,
  looked: 5,
  length: 6,
} as const

/** Places in the thread's own control block. */
export const THREAD = {
  /** 1 when the thread has let go of the file. */
  closed: 0,
  /** One of THREAD_STATE: the thread that sets it first decides whether the thread writes. */
  state: 1,
  /** The number of a signal that asks the process to end, or ENDING; 0 while there is none. Set by the thread. */
  signal: 2,
  /** 1 when all that the training thread had is in the file, and the process may end by the signal. */
  drained: 3,
  length: 4,
} as const

/** Stands for a signal where the main thread ends the process by itself. */
export const ENDING = -1

/** Signals that end a process, and that it may put off: Ctrl-C, a closed terminal, `kill`, what runs programs again, limits of time. */
export const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2', 'SIGXCPU', 'SIGALRM'] as const

export const THREAD_STATE = {
  /** Until it can write: it may sleep for long before it is woken, and starts then. */
  starting: 0,
  /** Set by the thread. */
  running: 1,
  /** Set by the training thread, which writes by itself then; a thread that comes up after all ends at once. */
  givenUp: 2,
  /** Set by the training thread while it writes by itself; a thread that comes up waits for the end of that. */
  held: 3,
  /** Set by a thread that had nothing to do for a while, and ends. */
  left: 4,
} as const

/** A batch whose words and arrays are in shared memory. */
export interface BatchMessage extends Omit<PackedBatch, 'values'> {
  readonly arrays: ArraysAt
}

export type ToThread =
  | {
      readonly kind: 'begin'
      readonly name: string
      readonly state: WriterState
      readonly control: Int32Array
      /** `nothing`, or `perhaps`: a thread before may have written batches of this run and not lived to say so. */
      readonly writtenBefore: 'nothing' | 'perhaps'
    }
  | { readonly kind: 'batch'; readonly runId: number; readonly batch: BatchMessage }
  /** Said once of each, and again when it has more chunks. */
  | { readonly kind: 'memory'; readonly memory: SharedMemory }
  | { readonly kind: 'retry'; readonly runId: number }
  | { readonly kind: 'end'; readonly runId: number }
  /** Somebody wants to look at what is written of the run, from then on. */
  | { readonly kind: 'follow'; readonly runId: number; readonly follow: FollowOrder; readonly skip: number }
  /** Followers are to look at all that is written; `looked` says when they have. */
  | { readonly kind: 'look'; readonly runId: number; readonly settled: Settled }
  /** Whether runs are open, for which a signal must wait. */
  | { readonly kind: 'watch'; readonly isOn: boolean }
  /** There is more to write than the training thread should write by itself. */
  | { readonly kind: 'wake' }
  | { readonly kind: 'close' }

/** Why writing stopped; an error's class would not survive the way. */
export interface FailureMessage {
  readonly runId: number
  readonly code: ErrorCode
  readonly explanation: string
  readonly cause: string | null
}

/** What is over: nothing but what shows it; the step under way, of which nothing more comes that matters; the run. */
export type Settled = 'nothing' | 'step' | 'run'

/** What follows a run on the thread that writes it; see `follow.ts`. */
export interface FollowOrder {
  readonly id: number
  /** The built file that has it: an export `follower`, a `MakeFollower`. */
  readonly module: string
  readonly data: Plain
}

/** What a follower said: plain data, in the order in which it was said. */
export interface SaidMessage {
  readonly runId: number
  readonly follow: number
  readonly said: readonly Plain[]
}

/** Wakes the training thread where it waits for events: `THREAD.signal` is set. */
export interface SignalMessage {
  readonly signal: number
}

/** What a thread says of itself to the training thread. */
export type FromThread = FailureMessage | SaidMessage | SignalMessage

/** What the thread is started with. */
export interface ThreadData {
  readonly path: string
  /** Names the file, wherever it is: another one under the same path is not written to. */
  readonly file: string
  /** By what the content of the file is known. */
  readonly content: ContentMark | null
  readonly port: MessagePort
  /** Held, and nothing else: that it closes tells the training thread that this one is gone. */
  readonly life: MessagePort
  readonly control: Int32Array
  /** How many listeners the program itself has for each of SIGNALS (see signal-listeners.ts): it decides then, and not the thread. */
  readonly listeners: Int32Array
}

export function tellChange(control: Int32Array): void {
  Atomics.add(control, CONTROL.changes, 1)
  Atomics.notify(control, CONTROL.changes)
}
