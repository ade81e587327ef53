/** One event as one line that a person reads: `412  matmul(x, fc1.weight) → [50, 32]`. */
import {
  type CallOutput,
  type FunctionCalled,
  REF_SLOT_UNIT,
  type RecordedArray,
  type TapeEvent,
} from '../events/event.js'
import type { GradientRow } from '../queries/gradients.js'
import { type Describer, positionText } from './describer.js'
import { paint } from './paint.js'
import { durationText, numberText, shapeText, summaryText } from './words.js'

/** `gradient` is the summary of a GradientComputed, when the views have one. */
export function eventLine(event: TapeEvent, say: Describer, gradient: GradientRow | null = null): string {
  switch (event.type) {
    case 'RunStarted':
      return `run "${event.name}" starts`
    case 'StepStarted':
      return `step ${event.step} begins, ${durationText(event.elapsedMs)} after the run`
    case 'LeafCreated':
      return `${say.nameOf(event.position) ?? positionText(event.position)} = ${event.role}${value(event.dtype, event.shape, event.value)}`
    case 'FunctionCalled':
      return callLine(event, say)
    case 'BackwardStarted': {
      const targets =
        event.targets === null ? '' : ` to ${event.targets.map((ref) => say.label(ref)).join(', ')}`
      return `backward from ${event.roots.map((ref) => say.label(ref)).join(', ')}${targets}${event.createGraph ? ', as a graph' : ''}`
    }
    case 'GradientComputed': {
      const summary =
        event.contribution?.size === 1 || gradient === null
          ? value(event.dtype, event.shape, event.contribution)
          : ` ${shapeText(event.shape)}  ${summaryText(gradient)}`
      return `gradient of ${say.label(event.variable)}${summary}${event.held === 'accumulated' ? '  added to what was there' : ''}`
    }
    case 'GradientCleared':
      return `gradient of ${say.label(event.variable)} cleared`
    case 'GradientAssigned':
      return `gradient of ${say.label(event.variable)} set to ${say.label(event.gradient)}`
    case 'GradientReplaced':
      return `gradient of ${say.label(event.variable)} replaced by a hook with ${say.label(event.gradient)}`
    case 'BackwardAborted':
      return `backward ${positionText(event.pass)} ended in an exception`
    case 'ValueAssigned': {
      const from = event.source === null ? 'from outside' : `to ${say.label(event.source)}`
      return `${say.label(event.variable)} set ${from}${event.value === null ? '' : value(event.dtype, event.shape, event.value)}`
    }
    case 'VariableNamed':
      return `${positionText(event.variable)} is ${event.name === null ? 'without a name' : `named ${event.name}`}`
    case 'VariableUnchained':
      return `${say.label(event.variable)} cut from its creator`
    case 'MetricLogged': {
      const number = Number.isFinite(event.value)
        ? numberText(event.value)
        : paint('red', numberText(event.value))
      return `log ${event.name} = ${number}`
    }
    case 'CheckpointTaken':
      return `checkpoint of ${event.variables.length} variables`
    case 'NoteAdded':
      return `note: ${event.text}`
    case 'RunFinished':
      return `run ${event.status}${event.error === null ? '' : `: ${event.error}`}`
  }
}

function callLine(event: FunctionCalled, say: Describer): string {
  const results = event.outputs.map((output, slot) => {
    const name = say.nameOf(event.position + slot * REF_SLOT_UNIT)
    return `${name === null ? '' : `${name} `}${outputText(output)}`
  })
  const marks = [event.scope === '' ? '' : `in ${event.scope}`, event.linked ? '' : 'noGrad'].filter(
    (mark) => mark !== '',
  )
  return `${callText(event, say)} → ${results.join(', ')}${marks.length === 0 ? '' : paint('dim', `  (${marks.join(', ')})`)}`
}

/** `sum(x, axis: 0)`. */
export function callText(
  event: Pick<FunctionCalled, 'function' | 'inputs' | 'attributes'>,
  say: Describer,
): string {
  const operands = event.inputs.map((ref) => say.label(ref))
  const attributes = Object.entries(event.attributes).map(
    ([key, given]) => `${key}: ${JSON.stringify(given)}`,
  )
  return `${event.function}(${[...operands, ...attributes].join(', ')})`
}

function outputText({ shape, value: array }: CallOutput): string {
  return array?.size === 1 ? scalarText(array) : shapeText(shape)
}

function value(dtype: string, shape: readonly number[], array: RecordedArray | null): string {
  if (array?.size === 1) return ` ${scalarText(array)}${dtype === 'float64' ? '' : ` ${dtype}`}`
  return ` ${dtype} ${shapeText(shape)}`
}

function scalarText(array: RecordedArray): string {
  const number = array.data[0] ?? Number.NaN
  const text =
    array.shape.length === 0
      ? numberText(number)
      : `${'['.repeat(array.shape.length)}${numberText(number)}${']'.repeat(array.shape.length)}`
  return Number.isFinite(number) ? text : paint('red', text)
}
