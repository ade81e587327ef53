/** Runs: which there are, what they were started with and how they went. */
import { useState } from 'preact/hooks'
import type { RunRow } from '../../server/api.js'
import { useAnswer } from '../ask.js'
import { toggleRun } from '../commands.js'
import { change, chosenRuns, linkTo, parameter } from '../route.js'
import { filterRuns, tagFilter } from '../run-filter.js'
import { allRuns } from '../runs.js'
import { Sparkline } from '../sparkline.js'
import { count, duration, moment, number, short } from '../words.js'

/** More rows than these are drawn when asked for. */
const ROWS = 200

interface Column {
  id: string
  title: string
  isNumber: boolean
  of: (run: RunRow) => string | number | boolean | null
}

const COLUMNS: readonly Column[] = [
  { id: 'id', title: 'id', isNumber: true, of: ({ id }) => id },
  { id: 'name', title: 'name', isNumber: false, of: ({ name }) => name },
  { id: 'status', title: 'status', isNumber: false, of: ({ status }) => status },
  {
    id: 'tags',
    title: 'tags',
    isNumber: false,
    of: ({ tags }) => (tags.length === 0 ? null : tags.join(', ')),
  },
  { id: 'steps', title: 'steps', isNumber: true, of: ({ steps }) => steps },
  { id: 'events', title: 'events', isNumber: true, of: ({ events }) => events },
  { id: 'elapsed', title: 'duration', isNumber: true, of: ({ elapsedMs }) => elapsedMs },
  { id: 'started', title: 'started', isNumber: false, of: ({ startedAt }) => startedAt },
]
const FURTHER: readonly Column[] = (
  ['seed', 'capture', 'kernel', 'host', 'node', 'engine', 'platform', 'parent'] as const
).map((id) => ({ id, title: id, isNumber: id === 'seed', of: (run) => run[id] }))

export function RunsPage() {
  const runs = allRuns.value?.runs ?? []
  const filter = parameter('filter') ?? ''
  const { found, problem } = filterRuns(runs, filter)
  const onlyDiffering = parameter('differing') === 'yes'
  const columns = columnsOf(found, onlyDiffering)
  const sort = parameter('sort') ?? '-started'
  const sorted = sortedBy(found, columns, sort)
  const [limit, setLimit] = useState(ROWS)
  const chosen = chosenRuns.value
  return (
    <>
      <h1>Runs</h1>
      <div class="tools">
        <label>
          Filter{' '}
          <input
            type="search"
            size={36}
            placeholder="lr>0.005 status:failed tag:best"
            value={filter}
            onInput={(event) => change({ filter: event.currentTarget.value || null })}
          />
        </label>
        <label>
          <input
            type="checkbox"
            checked={onlyDiffering}
            onChange={(event) => change({ differing: event.currentTarget.checked ? 'yes' : null })}
          />{' '}
          differing columns only
        </label>
        <span class="quiet" role="status">
          {problem ?? `${count(found.length)} of ${count(runs.length)} runs`}
        </span>
        <span class="grow" />
        {chosen.length === 2 && (
          <a class="button" href={linkTo('diff', { a: chosen[0]!, b: chosen[1]! })}>
            Compare 2
          </a>
        )}
        {chosen.length > 0 && <a class="button" href={linkTo('curves')}>{`Curves of ${chosen.length}`}</a>}
      </div>
      <div class="scroll" tabIndex={0} role="region" aria-label="Table of runs">
        <table>
          <thead>
            <tr>
              <th scope="col">
                <span class="hidden">look at</span>
              </th>
              {columns.filter(isFront).map((column) => (
                <Head key={column.id} column={column} sort={sort} />
              ))}
              <th scope="col">metrics</th>
              <th scope="col">look</th>
              {columns.filter(isFurther).map((column) => (
                <Head key={column.id} column={column} sort={sort} />
              ))}
            </tr>
          </thead>
          <tbody>
            {sorted.slice(0, limit).map((run) => (
              <Row key={run.key} run={run} columns={columns} isChosen={chosen.includes(run.key)} />
            ))}
          </tbody>
        </table>
      </div>
      {sorted.length > limit && (
        <button type="button" onClick={() => setLimit(limit + ROWS)}>
          {`Show ${ROWS} more`}
        </button>
      )}
      {runs.length === 0 && allRuns.value !== null && <p>The tape holds no runs yet.</p>}
    </>
  )
}

/** Metrics stand behind these: what follows may be as wide as a config is. */
const isFront = ({ id }: Column) => ['id', 'name', 'status'].includes(id)
const isFurther = (column: Column) => !isFront(column)

function Head({ column, sort }: { column: Column; sort: string }) {
  return (
    <th
      scope="col"
      class={column.isNumber ? 'number' : undefined}
      aria-sort={sort === column.id ? 'ascending' : sort === `-${column.id}` ? 'descending' : undefined}
    >
      <button
        type="button"
        class="plain"
        onClick={() => change({ sort: sort === column.id ? `-${column.id}` : column.id })}
      >
        {short(column.title, 30)}
        {sort === column.id ? ' ▲' : sort === `-${column.id}` ? ' ▼' : ''}
      </button>
    </th>
  )
}

function Row({ run, columns, isChosen }: { run: RunRow; columns: readonly Column[]; isChosen: boolean }) {
  const { data } = useAnswer('metrics', { run: run.key }, { isLive: run.status === 'recording' })
  const cell = (column: Column) => (
    <td key={column.id} class={column.isNumber ? 'number' : undefined}>
      <Cell run={run} column={column} />
    </td>
  )
  const isBad = run.status === 'failed' || run.firstNonFiniteStep !== null
  return (
    <tr class={isChosen ? 'chosen' : undefined}>
      <td>
        <input
          type="checkbox"
          aria-label={`look at run ${run.id} ${short(run.name)}`}
          checked={isChosen}
          onChange={() => toggleRun(run.key)}
        />
      </td>
      {columns.filter(isFront).map(cell)}
      <td>
        <div class="sparks">
          {(data?.metrics ?? []).slice(0, 3).map((metric) => (
            <a
              key={metric.name}
              class="spark-link"
              href={linkTo('curves', { run: run.key, metric: metric.name })}
              title={`${short(metric.name, 200)}: last ${number(metric.last)}, least ${number(metric.min)}`}
            >
              {short(metric.name, 16)} {number(metric.last)}
              <Sparkline values={metric.spark} label={`${short(metric.name)} over the steps`} />
              {metric.firstNonFiniteStep !== null && (
                <span class="bad-text">{` not finite from step ${metric.firstNonFiniteStep}`}</span>
              )}
            </a>
          ))}
        </div>
      </td>
      <td class="links">
        <a href={linkTo('graph', { run: run.key })}>graph</a>{' '}
        <a href={linkTo('gradients', { run: run.key })}>gradients</a>{' '}
        {isBad && <a href={linkTo('why', { run: run.key })}>why</a>}
      </td>
      {columns.filter(isFurther).map(cell)}
    </tr>
  )
}

function Cell({ run, column }: { run: RunRow; column: Column }) {
  const value = column.of(run)
  if (column.id === 'elapsed') return <>{duration(run.elapsedMs)}</>
  if (column.id === 'started') return <>{moment(run.startedAt)}</>
  if (column.id === 'name')
    return (
      <a href={linkTo('curves', { run: run.key })} title={run.name.slice(0, 1_000)}>
        <bdi>{short(run.name)}</bdi>
      </a>
    )
  if (column.id === 'status')
    return (
      <span class={`status ${run.status}`} title={run.error?.slice(0, 1_000) ?? undefined}>
        {run.status}
      </span>
    )
  if (column.id === 'tags')
    return (
      <>
        {run.tags.map((tag) => (
          <button
            key={tag}
            type="button"
            class="tag"
            title={`Only runs with the tag ${tag.slice(0, 200)}`}
            onClick={() => change({ filter: filterOf(tag) })}
          >
            <bdi>{short(tag, 30)}</bdi>
          </button>
        ))}
      </>
    )
  if (column.id === 'steps' || column.id === 'events') return <>{count(Number(value))}</>
  if (value === null) return <>–</>
  return (
    <span title={String(value).slice(0, 1_000)}>
      <bdi>{typeof value === 'number' ? number(value) : short(String(value), 40)}</bdi>
    </span>
  )
}

/** The filter for runs of one tag; a second press takes it away. */
function filterOf(tag: string): string | null {
  const filter = tagFilter(tag)
  return parameter('filter') === filter ? null : filter
}

/** The columns: what every run has, then what the configs say; of both only what differs, when that is asked for. */
function columnsOf(runs: readonly RunRow[], onlyDiffering: boolean): Column[] {
  const paths = new Set(runs.flatMap(({ config }) => Object.keys(config)))
  const configs = [...paths].map(
    (path): Column => ({
      id: `config.${path}`,
      title: path,
      isNumber: runs.some(({ config }) => typeof config[path] === 'number'),
      of: ({ config }) => (Object.hasOwn(config, path) ? (config[path] ?? null) : null),
    }),
  )
  const differs = ({ of }: Column) => new Set(runs.map(of)).size > 1
  // Most tapes have no tags.
  const usual = COLUMNS.filter(({ id }) => id !== 'tags' || runs.some(({ tags }) => tags.length > 0))
  if (!onlyDiffering) return [...usual, ...configs.slice(0, 40)]
  const always = COLUMNS.filter(({ id }) => id === 'id' || id === 'name')
  return [
    ...always,
    ...[...COLUMNS, ...FURTHER, ...configs].filter((column) => !always.includes(column) && differs(column)),
  ]
}

function sortedBy(runs: readonly RunRow[], columns: readonly Column[], sort: string): RunRow[] {
  const isDown = sort.startsWith('-')
  const id = isDown ? sort.slice(1) : sort
  const column = [...columns, ...COLUMNS, ...FURTHER].find((each) => each.id === id) ?? COLUMNS[0]!
  const compare = (a: RunRow, b: RunRow) => {
    const [left, right] = [column.of(a), column.of(b)]
    if (left === right) return a.id - b.id
    if (left === null) return 1
    if (right === null) return -1
    return left < right ? -1 : 1
  }
  return [...runs].sort((a, b) => (isDown ? -compare(a, b) : compare(a, b)))
}
