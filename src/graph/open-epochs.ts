/**
 * The epochs that loops are in the middle of. A run asks when a step begins, so that its tape says which epoch the step belongs
 * to. A loop over a test set inside a step is over before the next step begins, so it is never taken for the training's.
 */
import { mode } from './mode.js'
import type { Recorder } from './recorder.js'
import type { Variable } from './variable.js'

/** Loops whose iterator was dropped in the middle never end; only this many are remembered, so that they take no room. */
const MOST = 16

/** An epoch of a `DataLoader`, from its first batch to the end of the loop. */
export interface OpenEpoch {
  readonly epoch: number
  /** How many batches an epoch has, and how many rows a batch. */
  readonly batches: number
  readonly batchSize: number
  /** The data set's first array, its name, and which part of it this is. */
  readonly data: Variable
  readonly dataset: string | null
  readonly part: string | null
  /** The batch that was given last, from 0. */
  batch: number
  /** What recorded that batch; null for nothing. */
  recorder: Recorder | null
}

/** The one that gave a batch last stands last. */
const open: OpenEpoch[] = []

/** The epoch gives a batch. */
export function givesBatch(epoch: OpenEpoch, batch: number): void {
  epoch.batch = batch
  epoch.recorder = mode.recorder
  if (open.at(-1) === epoch) return
  closeEpoch(epoch)
  open.push(epoch)
  if (open.length > MOST) open.shift()
}

/** The loop is over, or was left. */
export function closeEpoch(epoch: OpenEpoch): void {
  const place = open.lastIndexOf(epoch)
  if (place >= 0) open.splice(place, 1)
}

/**
 * The epoch that gave a batch last, of those whose loops are not over and whose batch was recorded by `recorder`, or before anything was
 * recorded: loops of several runs may take turns. Null when there is none.
 */
export function epochUnderWay(recorder: Recorder): OpenEpoch | null {
  return open.findLast((epoch) => epoch.recorder === recorder || epoch.recorder === null) ?? null
}
