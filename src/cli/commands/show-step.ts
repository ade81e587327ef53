/** What happened in one step, event by event. */
import type { MetricLogged, TapeEvent } from '../../events/event.js'
import { Describer } from '../../inspection/describer.js'
import { gradientsOfStep } from '../../queries/gradients.js'
import { materializedOutputs } from '../../queries/variables.js'
import type { Answer } from '../answer.js'
import { eventJson } from '../event-json.js'
import { eventLine } from '../event-line.js'
import type { OpenRun } from '../open.js'
import { paint } from '../paint.js'
import { oneLine } from '../table.js'
import { plural } from '../words.js'

/** Throws  STEP_NOT_FOUND */
export function showStep({ past, views, lookup }: OpenRun, step: number, limit: number): Answer {
  const { from, to } = lookup.stepRange(step, past.lastPosition)
  const say = new Describer(past, lookup)
  const gradients = new Map(gradientsOfStep(views, past.id, step).map((row) => [row.position, row]))
  const materialized = new Set(materializedOutputs(views, past.id, step).map(({ position }) => position))
  const beside = ({ position }: TapeEvent) => ({
    gradient: gradients.get(position) ?? null,
    isMaterialized: materialized.has(position),
  })
  const count = to - from + 1
  const events = [...past.events(from, Math.min(to, from + limit - 1))]
  const metrics = events.filter((event): event is MetricLogged => event.type === 'MetricLogged')
  return {
    json: () => ({
      run: { id: past.id, name: past.name },
      step,
      firstPosition: from,
      lastPosition: to,
      cut: events.length < count,
      metrics: metrics.map(({ name, value, position }) => ({ name, value, position })),
      events: events.map((event) => eventJson(event, say, beside(event))),
    }),
    text: () => {
      const width = String(to).length
      const lines = events.map((event) => {
        const line = oneLine(eventLine(event, say, beside(event)))
        return `${String(event.position).padStart(width)}  ${line}`
      })
      if (events.length < count)
        lines.push(
          paint('dim', `… ${plural(count - events.length, 'more event')}; --limit ${count} shows all`),
        )
      return [
        `${paint('bold', `${oneLine(past.name)}, step ${step}`)}: ${plural(count, 'event')}`,
        ...lines,
      ].join('\n')
    },
  }
}
