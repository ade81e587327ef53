/**
 * How a projection runs: events are folded by the batch, one immer draft a batch (one a event costs a hundred times as
 * much), from a live stream or a recorded one alike.
 */
import { produce } from 'immer'
import { Observable } from 'rxjs/internal/Observable'
import type { TapeEvent } from '../events/event.js'

/** A read model: where it begins, and what an event does to it. `apply` changes the draft it is given. */
export interface Projection<S> {
  readonly initial: S
  apply(draft: S, event: TapeEvent): void
}

const FOLD_BATCH = 1024

/** Folds a batch: a new state, the old one untouched; frozen. */
export function foldBatch<S>(projection: Projection<S>, state: S, events: readonly TapeEvent[]): S {
  if (events.length === 0) return state
  return produce(state, (draft) => {
    for (const event of events) projection.apply(draft as S, event)
  })
}

/** The state after all events. */
export function fold<S>(projection: Projection<S>, events: Iterable<TapeEvent>): S {
  let state = projection.initial
  let batch: TapeEvent[] = []
  for (const event of events) {
    batch.push(event)
    if (batch.length < FOLD_BATCH) continue
    state = foldBatch(projection, state, batch)
    batch = []
  }
  return foldBatch(projection, state, batch)
}

/**
 * The states of a projection over a stream: one after each batch of at most `batchMax` events, one whenever a step
 * begins (so that a progress line is up to date), and the last when the stream completes.
 */
export function fold$<S>(
  projection: Projection<S>,
  events$: Observable<TapeEvent>,
  batchMax = FOLD_BATCH,
): Observable<S> {
  return new Observable((subscriber) => {
    let state = projection.initial
    let batch: TapeEvent[] = []
    const flush = () => {
      if (batch.length === 0) return
      state = foldBatch(projection, state, batch)
      batch = []
      subscriber.next(state)
    }
    return events$.subscribe({
      next(event) {
        batch.push(event)
        if (batch.length >= batchMax || event.type === 'StepStarted') flush()
      },
      error: (error) => subscriber.error(error),
      complete() {
        flush()
        subscriber.complete()
      },
    })
  })
}
