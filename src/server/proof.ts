/** What a tape is: whether it is as it was written, and what can be asked of it in SQL. */
import { askedOf } from '../queries/cookbook/cookbook.js'
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

/** The views of a tape, and the questions of the cookbook as statements about one of its runs: `?run=` a number, else the newest. */
export function schemaAnswer(desk: Desk, asked: Asked): SchemaAnswer {
  const { views } = desk.tape(asked.whole('tape', NUMBERS, 1))
  return {
    views: viewDocs(views).map(({ sql: _sql, ...view }) => view),
    cookbook: askedOf(views, asked.textOrNull('run')),
  }
}
