/** Why: what went wrong in a run, causes before symptoms. */
import { useAnswer } from '../ask.js'
import { linkTo } from '../route.js'
import { currentRun, runLabel } from '../runs.js'
import { short } from '../words.js'

export function WhyPage() {
  const run = currentRun.value
  const { data, error, isWaiting } = useAnswer('why', run === null ? null : { run: run.key }, {
    isLive: false,
  })
  return (
    <>
      <h1>Why</h1>
      {run !== null && (
        <p>
          <bdi>{runLabel(run.key)}</bdi>: <span class={`status ${run.status}`}>{run.status}</span>
          {run.error !== null && <> ({short(run.error, 300)})</>}
        </p>
      )}
      {error !== null && <p role="alert">{error}</p>}
      {isWaiting && <p role="status">looking; steps may be computed again…</p>}
      {data !== null && (
        <>
          {data.findings.length === 0 && <p>Nothing was found.</p>}
          <ol class="findings">
            {data.findings.map((finding, i) => (
              <li key={i} class={finding.level}>
                <p>
                  <strong class="level">{finding.level}</strong> {short(finding.text, 2_000)}
                </p>
                {finding.evidence.length > 0 && (
                  <ul>
                    {finding.evidence.map((sentence, j) => (
                      <li key={j}>{short(sentence, 1_000)}</li>
                    ))}
                  </ul>
                )}
                <p class="links">
                  {finding.site !== null && <code>{short(finding.site, 300)}</code>}
                  {finding.step !== null && (
                    <a href={linkTo('graph', { step: finding.step, call: finding.position })}>
                      {`graph of step ${finding.step}`}
                    </a>
                  )}
                  {finding.position !== null && (
                    <a href={linkTo('events', { from: finding.position })}>{`event ${finding.position}`}</a>
                  )}
                </p>
              </li>
            ))}
          </ol>
          <p class="quiet">{`Looked at: ${data.looked}.`}</p>
          {data.skipped.length > 0 && (
            <ul class="quiet">
              {data.skipped.map((words, i) => (
                <li key={i}>{words}</li>
              ))}
            </ul>
          )}
        </>
      )}
    </>
  )
}
