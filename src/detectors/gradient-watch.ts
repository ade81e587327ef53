/** Gradients that are added to what an update has used already: the clear between two steps is missing. */
import { type FunctionCalled, type GradientComputed, positionOf, type Ref, slotOf } from '../events/event.js'
import type { StepEvents } from './step-events.js'

interface NotCleared {
  /** The step that added to a gradient of which an update has used a part; the update that uses the sum may come steps later. */
  readonly step: number
  /** The first gradient that was added. */
  readonly position: number
  /** What the pass that added began from; null where the tape does not say. */
  readonly root: Ref | null
  readonly maker: FunctionCalled | null
  readonly variables: readonly Ref[]
}

/** What is known of the gradient that a variable holds. */
interface Held {
  /** An update has used what it held before this pass, and it was not cleared since. */
  stale: boolean
  used: boolean
  added: Added | null
}

interface Added {
  readonly gradient: GradientComputed
  readonly root: Ref | null
  readonly maker: FunctionCalled | null
}

export class NotClearedWatch {
  private readonly held = new Map<Ref, Held>()

  /** The variables whose update uses a gradient of which an update before has used a part; null for none. */
  step(events: StepEvents): NotCleared | null {
    const variables = new Set<Ref>()
    let first: Added | null = null
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
          if (event.held === 'accumulated' && before?.used === true) {
            // Of a sum that is used again and again, the first addition is the one to tell.
            const added = before.added ?? addedBy(events, event)
            this.held.set(event.variable, { stale: true, used: false, added })
          } else if (event.held === 'contribution')
            this.held.set(event.variable, { stale: false, used: false, added: null })
          break
        }
        case 'FunctionCalled':
          if (event.linked) break
          for (const input of event.inputs) {
            const variable = byPosition.get(positionOf(input))
            const held = variable === undefined ? undefined : this.held.get(variable)
            if (variable === undefined || held === undefined || input === variable) continue
            if (held.stale && held.added !== null) {
              variables.add(variable)
              first ??= held.added
            }
            held.used = true
          }
          break
        default:
      }
    }
    if (first === null) return null
    const { gradient, root, maker } = first
    return { step: gradient.step, position: gradient.position, root, maker, variables: [...variables] }
  }
}

function addedBy(events: StepEvents, gradient: GradientComputed): Added {
  const pass = events.passes.find(({ position }) => position === gradient.pass)
  const root = pass?.roots[0] ?? null
  return { gradient, root, maker: root === null ? null : events.makerOf(root) }
}

/** Two passes of a step that walk through the same calls and add up: one began from what the other has in itself. */
interface CountedTwice {
  readonly step: number
  /** The two passes. */
  readonly passes: readonly [number, number]
  /** What they began from. */
  readonly roots: readonly [Ref, Ref]
  /** The root that both walk through. */
  readonly part: Ref
  readonly variables: readonly Ref[]
}

export function countedTwice(events: StepEvents): CountedTwice | null {
  const passes = events.passes.filter(({ targets, roots }) => targets === null && roots.length === 1)
  const ancestors = passes.map(({ roots }) => events.ancestors(roots, true))
  for (const [i, second] of passes.entries()) {
    for (const [k, first] of passes.slice(0, i).entries()) {
      const [a, b] = [first.roots[0]!, second.roots[0]!]
      const part =
        a === b || ancestors[i]!.has(positionOf(a)) ? a : ancestors[k]!.has(positionOf(b)) ? b : null
      if (part === null) continue
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
          roots: [a, b],
          part,
          variables,
        }
    }
  }
  return null
}

/** `then from it again`, `then from total, which has it in itself`, `which has b in itself, then from b alone`. */
export function twiceText(roots: readonly [Ref, Ref], part: Ref, text: (ref: Ref) => string): string {
  const [a, b] = roots
  if (a === b) return `backward from ${text(a)}, then from it again`
  return part === a
    ? `backward from ${text(a)}, then from ${text(b)}, which has it in itself`
    : `backward from ${text(a)}, then from ${text(b)}, which the first has in itself`
}

/** A term that the sum of a loss has twice. */
export interface DoubledTerm {
  /** The call that adds it for the second time. */
  readonly sum: FunctionCalled
  readonly term: FunctionCalled
  /** The same call, or another one that computes the same of the same. */
  readonly other: FunctionCalled
}

const TERMS_MAX = 1_024

/** Where the sum that a pass begins from has one term twice. */
export function doubledTerm(events: StepEvents): DoubledTerm | null {
  for (const root of events.roots) {
    const known = new Map<string, { maker: FunctionCalled; sum: FunctionCalled }>()
    const top = events.makerOf(root)
    if (top === null || !isSum(events, top)) continue
    const waiting = termsOf(events, top)
    for (let count = 0; waiting.length > 0 && count < TERMS_MAX; count++) {
      const { ref, sum } = waiting.pop()!
      const maker = events.makerOf(ref)
      if (maker === null || !maker.linked) continue
      if (isSum(events, maker)) {
        waiting.push(...termsOf(events, maker))
        continue
      }
      const key = `${maker.function} ${maker.inputs.join()} ${JSON.stringify(maker.attributes)} ${slotOf(ref)}`
      const before = known.get(key)
      if (before !== undefined) {
        const [first, second] = [before.maker, maker].sort((a, b) => a.position - b.position)
        return { sum: before.sum.position > sum.position ? before.sum : sum, term: first!, other: second! }
      }
      known.set(key, { maker, sum })
    }
  }
  return null
}

/** Whether a call adds up numbers that are terms of a loss: two numbers, or a list that was stacked. */
function isSum(events: StepEvents, call: FunctionCalled): boolean {
  if (call.outputs[0]?.shape.length !== 0) return false
  if (call.function === 'add') return true
  const list = call.function === 'sum' || call.function === 'mean' ? events.makerOf(call.inputs[0]!) : null
  return list !== null && list.function === 'stack' && list.outputs[0]?.shape.length === 1
}

function termsOf(events: StepEvents, call: FunctionCalled): { ref: Ref; sum: FunctionCalled }[] {
  const from = call.function === 'add' ? call : events.makerOf(call.inputs[0]!)!
  return from.inputs.map((ref) => ({ ref, sum: call }))
}
