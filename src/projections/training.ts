/** The first projection: what a run is and how its training goes. Serves the live progress line and a run long past. */
import type { EventType, RunFinished, TapeEvent } from '../events/event.js'
import type { Projection } from './fold.js'

/** One logged number over the run. */
export interface MetricCurve {
  count: number
  first: number
  last: number
  min: number
  max: number
  /** Evenly spaced values that stand for the whole curve; `[step, value]`. */
  points: [step: number, value: number][]
  /** Of this many values one becomes a point. */
  stride: number
}

export interface Training {
  name: string
  startedAt: string
  kernel: string
  status: 'recording' | RunFinished['status']
  error: string | null
  /** The step under way. */
  step: number
  /** The latest position, and so the number of events. */
  events: number
  calls: number
  /** When the latest step began, or the end; since the run started. */
  elapsedMs: number
  eventsByType: Partial<Record<EventType, number>>
  /** By name. These two have no prototype: any name that a tape gives is a key like another, `__proto__` too. */
  callsByFunction: Record<string, number>
  metrics: Record<string, MetricCurve>
}

/** A curve of any length is kept in at most this many points. */
const POINTS_MAX = 1024

export const training: Projection<Training> = {
  initial: {
    name: '',
    startedAt: '',
    kernel: '',
    status: 'recording',
    error: null,
    step: 0,
    events: 0,
    calls: 0,
    elapsedMs: 0,
    eventsByType: {},
    callsByFunction: Object.create(null),
    metrics: Object.create(null),
  },

  apply(draft: Training, event: TapeEvent): void {
    draft.events = event.position
    draft.step = event.step
    draft.eventsByType[event.type] = (draft.eventsByType[event.type] ?? 0) + 1
    switch (event.type) {
      case 'RunStarted':
        draft.name = event.name
        draft.startedAt = event.startedAt
        draft.kernel = event.kernel
        break
      case 'StepStarted':
        draft.elapsedMs = event.elapsedMs
        break
      case 'FunctionCalled':
        draft.calls++
        draft.callsByFunction[event.function] = (draft.callsByFunction[event.function] ?? 0) + 1
        break
      case 'MetricLogged':
        addTo(draft.metrics, event.name, event.step, event.value)
        break
      case 'RunFinished':
        draft.status = event.status
        draft.error = event.error
        draft.elapsedMs = event.elapsedMs
        break
    }
  },
}

function addTo(metrics: Training['metrics'], name: string, step: number, value: number): void {
  const curve = metrics[name]
  if (curve === undefined) {
    metrics[name] = {
      count: 1,
      first: value,
      last: value,
      min: value,
      max: value,
      points: [[step, value]],
      stride: 1,
    }
    return
  }
  curve.last = value
  curve.min = Math.min(curve.min, value)
  curve.max = Math.max(curve.max, value)
  if (curve.count++ % curve.stride !== 0) return
  curve.points.push([step, value])
  if (curve.points.length > POINTS_MAX) {
    curve.points = curve.points.filter((_, i) => i % 2 === 0)
    curve.stride *= 2
  }
}
