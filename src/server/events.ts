/** Events one by one: a page of them, and one call with all that is known of it. */
import { noteWords } from '../detectors/finding-note.js'
import type { CallSite } from '../events/call-site.js'
import { positionOf, type RecordedArray, type Ref, refOf, slotOf, type TapeEvent } from '../events/event.js'
import { refsOf } from '../events/event-kinds.js'
import type { Describer } from '../inspection/describer.js'
import { epochWords } from '../inspection/epoch-words.js'
import { numberText } from '../inspection/number-text.js'
import { gradientsOfVariable } from '../queries/gradients.js'
import type { CallAnswer, EventRow, EventsAnswer, Operand } from './api.js'
import type { Asked } from './asked.js'
import type { Desk } from './desk.js'

const PAGE_MAX = 1_000
const READERS_MAX = 50
/** How far ahead readers of a call are looked for. */
const READERS_WITHIN = 20_000
const TEXT_MAX = 2_000

export function eventsAnswer(desk: Desk, asked: Asked): EventsAnswer {
  const key = asked.text('run')
  const { tape, id } = desk.run(key)
  const { past, say } = tape.run(id)
  const total = past.lastPosition
  const first = Math.min(asked.whole('from', { min: 1, max: Number.MAX_SAFE_INTEGER }, 1), Math.max(1, total))
  const last = Math.min(total, first + asked.whole('count', { min: 1, max: PAGE_MAX }, 200) - 1)
  const events = total === 0 ? [] : [...past.events(first, last)].map((event) => eventRow(event, say))
  return { run: key, first, last, total, events }
}

function eventRow(event: TapeEvent, say: Describer): EventRow {
  return {
    position: event.position,
    step: event.step,
    type: event.type,
    text: shortened(eventText(event, say)),
    causes: [...new Set(refsOf(event).map(positionOf))].filter((position) => position !== event.position),
  }
}

function eventText(event: TapeEvent, say: Describer): string {
  const label = (ref: Ref) => say.label(ref)
  switch (event.type) {
    case 'RunStarted':
      return `run "${event.name}" starts`
    case 'StepStarted':
      return `step ${event.step} begins`
    case 'LeafCreated':
      return `${say.nameOf(event.position) ?? `#${event.position}`}: ${event.role} ${arrayText(event.dtype, event.shape, event.value)}`
    case 'FunctionCalled':
      return `${event.function}(${event.inputs.map(label).join(', ')}) → ${event.outputs.map(({ dtype, shape, value }) => arrayText(dtype, shape, value)).join(', ')}${event.scope === '' ? '' : ` in ${event.scope}`}`
    case 'BackwardStarted':
      return `backward from ${event.roots.map(label).join(', ')}`
    case 'GradientComputed':
      return `gradient of ${label(event.variable)} ${arrayText(event.dtype, event.shape, event.contribution)}`
    case 'GradientCleared':
      return `gradient of ${label(event.variable)} cleared`
    case 'GradientAssigned':
      return `gradient of ${label(event.variable)} set to ${label(event.gradient)}`
    case 'GradientReplaced':
      return `gradient of ${label(event.variable)} replaced by a hook`
    case 'BackwardAborted':
      return `backward #${event.pass} ended in an exception`
    case 'ValueAssigned':
      return `${label(event.variable)} set ${event.source === null ? 'from outside' : `to ${label(event.source)}`}`
    case 'VariableNamed':
      return `#${positionOf(event.variable)} is ${event.name === null ? 'without a name' : `named ${event.name}`}`
    case 'VariableUnchained':
      return `${label(event.variable)} cut from its creator`
    case 'RequiresGradSet':
      return `${label(event.variable)} ${event.requiresGrad ? 'unfrozen' : 'frozen'}`
    case 'MetricLogged':
      return `${event.name} = ${numberText(event.value)}`
    case 'CheckpointTaken':
      return `checkpoint of ${event.variables.length} variables`
    case 'NoteAdded':
      return noteWords(event.text)
    case 'EpochStarted':
      return epochWords(event)
    case 'RunFinished':
      return `run ${event.status}${event.error === null ? '' : `: ${event.error}`}`
  }
}

function arrayText(dtype: string, shape: readonly number[], array: RecordedArray | null): string {
  if (array?.size === 1) return numberText(Number(array.data[0] ?? Number.NaN))
  return `${dtype} [${shape.join(', ')}]`
}

function shortened(text: string): string {
  return text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX)}…` : text
}

export function callAnswer(desk: Desk, asked: Asked): CallAnswer {
  const key = asked.text('run')
  const { tape, id } = desk.run(key)
  const { past, say, views } = tape.run(id)
  const position = asked.whole('position', { min: 1, max: past.lastPosition })
  const event = say.event(position)
  const operand = (ref: Ref): Operand => {
    const { dtype, shape } = say.form(ref)
    return {
      position: positionOf(ref),
      slot: slotOf(ref),
      label: shortened(say.label(ref)),
      form: `${dtype} [${shape.join(', ')}]`,
    }
  }
  const call = event.type === 'FunctionCalled' ? event : null
  const site = call === null ? null : past.siteOf(position)
  const outputs = (call?.outputs ?? []).map(({ dtype, shape, value }, slot) => ({
    ...operand(refOf(position, slot)),
    value: value === null ? 'not stored' : arrayText(dtype, shape, value),
    l2Norm: value === null ? null : normOf(value),
  }))
  const about = call === null ? refsOf(event)[0] : refOf(position, 0)
  const subject = event.type === 'LeafCreated' ? refOf(position, 0) : about
  return {
    run: key,
    position,
    step: event.step,
    type: event.type,
    function: call?.function ?? null,
    scope: call === null || call.scope === '' ? null : call.scope,
    attributes:
      call === null || Object.keys(call.attributes).length === 0 ? null : JSON.stringify(call.attributes),
    inputs: (call?.inputs ?? refsOf(event)).map(operand),
    outputs,
    gradients:
      subject === undefined
        ? []
        : gradientsOfVariable(
            views,
            id,
            { position: positionOf(subject), slot: slotOf(subject) },
            event.step,
          ).map(({ l2Norm, zeroCount, nonFiniteCount }) => ({
            variable: shortened(say.label(subject)),
            l2Norm,
            zeroCount,
            nonFiniteCount,
          })),
    site: site === null ? null : siteText(site),
    readers: readersOf(
      past.events(position + 1, Math.min(past.lastPosition, position + READERS_WITHIN)),
      position,
    ).map(operand),
  }
}

function siteText({ file, line, column, function: name }: CallSite): string {
  return `${file}:${line}:${column}${name === null ? '' : ` in ${name}`}`
}

function readersOf(events: Iterable<TapeEvent>, position: number): Ref[] {
  const readers: Ref[] = []
  for (const event of events) {
    if (readers.length === READERS_MAX) break
    const reads = refsOf(event).some((ref) => positionOf(ref) === position)
    if (reads) readers.push(refOf(event.position, 0))
  }
  return readers
}

function normOf({ data }: RecordedArray): number {
  let sum = 0
  for (const value of data) sum += Number(value) ** 2
  return Math.sqrt(sum)
}
