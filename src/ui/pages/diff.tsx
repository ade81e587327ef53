/** Diff: in what two runs differ, and where they part. */
import { useAnswer } from '../ask.js'
import { change, chosenRuns, linkTo, parameter } from '../route.js'
import { allRuns, runLabel } from '../runs.js'
import { number, short } from '../words.js'

export function DiffPage() {
  const runs = allRuns.value?.runs ?? []
  const a = parameter('a') ?? chosenRuns.value[0] ?? runs.at(-2)?.key ?? null
  const b = parameter('b') ?? chosenRuns.value[1] ?? runs.at(-1)?.key ?? null
  const { data, error, isWaiting } = useAnswer('diff', a === null || b === null ? null : { a, b }, {
    isLive: false,
  })
  const pick = (name: string, value: string | null) => (
    <label>
      {name}{' '}
      <select value={value ?? ''} onChange={(event) => change({ [name]: event.currentTarget.value })}>
        {runs.slice(-500).map(({ key }) => (
          <option key={key} value={key}>
            {runLabel(key)}
          </option>
        ))}
      </select>
    </label>
  )
  return (
    <>
      <h1>Diff</h1>
      <div class="tools">
        {pick('a', a)}
        {pick('b', b)}
        {a !== null && b !== null && <a href={linkTo('curves', { run: [a, b] })}>their curves</a>}
      </div>
      {error !== null && <p role="alert">{error}</p>}
      {isWaiting && <p role="status">comparing…</p>}
      {data !== null && (
        <>
          <ol class="findings">
            <li class={data.equal ? 'note' : 'cause'}>
              <p>
                <strong>{short(data.text, 2_000)}</strong>
              </p>
              {data.evidence.length > 0 && (
                <ul>
                  {data.evidence.map((words, i) => (
                    <li key={i}>{short(words, 1_000)}</li>
                  ))}
                </ul>
              )}
              <Places runs={[data.a, data.b]} step={data.step} positions={data.positions} />
            </li>
            {data.further.map((difference, i) => (
              <li key={i} class="note">
                <p>{short(difference.text, 2_000)}</p>
                <Places runs={[data.a, data.b]} step={difference.step} positions={difference.positions} />
              </li>
            ))}
          </ol>
          {data.same.length > 0 && <p class="quiet">{`Equal: ${data.same.join(', ')}.`}</p>}
          <p class="quiet">{`Looked at: ${data.looked}.`}</p>
          {data.skipped.length > 0 && (
            <ul class="quiet" aria-label="Not looked at">
              {data.skipped.map((words, i) => (
                <li key={i}>{words}</li>
              ))}
            </ul>
          )}
          <h2>Settings that differ</h2>
          {data.config.length === 0 ? (
            <p>None.</p>
          ) : (
            <div class="scroll" tabIndex={0} role="region" aria-label="Settings that differ">
              <table>
                <thead>
                  <tr>
                    <th scope="col">what</th>
                    <th scope="col">a</th>
                    <th scope="col">b</th>
                  </tr>
                </thead>
                <tbody>
                  {data.config.map((row) => (
                    <tr key={row.path}>
                      <th scope="row">
                        <bdi>{short(row.path, 60)}</bdi>
                      </th>
                      <td>
                        <bdi>{short(row.a, 80)}</bdi>
                      </td>
                      <td>
                        <bdi>{short(row.b, 80)}</bdi>
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )}
          <h2>Metrics</h2>
          <div class="scroll" tabIndex={0} role="region" aria-label="Metrics">
            <table>
              <thead>
                <tr>
                  {['metric', 'first differs in step', 'a there', 'b there', 'a at last', 'b at last'].map(
                    (title) => (
                      <th key={title} scope="col">
                        {title}
                      </th>
                    ),
                  )}
                </tr>
              </thead>
              <tbody>
                {data.metrics.map((row) => (
                  <tr key={row.name}>
                    <th scope="row">
                      <a href={linkTo('curves', { run: [data.a, data.b], metric: row.name })}>
                        <bdi>{short(row.name, 60)}</bdi>
                      </a>
                    </th>
                    <td class="number">{row.firstDifferentStep ?? 'never'}</td>
                    {[row.a, row.b, row.lastA, row.lastB].map((value, i) => (
                      <td key={i} class="number">
                        {number(value)}
                      </td>
                    ))}
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </>
      )}
    </>
  )
}

interface PlacesProps {
  runs: readonly [string, string]
  step: number | null
  positions: readonly [number | null, number | null]
}

/** Links to where a difference stands, in the run that has it or in both. */
function Places({ runs, step, positions }: PlacesProps) {
  if (step === null) return null
  return (
    <p class="links">
      {runs.map((run, i) => {
        const call = positions[i]
        if (call === null || call === undefined) return null
        return (
          <a key={run} href={linkTo('graph', { run, step, call })}>
            {`graph of step ${step} in ${i === 0 ? 'a' : 'b'}`}
          </a>
        )
      })}
    </p>
  )
}
