/** The runs of all tapes, known to every page. */
import { computed, effect, signal } from '@preact/signals'
import type { RunRow, RunsAnswer } from '../server/api.js'
import { ask, changes, wordsOf } from './ask.js'
import { chosenRuns } from './route.js'
import { short } from './words.js'

export const allRuns = signal<RunsAnswer | null>(null)
export const runsError = signal<string | null>(null)

let isBusy = false
let isStale = false

async function load(): Promise<void> {
  if (isBusy) {
    isStale = true
    return
  }
  isBusy = true
  try {
    allRuns.value = await ask('runs', {})
    runsError.value = null
  } catch (error) {
    runsError.value = wordsOf(error)
  }
  isBusy = false
  if (isStale) {
    isStale = false
    load()
  }
}

effect(() => {
  changes.value
  load()
})

/** The run that pages about one run show: the chosen one, else the newest. */
export const currentRun = computed<RunRow | null>(() => {
  const runs = allRuns.value?.runs ?? []
  const [key] = chosenRuns.value
  return runs.find((run) => run.key === key) ?? runs.at(-1) ?? null
})

function runNamed(key: string): RunRow | null {
  return allRuns.value?.runs.find((run) => run.key === key) ?? null
}

/** A run in a few words, different from those of all others. */
export function runLabel(key: string): string {
  const run = runNamed(key)
  if (run === null) return key
  const files = (allRuns.value?.tapes.length ?? 1) > 1 ? `${run.file} ` : ''
  return `${files}${run.id} ${short(run.name, 40)}`
}
