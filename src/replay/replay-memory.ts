/**
 * What a replay remembers of the variables and arrays it made: as long as a later event refers to them, and no longer.
 * What was made before the replay began comes from elsewhere.
 */
import type { NDArray } from '../array/ndarray.js'
import { TapeError } from '../errors.js'
import { positionOf, type Ref, slotOf, type TapeEvent } from '../events/event.js'
import { refsOf } from '../events/event-kinds.js'
import type { Variable } from '../graph/variable.js'

/** What stood before the first event of a replay that begins at a checkpoint. */
export interface Before {
  variable(ref: Ref): Variable
  /** The array that the event behind the ref made. */
  array(ref: Ref): NDArray
}

export class ReplayMemory {
  private readonly variables = new Map<number, Variable[]>()
  private readonly arrays = new Map<number, NDArray[]>()
  private readonly first: number
  private readonly lastUses: Float64Array
  private readonly before: Before | null

  /** `lastUses` holds, from position `first` on, the last position that refers to each. */
  constructor(first: number, lastUses: Float64Array, before: Before | null) {
    this.first = first
    this.lastUses = lastUses
    this.before = before
  }

  /** Takes in what the event at the ref's position made, if it is needed again. */
  remember(variable: Variable, ref: Ref): void {
    const position = positionOf(ref)
    if (!this.isUsed(position)) return
    const slot = slotOf(ref)
    listAt(this.variables, position)[slot] = variable
    listAt(this.arrays, position)[slot] = variable.data
  }

  /** Lets go of what `event` was the last to refer to; `position` is how far the replay is. */
  forget(event: TapeEvent, position: number): void {
    if (event.type === 'ValueAssigned' && event.value !== null && this.isUsed(event.position)) {
      listAt(this.arrays, event.position)[0] = this.variable(event.variable, event).data
    }
    for (const ref of refsOf(event)) {
      const at = positionOf(ref)
      if (at >= this.first && this.lastUses[at - this.first]! <= position) {
        this.variables.delete(at)
        this.arrays.delete(at)
      }
    }
  }

  /** Throws TAPE_CORRUPT when the ref, which `event` makes, names no variable. */
  variable(ref: Ref, event: TapeEvent): Variable {
    return this.known(ref) ?? unknown(ref, event)
  }

  array(ref: Ref, event: TapeEvent): NDArray {
    const position = positionOf(ref)
    if (position < this.first && this.before !== null) return this.before.array(ref)
    return this.arrays.get(position)?.[slotOf(ref)] ?? unknown(ref, event)
  }

  /** Null for a ref that names no variable (yet). */
  known(ref: Ref): Variable | null {
    const position = positionOf(ref)
    if (position < this.first && this.before !== null) return this.before.variable(ref)
    return this.variables.get(position)?.[slotOf(ref)] ?? null
  }

  private isUsed(position: number): boolean {
    return (this.lastUses[position - this.first] ?? 0) > 0
  }
}

function unknown(ref: Ref, event: TapeEvent): never {
  throw new TapeError(
    'TAPE_CORRUPT',
    `event ${event.position} (${event.type}) refers to ${ref}, which made no variable`,
  )
}

function listAt<T>(map: Map<number, T[]>, position: number): T[] {
  let list = map.get(position)
  if (list === undefined) {
    list = []
    map.set(position, list)
  }
  return list
}
