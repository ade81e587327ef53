/** Evaluations that compute as in training: dropout that drops, normalisation by the batch's own statistics. */
import { type FunctionCalled, positionOf } from '../events/event.js'
import { detectorKind, type StepWatch } from './detector.js'
import { callText, finding } from './draft.js'
import type { Finding } from './finding.js'
import type { StepEvents } from './step-events.js'
import type { StepFacts } from './step-facts.js'

/** The share that a call drops; null when it drops nothing. */
function droppedBy({ function: name, attributes }: FunctionCalled): unknown {
  if (name === 'dropout') return attributes.p
  return name === 'scaledDotProductAttention' ? (attributes.dropout ?? null) : null
}

/** Of these the call alone tells the mode. */
function isOfTraining(call: FunctionCalled): boolean {
  return droppedBy(call) !== null || (call.function === 'batchNorm' && call.inputs.length === 3)
}

/** A word that begins so, and no `latest` or `retrieval`; `val` is one only as a scope's whole name. */
const EVALUATION =
  /(?:^|[./])(?:val|Val|VAL)(?:[./]|$)|(?<![a-z])(?:test|valid|eval|held|dev\b)|Test|Valid|Eval|Held|Dev\b|(?<![A-Z])(?:TEST|VALID|EVAL|HELD|DEV\b)/

/** Whether a scope says that it is one: `test`, `validation`, `epoch.val`, `runTest`. */
export function isEvaluation(scope: string): boolean {
  return EVALUATION.test(scope)
}

/**
 * The first call of an evaluation that is in the mode of training: nothing that is trained comes of it, and it was made without a
 * creator, or only a number that was logged comes of it.
 */
export function callInTrainingMode(events: StepEvents): FunctionCalled | null {
  let leading: ReadonlySet<number> | null = null
  for (const call of events.calls) {
    if (!isOfTraining(call)) continue
    if (call.linked) {
      // A step without a pass may be one of training that was passed over.
      if (events.passes.length === 0 && !isEvaluation(call.scope)) continue
      leading ??= events.ancestors(events.passes.flatMap(({ roots }) => roots))
      if (leading.has(call.position) || !isLoggedOnly(events, call)) continue
    }
    const after = events.descendants([call.position])
    const isTrained =
      !call.linked && [...after].some((position) => (events.at(position) as FunctionCalled).linked)
    const isAssigned = events.assignments.some(({ source }) => source !== null && after.has(source))
    // A pass with createGraph false makes no such calls; backward of dropout is in no evaluation.
    if (!isTrained && !isAssigned && !isOfPass(events, call)) return call
  }
  return null
}

/** Whether a metric of the step was computed from a call, or its scope says that it belongs to an evaluation. */
function isLoggedOnly(events: StepEvents, call: FunctionCalled): boolean {
  if (isEvaluation(call.scope)) return true
  const after = events.descendants([call.position])
  return events.events.some(
    (event) =>
      event.type === 'MetricLogged' && event.variable !== null && after.has(positionOf(event.variable)),
  )
}

/** Whether a call reads gradients: then it belongs to a pass. */
function isOfPass(events: StepEvents, call: FunctionCalled): boolean {
  return call.inputs.some((ref) => events.at(ref)?.type === 'GradientComputed')
}

export function trainingModeText(call: FunctionCalled): string {
  const what =
    droppedBy(call) !== null
      ? `drops elements (p ${String(droppedBy(call))})`
      : 'uses the statistics of the batch'
  return `step ${call.step}: ${callText(call)} ${what} in an evaluation (${call.linked ? 'no pass walks back through it' : 'without gradient'}): the model is in the mode of training`
}

class EvaluationWatch implements StepWatch {
  private first: FunctionCalled | null = null
  private trains = false
  private told = false
  private readonly innocent = new Set<number>()

  step({ shape, like, own }: StepFacts): Finding[] {
    if (this.told) return []
    this.trains ||= like.passes.length > 0
    if (this.first === null && !this.innocent.has(shape)) {
      this.first = callInTrainingMode(own())
      if (this.first === null && this.innocent.size < 65_536) this.innocent.add(shape)
    }
    const call = this.first
    if (call === null || !this.trains) return []
    this.told = true
    const { step, position, function: name, scope } = call
    const text = trainingModeText(call)
    return [finding({ kind: 'evaluation-mode', level: 'cause', step, position, function: name, scope, text })]
  }
}

/** An evaluation in the mode of training: dropout drops, or batchNorm goes by the statistics of its batch. */
export const evaluationMode = detectorKind('evaluationMode', {}, () => new EvaluationWatch())
