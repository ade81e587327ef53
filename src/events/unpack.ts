/**
 * From packed words back to events: the inverse of pack.ts, for listeners of a live run and for people who look at words. Every
 * field is checked, because words may come from a file.
 */
import { TapeError } from '../errors.js'
import { siteOf } from './call-site.js'
import { CAPTURE_BYTES, CAPTURE_HASH, CAPTURE_INLINE, CAPTURE_SUMMARY } from './capture.js'
import { summarized } from './content.js'
import {
  ASSIGNMENT_VERSION,
  BACKWARD_VERSION,
  EVENT_VERSION,
  type RecordedArray,
  type Ref,
  type TapeEvent,
  versionOfText,
} from './event.js'
import { type Content, typeOfKind } from './event-kinds.js'
import { type ArrayForm, arrayFormOf, leafFormOf, signatureOf } from './forms.js'
import { HELD, type PackedBatch, VALUE_NONE, VALUE_SCALAR } from './pack.js'
import { textToPlain } from './plain.js'
import { CHECKPOINT_ENTRY_WORDS, PASS_FLAGS, VALUE_WORDS } from './record-layout.js'
import { ScalarValue } from './scalar-value.js'
import { SummarizedArray } from './summarized-array.js'
import { frozenEvent } from './validate.js'
import { type RecordVisitor, visitRecord } from './visit-words.js'

/** The events of batches, which must come in order, since a text is carried only by the batch in which it was first seen. */
export class BatchUnpacker {
  private texts: string[] = []
  private readonly unpacker = new Unpacker((number) => this.texts[number])

  events(batch: PackedBatch): TapeEvent[] {
    if (batch.firstText === 0) this.texts = []
    for (const text of batch.texts) this.texts.push(text)
    const events: TapeEvent[] = []
    let step = batch.firstStep
    let at = 0
    for (let i = 0; i < batch.count; i++) {
      const event = this.unpacker.event(batch.words, at, batch.values, batch.firstPosition + i, step)
      at = this.unpacker.end
      step = event.step
      events.push(event)
    }
    return events
  }
}

interface Fact {
  version: number
  position: number
  step: number
}

/** Makes events from words, given the run's texts by number. */
export class Unpacker implements RecordVisitor {
  /** Where the words of the event that was made last end. */
  end = 0
  private words: Float64Array = new Float64Array(0)
  private values: readonly RecordedArray[] = []
  private fact: Fact = { version: EVENT_VERSION, position: 0, step: 0 }
  /** Of the assignment under way: how far the new value is from the one before; undefined where that is not said. */
  private updateNorm: number | null | undefined
  /** What the visit made; unchecked, as the words say it. */
  private made: object | null = null
  private readonly textOf: (number: number) => string | undefined
  private readonly finished: <E extends TapeEvent>(event: E) => E

  /** `finished` has the last look at each event; it is checked and frozen unless said. */
  constructor(
    textOf: (number: number) => string | undefined,
    finished: <E extends TapeEvent>(event: E) => E = frozenEvent,
  ) {
    this.textOf = textOf
    this.finished = finished
  }

  /** The event whose words begin at `at`; `step` is the step before it. */
  event(
    words: Float64Array,
    at: number,
    values: readonly RecordedArray[],
    position: number,
    step: number,
  ): TapeEvent {
    this.words = words
    this.values = values
    this.fact = { version: EVENT_VERSION, position, step }
    this.made = null
    this.end = visitRecord(words, at, this)
    return this.finished(this.made as unknown as TapeEvent)
  }

  step(elapsedMs: number): void {
    this.made = { type: 'StepStarted', ...this.fact, step: this.fact.step + 1, elapsedMs }
  }

  leaf(form: number, source: number, valueAt: number): void {
    const leaf = leafFormOf(this.text(form), this.what('form'))
    this.made = {
      type: 'LeafCreated',
      ...this.fact,
      ...leaf,
      source: refOrNull(source),
      ...this.content(valueAt, leaf),
    }
  }

  call(
    signature: number,
    attributes: number,
    inputsAt: number,
    inputs: number,
    outputsAt: number,
    outputs: number,
  ): void {
    const {
      function: name,
      scope,
      linked,
      outputs: forms,
    } = signatureOf(this.text(signature), this.what('signature'))
    if (outputs !== 0 && outputs !== forms.length)
      throw new TapeError(
        'TAPE_CORRUPT',
        `${this.what('signature')} is of ${forms.length} outputs, it has ${outputs}`,
      )
    const kept = (slot: number, form: ArrayForm) =>
      outputs === 0 ? null : this.content(outputsAt + slot * VALUE_WORDS.size, form).value
    this.made = {
      type: 'FunctionCalled',
      ...this.fact,
      function: name,
      attributes: textToPlain(
        this.text(attributes < 0 ? -1 - attributes : attributes),
        `attributes of event ${this.fact.position}`,
      ),
      inputs: this.refs(inputsAt, inputs),
      outputs: forms.map((form, slot) => ({
        dtype: form.dtype,
        shape: form.shape,
        value: kept(slot, form),
      })),
      scope,
      linked,
    }
  }

  /** Where a call stands in the user's code is no part of the event: two recordings of one program have the same events. */
  site(site: number): void {
    siteOf(this.text(site), this.what('site'))
  }

  gradient(
    pass: number,
    variable: number,
    gradient: number,
    form: number,
    held: number,
    valuesAt: number,
  ): void {
    const array = arrayFormOf(this.text(form), this.what('form'))
    const contribution = this.content(valuesAt, array)
    const accumulated = this.content(valuesAt + VALUE_WORDS.size, array)
    this.made = {
      type: 'GradientComputed',
      ...this.fact,
      pass,
      variable: refOrNull(variable),
      ...array,
      gradient: refOrNull(gradient),
      contribution: contribution.value,
      contributionSummary: contribution.summary,
      held: HELD[held],
      accumulated: accumulated.value,
      accumulatedSummary: accumulated.summary,
    }
  }

  measured(updateNorm: number): void {
    this.updateNorm = updateNorm === updateNorm ? updateNorm : null
  }

  assignment(variable: number, source: number, form: number, valueAt: number): void {
    const { updateNorm } = this
    this.updateNorm = undefined
    const array = arrayFormOf(this.text(form), this.what('form'))
    const content = this.content(valueAt, array)
    const isMeasured = updateNorm !== undefined
    this.made = {
      type: 'ValueAssigned',
      ...this.fact,
      ...(isMeasured ? { version: ASSIGNMENT_VERSION } : {}),
      variable: refOrNull(variable),
      ...array,
      source: refOrNull(source),
      ...(isMeasured && source !== 0 ? summaryAlone(content) : content),
      ...(isMeasured ? { updateNorm } : {}),
    }
  }

  clear(variable: number): void {
    this.made = { type: 'GradientCleared', ...this.fact, variable: refOrNull(variable) }
  }

  freeze(variable: number, requiresGrad: number): void {
    this.made = {
      type: 'RequiresGradSet',
      ...this.fact,
      variable: refOrNull(variable),
      requiresGrad: flagFrom(requiresGrad),
    }
  }

  pass(flags: number, rootsAt: number, roots: number, targetsAt: number, targets: number): void {
    this.made = {
      type: 'BackwardStarted',
      ...this.fact,
      version: BACKWARD_VERSION,
      roots: this.refs(rootsAt, roots),
      gradients: this.refs(rootsAt + roots, roots),
      targets: (flags & PASS_FLAGS.targets) === 0 ? null : this.refs(targetsAt, targets),
      createGraph: (flags & PASS_FLAGS.createGraph) !== 0,
      retainGrad: (flags & PASS_FLAGS.retainGrad) !== 0,
    }
  }

  metric(name: number, value: number, variable: number): void {
    this.made = {
      type: 'MetricLogged',
      ...this.fact,
      name: this.text(name),
      value,
      variable: refOrNull(variable),
    }
  }

  checkpoint(entriesAt: number, count: number): void {
    const variables: (Ref | null)[] = []
    const values: (RecordedArray | null)[] = []
    for (let i = 0, at = entriesAt; i < count; i++, at += CHECKPOINT_ENTRY_WORDS.size) {
      variables.push(refOrNull(this.words[at + CHECKPOINT_ENTRY_WORDS.variable]!))
      const form = arrayFormOf(this.text(this.words[at + CHECKPOINT_ENTRY_WORDS.form]!), this.what('form'))
      values.push(this.content(at + CHECKPOINT_ENTRY_WORDS.value, form).value)
    }
    this.made = { type: 'CheckpointTaken', ...this.fact, variables, values }
  }

  other(kind: number, text: number): void {
    const type = typeOfKind(kind)
    if (type === null)
      throw new TapeError(
        'TAPE_CORRUPT',
        `event ${this.fact.position} has kind ${kind}, which no version of gradtape writes`,
      )
    const payload = textToPlain(this.text(text), `event ${this.fact.position}`) as object
    this.made = { type, ...this.fact, version: versionOfText(type, payload), ...payload }
  }

  private refs(at: number, count: number): (Ref | null)[] {
    return Array.from({ length: count }, (_, i) => refOrNull(this.words[at + i]!))
  }

  private text(number: number): string {
    const text = this.textOf(number)
    if (text === undefined)
      throw new TapeError('TAPE_CORRUPT', `${this.what('text')} ${number} was carried by no batch`)
    return text
  }

  private what(part: string): string {
    return `event ${this.fact.position}: its ${part}`
  }

  /** The value at `at`, or what stands for it when its bytes are not kept. */
  private content(at: number, { dtype, shape }: ArrayForm): Content {
    const tag = this.words[at + VALUE_WORDS.tag]!
    const payload = this.words[at + VALUE_WORDS.payload]!
    if (tag === VALUE_NONE) return { value: null, summary: null }
    if (tag === VALUE_SCALAR) return { value: new ScalarValue(payload, dtype, shape), summary: null }
    const value = this.values[payload]
    if (value !== undefined) {
      if (tag === CAPTURE_BYTES || tag === CAPTURE_INLINE) return { value, summary: null }
      if (tag === CAPTURE_SUMMARY || tag === CAPTURE_HASH) {
        const known = value instanceof SummarizedArray
        return { value: null, summary: known ? value.summary : summarized(value, tag === CAPTURE_HASH) }
      }
    }
    throw new TapeError('TAPE_CORRUPT', `packed value has tag ${tag} and payload ${payload}`)
  }
}

/** Of what the run made itself an event has a summary only: the value follows from its source. */
function summaryAlone({ value, summary }: Content): Content {
  return value === null ? { value, summary } : { value: null, summary: summarized(value, false) }
}

/** What is neither 0 nor 1 stays what it is, for the check of the event to refuse. */
export function flagFrom(number: number): boolean | number {
  return number === 0 || number === 1 ? number === 1 : number
}

function refOrNull(word: number): Ref | null {
  return word === 0 ? null : word
}
