/** What happened in one step, event by event. */
import type { InspectedRun } from '../../inspection/inspected-run.js'
import { eventsOfStep } from '../../inspection/step-events.js'
import type { Answer } from '../answer.js'
import { eventJson } from '../event-json.js'
import { eventLine } from '../event-line.js'
import { paint } from '../paint.js'
import { oneLine } from '../table.js'
import { plural } from '../words.js'

/** Throws  STEP_NOT_FOUND */
export function showStep(run: InspectedRun, step: number, limit: number): Answer {
  const { past, say } = run
  const { firstPosition, lastPosition, count, events, metrics } = eventsOfStep(run, step, limit)
  return {
    json: () => ({
      run: { id: past.id, name: past.name },
      step,
      firstPosition,
      lastPosition,
      cut: events.length < count,
      metrics: metrics.map(({ name, value, position }) => ({ name, value, position })),
      events: events.map(({ event, beside }) => eventJson(event, say, beside)),
    }),
    text: () => {
      const width = String(lastPosition).length
      const lines = events.map(({ event, beside }) => {
        const line = oneLine(eventLine(event, say, beside))
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
