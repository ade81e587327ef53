// One call among very many, by its position and by its step: through the API and through the views. The tape repeats one
// graph, as training does.
import Database from 'better-sqlite3'
import { openTape } from 'gradtape'
import { inTemporaryFolder } from '../temporary-tape.js'
import { median, randomNumbers, type Sample } from '../workload.js'
import { wallMs } from './clock.js'
import { sample, say } from './sample.js'
import { chain, GRAPH_CALLS } from './subjects.js'

const LOOK_UPS = 200
const LOOK_UPS_MIN = 10
const EACH_MAX_MS = 2_000

export async function lookUp(calls: number): Promise<Sample[]> {
  return inTemporaryFolder((folder) => {
    const path = `${folder}/calls.tape`
    const steps = calls / GRAPH_CALLS
    record(path, steps)
    const random = randomNumbers(3)
    const places = Array.from({ length: LOOK_UPS }, () => ({
      step: 1 + Math.floor(random() * steps),
      offset: Math.floor(random() * GRAPH_CALLS),
    }))
    return [...throughViews(path, places), ...throughApi(path, places)]
  })
}

interface Place {
  step: number
  /** Which call of the step. */
  offset: number
}

function record(path: string, steps: number): void {
  const tape = openTape(path)
  const run = tape.startRun('bench')
  const from = performance.now()
  for (let i = 0; i < steps; i++) {
    run.step()
    run.log({ y: chain(GRAPH_CALLS).y })
  }
  void run.finish()
  tape.close()
  say(`${steps * GRAPH_CALLS} calls recorded in ${((performance.now() - from) / 1_000).toFixed(1)} s`)
}

function throughViews(path: string, places: readonly Place[]): Sample[] {
  const db = new Database(path, { readonly: true })
  try {
    const byStep = db.prepare<[number], { position: number; step: number }>(
      'SELECT * FROM call WHERE run_id = 1 AND step = ? LIMIT 1',
    )
    const wholeStep = db.prepare<[number], object>('SELECT * FROM call WHERE run_id = 1 AND step = ?')
    // As the README says it: a position that a view computes cannot be looked up by itself.
    const byPosition = db.prepare<[{ position: number }], { position: number; step: number }>(
      `SELECT * FROM call WHERE run_id = 1 AND position = @position
       AND block_id = (SELECT max(id) FROM block WHERE id <= (1 << 32) + @position)`,
    )
    const positions: number[] = []
    const stepMs = each(places, ({ step, offset }) => {
      const row = byStep.get(step)
      if (row?.step !== step) throw new Error(`expected a call of step ${step}, got ${JSON.stringify(row)}`)
      positions.push(row.position + offset)
    })
    const positionMs = each(positions, (position) => {
      const row = byPosition.get({ position })
      if (row?.position !== position)
        throw new Error(`expected a call at ${position}, got ${JSON.stringify(row)}`)
    })
    const wholeMs = each(places.slice(0, LOOK_UPS / 4), ({ step }) => {
      const rows = wholeStep.all(step)
      if (rows.length !== GRAPH_CALLS) throw new Error(`expected ${GRAPH_CALLS} calls, got ${rows.length}`)
    })
    return [
      sample('view call, by position and block', 'ms', positionMs),
      sample('view call, by step, the first', 'ms', stepMs),
      sample(`view call, by step, all ${GRAPH_CALLS}`, 'ms', wholeMs),
    ]
  } finally {
    db.close()
  }
}

function throughApi(path: string, places: readonly Place[]): Sample[] {
  const tape = openTape(path, { readonly: true })
  const past = tape.run('bench')
  const perStep = (past.lastPosition - 2) / past.stepCount
  const eventMs = each(places, ({ step, offset }) => {
    const position = Math.floor((step - 1) * perStep) + 10 + Math.min(offset, GRAPH_CALLS - 20)
    const [event] = past.events(position, position)
    if (event?.type !== 'FunctionCalled')
      throw new Error(`expected a call at position ${position}, got ${event?.type}`)
  })
  const variableMs = each(places, ({ step }) => {
    if (past.variable('y', { step }).creator?.name !== 'mul')
      throw new Error(`expected y of step ${step} to come from mul`)
  })
  tape.close()
  return [
    sample('past.events(p, p)', 'ms', eventMs),
    sample('past.variable(name, { step }).creator', 'ms', variableMs),
  ]
}

/** The median of many, of ten at least; each place is asked for once, so nothing found is remembered from before. */
function each<T>(places: readonly T[], ask: (place: T) => void): number {
  const times: number[] = []
  const from = performance.now()
  for (const place of places) {
    times.push(wallMs(() => ask(place)))
    if (times.length >= LOOK_UPS_MIN && performance.now() - from > EACH_MAX_MS) break
  }
  return median(times)
}
