/** Changes inside one step of a fork: variables that calls of the step made get another value, and gradients become others. */
import type { NDArray } from '../array/ndarray.js'
import { TapeError } from '../errors.js'
import { positionOf, type Ref } from '../events/event.js'
import { Variable } from '../graph/variable.js'
import type { Recording } from '../replay/replay-run.js'
import { type Change, changedValue, type ForkOptions, positionIn } from './fork-options.js'
import type { Moment } from './moment.js'

interface Planned<C> {
  readonly key: string
  readonly change: C
}

export class Interventions {
  private readonly values = new Map<Ref, Planned<Change>>()
  private readonly gradients = new Map<Ref, Planned<number | NDArray>>()
  private readonly momentAt: (step: number) => Moment
  private readonly count: (key: string) => void
  private readonly hooks: (() => void)[] = []

  /** `from` and `to` are the first and the last position of the step; `count` is told of each change that was made. */
  constructor(
    recording: Recording,
    { set = {}, gradients = {} }: ForkOptions,
    { from, to }: { readonly from: number; readonly to: number },
    momentAt: (step: number) => Moment,
    count: (key: string) => void,
  ) {
    this.momentAt = momentAt
    this.count = count
    const { lookup, reader, id, lastPosition } = recording
    const isLeaf = (ref: Ref) => reader.event(id, positionOf(ref)).type === 'LeafCreated'
    const refOfKey = (key: string): Ref | null => {
      const ref = positionIn(key)
      if (ref === null) return (lookup.bearerOf(key, from, to) ?? lookup.bearerOf(key, 1, to))?.ref ?? null
      if (positionOf(ref) > lastPosition)
        throw new TapeError(
          'BAD_ARGUMENT',
          `fork() expected a position from 1 to ${lastPosition}, got ${key}`,
        )
      return ref
    }
    for (const [key, change] of Object.entries(set)) {
      const ref = refOfKey(key)
      // A leaf that has a name is changed by it, wherever it is made.
      if (ref === null || (positionIn(key) === null && isLeaf(ref))) continue
      if (isLeaf(ref) || positionOf(ref) >= from) this.values.set(ref, { key, change })
    }
    for (const [key, change] of Object.entries(gradients)) {
      const ref = refOfKey(key)
      if (ref !== null && (isLeaf(ref) || positionOf(ref) >= from)) this.gradients.set(ref, { key, change })
    }
  }

  /** Leaves among them that were made before the step. */
  before(first: number): Ref[] {
    return [...new Set([...this.values.keys(), ...this.gradients.keys()])].filter(
      (ref) => positionOf(ref) < first,
    )
  }

  /** Told of each variable when it was made. */
  made(ref: Ref, variable: Variable): void {
    const value = this.values.get(ref)
    if (value !== undefined) {
      variable.data = changedValue(value.key, value.change, variable.data, this.momentAt)
      this.values.delete(ref)
      this.count(value.key)
    }
    const gradient = this.gradients.get(ref)
    if (gradient === undefined) return
    this.gradients.delete(ref)
    const { key, change } = gradient
    const array = changedValue(`the gradient of ${key}`, change, variable.data, this.momentAt)
    this.hooks.push(
      variable.onGradient(() => {
        this.count(`the gradient of ${key}`)
        return new Variable(array, { requiresGrad: false })
      }),
    )
  }

  /** The step is over. */
  end(): void {
    for (const takeAway of this.hooks.splice(0)) takeAway()
  }
}
