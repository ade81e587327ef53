/** What happened in one step: its events in order, and what the views know of each beside it. */
import type { CallSite } from '../events/call-site.js'
import type { MetricLogged, TapeEvent } from '../events/event.js'
import { type GradientRow, gradientsOfStep } from '../queries/gradients.js'
import { materializedOutputs } from '../queries/variables.js'
import type { InspectedRun } from './inspected-run.js'

/** What the views know of an event, besides what it says itself. */
export interface Beside {
  /** The summary of a GradientComputed. */
  gradient: GradientRow | null
  /** Whether an output of a call was not captured, but computed again later. */
  isMaterialized: boolean
  /** Where in the user's code a call was made; null where the tape does not say. */
  site: CallSite | null
}

/** The events of one step. */
export interface StepEvents {
  step: number
  firstPosition: number
  lastPosition: number
  /** How many events the step has; `events` may be fewer. */
  count: number
  events: { event: TapeEvent; beside: Beside }[]
  /** Of the events that are here. */
  metrics: MetricLogged[]
}

/**
 * The first `limit` events of a step.
 *
 * Throws  STEP_NOT_FOUND
 */
export function eventsOfStep(
  { past, views, lookup }: InspectedRun,
  step: number,
  limit = Number.POSITIVE_INFINITY,
): StepEvents {
  const { from, to } = lookup.stepRange(step, past.lastPosition)
  const gradients = new Map(gradientsOfStep(views, past.id, step).map((row) => [row.position, row]))
  const materialized = new Set(materializedOutputs(views, past.id, step).map(({ position }) => position))
  const events = [...past.events(from, Math.min(to, from + limit - 1))].map((event) => ({
    event,
    beside: {
      gradient: gradients.get(event.position) ?? null,
      isMaterialized: materialized.has(event.position),
      site: event.type === 'FunctionCalled' ? past.siteOf(event.position) : null,
    },
  }))
  return {
    step,
    firstPosition: from,
    lastPosition: to,
    count: to - from + 1,
    events,
    metrics: events.flatMap(({ event }) => (event.type === 'MetricLogged' ? [event] : [])),
  }
}
