/** Steps from a stream of events: gathers what belongs to a step and tells of it when the next one begins, or the stream ends. */
import { summaryOf } from '../events/content.js'
import type {
  ArraySummary,
  GradientComputed,
  LeafCreated,
  RecordedArray,
  Ref,
  TapeEvent,
  ValueAssigned,
} from '../events/event.js'
import { positionOf, slotOf } from '../events/event.js'
import type { Summary } from '../events/summary.js'
import { updateGroups } from './settings-watch.js'
import { StepEvents } from './step-events.js'
import type {
  AssignedFact,
  BatchFact,
  GradientFact,
  LeafFacts,
  MetricFact,
  RunFacts,
  StepFacts,
} from './step-facts.js'

/** Leaves that are remembered beyond their step: parameters, and what was made before the first. */
type Kept = LeafFacts & { readonly name: string | null }

/** Takes events in their order; gives a step when it is complete. */
export class EventFacts implements RunFacts {
  private step = 0
  private events: TapeEvent[] = []
  private readonly kept = new Map<Ref, Kept>()
  private readonly given = new Map<Ref, string | null>()
  private here = new Map<Ref, string | null>()
  private leavesHere = new Map<Ref, LeafCreated>()
  private steps = 0

  /** The step before, when this event is the first of the next one; null otherwise. */
  add(event: TapeEvent): StepFacts | null {
    const complete = event.step === this.step ? null : this.complete()
    if (complete !== null) {
      this.step = event.step
      this.events = []
    }
    this.events.push(event)
    return complete
  }

  /** The step under way, taken for complete; null when nothing was told of it. */
  complete(): StepFacts | null {
    const { events, step } = this
    if (events.length === 0) return null
    this.here = new Map()
    this.leavesHere = new Map()
    for (const event of events) this.remember(event)
    const own = new StepEvents(step, events)
    return {
      step,
      shape: this.steps++,
      repeats: 0,
      like: own,
      own: () => own,
      metrics: metricsOf(events),
      gradients: own.gradients.map(gradientFact),
      assigned: own.assignments.flatMap(assignedFact),
      updates: updateGroups(own.calls),
      batches: this.batchesOf(own),
      run: this,
    }
  }

  nameOf(ref: Ref): string | null {
    const given = this.here.get(ref) ?? this.given.get(ref)
    return given === undefined ? (this.kept.get(ref)?.name ?? this.leavesHere.get(ref)?.name ?? null) : given
  }

  label(ref: Ref): string {
    return this.nameOf(ref) ?? `#${positionOf(ref)}${slotOf(ref) === 0 ? '' : `.${slotOf(ref)}`}`
  }

  leafOf(ref: Ref): LeafFacts | null {
    return this.kept.get(ref) ?? this.leavesHere.get(ref) ?? null
  }

  private remember(event: TapeEvent): void {
    if (event.type === 'LeafCreated') {
      this.leavesHere.set(event.position, event)
      const { role, requiresGrad, shape, dtype, name } = event
      // A step's own leaves are forgotten with it: there may be millions.
      if (role === 'parameter' || event.step === 0)
        this.kept.set(event.position, { role, requiresGrad, shape, dtype, name })
    } else if (event.type === 'VariableNamed') {
      if (this.kept.has(event.variable)) this.given.set(event.variable, event.name)
      else this.here.set(event.variable, event.name)
    } else if (event.type === 'MetricLogged' && event.variable !== null) {
      if (this.nameOf(event.variable) === null) this.here.set(event.variable, event.name)
    }
  }

  private batchesOf(events: StepEvents): BatchFact[] {
    return events.calls.flatMap((call) => {
      if (call.function !== 'take' || (call.attributes.axis ?? 0) !== 0 || call.inputs.length !== 2) return []
      const [data, indices] = call.inputs as [Ref, Ref]
      const from = this.leafOf(data)
      // A data set is read again in later steps.
      if (from !== null && !this.kept.has(data)) this.kept.set(data, { ...from, name: this.nameOf(data) })
      const by = this.leavesHere.get(indices)
      if (from === null || from.requiresGrad || by === undefined || by.value === null) return []
      if (by.shape.length !== 1 || by.dtype !== 'int32') return []
      const { position, scope } = call
      const step = events.readers(position).length > 0 ? events.step : events.step + 1
      return [{ position, step, data, indices, scope, rows: [...by.value.data] }]
    })
  }
}

function metricsOf(events: readonly TapeEvent[]): MetricFact[] {
  return events.flatMap((event) =>
    event.type === 'MetricLogged'
      ? [{ name: event.name, value: event.value, position: event.position, variable: event.variable ?? 0 }]
      : [],
  )
}

function gradientFact(event: GradientComputed): GradientFact {
  const { position, variable, shape, contribution, contributionSummary } = event
  const known = summaryFor(contribution, contributionSummary)
  return {
    position,
    variable,
    shape,
    size: shape.reduce((product, one) => product * one, 1),
    norm: known?.l2Norm ?? null,
    zeros: known?.zeroCount ?? 0,
    nonFinite: known?.nonFiniteCount ?? 0,
  }
}

function assignedFact({ position, variable, value, summary, updateNorm }: ValueAssigned): AssignedFact[] {
  // Without it the assignment was not measured.
  if (updateNorm === undefined) return []
  return [{ position, variable, norm: summaryFor(value, summary)?.l2Norm ?? null, updateNorm }]
}

function summaryFor(value: RecordedArray | null, summary: ArraySummary | null): Summary | null {
  if (summary !== null) return summary
  return value === null ? null : summaryOf(value.data)
}
