/**
 * What a run really computed, at every position: its own events say what happened, and the events that the same program
 * emitted live under capture 'full' say every value. Nothing here was ever in a file.
 */
import {
  type BackwardStarted,
  type GradientComputed,
  positionOf,
  type RecordedArray,
  type Ref,
  slotOf,
  type TapeEvent,
} from '../../src/events/event.js'

/** Bit for bit, but that NaN is NaN. */
export function sameBits(a: RecordedArray, b: RecordedArray): boolean {
  if (a.dtype !== b.dtype || a.size !== b.size || String(a.shape) !== String(b.shape)) return false
  for (let i = 0; i < a.size; i++) if (!Object.is(a.data[i], b.data[i])) return false
  return true
}

/** Gradients that no variable keeps are events of some captures only. */
function isOfEveryCapture(event: TapeEvent): boolean {
  return event.type !== 'GradientComputed' || event.held !== 'nothing'
}

export class Truth {
  readonly events: readonly TapeEvent[]
  readonly steps: number
  /** By position, the same event with every value. */
  private readonly complete = new Map<number, TapeEvent>()
  private readonly byPosition = new Map<number, TapeEvent>()
  private readonly assignments = new Map<Ref, number[]>()
  private readonly unchained = new Map<Ref, number[]>()
  private readonly ranges: { from: number; to: number }[] = [{ from: 1, to: 0 }]
  /** Of a pass, all gradients that it computed. */
  private readonly gradients = new Map<number, GradientComputed[]>()
  private readonly refs = new Map<number, number>()

  /** `events` of the run, and `full`, those of the same program under capture 'full'; both as heard live. */
  constructor(events: readonly TapeEvent[], full: readonly TapeEvent[]) {
    this.events = events
    const pairs = full.filter(isOfEveryCapture)
    const own = events.filter(isOfEveryCapture)
    if (pairs.length !== own.length)
      throw new Error(`two runs of one program: ${own.length} and ${pairs.length} events`)
    own.forEach((event, i) => {
      const other = pairs[i]!
      if (other.type !== event.type || other.step !== event.step)
        throw new Error(`two runs of one program: ${event.position} is ${event.type} and ${other.type}`)
      this.complete.set(event.position, other)
      this.refs.set(other.position, event.position)
    })
    for (const event of full) {
      if (event.type !== 'GradientComputed') continue
      const pass = this.refs.get(event.pass)!
      const list = this.gradients.get(pass)
      if (list === undefined) this.gradients.set(pass, [event])
      else list.push(event)
    }
    for (const event of events) {
      this.byPosition.set(event.position, event)
      if (event.type === 'ValueAssigned') listOf(this.assignments, event.variable).push(event.position)
      if (event.type === 'VariableUnchained') listOf(this.unchained, event.variable).push(event.position)
      if (event.type === 'StepStarted') this.ranges[event.step] = { from: event.position, to: 0 }
      this.ranges[event.step]!.to = event.position
    }
    this.steps = this.ranges.length - 1
  }

  /** A ref of the full run as this run has it. */
  refOfFull(ref: Ref): Ref {
    const position = positionOf(ref)
    return ref - position + this.refs.get(position)!
  }

  /** The event of a gradient, with every value. */
  gradient(position: number): GradientComputed {
    return this.complete.get(position) as GradientComputed
  }

  range(step: number): { from: number; to: number } {
    return this.ranges[step]!
  }

  /** Variables that were assigned to, or that a pass left a gradient in. */
  livingOn(): Set<Ref> {
    const found = new Set(this.assignments.keys())
    for (const event of this.events)
      if (event.type === 'GradientComputed' && event.held !== 'nothing') found.add(event.variable)
    return found
  }

  isUnchained(ref: Ref): boolean {
    return this.unchained.has(ref)
  }

  /** Whether a leaf that enters in the step or later is made of an array that was computed before it, and is not stored. */
  carriesArrayInto(step: number): boolean {
    const { from } = this.range(step)
    return this.events.some((event) => {
      if (event.type !== 'LeafCreated' || event.position < from) return false
      if (event.source === null || positionOf(event.source) >= from) return false
      const maker = this.byPosition.get(positionOf(event.source))!
      const slot = slotOf(event.source)
      return maker.type === 'FunctionCalled' && maker.outputs[slot]!.value === null
    })
  }

  /** The value that the event behind the ref made. */
  made(ref: Ref): RecordedArray {
    const event = this.byPosition.get(positionOf(ref))!
    const complete = this.complete.get(event.position)!
    switch (event.type) {
      case 'FunctionCalled':
        return (complete as typeof event).outputs[slotOf(ref)]!.value!
      case 'GradientComputed':
        return heldAfter(complete as typeof event)
      case 'LeafCreated':
      case 'ValueAssigned':
        return event.source === null ? (complete as typeof event).value! : this.made(event.source)
      default:
        throw new Error(`${event.type} makes no value`)
    }
  }

  /** The value of a variable as a call at this position reads it. */
  valueAt(ref: Ref, position: number): RecordedArray {
    const last = (this.assignments.get(ref) ?? []).filter((at) => at < position).at(-1)
    return this.made(last ?? ref)
  }

  /** The value of the version that `past.variable(…, { step })` promises. */
  valueIn(ref: Ref, step: number): RecordedArray {
    const { from, to } = this.range(step)
    const reader = this.events.find(
      (event) =>
        event.type === 'FunctionCalled' &&
        event.position >= from &&
        event.position <= to &&
        event.inputs.includes(ref),
    )
    return this.valueAt(ref, reader?.position ?? to + 1)
  }

  /** The last gradient that the variable held in the step, as it was when it was cleared or the step ended; null for none. */
  gradientIn(ref: Ref, step: number): RecordedArray | null {
    const { from, to } = this.range(step)
    let until = to + 1
    for (let position = to; position >= from; position--) {
      const event = this.byPosition.get(position)
      if (event?.type === 'GradientCleared' && event.variable === ref) until = position
      if (event?.type === 'GradientAssigned' && event.variable === ref)
        return this.valueAt(event.gradient, until)
      if (event?.type !== 'GradientComputed' || event.held === 'nothing' || event.variable !== ref) continue
      if ((this.byPosition.get(event.pass) as BackwardStarted).targets !== null) continue
      return heldAfter(this.complete.get(position) as GradientComputed)
    }
    return null
  }

  /** Passes that `backward` on the graph of the file must repeat, with their seed and all gradients they computed. */
  repeatablePasses(): { root: Ref; seed: RecordedArray | null; given: Map<Ref, RecordedArray> }[] {
    const found = []
    for (const event of this.events) {
      if (event.type !== 'BackwardStarted' || event.targets !== null) continue
      const { position } = event
      if (this.events.some((other) => other.type === 'BackwardAborted' && other.pass === position)) continue
      if (this.wasCutLater(event.roots[0]!, position)) continue
      const seed = event.gradients[0] ?? null
      const given = new Map<Ref, RecordedArray>()
      for (const gradient of this.gradients.get(position) ?? [])
        given.set(this.refOfFull(gradient.variable), gradient.contribution!)
      found.push({
        root: event.roots[0]!,
        seed: seed === null ? null : this.valueAt(seed, position),
        given,
      })
    }
    return found
  }

  /** Whether the graph behind the root was cut, before `position`, where an earlier call had read it whole. */
  private wasCutLater(root: Ref, position: number): boolean {
    const waiting: [Ref, number][] = [[root, position]]
    const seen = new Set<number>()
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const [ref, reader] = next
      const cuts = (this.unchained.get(ref) ?? []).filter((at) => at < position)
      if (cuts.some((at) => at > reader)) return true
      if (cuts.length > 0) continue
      const event = this.byPosition.get(positionOf(ref))!
      if (event.type !== 'FunctionCalled' || !event.linked || seen.has(event.position)) continue
      seen.add(event.position)
      for (const input of event.inputs) waiting.push([input, event.position])
    }
    return false
  }
}

/** What the variable holds after the event. */
export function heldAfter(event: GradientComputed): RecordedArray {
  return event.held === 'accumulated' ? event.accumulated! : event.contribution!
}

function listOf(map: Map<number, number[]>, key: number): number[] {
  let list = map.get(key)
  if (list === undefined) {
    list = []
    map.set(key, list)
  }
  return list
}
