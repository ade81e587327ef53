/** The steps of the run under every page, with what is marked on them. */
import { useEffect, useState } from 'preact/hooks'
import { useAnswer } from './ask.js'
import { isForkShown, step as stepBy } from './commands.js'
import { ForkFromHere } from './fork-command.js'
import { change, numberParameter } from './route.js'
import { currentRun, runLabel } from './runs.js'
import { count } from './words.js'

const PLAY_MS = 120

export function TimeSlider() {
  const run = currentRun.value
  const { data } = useAnswer('timeline', run === null ? null : { run: run.key })
  const last = Math.max(run?.steps ?? 0, data?.lastStep ?? 0)
  const step = Math.min(numberParameter('step') ?? last, last)
  const [isPlaying, setPlaying] = useState(false)
  const isForking = isForkShown.value
  useEffect(() => {
    if (!isPlaying) return
    const timer = setInterval(() => {
      if ((numberParameter('step') ?? last) >= last) setPlaying(false)
      else stepBy(1)
    }, PLAY_MS)
    return () => clearInterval(timer)
  }, [isPlaying, last])
  if (run === null) return null
  const marks = data?.marks ?? []
  return (
    <footer class="time">
      {isForking && step > 0 && <ForkFromHere run={run.key} step={step} />}
      <span class="time-run" title={run.name}>
        {runLabel(run.key)}
      </span>
      <button type="button" aria-label="Previous step" onClick={() => stepBy(-1)}>
        ◀
      </button>
      <button type="button" aria-label="Next step" onClick={() => stepBy(1)}>
        ▶
      </button>
      <button type="button" aria-pressed={isPlaying} onClick={() => setPlaying(!isPlaying)}>
        {isPlaying ? 'Pause' : 'Play'}
      </button>
      <div class="time-track">
        <input
          type="range"
          aria-label="Step"
          min={0}
          max={last}
          value={step}
          onInput={(event) => change({ step: event.currentTarget.value })}
        />
        <div class="time-marks" aria-hidden="true">
          {marks.map((mark, i) => (
            <i
              key={i}
              class={`mark ${mark.kind}`}
              title={mark.text.slice(0, 200)}
              style={{ left: `${last === 0 ? 0 : (100 * mark.step) / last}%` }}
            />
          ))}
        </div>
      </div>
      <label class="time-step">
        step{' '}
        <input
          type="number"
          min={0}
          max={last}
          value={step}
          onChange={(event) => change({ step: event.currentTarget.value })}
        />{' '}
        of {count(last)}
      </label>
      <button
        type="button"
        aria-pressed={isForking}
        disabled={step < 1}
        onClick={() => (isForkShown.value = !isForking)}
      >
        Fork from here
      </button>
    </footer>
  )
}
