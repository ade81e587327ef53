/** Curves: metrics of one run or several, on one shared axis. */
import { useEffect, useMemo } from 'preact/hooks'
import type { CurveLine, CurvesAnswer } from '../../server/api.js'
import { useAnswer } from '../ask.js'
import { Chart } from '../chart.js'
import { pageCommands } from '../commands.js'
import { change, chosenRuns, numberParameter, parameter, route } from '../route.js'
import { allRuns, currentRun, runLabel } from '../runs.js'
import { lineColour } from '../theme.js'
import { count, number, short } from '../words.js'

const METRICS_SHOWN = 6

export function CurvesPage() {
  const run = currentRun.value
  const keys = chosenRuns.value.length > 0 ? chosenRuns.value : run === null ? [] : [run.key]
  // Which metrics there are is known from the first run; the server skips what another does not have.
  const { data: known, error: unknown } = useAnswer(
    'metrics',
    keys[0] === undefined ? null : { run: keys[0] },
  )
  const names = known?.metrics.map(({ name }) => name) ?? []
  const asked = route.value.parameters.getAll('metric')
  const shown = asked.length > 0 ? asked : names.slice(0, METRICS_SHOWN)
  const axis = parameter('axis') === 'time' ? 'time' : 'step'
  const isLog = parameter('log') === 'yes'
  const ema = numberParameter('ema')
  const isFollowing = parameter('from') === null
  const px = Math.min(4_096, Math.max(200, Math.round((innerWidth - 60) * devicePixelRatio)))
  const { data, error, isWaiting } = useAnswer(
    'curves',
    shown.length === 0
      ? null
      : { run: keys, metric: shown, axis, px, ema, from: numberParameter('from'), to: numberParameter('to') },
  )
  useEffect(() => {
    pageCommands.value = [
      {
        name: 'Logarithmic',
        keys: 'l',
        run: () => change({ log: parameter('log') === 'yes' ? null : 'yes' }),
      },
      { name: 'Follow: show all, and what comes', keys: 'f', run: follow },
      {
        name: 'Steps or time',
        keys: 'x',
        run: () => change({ axis: parameter('axis') === 'time' ? null : 'time', from: null, to: null }),
      },
    ]
    return () => {
      pageCommands.value = []
    }
  }, [])
  return (
    <>
      <h1>Curves</h1>
      <div class="tools">
        <fieldset>
          <legend>metrics</legend>
          {names.slice(0, 200).map((name) => (
            <label key={name}>
              <input
                type="checkbox"
                checked={shown.includes(name)}
                onChange={() =>
                  change({
                    metric: shown.includes(name) ? shown.filter((other) => other !== name) : [...shown, name],
                  })
                }
              />{' '}
              <bdi title={name.slice(0, 1_000)}>{short(name, 40)}</bdi>
            </label>
          ))}
        </fieldset>
        <label>
          axis{' '}
          <select
            value={axis}
            onChange={(event) => change({ axis: event.currentTarget.value, from: null, to: null })}
          >
            <option value="step">step</option>
            <option value="time">time</option>
          </select>
        </label>
        <label>
          <input type="checkbox" checked={isLog} onChange={() => change({ log: isLog ? null : 'yes' })} /> log
        </label>
        <label>
          smoothing{' '}
          <select
            value={String(ema ?? '')}
            onChange={(event) => change({ ema: event.currentTarget.value || null })}
          >
            <option value="">none</option>
            {['0.6', '0.9', '0.99', '0.999'].map((value) => (
              <option key={value} value={value}>
                {value}
              </option>
            ))}
          </select>
        </label>
        <button type="button" aria-pressed={isFollowing} onClick={follow}>
          Follow
        </button>
      </div>
      <Legend keys={keys} />
      {(error ?? unknown) !== null && <p role="alert">{error ?? unknown}</p>}
      {shown.map((metric) => (
        <MetricChart key={metric} metric={metric} keys={keys} data={data} isLog={isLog} />
      ))}
      {known !== null && names.length === 0 && (
        <p>This run logged no metric. run.log({'{ loss }'}) logs one.</p>
      )}
      {data === null && isWaiting && <p role="status">reading…</p>}
      <p class="quiet">
        Drag to zoom all charts, double-click to go back, shift-click goes to a step. The band goes from the
        least to the largest value, ✕ marks what is not finite.
      </p>
    </>
  )
}

function follow(): void {
  change({ from: null, to: null })
}

function Legend({ keys }: { keys: readonly string[] }) {
  const runs = allRuns.value?.runs ?? []
  return (
    <ul class="legend" aria-label="Runs">
      {keys.map((key, i) => (
        <li key={key}>
          <i class="swatch" style={{ background: lineColour(i) }} />
          <bdi>{runLabel(key)}</bdi>
        </li>
      ))}
      <li>
        <label>
          add run{' '}
          <select
            value=""
            onChange={(event) => {
              if (event.currentTarget.value !== '') change({ run: [...keys, event.currentTarget.value] })
            }}
          >
            <option value="">…</option>
            {runs
              .filter(({ key }) => !keys.includes(key))
              .slice(-300)
              .map(({ key }) => (
                <option key={key} value={key}>
                  {runLabel(key)}
                </option>
              ))}
          </select>
        </label>
      </li>
    </ul>
  )
}

function MetricChart({
  metric,
  keys,
  data,
  isLog,
}: {
  metric: string
  keys: readonly string[]
  data: CurvesAnswer | null
  isLog: boolean
}) {
  const lines = useMemo(() => data?.lines.filter((line) => line.metric === metric) ?? [], [data, metric])
  if (data === null) return null
  const zoom = (from: number, to: number) => {
    const [low, high] = [Math.max(from, data.first), Math.min(to, data.last)]
    if (low <= data.first && high >= data.last) follow()
    else if (high > low)
      change({
        from: data.axis === 'step' ? Math.floor(low) : low,
        to: data.axis === 'step' ? Math.ceil(high) : high,
      })
  }
  return (
    <section class="metric">
      <h2>
        <bdi>{short(metric, 80)}</bdi> <small class="quiet">{wordsOf(lines)}</small>
      </h2>
      <Chart
        label={`${short(metric)} over ${data.axis === 'step' ? 'the steps' : 'time'}: ${wordsOf(lines)}`}
        lines={lines}
        colourOf={(line) => Math.max(0, keys.indexOf(line.run))}
        nameOf={(line) => runLabel(line.run)}
        from={data.from}
        to={data.to}
        isTime={data.axis === 'time'}
        isLog={isLog}
        height={220}
        marked={data.axis === 'step' ? numberParameter('step') : null}
        onZoom={zoom}
        onReset={follow}
        onPick={(step) => change({ step })}
      />
    </section>
  )
}

function wordsOf(lines: readonly CurveLine[]): string {
  const points = lines.reduce((sum, line) => sum + line.points, 0)
  const bad = lines.reduce((sum, line) => sum + line.nonFinite.reduce((all, each) => all + each, 0), 0)
  const lows = lines.flatMap(({ min }) => min.filter((value) => value !== null))
  const highs = lines.flatMap(({ max }) => max.filter((value) => value !== null))
  const range =
    lows.length === 0
      ? ''
      : `, from ${number(lows.reduce((a, b) => Math.min(a, b)))} to ${number(highs.reduce((a, b) => Math.max(a, b)))}`
  return `${count(points)} points${range}${bad === 0 ? '' : `, ✕ ${count(bad)} not finite`}`
}
