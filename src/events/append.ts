/** Packs events from their payloads: for what is not packed field by field where it happens, and for what was read back. */
import { type ArrayCapture, CAPTURE_BYTES, CAPTURE_HASH, CAPTURE_INLINE, CAPTURE_SUMMARY } from './capture.js'
import { elementCount } from './dtypes.js'
import {
  type ArraySummary,
  EVENT_VERSION,
  type Payload,
  type RecordedArray,
  type TapeEvent,
  type ValueAssigned,
} from './event.js'
import { arrayFormText, attributesText, leafFormText, signatureText } from './forms.js'
import { InlineArray } from './inline-array.js'
import { HELD, type Packer } from './pack.js'
import { ScalarValue } from './scalar-value.js'
import { SummarizedArray } from './summarized-array.js'
import type { Summary } from './summary.js'

/** Appends an event; as its `version` was packed, when it was before. Gives its position. */
export function appendEvent(packer: Packer, payload: Payload, version?: number): number {
  switch (payload.type) {
    case 'BackwardStarted':
      if (version === EVENT_VERSION) return packer.appendText(payload)
      return packer.backwardStarted(payload)
    case 'StepStarted':
      return packer.stepStarted(payload.elapsedMs)
    case 'LeafCreated':
      return packer.leaf(
        packer.texts.numberOf(leafFormText(payload)),
        payload.source,
        payload.value ?? standIn(payload, payload.summary),
        kept(payload.summary, payload.value),
      )
    case 'FunctionCalled': {
      const signature = packer.texts.numberOf(signatureText(payload))
      const text = attributesText(payload.attributes)
      const attributes = packer.texts.numberOfAttributes(signature, text)
      const { inputs, outputs } = payload
      if (outputs.length === 1 && inputs.length <= 3) {
        const [a = 0, b = 0, c = 0] = inputs
        const { value } = outputs[0]!
        return packer.call1(signature, attributes, inputs.length, a, b, c, value, CAPTURE_BYTES)
      }
      const position = packer.call(signature, attributes, inputs.length)
      for (const input of payload.inputs) packer.callInput(input)
      packer.callOutputs(payload.outputs.length)
      for (const output of payload.outputs) packer.callOutput(output.value)
      return position
    }
    case 'GradientComputed':
      return packer.gradient(
        payload.pass,
        payload.variable,
        payload.gradient,
        packer.texts.numberOf(arrayFormText(payload)),
        HELD.indexOf(payload.held) as 0 | 1 | 2,
        payload.contribution ?? standIn(payload, payload.contributionSummary),
        payload.accumulated ?? standIn(payload, payload.accumulatedSummary),
        kept(payload.contributionSummary ?? payload.accumulatedSummary),
      )
    case 'ValueAssigned':
      return assignment(packer, payload)
    case 'GradientCleared':
      return packer.cleared(payload.variable)
    case 'RequiresGradSet':
      return packer.frozen(payload.variable, payload.requiresGrad)
    case 'CheckpointTaken':
      return packer.checkpoint(payload.variables, payload.values)
    case 'MetricLogged':
      return packer.metric(payload.name, payload.value, payload.variable)
    case 'RunStarted':
      packer.packing = payload.packing ?? 1
      return packer.appendText(payload)
    case 'GradientAssigned':
    case 'GradientReplaced':
    case 'BackwardAborted':
    case 'VariableNamed':
    case 'VariableUnchained':
    case 'NoteAdded':
    case 'EpochStarted':
    case 'RunFinished':
      return packer.appendText(payload)
    default:
      return payload satisfies never
  }
}

function assignment(packer: Packer, payload: Payload<ValueAssigned>): number {
  const { variable, source, updateNorm, summary, value } = payload
  const form = packer.texts.numberOf(arrayFormText(payload))
  const array = value ?? standIn(payload, summary)
  if (updateNorm === undefined) return packer.assigned(variable, source, form, array, kept(summary, value))
  const isNumber = source !== null && summary !== null && elementCount(payload.shape) === 1
  return packer.measuredAssignment(
    variable,
    source,
    form,
    updateNorm,
    isNumber ? new ScalarValue(numberOf(summary), payload.dtype, payload.shape) : array,
    kept(summary, value),
  )
}

/** The one number that a summary is of. */
export function numberOf(summary: Summary): number {
  return summary.max ?? Number.NaN
}

function kept(summary: ArraySummary | null, value: RecordedArray | null = null): ArrayCapture {
  if (summary === null) return value instanceof InlineArray ? CAPTURE_INLINE : CAPTURE_BYTES
  return summary.hash === null ? CAPTURE_SUMMARY : CAPTURE_HASH
}

/** What packs in the place of an array of which only a summary is known. */
function standIn(
  form: { readonly dtype: string; readonly shape: readonly number[] },
  summary: ArraySummary | null,
): SummarizedArray | null {
  return summary === null ? null : new SummarizedArray(form.dtype, form.shape, summary)
}

/** The payload of a whole event. */
export function payloadOf(event: TapeEvent): Payload {
  const { version: _version, position: _position, step: _step, ...payload } = event
  return payload as Payload
}
