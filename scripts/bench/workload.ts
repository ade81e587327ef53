// What a benchmark is, and how time is taken. Knows nothing of what is measured.
import v8 from 'node:v8'
import vm from 'node:vm'

export type Unit =
  | '×'
  | 'ns/call'
  | 'µs/step'
  | 'µs'
  | 'ms'
  | 'calls/s'
  | 'events/s'
  | 'MB'
  | 'bytes/call'
  | 'bytes/step'
  | 'bytes/event'
  | 'µs/event'
  | 'GFLOP/s'

/** One number of one round. */
export interface Sample {
  /** gradtape, or the peer. */
  who: string
  /** What of the work: forward, backward, recorded step … */
  measure: string
  unit: Unit
  value: number
}

export interface Effort {
  /** How long one measurement may take. */
  targetMs: number
  quick: boolean
}

export interface Workload {
  name: string
  /** Too long to be repeated as often as the others. */
  once?: boolean
  /** How long one measurement may take at most, for works of which there are many. */
  mostMs?: number
  /** In how many rounds, likewise. */
  mostRounds?: number
  run(effort: Effort): readonly Sample[] | Promise<readonly Sample[]>
}

export const OURS = 'gradtape'

/** Whether more of a unit is better. */
export function moreIsBetter(unit: Unit): boolean {
  return unit === 'calls/s' || unit === 'events/s' || unit === 'GFLOP/s'
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
}

/** Long enough for the clock, short enough that what else the machine does falls into few of them. */
const BATCH_MS = 0.25

const wallMs = () => performance.now()

/** Nanoseconds of one `work()` by a clock: the median over batches, as many as fit in the time, `least` at least. */
export function nsOf(targetMs: number, work: () => void, clock: () => number = wallMs, least = 3): number {
  const start = clock()
  const batches: number[] = []
  for (let size = 1, from = start; batches.length < least || from - start < targetMs; ) {
    for (let i = 0; i < size; i++) work()
    const to = clock()
    if (to - from < BATCH_MS / 2) size *= 2
    else batches.push((to - from) / size)
    from = to
  }
  return median(batches) * 1e6
}

v8.setFlagsFromString('--expose-gc')
const gc = vm.runInNewContext('gc') as () => void

/** So that no workload pays for what the one before it left. */
export function collectGarbage(): void {
  gc()
}

/** Numbers between 0 and 1, the same every time (Lehmer's generator, constants of Park and Miller). */
export function randomNumbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 48_271) % 2_147_483_647
    return state / 2_147_483_647
  }
}

export function randomArray(size: number, seed: number, low = -1, high = 1): number[] {
  const random = randomNumbers(seed)
  return Array.from({ length: size }, () => low + (high - low) * random())
}
