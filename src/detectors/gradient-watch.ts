/** Gradients that are added to what an update has used already: the clear between two steps is missing. */
import { type FunctionCalled, type GradientComputed, positionOf, type Ref, slotOf } from '../events/event.js'
import { isUpdate } from './settings-watch.js'
import type { StepEvents } from './step-events.js'

export interface NotCleared {
  /** The step that added to a gradient of which an update has used a part; the update that uses the sum may come steps later. */
  readonly step: number
  /** The first gradient that was added. */
  readonly position: number
  /** What the pass that added began from; null where the tape does not say. */
  readonly root: Ref | null
  readonly maker: FunctionCalled | null
  readonly variables: readonly Ref[]
  /** What the pass began from that left a gradient for somebody else's update; null where the update used it itself. */
  readonly left: FunctionCalled | null
}

/** What is known of the gradient that a variable holds. */
interface Held {
  /** An update has used what it held before this pass, and it was not cleared since. */
  stale: boolean
  used: boolean
  added: Added | null
  /** What a pass left after the variable's own update of that step. */
  left: Left | null
}

interface Added {
  readonly gradient: GradientComputed
  readonly root: Ref | null
  readonly maker: FunctionCalled | null
  readonly left: FunctionCalled | null
}

interface Left {
  readonly step: number
  readonly pass: number
  readonly maker: FunctionCalled | null
}

/** Passes that are remembered as used by an update. */
const PASSES_MAX = 4_096
/** More variables are no key. */
const KEY_MAX = 4_096

export class NotClearedWatch {
  private readonly held = new Map<Ref, Held>()
  /** The last step in which a variable was updated. */
  private readonly updated = new Map<Ref, number>()
  /** Passes of which an update has used a gradient. */
  private readonly usedPasses = new Set<number>()

  /**
   * What the watch knows, as far as it decides about later steps: equal for two states that differ in the numbers of steps and passes
   * alone. Null where that is much.
   */
  get key(): string | null {
    if (this.held.size > KEY_MAX) return null
    const parts = [...this.held].map(([ref, { stale, used, added, left }]) => {
      const isLeft = left === null ? 0 : this.usedPasses.has(left.pass) ? 2 : 1
      return [ref, Number(stale), Number(used), Number(added !== null), isLeft].join(' ')
    })
    return parts.sort().join(',')
  }

  /** The variables whose update uses a gradient of which an update before has used a part; null for none. */
  step(events: StepEvents): NotCleared | null {
    const variables = new Set<Ref>()
    let first: Added | null = null
    const byPosition = new Map<number, Own>()
    for (const event of events.events) {
      switch (event.type) {
        case 'GradientCleared':
          this.held.delete(event.variable)
          break
        case 'GradientAssigned': {
          // A gradient that was clipped or scaled is still the one that the update uses.
          const own = behind(events, event, byPosition)
          if (own === null) this.held.delete(event.variable)
          else byPosition.set(positionOf(event.gradient), own)
          break
        }
        case 'GradientComputed': {
          if (event.held === 'nothing') break
          const one = { variable: event.variable, pass: event.pass }
          byPosition.set(event.position, one)
          if (event.gradient !== null) byPosition.set(positionOf(event.gradient), one)
          this.computed(events, event)
          break
        }
        case 'FunctionCalled':
          if (event.linked) break
          for (const input of event.inputs) {
            const from = byPosition.get(positionOf(input))
            const held = from === undefined ? undefined : this.held.get(from.variable)
            if (from === undefined || held === undefined || input === from.variable) continue
            if (!isUsedFor(events, event, from.variable)) continue
            if (held.stale && held.added !== null) {
              variables.add(from.variable)
              first ??= held.added
            }
            held.used = true
            if (this.usedPasses.size >= PASSES_MAX) this.usedPasses.clear()
            this.usedPasses.add(from.pass)
            this.updated.set(from.variable, event.step)
          }
          break
        default:
      }
    }
    if (first === null) return null
    const { gradient, root, maker, left } = first
    return { step: gradient.step, position: gradient.position, root, maker, left, variables: [...variables] }
  }

  private computed(events: StepEvents, event: GradientComputed): void {
    const before = this.held.get(event.variable)
    const { left = null } = before ?? {}
    const isAfterUpdate = this.updated.get(event.variable) === event.step
    if (event.held === 'accumulated' && before?.used === true) {
      // Of a sum that is used again and again, the first addition is the one to tell.
      const added = before.added ?? addedBy(events, event, null)
      this.held.set(event.variable, { stale: true, used: false, added, left: null })
    } else if (
      event.held === 'accumulated' &&
      before !== undefined &&
      !before.stale &&
      left !== null &&
      left.step < event.step &&
      this.usedPasses.has(left.pass)
    ) {
      // Somebody else's pass left a gradient here after the update of its step, and had an update of its own.
      const added = addedBy(events, event, left.maker)
      this.held.set(event.variable, { stale: true, used: false, added, left: null })
    } else if (event.held === 'contribution') {
      const { maker } = addedBy(events, event, null)
      const own = isAfterUpdate ? { step: event.step, pass: event.pass, maker } : null
      this.held.set(event.variable, { stale: false, used: false, added: null, left: own })
    }
  }
}

/** A gradient that a pass left in a variable. */
interface Own {
  readonly variable: Ref
  readonly pass: number
}

/** The variable's own gradient that an assigned one was computed from, in calls of the step; null for none. */
function behind(
  events: StepEvents,
  { variable, gradient }: { variable: Ref; gradient: Ref },
  known: ReadonlyMap<number, Own>,
): Own | null {
  const isOwn = (own: Own | undefined): own is Own => own?.variable === variable
  const same = known.get(positionOf(gradient))
  if (isOwn(same)) return same
  for (const position of events.ancestors([gradient]))
    for (const input of (events.at(position) as FunctionCalled).inputs) {
      const own = known.get(positionOf(input))
      if (isOwn(own) && input !== variable) return own
    }
  return null
}

/** Whether what a call makes of a gradient becomes the new value of a variable: a norm that is only logged uses nothing up. */
function isUsedFor(events: StepEvents, call: FunctionCalled, variable: Ref): boolean {
  if (isUpdate(call)) return true
  const made = events.descendants([call.position]).add(call.position)
  return events.assignments.some(
    (one) => one.variable === variable && one.source !== null && made.has(positionOf(one.source)),
  )
}

function addedBy(events: StepEvents, gradient: GradientComputed, left: FunctionCalled | null): Added {
  const pass = events.passes.find(({ position }) => position === gradient.pass)
  const root = pass?.roots[0] ?? null
  return { gradient, root, maker: root === null ? null : events.makerOf(root), left }
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

/** An optimizer's call that updates with a gradient that another one has used, with no pass and no clear between. */
export interface UsedAgain {
  readonly call: FunctionCalled
  readonly before: FunctionCalled
  readonly variables: readonly Ref[]
}

export function usedAgain(events: StepEvents): UsedAgain | null {
  const used = new Map<Ref, { gradient: Ref; call: FunctionCalled }>()
  let found: { call: FunctionCalled; before: FunctionCalled } | null = null
  const variables: Ref[] = []
  for (const event of events.events) {
    // A line search puts a parameter back and tries another rate with the same gradient.
    if (event.type === 'ValueAssigned' && isOther(events, event.source)) used.delete(event.variable)
    if (event.type !== 'FunctionCalled' || !isUpdate(event) || event.inputs.length < 2) continue
    const [variable, gradient] = event.inputs as [Ref, Ref]
    const before = used.get(variable)
    if (before?.gradient === gradient) {
      found ??= { call: event, before: before.call }
      variables.push(variable)
    }
    used.set(variable, { gradient, call: event })
  }
  return found === null ? null : { ...found, variables }
}

/** Whether a new value was made by no optimizer's call. */
function isOther(events: StepEvents, source: Ref | null): boolean {
  const maker = source === null ? null : events.makerOf(source)
  return maker === null || !isUpdate(maker)
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
