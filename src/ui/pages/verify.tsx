/** Verify: whether a tape is as it was written, and what was checked to say so. */
import { useAnswer } from '../ask.js'
import { allRuns } from '../runs.js'
import { count, duration, plural } from '../words.js'

export function VerifyPage() {
  return (
    <>
      <h1>Verify</h1>
      {(allRuns.value?.tapes ?? []).map(({ tape, path }) => (
        <Tape key={tape} tape={tape} path={path} />
      ))}
      <p class="quiet">
        Every batch was closed by a SHA-256 over what it holds and the hash before it. They are computed again
        here from what the file holds now. Whether the numbers follow from one another is for{' '}
        <code>gradtape replay</code> to say.
      </p>
    </>
  )
}

function Tape({ tape, path }: { tape: number; path: string }) {
  const { data, error, isWaiting } = useAnswer('verify', { tape }, { isLive: false })
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
        </>
      )}
    </section>
  )
}
