/** What if: the command that goes on from a step with something changed. */
import { allRuns } from './runs.js'
import { shellWord } from './words.js'

export function forkCommand(run: string, step: number, call: number | null): string {
  const [tape, id] = run.split('.')
  const path = allRuns.value?.tapes.find((one) => String(one.tape) === tape)?.path ?? 'FILE'
  const change = call === null ? 'optimizer.lr=0.01' : `${call}=0`
  return `gradtape fork ${shellWord(`${path}:${id}`)} --step ${step} --set ${change}`
}

/** Said under the time slider, with a button that copies it. */
export function ForkFromHere({ run, step }: { run: string; step: number }) {
  const command = forkCommand(run, step, null)
  return (
    <p class="time-fork" role="status">
      Go on from step {step} with something changed: <code>{command}</code>{' '}
      <button type="button" onClick={() => navigator.clipboard.writeText(command)}>
        Copy
      </button>
    </p>
  )
}
