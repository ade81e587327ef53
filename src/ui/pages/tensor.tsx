/** Tensor: one array of the run, recorded or computed again; the page says which. */
import { useCallback, useEffect, useState } from 'preact/hooks'
import type { TensorAnswer } from '../../server/api.js'
import { useAnswer } from '../ask.js'
import { HeatMap } from '../heat-map.js'
import { change, linkTo, numberParameter, parameter } from '../route.js'
import { currentRun } from '../runs.js'
import { Images } from '../tensor-images.js'
import { count, duration, number, short } from '../words.js'

const PAGE = 200

export function TensorPage() {
  const run = currentRun.value
  const variable = parameter('variable')
  const offset = numberParameter('offset') ?? 0
  const { data: known } = useAnswer('variables', run === null ? null : { run: run.key }, {
    isLive: run?.status === 'recording',
  })
  const variables = known?.variables ?? []
  const { data, error, isWaiting } = useAnswer(
    'tensor',
    run === null || variable === null
      ? null
      : {
          run: run.key,
          variable,
          step: parameter('step'),
          offset,
          count: PAGE,
          image: numberParameter('image'),
          as: parameter('as'),
        },
    { isLive: false },
  )
  const [text, setText] = useState(variable ?? '')
  useEffect(() => setText(variable ?? ''), [variable])
  return (
    <>
      <h1>Tensor</h1>
      <form
        class="tools"
        onSubmit={(event) => {
          event.preventDefault()
          change({ variable: text, offset: null, image: null, as: null })
        }}
      >
        <label>
          Variable{' '}
          <input
            list="tensor-names"
            value={text}
            placeholder="name or #position"
            onInput={(event) => setText(event.currentTarget.value)}
          />
        </label>
        <datalist id="tensor-names">
          {variables.map(({ name, position }) => (
            <option key={position} value={`#${position}`} label={name ?? undefined} />
          ))}
        </datalist>
        <button type="submit">Show</button>
      </form>
      {variable === null && (
        <ul class="names">
          {variables.map(({ name, position, shape }) => (
            <li key={position}>
              <a href={linkTo('tensor', { variable: `#${position}` })}>
                <bdi>{short(name ?? `#${position}`)}</bdi>
              </a>{' '}
              <span class="quiet">{`[${shape.join(', ')}]${name === null ? '' : ` #${position}`}`}</span>
            </li>
          ))}
        </ul>
      )}
      {error !== null && <p role="alert">{error}</p>}
      {isWaiting && <p role="status">reading; what was not stored is computed again…</p>}
      {data !== null && <Shown data={data} offset={offset} />}
    </>
  )
}

const ORIGINS: Record<string, string> = {
  captured: 'recorded',
  materialized: 'computed again earlier, and written to the tape',
  'computed again':
    'computed again now, from the nearest checkpoint; its hash was compared where the tape has one',
  'not captured': 'not stored, and nothing that it follows from was',
}

function Shown({ data, offset }: { data: TensorAnswer; offset: number }) {
  const { summary, heat } = data
  return (
    <>
      <h2>
        <bdi>{short(data.label, 100)}</bdi> {data.dtype} [{data.shape.join(', ')}]{' '}
        <small class="quiet">{`${data.kind}, #${data.position}, as step ${data.step} read it`}</small>
      </h2>
      <p>
        <strong>{ORIGINS[data.origin] ?? data.origin}</strong>{' '}
        <span class="quiet">({duration(data.elapsedMs)})</span>{' '}
        <a href={linkTo('graph', { call: data.position })}>in the graph</a>
      </p>
      {data.others.length > 0 && (
        <p>
          Other parameters of this name:{' '}
          {data.others.map((position) => (
            <span key={position}>
              <a href={linkTo('tensor', { variable: `#${position}` })}>{`#${position}`}</a>{' '}
            </span>
          ))}
        </p>
      )}
      {summary !== null && (
        <dl class="row">
          {(
            [
              ['norm', summary.l2Norm],
              ['mean', summary.mean],
              ['min', summary.min],
              ['max', summary.max],
              ['zeros', summary.zeroCount],
              ['not finite', summary.nonFiniteCount],
              ['gradient norm', data.gradient?.l2Norm ?? null],
            ] as const
          ).map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd class={name === 'not finite' && Number(value) > 0 ? 'bad-text' : undefined}>
                {number(value)}
              </dd>
            </div>
          ))}
        </dl>
      )}
      <div class="beside">
        {data.histogram !== null && <Histogram {...data.histogram} />}
        {heat !== null && heat.rows * heat.columns > 1 && <Picture heat={heat} />}
      </div>
      {data.page.values.length > 0 && <Images images={data.images} as={parameter('as') ?? ''} />}
      <Values data={data} offset={offset} />
    </>
  )
}

function Histogram({ from, to, counts }: { from: number; to: number; counts: readonly number[] }) {
  const most = Math.max(...counts)
  return (
    <figure>
      <svg
        class="histogram"
        viewBox={`0 0 ${counts.length * 8} 120`}
        role="img"
        aria-label={`Histogram from ${number(from)} to ${number(to)}`}
      >
        {counts.map((each, i) => {
          const height = each === 0 ? 0 : Math.max(1, (112 * each) / most)
          return (
            <rect key={i} x={i * 8} y={120 - height} width={7} height={height}>
              <title>{count(each)}</title>
            </rect>
          )
        })}
      </svg>
      <figcaption>{`${number(from)} … ${number(to)}`}</figcaption>
    </figure>
  )
}

function Picture({ heat }: { heat: NonNullable<TensorAnswer['heat']> }) {
  const [cell, setCell] = useState<{ row: number; column: number } | null>(null)
  const known = heat.values.filter((value) => value !== null)
  const [low, high] = [Math.min(...known), Math.max(...known)]
  const at = (row: number, column: number) => heat.values[row * heat.columns + column] ?? null
  const shareOf = useCallback(
    (row: number, column: number) => {
      const value = at(row, column)
      return value === null ? Number.NaN : high === low ? 0.5 : (value - low) / (high - low)
    },
    [heat],
  )
  const isWhole = heat.rows === heat.ofRows && heat.columns === heat.ofColumns
  return (
    <figure class="tensor-heat">
      <HeatMap
        label={`Values as a picture of ${heat.rows} by ${heat.columns}`}
        rows={heat.rows}
        columns={heat.columns}
        shareOf={shareOf}
        cell={cell}
        onCell={(row, column) => setCell({ row, column })}
        onPick={(row, column) => setCell({ row, column })}
        rowHeight={Math.max(2, Math.min(24, Math.floor(300 / heat.rows)))}
      />
      <figcaption>
        {cell === null
          ? `${count(heat.ofRows)} by ${count(heat.ofColumns)}${isWhole ? '' : `, drawn as means on ${heat.rows} by ${heat.columns}`}`
          : `row ${cell.row}, column ${cell.column}: ${number(at(cell.row, cell.column) ?? Number.NaN)}`}
      </figcaption>
    </figure>
  )
}

function Values({ data, offset }: { data: TensorAnswer; offset: number }) {
  const { values } = data.page
  if (values.length === 0) return null
  const place = (index: number) => {
    const parts: number[] = []
    let rest = index
    for (const axis of [...data.shape].reverse()) {
      parts.unshift(rest % axis)
      rest = Math.floor(rest / axis)
    }
    return `[${parts.join(', ')}]`
  }
  return (
    <>
      <div class="tools">
        <h2>Values</h2>
        <button
          type="button"
          disabled={offset === 0}
          onClick={() => change({ offset: Math.max(0, offset - PAGE) })}
        >
          Before
        </button>
        <button
          type="button"
          disabled={offset + PAGE >= data.size}
          onClick={() => change({ offset: offset + PAGE })}
        >
          After
        </button>
        <label>
          from element{' '}
          <input
            type="number"
            min={0}
            max={data.size - 1}
            value={offset}
            onChange={(event) => change({ offset: event.currentTarget.value })}
          />{' '}
          of {count(data.size)}
        </label>
      </div>
      <ol class="values">
        {values.map((value, i) => (
          <li key={i} class={Number.isFinite(value) ? undefined : 'bad-text'}>
            <span class="quiet">{place(offset + i)}</span> {number(value)}
          </li>
        ))}
      </ol>
    </>
  )
}
