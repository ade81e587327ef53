/** Verify: whether a tape is as it was written, who sealed it, whether its runs compute to what it says, and what was looked at. */
import { useState } from 'preact/hooks'
import type { RecomputeAnswer, RunRow } from '../../server/api.js'
import { useAnswer } from '../ask.js'
import { allRuns, runLabel } from '../runs.js'
import { count, duration, plural, short } from '../words.js'

const RUNS_SHOWN = 50

export function VerifyPage() {
  return (
    <>
      <h1>Verify</h1>
      {(allRuns.value?.tapes ?? []).map(({ tape, path }) => (
        <Tape key={tape} tape={tape} path={path} />
      ))}
      <p class="quiet">
        Every batch was closed by a SHA-256 over what it holds and the hash before it. They are computed again
        here from what the file holds now. Whether the numbers follow from one another is asked run by run:
        drawn steps are computed again from the checkpoint before them. All steps, and a key that you trust,
        are for <code>gradtape verify --recompute --key FILE</code>.
      </p>
    </>
  )
}

function Tape({ tape, path }: { tape: number; path: string }) {
  const { data, error, isWaiting } = useAnswer('verify', { tape }, { isLive: false })
  const runs = (allRuns.value?.runs ?? []).filter((run) => run.key.startsWith(`${tape}.`))
  return (
    <section>
      <h2>
        <bdi>{path}</bdi>
      </h2>
      {error !== null && <p role="alert">{error}</p>}
      {isWaiting && <p role="status">checking…</p>}
      {data !== null && (
        <>
          <p class={data.isIntact ? 'good-text' : 'bad-text'}>
            <strong>{data.isIntact ? '✓ intact' : '✕ not intact'}</strong>
            {data.problem !== null && `: ${data.problem}`}
          </p>
          <p>
            {`${plural(data.batches, 'batch', 'batches')}, ${plural(data.events, 'event')} and ${count(data.values)} values checked in ${duration(data.elapsedMs)}`}
          </p>
          <p>
            head <code class="hash">{data.head}</code>
          </p>
          {data.seals.length === 0 ? (
            <p>no seal lies beside it</p>
          ) : (
            data.seals.map((seal) => (
              <p key={seal.key}>
                <span class={seal.holds ? 'good-text' : 'bad-text'}>
                  {seal.holds ? '✓ ' : '✕ '}
                  {seal.text}
                </span>{' '}
                {seal.key !== '' && (
                  <>
                    key <code class="hash">{seal.key}</code>
                  </>
                )}
              </p>
            ))
          )}
          {data.isIntact && runs.slice(-RUNS_SHOWN).map((run) => <Recompute key={run.key} run={run} />)}
        </>
      )}
    </section>
  )
}

const VERDICTS: Readonly<Record<RecomputeAnswer['verdict'], string>> = {
  'bit-exact': '✓ bit-exact',
  'within-ulp': '✓ within rounding of another kernel',
  diverged: '✕ diverged',
  'not-checked': 'not checked',
}

function Recompute({ run }: { run: RunRow }) {
  const [isAsked, setAsked] = useState(false)
  const { data, error, isWaiting } = useAnswer('recompute', isAsked ? { run: run.key, sample: 3 } : null, {
    isLive: false,
  })
  return (
    <div class="recompute">
      <p>
        <bdi>{runLabel(run.key)}</bdi>{' '}
        <button type="button" disabled={isAsked} onClick={() => setAsked(true)}>
          Compute 3 drawn steps again
        </button>
      </p>
      {error !== null && <p role="alert">{error}</p>}
      {isWaiting && <p role="status">computing…</p>}
      {data !== null && (
        <>
          <p
            class={
              data.verdict === 'diverged' ? 'bad-text' : data.verdict === 'not-checked' ? '' : 'good-text'
            }
          >
            <strong>{VERDICTS[data.verdict]}</strong>
          </p>
          <ul>
            {data.lines.map((line) => (
              <li key={line}>{short(line, 400)}</li>
            ))}
            {data.skipped.map((line) => (
              <li key={line}>not looked at: {short(line, 400)}</li>
            ))}
          </ul>
        </>
      )}
    </div>
  )
}
