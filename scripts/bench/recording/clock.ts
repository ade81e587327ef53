// Two clocks over one piece of work: that on the wall, and how long the training thread and all threads computed. Knows
// nothing of what is measured.
import { readFileSync } from 'node:fs'
import process from 'node:process'

export interface Times {
  wallMs: number
  /** How long the training thread was on a processor; NaN where the system does not say (anywhere but on Linux). */
  threadMs: number
  /** The same of all threads: V8's helpers and the writing thread with it. */
  allMs: number
}

// The thread with the id of the process is the one that runs the program. Node 20 has no call for one thread's time.
const SCHEDSTAT = `/proc/self/task/${process.pid}/schedstat`

function threadMs(): number {
  try {
    return Number(readFileSync(SCHEDSTAT, 'latin1').split(' ')[0]) / 1e6
  } catch {
    return Number.NaN
  }
}

export function timed(work: () => void): Times {
  const [thread, all, wall] = [threadMs(), process.cpuUsage(), performance.now()]
  work()
  const wallMs = performance.now() - wall
  const { user, system } = process.cpuUsage(all)
  return { wallMs, threadMs: threadMs() - thread, allMs: (user + system) / 1_000 }
}

/** Milliseconds of wall clock. */
export function wallMs(work: () => void): number {
  const from = performance.now()
  work()
  return performance.now() - from
}
