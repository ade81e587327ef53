// How a training goes, as its events tell it: the package's own projection, folded live. Knows nothing of the terminal.
import type { Run, TapeEvent } from 'gradtape'
import type { Observable } from 'rxjs'

/** What of the projection the demo reads. */
export interface Training {
  readonly step: number
  readonly events: number
  readonly calls: number
  readonly elapsedMs: number
  readonly metrics: { readonly [name: string]: { readonly last: number } | undefined }
}

type Fold = (projection: object, events$: Observable<TapeEvent>) => Observable<Training>

// The projections are not part of the public door yet, so they are fetched from behind it.
const inside = (path: string) => import(new URL(path, import.meta.resolve('gradtape')).href)
const { fold$ } = (await inside('projections/fold.js')) as { fold$: Fold }
const { training } = (await inside('projections/training.js')) as { training: object & { initial: Training } }

/** Tells `show` of each new state; gives the latest when asked. */
export function watch(run: Run, show: (state: Training) => void, done: () => void): () => Training {
  let latest = training.initial
  fold$(training, run.events$).subscribe({
    next(state) {
      latest = state
      show(state)
    },
    complete: done,
  })
  return () => latest
}
