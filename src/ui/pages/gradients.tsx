/** Gradients: every variable by every step in one picture. */
import { useCallback, useState } from 'preact/hooks'
import type { HeatAnswer } from '../../server/api.js'
import { useAnswer } from '../ask.js'
import { HeatMap } from '../heat-map.js'
import { change, linkTo, numberParameter, parameter } from '../route.js'
import { currentRun } from '../runs.js'
import { count, number, short } from '../words.js'

const ROW_HEIGHT = 22
const MEASURES = [
  { id: 'norm', title: 'norm (largest, logarithmic)' },
  { id: 'update', title: 'update ratio: change in parts of the norm (largest, logarithmic)' },
  { id: 'zeros', title: 'share of zeros' },
  { id: 'non-finite', title: 'not finite' },
] as const

export function GradientsPage() {
  const run = currentRun.value
  const measure = parameter('measure') ?? 'norm'
  const sort = parameter('sort') ?? 'model'
  const px = Math.min(1_600, Math.max(100, Math.round(innerWidth - 320)))
  const [from, to] = [numberParameter('from'), numberParameter('to')]
  const { data, error, isWaiting } = useAnswer(
    'gradients',
    run === null ? null : { run: run.key, measure, px, from, to },
  )
  const zoom = (factor: number) => {
    if (data === null) return
    const width = (data.toStep - data.fromStep) * factor
    const middle = numberParameter('step') ?? (data.fromStep + data.toStep) / 2
    const low = Math.max(data.firstStep, Math.round(middle - width / 2))
    const high = Math.min(data.lastStep, Math.round(middle + width / 2))
    if (low <= data.firstStep && high >= data.lastStep) change({ from: null, to: null })
    else if (high > low) change({ from: low, to: high })
  }
  return (
    <>
      <h1>Gradients</h1>
      <div class="tools">
        <label>
          measure{' '}
          <select value={measure} onChange={(event) => change({ measure: event.currentTarget.value })}>
            {MEASURES.map(({ id, title }) => (
              <option key={id} value={id}>
                {title}
              </option>
            ))}
          </select>
        </label>
        <label>
          order{' '}
          <select value={sort} onChange={(event) => change({ sort: event.currentTarget.value })}>
            <option value="model">as the model has them</option>
            <option value="size">largest first</option>
          </select>
        </label>
        <button type="button" onClick={() => zoom(0.25)}>
          Zoom in
        </button>
        <button type="button" onClick={() => zoom(4)}>
          Zoom out
        </button>
        <button type="button" onClick={() => change({ from: null, to: null })}>
          All steps
        </button>
      </div>
      {error !== null && <p role="alert">{error}</p>}
      {data === null && isWaiting && <p role="status">reading…</p>}
      {data !== null && <Picture data={data} sort={sort} />}
    </>
  )
}

function Picture({ data, sort }: { data: HeatAnswer; sort: string }) {
  const [cell, setCell] = useState<{ row: number; column: number } | null>(null)
  const largest = (values: readonly (number | null)[]) =>
    values.reduce((most: number, value) => Math.max(most, value ?? 0), 0)
  const rows =
    sort === 'size' ? [...data.rows].sort((a, b) => largest(b.values) - largest(a.values)) : data.rows
  const scale = scaleOf(data)
  const shareOf = useCallback(
    (row: number, column: number) => {
      const { values, nonFinite } = rows[row]!
      if (nonFinite[column]! > 0) return Number.NaN
      const value = values[column] ?? null
      return value === null ? null : scale.shareOf(value)
    },
    [data, sort],
  )
  if (rows.length === 0) return <p>This run computed no gradient of a leaf.</p>
  if (data.measure === 'update' && rows.every(({ values }) => values.every((value) => value === null)))
    return <p>This run did not measure what it assigned to parameters.</p>
  const stepOf = (column: number) =>
    data.fromStep + Math.floor((column * (data.toStep - data.fromStep + 1)) / data.columns)
  const at = cell === null ? null : rows[cell.row]
  return (
    <>
      <p class="quiet" aria-live="polite">
        {at === null || at === undefined || cell === null
          ? `${count(data.gradients)} gradients of ${count(rows.length)} variables, steps ${count(data.fromStep)} to ${count(data.toStep)}`
          : `${short(at.name)}, step ${count(stepOf(cell.column))}: ${data.measure === 'update' ? 'update ratio' : data.measure} ${number(at.values[cell.column])}${at.nonFinite[cell.column]! > 0 ? `, ✕ ${count(at.nonFinite[cell.column]!)} elements not finite` : ''}`}
      </p>
      <div class="heat-frame">
        <ul class="heat-names" aria-label="Variables">
          {rows.map(({ name, position, nonFinite, values }) => (
            <li key={position} style={{ height: `${ROW_HEIGHT}px` }}>
              <a href={linkTo('tensor', { variable: `#${position}` })} title={name.slice(0, 500)}>
                <bdi>{short(name, 28)}</bdi>
              </a>
              {marksOf(values, nonFinite, data.measure).map((mark) => (
                <span key={mark.sign} class="bad-text" title={mark.words}>
                  <span aria-hidden="true">{mark.sign}</span>
                  <span class="hidden">{mark.words}</span>
                </span>
              ))}
            </li>
          ))}
        </ul>
        <HeatMap
          label={`${data.measure} of the gradients, ${rows.length} variables by steps ${data.fromStep} to ${data.toStep}`}
          rows={rows.length}
          columns={data.columns}
          shareOf={shareOf}
          cell={cell}
          onCell={(row, column) => setCell({ row, column })}
          onPick={(row, column) => {
            setCell({ row, column })
            change({ step: stepOf(column) })
          }}
          rowHeight={ROW_HEIGHT}
        />
      </div>
      <p class="scale quiet">
        {scale.low} <i class="scale-bar" /> {scale.high} <i class="scale-bad" /> not finite. Marks: ✕ not
        finite, ▲ grows a thousandfold, ○ all zeros.
      </p>
    </>
  )
}

/** What a row as a whole shows: the words of a detector for one look. */
function marksOf(
  values: readonly (number | null)[],
  nonFinite: readonly number[],
  measure: string,
): { sign: string; words: string }[] {
  const marks: { sign: string; words: string }[] = []
  if (nonFinite.some((bad) => bad > 0)) marks.push({ sign: '✕', words: 'has values that are not finite' })
  if (measure !== 'norm') return marks
  const known = values.filter((value) => value !== null)
  const sorted = known.filter((value) => value > 0).sort((a, b) => a - b)
  if (known.length > 0 && sorted.length === 0) marks.push({ sign: '○', words: 'all gradients are zero' })
  const middle = sorted[sorted.length >> 1]
  if (middle !== undefined && sorted.at(-1)! > 1_000 * middle)
    marks.push({ sign: '▲', words: 'one norm is a thousand times the middle one' })
  return marks
}

function scaleOf(data: HeatAnswer): { low: string; high: string; shareOf: (value: number) => number } {
  if (data.measure !== 'norm' && data.measure !== 'update') {
    const high =
      data.measure === 'zeros' ? 1 : Math.max(1, ...data.rows.flatMap(({ nonFinite }) => nonFinite))
    return { low: '0', high: number(high), shareOf: (value) => value / high }
  }
  let [low, high] = [Number.POSITIVE_INFINITY, 0]
  for (const { values } of data.rows)
    for (const value of values) {
      if (value === null || value <= 0) continue
      low = Math.min(low, value)
      high = Math.max(high, value)
    }
  if (high === 0) return { low: '0', high: '0', shareOf: () => 0 }
  const [from, to] = [Math.log10(low), Math.log10(high)]
  return {
    low: number(low),
    high: number(high),
    shareOf: (value) => (value <= 0 ? 0 : to === from ? 1 : (Math.log10(value) - from) / (to - from)),
  }
}
