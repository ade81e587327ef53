/** Evaluations that compute as in training, over all steps of a run. */

import { finding } from '../detectors/draft.js'
import { callInTrainingMode, trainingModeText } from '../detectors/evaluation.js'
import type { Finding } from '../detectors/finding.js'
import type { FunctionCalled } from '../events/event.js'
import type { RunView } from './run-view.js'

export function evaluationMode(view: RunView): Finding[] {
  let call: FunctionCalled | null = null
  let count = 0
  let trains = false
  for (const { stretch, like } of view.stretches()) {
    trains ||= like.passes.length > 0
    const odd = callInTrainingMode(like)
    if (odd === null) continue
    count += stretch.to - stretch.from + 1
    call ??= stretch.from === like.step ? odd : callInTrainingMode(view.step(stretch.from))
  }
  if (call === null || !trains) return []
  const { step, position, function: name, scope } = call
  return [
    finding({
      kind: 'evaluation-mode',
      level: 'cause',
      step,
      position,
      function: name,
      scope,
      text: trainingModeText(call),
      evidence: [
        `then      in ${count} ${count === 1 ? 'step' : 'steps'}`,
        'try       model.eval() before, model.train() after',
      ],
    }),
  ]
}
