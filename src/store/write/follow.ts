/**
 * Who looks at a run while it is written, on the thread that writes it: right after a commit, on the same connection. What is said goes
 * to the training thread. This room does not know what is looked for; the file that knows is named, and loaded where it is wanted.
 */
import type { Plain } from '../../events/event.js'
import type { Connection } from '../format/connection.js'
import type { FollowOrder, Settled } from './hand-over.js'

export interface Follower {
  /** Looks at what was written since the last look; gives what it has to say. */
  look(settled: Settled): readonly Plain[]
}

/** Begins at the first event of the run. What it says depends on the run alone, so one that begins anew says the same again. */
export type MakeFollower = (db: Connection, runId: number, data: Plain) => Follower

/** Of one run. A follower that throws is not asked again, and what it threw is the last that it says. */
export class Following {
  readonly order: FollowOrder
  private readonly make: () => Follower
  private follower: Follower | null = null
  private isBroken = false
  /** What was said already by one before. */
  private skip: number

  constructor(order: FollowOrder, skip: number, make: () => Follower) {
    this.order = order
    this.skip = skip
    this.make = make
  }

  look(settled: Settled): Plain[] {
    if (this.isBroken) return []
    try {
      this.follower ??= this.make()
      const said = this.follower.look(settled)
      const fresh = said.slice(this.skip)
      this.skip = Math.max(0, this.skip - said.length)
      return fresh
    } catch (error) {
      this.isBroken = true
      return [{ broken: error instanceof Error ? error.message : String(error) }]
    }
  }
}
