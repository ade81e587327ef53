/**
 * What a call consults before it does its work: what records it, whether outputs are linked to their creators, the
 * clock that orders calls, and the scope they are made in. One mutable record for the process: JavaScript runs one call at a time.
 */
import { finished, refuseLaterWork } from './unfinished.js'

/** `recorder.ts` adds the recorder, whose type speaks of Variables and calls: this file knows neither. */
export interface Mode {
  /** Whether outputs get a `creator`. False inside `noGrad` and inside a backward pass without `createGraph`. */
  linking: boolean
  /** Counts calls over all runs, recorded or not; orders the walk of backward among live calls. */
  clock: number
  /** Dotted name of where the program is: the module whose forward runs, or what `run.scope` says. */
  scope: string
  /** Whether a backward pass is under way that a run records: what happens in it, a replay does by itself. */
  inPass: boolean
}

export const mode: Mode = {
  recorder: null,
  linking: true,
  clock: 0,
  scope: '',
  inPass: false,
  watching: null,
}

/**
 * Runs `fn` without building a graph: outputs have no `creator` and need no gradient. Its calls are recorded all the same.
 *
 * Returns what `fn` returns.
 * Throws  BAD_ARGUMENT when `fn` is asynchronous or a generator, or returns a promise: its work would go on when the mode
 *         is over. The mode is put back first
 */
export function noGrad<T>(fn: () => T): T {
  refuseLaterWork(fn, 'noGrad')
  return finished(withLinking(false, fn), 'noGrad')
}

/** Runs `fn` with linking as said and puts the mode back, also when `fn` throws. */
export function withLinking<T>(linking: boolean, fn: () => T): T {
  const before = mode.linking
  mode.linking = linking
  try {
    return fn()
  } finally {
    mode.linking = before
  }
}

/** Runs `fn` with its calls noted as made in `scope` and puts the scope back, also when `fn` throws. */
export function withScope<T>(scope: string, fn: () => T): T {
  const before = mode.scope
  mode.scope = scope
  try {
    return fn()
  } finally {
    mode.scope = before
  }
}

/** Runs `fn` unrecorded and unlinked: the arithmetic inside backward, which the tape can recompute. */
export function unrecorded<T>(fn: () => T): T {
  const { recorder, linking } = mode
  mode.recorder = null
  mode.linking = false
  try {
    return fn()
  } finally {
    mode.recorder = recorder
    mode.linking = linking
  }
}
