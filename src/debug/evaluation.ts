/** Evaluations that compute as in training: dropout that drops, normalisation by the batch's own statistics. */

import type { StepEvents } from '../detectors/step-events.js'
import type { FunctionCalled } from '../events/event.js'
import { callText, finding } from './draft.js'
import type { Finding } from './finding.js'
import type { RunView } from './run-view.js'

/** Of these the function alone tells the mode. */
function isOfTraining(call: FunctionCalled): boolean {
  return call.function === 'dropout' || (call.function === 'batchNorm' && call.inputs.length === 3)
}

/** The first call of an evaluation that is in the mode of training: made without a creator, and nothing that is trained comes of it. */
function oddCall(events: StepEvents): FunctionCalled | null {
  for (const call of events.calls) {
    if (call.linked || !isOfTraining(call)) continue
    const after = events.descendants([call.position])
    const isTrained = [...after].some((position) => (events.at(position) as FunctionCalled).linked)
    const isAssigned = events.assignments.some(({ source }) => source !== null && after.has(source))
    // A pass with createGraph false makes no such calls; backward of dropout is in no evaluation.
    if (!isTrained && !isAssigned && !isOfPass(events, call)) return call
  }
  return null
}

/** Whether a call reads gradients: then it belongs to a pass. */
function isOfPass(events: StepEvents, call: FunctionCalled): boolean {
  return call.inputs.some((ref) => events.at(ref)?.type === 'GradientComputed')
}

export function evaluationMode(view: RunView): Finding[] {
  let first: { step: number; call: FunctionCalled } | null = null
  let count = 0
  let trains = false
  for (const { stretch, like } of view.stretches()) {
    trains ||= like.passes.length > 0
    const call = oddCall(like)
    if (call === null) continue
    count += stretch.to - stretch.from + 1
    first ??= {
      step: stretch.from,
      call: stretch.from === like.step ? call : oddCall(view.step(stretch.from))!,
    }
  }
  if (first === null || !trains) return []
  const { step, call } = first
  const what =
    call.function === 'dropout'
      ? `drops elements (p ${String(call.attributes.p)})`
      : 'uses the statistics of the batch'
  return [
    finding({
      kind: 'evaluation-mode',
      level: 'cause',
      step,
      position: call.position,
      function: call.function,
      scope: call.scope,
      text: `step ${step}: ${callText(call)} ${what} in an evaluation (without gradient): the model is in the mode of training`,
      evidence: [
        `then      in ${count} ${count === 1 ? 'step' : 'steps'}`,
        'try       model.eval() before, model.train() after',
      ],
    }),
  ]
}
