/** Which runs the tapes hold, and what each was started with. */
import { TapeError } from '../errors.js'
import type { RunRow, RunsAnswer, TapeRow } from './api.js'
import { type Desk, fileName, type OpenTape } from './desk.js'

/** A tape that cannot be read is listed with the reason; the others are shown. */
export function runsAnswer(desk: Desk): RunsAnswer {
  const tapes: TapeRow[] = []
  const runs: RunRow[] = []
  for (const number of desk.numbers) {
    const path = desk.pathOf(number)
    const row = { tape: number, path, file: fileName(path), error: null, isLive: false, headHash: null }
    try {
      const tape = desk.tape(number)
      const found = runsOf(tape)
      runs.push(...found)
      tapes.push({
        ...row,
        isLive: found.some(({ status }) => status === 'recording'),
        headHash:
          tape.views.first<{ head: string | null }>('SELECT head_hash AS head FROM tape')?.head ?? null,
      })
    } catch (error) {
      if (!(error instanceof TapeError)) throw error
      tapes.push({ ...row, error: error.message })
    }
  }
  return { tapes, runs }
}

interface Started {
  id: number
  seed: number | null
  capture: string
  kernel: string
  engine: string
  node: string
  platform: string
  host: string
  parentRun: number | null
  parentStep: number | null
  firstNonFiniteStep: number | null
}

export function runsOf({ number, path, tape, views }: OpenTape): RunRow[] {
  const started = new Map(
    views
      .all<Started>(
        `SELECT id, seed, capture, kernel, engine, node, platform, host, parent_run_id AS parentRun, parent_step AS parentStep,
         first_non_finite_step AS firstNonFiniteStep FROM run`,
      )
      .map((row) => [row.id, row]),
  )
  const configs = new Map<number, RunRow['config']>()
  for (const { id, path, value, type } of views.each<{
    id: number
    path: string
    value: string | number | null
    type: string
  }>('SELECT run_id AS id, path, value, type FROM run_config')) {
    let config = configs.get(id)
    if (config === undefined) {
      config = Object.create(null) as RunRow['config']
      configs.set(id, config)
    }
    config[path] = type === 'true' ? true : type === 'false' ? false : value
  }
  return tape.runs().flatMap((info) => {
    const row = started.get(info.id)
    if (row === undefined) return []
    const { parentRun, parentStep, id, ...about } = row
    return [
      {
        key: `${number}.${id}`,
        tape: number,
        file: fileName(path),
        ...info,
        ...about,
        parent: parentRun === null ? null : `run ${parentRun}, step ${parentStep}`,
        config: configs.get(id) ?? {},
      },
    ]
  })
}
