/** The events of one step, with what detectors ask of them: calls, passes, what reads what. Knows no tape and no values. */
import {
  type BackwardStarted,
  type FunctionCalled,
  type GradientComputed,
  type LeafCreated,
  positionOf,
  type Ref,
  type TapeEvent,
  type ValueAssigned,
} from '../events/event.js'

export class StepEvents {
  readonly step: number
  readonly events: readonly TapeEvent[]
  readonly calls: readonly FunctionCalled[]
  readonly leaves: readonly LeafCreated[]
  readonly passes: readonly BackwardStarted[]
  readonly gradients: readonly GradientComputed[]
  readonly assignments: readonly ValueAssigned[]
  private readonly first: number
  private readersOf: ReadonlyMap<Ref, readonly FunctionCalled[]> | null = null

  /** `events` are those of the step, in order and without gaps. */
  constructor(step: number, events: readonly TapeEvent[]) {
    this.step = step
    this.events = events
    this.first = events[0]?.position ?? 1
    const of = <T extends TapeEvent['type']>(type: T) =>
      events.filter((event): event is Extract<TapeEvent, { type: T }> => event.type === type)
    this.calls = of('FunctionCalled')
    this.leaves = of('LeafCreated')
    this.passes = of('BackwardStarted')
    this.gradients = of('GradientComputed')
    this.assignments = of('ValueAssigned')
  }

  /** The event at a position of the step; null for one of another step. */
  at(position: number): TapeEvent | null {
    return this.events[position - this.first] ?? null
  }

  /** The call of the step that made `ref`; null for a leaf, and for what another step made. */
  makerOf(ref: Ref): FunctionCalled | null {
    const event = this.at(positionOf(ref))
    return event?.type === 'FunctionCalled' ? event : null
  }

  /** The calls of the step that read `ref`. */
  readers(ref: Ref): readonly FunctionCalled[] {
    if (this.readersOf === null) {
      const found = new Map<Ref, FunctionCalled[]>()
      for (const call of this.calls)
        for (const input of new Set(call.inputs)) {
          const known = found.get(input)
          if (known === undefined) found.set(input, [call])
          else known.push(call)
        }
      this.readersOf = found
    }
    return this.readersOf.get(ref) ?? []
  }

  /**
   * Positions of the calls of the step that the refs were computed from, those that made them included. A gradient leads on to
   * nothing.
   *
   * linked  only calls that a pass would walk through
   */
  ancestors(refs: readonly Ref[], linked = false): Set<number> {
    const found = new Set<number>()
    const waiting = [...refs]
    for (let ref = waiting.pop(); ref !== undefined; ref = waiting.pop()) {
      const event = this.at(positionOf(ref))
      if (event?.type === 'LeafCreated' && event.source !== null && !linked) waiting.push(event.source)
      if (event?.type !== 'FunctionCalled' || found.has(event.position)) continue
      if (linked && !event.linked) continue
      found.add(event.position)
      waiting.push(...event.inputs)
    }
    return found
  }

  /** Positions of the calls of the step that computed from `refs`. */
  descendants(refs: readonly Ref[]): Set<number> {
    const from = new Set(refs.map(positionOf))
    const found = new Set<number>()
    for (const call of this.calls)
      if (call.inputs.some((ref) => from.has(positionOf(ref)) || found.has(positionOf(ref))))
        found.add(call.position)
    return found
  }

  /** Refs that the calls at `positions` read and none of the step's calls made: parameters, data, constants. */
  leavesRead(positions: ReadonlySet<number>): Set<Ref> {
    const found = new Set<Ref>()
    for (const position of positions)
      for (const ref of (this.at(position) as FunctionCalled).inputs)
        if (this.makerOf(ref) === null) found.add(ref)
    return found
  }

  /** The roots of the passes that leave gradients in variables. */
  get roots(): Ref[] {
    return this.passes.filter(({ targets }) => targets === null).flatMap(({ roots }) => roots)
  }
}
