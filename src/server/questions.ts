/** The questions of GET /api/NAME; which thread answers each stands in readers.ts. */
import type { Answers } from './api.js'
import type { Asked } from './asked.js'
import { diffAnswer, whyAnswer } from './causes.js'
import { curvesAnswer, gradientsAnswer, metricsAnswer, timelineAnswer } from './curves.js'
import type { Desk } from './desk.js'
import { callAnswer, eventsAnswer } from './events.js'
import { recomputeAnswer, schemaAnswer, verifyAnswer } from './proof.js'
import { runsAnswer } from './runs.js'
import { graphAnswer } from './step-graph.js'
import type { Tell } from './tell.js'
import { tensorAnswer, variablesAnswer } from './tensor.js'

type Answer<Name extends keyof Answers> = (desk: Desk, asked: Asked, tell: Tell) => Answers[Name]

export const QUESTIONS: { readonly [Name in keyof Answers]: Answer<Name> } = {
  runs: runsAnswer,
  metrics: metricsAnswer,
  curves: curvesAnswer,
  gradients: gradientsAnswer,
  timeline: timelineAnswer,
  graph: graphAnswer,
  call: callAnswer,
  variables: variablesAnswer,
  tensor: tensorAnswer,
  events: eventsAnswer,
  why: whyAnswer,
  diff: diffAnswer,
  schema: schemaAnswer,
  verify: verifyAnswer,
  recompute: recomputeAnswer,
}
