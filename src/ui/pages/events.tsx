/** Events: the tape line by line, from any position on, each with what it reads. */
import { useState } from 'preact/hooks'
import type { EventRow } from '../../server/api.js'
import { useAnswer } from '../ask.js'
import { change, linkTo, numberParameter, parameter } from '../route.js'
import { currentRun } from '../runs.js'
import { VirtualList } from '../virtual-list.js'
import { count, short } from '../words.js'

const PAGE = 400
const AHEAD = 100

export function EventsPage() {
  const run = currentRun.value
  const total = run?.events ?? 0
  const from = Math.min(Math.max(1, numberParameter('from') ?? 1), Math.max(1, total))
  const [start, setStart] = useState(from)
  const type = parameter('type') ?? ''
  const { data, error } = useAnswer(
    'events',
    run === null || total === 0 ? null : { run: run.key, from: start, count: PAGE },
  )
  const eventAt = (position: number): EventRow | null => {
    if (data === null || position < data.first || position > data.last) return null
    return data.events[position - data.first] ?? null
  }
  const onRange = (first: number, last: number) => {
    const [low, high] = [first + 1, last + 1]
    if (low >= start && high < start + PAGE) return
    setStart(Math.max(1, low - AHEAD))
  }
  return (
    <>
      <h1>Events</h1>
      <div class="tools">
        <label>
          position{' '}
          <input
            type="number"
            min={1}
            max={total}
            value={from}
            onChange={(event) => change({ from: event.currentTarget.value })}
          />{' '}
          of {count(total)}
        </label>
        <label>
          mark{' '}
          <select value={type} onChange={(event) => change({ type: event.currentTarget.value || null })}>
            <option value="">nothing</option>
            {TYPES.map((name) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        </label>
      </div>
      {error !== null && <p role="alert">{error}</p>}
      {total > 0 && (
        <VirtualList label="Events" count={total} rowHeight={24} first={from - 1} onRange={onRange}>
          {(index) => <Line event={eventAt(index + 1)} position={index + 1} marked={type} />}
        </VirtualList>
      )}
    </>
  )
}

const TYPES = [
  'StepStarted',
  'LeafCreated',
  'FunctionCalled',
  'BackwardStarted',
  'GradientComputed',
  'ValueAssigned',
  'MetricLogged',
  'CheckpointTaken',
  'NoteAdded',
  'EpochStarted',
]

function Line({ event, position, marked }: { event: EventRow | null; position: number; marked: string }) {
  if (event === null) return <span class="event quiet">{`#${count(position)} …`}</span>
  return (
    <span class={`event${event.type === marked ? ' chosen' : ''}`}>
      <a href={linkTo('graph', { step: event.step, call: position })}>{`#${count(position)}`}</a>
      <span class="quiet event-step">{`step ${count(event.step)}`}</span>
      <span class="event-type">{event.type}</span>
      <bdi class="event-text" title={event.text.slice(0, 500)}>
        {short(event.text, 140)}
      </bdi>
      {event.causes.slice(0, 4).map((cause) => (
        <a key={cause} href={linkTo('events', { from: cause })}>
          {`← #${count(cause)}`}
        </a>
      ))}
    </span>
  )
}
