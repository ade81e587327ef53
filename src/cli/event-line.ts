/** One event as one line that a person reads: `412  matmul(x, fc1.weight) → [50, 32]`. */

import { noteWords } from '../detectors/finding-note.js'
import { elementBytes } from '../events/dtypes.js'
import {
  type CallOutput,
  type CheckpointTaken,
  type FunctionCalled,
  type LeafCreated,
  type RecordedArray,
  refOf,
  type TapeEvent,
  type ValueAssigned,
} from '../events/event.js'
import { type Describer, positionText } from '../inspection/describer.js'
import { epochWords } from '../inspection/epoch-words.js'
import { numberText } from '../inspection/number-text.js'
import type { Beside } from '../inspection/step-events.js'
import { paint } from './paint.js'
import { bytesText, durationText, plural, shapeText, siteWords, summaryText } from './words.js'

export function eventLine(
  event: TapeEvent,
  say: Describer,
  { gradient, isMaterialized, site }: Beside = { gradient: null, isMaterialized: false, site: null },
): string {
  switch (event.type) {
    case 'RunStarted':
      return `run "${event.name}" starts`
    case 'StepStarted':
      return `step ${event.step} begins, ${durationText(event.elapsedMs)} after the run`
    case 'LeafCreated':
      return `${say.nameOf(event.position) ?? positionText(event.position)} = ${event.role}${value(event.dtype, event.shape, event.value)}${outsideMark(event)}`
    case 'FunctionCalled':
      return (
        callLine(event, say, isMaterialized) + (site === null ? '' : paint('dim', `  ${siteWords(site)}`))
      )
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
      return `gradient of ${say.label(event.variable)}${summary}${event.held === 'accumulated' ? '  added to what was there' : ''}${gradient === null || gradient.kept === 'captured' ? '' : mark(gradient.kept)}`
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
      return `${say.label(event.variable)} set ${from}${event.value === null ? '' : value(event.dtype, event.shape, event.value)}${outsideMark(event)}`
    }
    case 'VariableNamed':
      return `${positionText(event.variable)} is ${event.name === null ? 'without a name' : `named ${event.name}`}`
    case 'VariableUnchained':
      return `${say.label(event.variable)} cut from its creator`
    case 'RequiresGradSet':
      return `${say.label(event.variable)} ${event.requiresGrad ? 'unfrozen: it requires a gradient' : 'frozen: it requires no gradient'}`
    case 'MetricLogged': {
      const number = Number.isFinite(event.value)
        ? numberText(event.value)
        : paint('red', numberText(event.value))
      return `log ${event.name} = ${number}`
    }
    case 'CheckpointTaken':
      return `checkpoint of ${plural(event.variables.length, 'variable')}, ${bytesText(bytesOfCheckpoint(event))}`
    case 'NoteAdded':
      return `note: ${noteWords(event.text)}`
    case 'EpochStarted':
      return epochWords(event)
    case 'RunFinished':
      return `run ${event.status}${event.error === null ? '' : `: ${event.error}`}`
  }
}

/** Of the values that a checkpoint holds, each counted as often as it is held. */
export function bytesOfCheckpoint({ values }: CheckpointTaken): number {
  return values.reduce((sum, { dtype, size }) => sum + size * elementBytes(dtype), 0)
}

/** What came from outside, and of which the run was not to keep the bytes. */
function outsideMark({ value, source, summary }: LeafCreated | ValueAssigned): string {
  if (value !== null || source !== null) return ''
  return mark(summary === null ? 'not captured' : 'summary and hash')
}

function mark(text: string): string {
  return paint('dim', `  (${text})`)
}

function callLine(event: FunctionCalled, say: Describer, isMaterialized: boolean): string {
  const results = event.outputs.map((output, slot) => {
    const name = say.nameOf(refOf(event.position, slot))
    return `${name === null ? '' : `${name} `}${outputText(output)}`
  })
  const marks = [
    event.scope === '' ? '' : `in ${event.scope}`,
    event.linked ? '' : 'noGrad',
    isMaterialized ? 'materialized' : '',
  ].filter((text) => text !== '')
  return `${callText(event, say)} → ${results.join(', ')}${marks.length === 0 ? '' : mark(marks.join(', '))}`
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
