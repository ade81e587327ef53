/** Gradients that are added to what an update has used already: the clear between two steps is missing. */
import { type GradientComputed, positionOf, type Ref } from '../events/event.js'
import type { StepEvents } from './step-events.js'

interface NotCleared {
  readonly step: number
  /** The first gradient that was added. */
  readonly position: number
  readonly pass: number
  readonly variables: readonly Ref[]
}

/** What is known of the gradient that a variable holds. */
interface Held {
  /** An update has used what it held before this pass, and it was not cleared since. */
  stale: boolean
  used: boolean
  addedAt: GradientComputed | null
}

export class NotClearedWatch {
  private readonly held = new Map<Ref, Held>()

  /** The variables whose update uses a gradient of which an update before has used a part; null for none. */
  step(events: StepEvents): NotCleared | null {
    const variables = new Set<Ref>()
    let first: GradientComputed | null = null
    const byPosition = new Map<number, Ref>()
    for (const event of events.events) {
      switch (event.type) {
        case 'GradientCleared':
        case 'GradientAssigned':
          this.held.delete(event.variable)
          break
        case 'GradientComputed': {
          if (event.held === 'nothing') break
          byPosition.set(event.position, event.variable)
          if (event.gradient !== null) byPosition.set(positionOf(event.gradient), event.variable)
          const before = this.held.get(event.variable)
          if (event.held === 'accumulated' && before?.used === true)
            this.held.set(event.variable, { stale: true, used: false, addedAt: event })
          else if (event.held === 'contribution')
            this.held.set(event.variable, { stale: false, used: false, addedAt: null })
          break
        }
        case 'FunctionCalled':
          if (event.linked) break
          for (const input of event.inputs) {
            const variable = byPosition.get(positionOf(input))
            const held = variable === undefined ? undefined : this.held.get(variable)
            if (variable === undefined || held === undefined || input === variable) continue
            if (held.stale && held.addedAt !== null) {
              variables.add(variable)
              first ??= held.addedAt
            }
            held.used = true
          }
          break
        default:
      }
    }
    if (first === null) return null
    return { step: events.step, position: first.position, pass: first.pass, variables: [...variables] }
  }
}

/** Two passes of a step that walk through the same calls and add up: the second began from what the first began from. */
interface CountedTwice {
  readonly step: number
  /** The two passes. */
  readonly passes: readonly [number, number]
  /** What the first began from, which the second walks through again. */
  readonly root: Ref
  readonly second: Ref
  readonly variables: readonly Ref[]
}

export function countedTwice(events: StepEvents): CountedTwice | null {
  const passes = events.passes.filter(({ targets, roots }) => targets === null && roots.length === 1)
  for (const [i, second] of passes.entries()) {
    const ancestors = events.ancestors(second.roots, true)
    for (const first of passes.slice(0, i)) {
      const root = first.roots[0]!
      if (root !== second.roots[0] && !ancestors.has(positionOf(root))) continue
      const given = (pass: number) =>
        events.gradients.filter((one) => one.pass === pass && one.held !== 'nothing')
      const both = given(second.position).filter(
        ({ variable, held }) =>
          held === 'accumulated' && given(first.position).some((one) => one.variable === variable),
      )
      const cleared = new Set(
        events.events.flatMap((event) =>
          event.type === 'GradientCleared' &&
          event.position > first.position &&
          event.position < second.position
            ? [event.variable]
            : [],
        ),
      )
      const variables = both.map(({ variable }) => variable).filter((variable) => !cleared.has(variable))
      const used = variables.some((variable) =>
        events.assignments.some(
          (one) => one.variable === variable && one.position > second.position && one.source !== null,
        ),
      )
      if (variables.length > 0 && used)
        return {
          step: events.step,
          passes: [first.position, second.position],
          root,
          second: second.roots[0]!,
          variables,
        }
    }
  }
  return null
}
