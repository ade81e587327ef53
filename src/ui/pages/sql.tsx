/** SQL: any question to the views of a tape; the statement is in the link. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { csvLine, noFormula } from '../../formats/csv-text.js'
import type { SchemaAnswer, SqlAnswer } from '../../server/api.js'
import { askSql, useAnswer, wordsOf } from '../ask.js'
import { change, chosenRuns, numberParameter, parameter } from '../route.js'
import { allRuns } from '../runs.js'
import { save } from '../save.js'
import type { Editor } from '../sql-editor.js'
import { count, duration, number, plural, short } from '../words.js'

const FIRST = 'SELECT id, name, status, step_count, event_count FROM run ORDER BY id'
const ROWS = 200

export function SqlPage() {
  const tape = numberParameter('tape') ?? 1
  const text = parameter('sql') ?? FIRST
  // The cookbook asks about the run that is looked at, where it is of this tape.
  const runLookedAt = chosenRuns.value.find((key) => key.startsWith(`${tape}.`))?.split('.')[1]
  const { data: schema } = useAnswer('schema', { tape, run: runLookedAt }, { isLive: false })
  const [result, setResult] = useState<SqlAnswer | null>(null)
  const [error, setError] = useState<string | null>(null)
  const [isRunning, setRunning] = useState(false)
  const running = useRef<AbortController | null>(null)
  const run = async () => {
    running.current?.abort()
    const abort = new AbortController()
    running.current = abort
    setRunning(true)
    setError(null)
    try {
      setResult(await askSql(numberParameter('tape') ?? 1, parameter('sql') ?? FIRST, abort.signal))
    } catch (reason) {
      if (!abort.signal.aborted) setError(wordsOf(reason))
    }
    if (running.current === abort) setRunning(false)
  }
  useEffect(() => {
    if (parameter('sql') !== null) run()
    return () => running.current?.abort()
  }, [])
  const choose = (sql: string) => {
    change({ sql })
    run()
  }
  return (
    <>
      <h1>SQL</h1>
      <div class="beside">
        <div class="sql-main">
          <SqlField text={text} schema={schema} onRun={run} />
          <div class="tools">
            <button type="button" class="button main" onClick={run}>
              Run <kbd>Ctrl ↵</kbd>
            </button>
            {isRunning && (
              <button
                type="button"
                onClick={() => {
                  running.current?.abort()
                  setRunning(false)
                }}
              >
                Stop
              </button>
            )}
            {(allRuns.value?.tapes.length ?? 0) > 1 && (
              <label>
                tape{' '}
                <select value={tape} onChange={(event) => change({ tape: event.currentTarget.value })}>
                  {allRuns.value?.tapes.map((each) => (
                    <option key={each.tape} value={each.tape}>
                      {each.file}
                    </option>
                  ))}
                </select>
              </label>
            )}
            <span class="quiet" role="status">
              {isRunning
                ? 'running…'
                : result === null
                  ? ''
                  : `${plural(result.rows.length, 'row')}${result.isCut ? ', and more' : ''} in ${duration(result.elapsedMs)}`}
            </span>
            {result !== null && (
              <button type="button" onClick={() => save('result.csv', 'text/csv', csvOf(result))}>
                Save as CSV
              </button>
            )}
          </div>
          {error !== null && (
            <p role="alert" class="sql-error">
              {error}
            </p>
          )}
          {result !== null && error === null && <Result result={result} />}
        </div>
        <Schema
          schema={schema}
          isOfThisRun={schema?.tape === tape && schema.run === (runLookedAt ?? null)}
          onChoose={choose}
        />
      </div>
    </>
  )
}

/** The statement: in a plain field until the editor is loaded. */
function SqlField({ text, schema, onRun }: { text: string; schema: SchemaAnswer | null; onRun: () => void }) {
  const holder = useRef<HTMLDivElement>(null)
  const editor = useRef<Editor | null>(null)
  const typed = useRef(text)
  const latestRun = useRef(onRun)
  latestRun.current = onRun
  const plain = useRef<HTMLTextAreaElement>(null)
  const [isThere, setThere] = useState(false)
  const take = (next: string) => {
    typed.current = next
    change({ sql: next })
  }
  useEffect(() => {
    let isGone = false
    import('../sql-editor.js').then(({ makeEditor }) => {
      if (isGone || holder.current === null) return
      const isTyping = document.activeElement === plain.current
      editor.current = makeEditor(holder.current, typed.current, take, () => latestRun.current())
      setThere(true)
      if (isTyping) editor.current.focus()
    })
    return () => {
      isGone = true
      editor.current?.destroy()
      editor.current = null
    }
  }, [])
  useEffect(() => {
    if (schema === null) return
    editor.current?.know(
      Object.fromEntries(schema.views.map(({ name, columns }) => [name, columns.map((each) => each.name)])),
    )
  }, [schema, isThere])
  useEffect(() => {
    // What was typed since this was drawn is newer: only a statement from elsewhere is taken over.
    const wanted = parameter('sql') ?? FIRST
    if (wanted === typed.current) return
    typed.current = wanted
    editor.current?.set(wanted)
    latestRun.current()
  }, [text])
  return (
    <>
      {!isThere && (
        <textarea
          class="sql-field"
          aria-label="SQL statement"
          spellcheck={false}
          ref={plain}
          value={text}
          onInput={(event) => take(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) latestRun.current()
          }}
        />
      )}
      <div class={isThere ? 'sql-field' : undefined} ref={holder} />
    </>
  )
}

/** While the questions about another run are on their way, those that stand here are about the run before: nobody presses them. */
function Schema(props: {
  schema: SchemaAnswer | null
  isOfThisRun: boolean
  onChoose: (sql: string) => void
}) {
  const { schema, isOfThisRun, onChoose } = props
  if (schema === null) return null
  return (
    <aside class="panel" aria-label="Questions and views">
      <h2>Questions</h2>
      {schema.cookbook.map(({ title, questions }) => (
        <details key={title}>
          <summary>{title}</summary>
          <ul>
            {questions.map(({ question, note, sql }) => (
              <li key={question}>
                <button
                  type="button"
                  class="plain link"
                  disabled={!isOfThisRun}
                  title={note === null ? sql : `${note}\n\n${sql}`}
                  onClick={() => onChoose(sql)}
                >
                  {question}
                </button>
              </li>
            ))}
          </ul>
        </details>
      ))}
      <h2>Views</h2>
      {schema.views.map(({ name, doc, columns }) => (
        <details key={name}>
          <summary>{name}</summary>
          <p class="quiet">{doc}</p>
          <dl>
            {columns.map((column) => [
              <dt key={column.name}>{column.name}</dt>,
              <dd key={`${column.name} doc`}>{column.doc}</dd>,
            ])}
          </dl>
        </details>
      ))}
    </aside>
  )
}

function Result({ result }: { result: SqlAnswer }) {
  const [limit, setLimit] = useState(ROWS)
  return (
    <>
      <ResultChart result={result} />
      <div class="scroll sql-result" tabIndex={0} role="region" aria-label="Result">
        <table>
          <thead>
            <tr>
              {result.columns.map((name, i) => (
                <th key={i} scope="col">
                  <bdi>{short(name, 40)}</bdi>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {result.rows.slice(0, limit).map((row, i) => (
              <tr key={i}>
                {row.map((cell, j) => (
                  <td key={j} class={typeof cell === 'number' ? 'number' : undefined}>
                    {cell === null ? (
                      <span class="quiet">NULL</span>
                    ) : typeof cell === 'number' ? (
                      String(cell)
                    ) : (
                      <bdi title={cell.slice(0, 500)}>{short(cell, 100)}</bdi>
                    )}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {result.rows.length > limit && (
        <button type="button" onClick={() => setLimit(limit + 5 * ROWS)}>
          {`Show more of ${count(result.rows.length)}`}
        </button>
      )}
    </>
  )
}

const [WIDTH, HEIGHT] = [640, 160]

/** The last column over the first, where both are numbers. */
function ResultChart({ result }: { result: SqlAnswer }) {
  const at = result.columns.length - 1
  const points = result.rows.flatMap((row) => {
    const [x, y] = [row[0], row[at]]
    return typeof x === 'number' && typeof y === 'number' && Number.isFinite(x) && Number.isFinite(y)
      ? [[x, y] as const]
      : []
  })
  if (at < 1 || points.length < 3 || points.length < result.rows.length / 2) return null
  const ends = (values: readonly number[]) => [Math.min(...values), Math.max(...values)] as const
  const [left, right] = ends(points.map(([x]) => x))
  const [low, high] = ends(points.map(([, y]) => y))
  const place = ([x, y]: readonly [number, number]) =>
    `${(right === left ? 0.5 : (x - left) / (right - left)) * (WIDTH - 10) + 5} ${HEIGHT - 5 - (high === low ? 0.5 : (y - low) / (high - low)) * (HEIGHT - 10)}`
  const name = `${short(result.columns[at] ?? '', 40)} over ${short(result.columns[0] ?? '', 40)}`
  return (
    <figure>
      <svg class="sql-chart" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={name}>
        <path d={pathOf(points, place)} />
      </svg>
      <figcaption class="quiet">{`${name}, from ${number(low)} to ${number(high)}`}</figcaption>
    </figure>
  )
}

/** A line as long as the rows go on; where they begin anew, another. */
function pathOf(
  points: readonly (readonly [number, number])[],
  place: (point: readonly [number, number]) => string,
): string {
  return points
    .map((point, i) => `${i === 0 || point[0] < points[i - 1]![0] ? 'M' : 'L'}${place(point)}`)
    .join('')
}

/** A text that a spreadsheet would compute gets a ' before it. */
function csvOf({ columns, rows }: SqlAnswer): string {
  const field = (cell: string | number | null) => {
    if (cell === null) return null
    if (typeof cell === 'number') return String(cell)
    return noFormula(cell)
  }
  return [columns, ...rows].map((row) => csvLine(row.map(field))).join('')
}
