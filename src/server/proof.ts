/** What a tape is: whether it is as it was written, and what can be asked of it in SQL. */
import { viewDocs } from '../queries/schema.js'
import type { SchemaAnswer, VerifyAnswer } from './api.js'
import type { Asked } from './asked.js'
import type { Desk } from './desk.js'
import type { Tell } from './tell.js'

const NUMBERS = { min: 1, max: 1e9 }

export function verifyAnswer(desk: Desk, asked: Asked, tell: Tell): VerifyAnswer {
  const { number, tape } = desk.tape(asked.whole('tape', NUMBERS, 1))
  const from = performance.now()
  const report = tape.verify((events, total) => tell('checking', events, total))
  return {
    tape: number,
    isIntact: report.intact,
    problem: report.problem,
    batches: report.batches,
    events: report.events,
    values: report.values,
    head: report.head,
    elapsedMs: performance.now() - from,
  }
}

/** Questions to begin with. */
const COOKBOOK: SchemaAnswer['cookbook'] = [
  { title: 'Runs', sql: 'SELECT id, name, status, step_count, event_count FROM run ORDER BY id' },
  {
    title: 'Lowest losses',
    sql: "SELECT run_id, step, value FROM metric WHERE name = 'loss' ORDER BY value LIMIT 20",
  },
  {
    title: 'A metric over the steps',
    sql: "SELECT step, value FROM metric WHERE name = 'loss' AND run_id = 1 ORDER BY position",
  },
  {
    title: 'Gradients that are not finite',
    sql: 'SELECT run_id, step, variable_name, non_finite_count FROM gradient WHERE non_finite_count > 0 ORDER BY run_id, position LIMIT 100',
  },
  {
    title: 'Mean gradient norm of each variable',
    sql: 'SELECT run_id, variable_name, avg(l2_norm) AS norm, count(*) AS gradients FROM gradient GROUP BY 1, 2 ORDER BY norm DESC',
  },
  {
    title: 'Which functions were called how often',
    sql: 'SELECT function, count(*) AS calls FROM call WHERE run_id = 1 AND step = 1 GROUP BY 1 ORDER BY calls DESC',
  },
  { title: 'Configs', sql: 'SELECT run_id, path, value FROM run_config ORDER BY path, run_id' },
]

export function schemaAnswer(desk: Desk, asked: Asked): SchemaAnswer {
  const { views } = desk.tape(asked.whole('tape', NUMBERS, 1))
  return { views: viewDocs(views).map(({ sql: _sql, ...view }) => view), cookbook: COOKBOOK }
}
