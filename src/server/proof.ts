/** What a tape is: whether it is as it was written, and what can be asked of it in SQL. */
import { askedOf } from '../queries/cookbook/cookbook.js'
import { viewDocs } from '../queries/schema.js'
import type { RecomputeAnswer, SchemaAnswer, VerifyAnswer } from './api.js'
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
    seals: tape.sealsByKey(report).map(({ key, code, text }) => ({ key, holds: code === null, text })),
    elapsedMs: performance.now() - from,
  }
}

/** Computes drawn steps of a run again: `?sample=` this many, 3 when not said. */
export function recomputeAnswer(desk: Desk, asked: Asked, tell: Tell): RecomputeAnswer {
  const key = asked.text('run')
  const sample = asked.whole('sample', { min: 1, max: 1e6 }, 3)
  const { tape, id } = desk.run(key)
  const proof = tape.run(id).past.recompute({
    sample,
    onProgress: (events, total) => tell('computing again', events, total),
  })
  const { verdict, kernel, events, eventsTotal, steps, stepsTotal, drawn, distance, divergence } = proof
  const lines = [
    `${events} of ${eventsTotal} events and ${steps} of ${stepsTotal} steps computed again, kernel ${kernel.used ?? 'none'}${kernel.used === kernel.recorded ? '' : `; the run has ${kernel.recorded}`}`,
  ]
  if (drawn !== null)
    lines.push(`drawn with seed ${drawn.seed}: steps ${drawn.steps.slice(0, 20).join(', ')}`)
  if (distance !== null)
    lines.push(`at most ${distance.ulps.toPrecision(2)} ulp, in ${distance.what}, step ${distance.step}`)
  if (divergence !== null)
    lines.push(
      `first difference at position ${divergence.position}, step ${divergence.step}: ${divergence.what}; recorded ${divergence.expected}, computed ${divergence.got}`,
    )
  return {
    run: key,
    name: proof.run.name,
    verdict,
    lines,
    skipped: proof.skipped.map(({ what, why }) => `${what}: ${why}`),
  }
}

/** The views of a tape, and the questions of the cookbook as statements about one of its runs: `?run=` a number, else the newest. */
export function schemaAnswer(desk: Desk, asked: Asked): SchemaAnswer {
  const tape = asked.whole('tape', NUMBERS, 1)
  const run = asked.textOrNull('run')
  const { views } = desk.tape(tape)
  return {
    tape,
    run,
    views: viewDocs(views).map(({ sql: _sql, ...view }) => view),
    cookbook: askedOf(views, run),
  }
}
