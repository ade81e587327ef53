/**
 * From packed words back to events: the inverse of pack.ts, for listeners of a live run and for tests of both. Every
 * field is checked, because words may come from a file.
 */
import { TapeError } from '../errors.js'
import { CAPTURE_BYTES, CAPTURE_HASH, CAPTURE_INLINE, CAPTURE_SUMMARY } from './capture.js'
import { summarized } from './content.js'
import {
  type ArraySummary,
  BACKWARD_VERSION,
  type CallOutput,
  EVENT_KIND,
  EVENT_VERSION,
  type EventType,
  PACKED_BACKWARD,
  type RecordedArray,
  type Ref,
  type TapeEvent,
  versionOfText,
} from './event.js'
import { CALL_ATTRIBUTES_UNIT, CALL_UNIT, HELD, type PackedBatch, VALUE_NONE, VALUE_SCALAR } from './pack.js'
import { textToPlain } from './plain.js'
import { ScalarValue } from './scalar-value.js'
import { SummarizedArray } from './summarized-array.js'
import { frozenEvent } from './validate.js'

const TYPE_OF_KIND = new Map<number, EventType>(
  Object.entries(EVENT_KIND).map(([type, kind]) => [kind, type as EventType]),
)

/** The events of batches, which must come in order, since a text is carried only by the batch in which it was first seen. */
export class BatchUnpacker {
  private texts: string[] = []
  private readonly unpacker = new Unpacker((number) => this.texts[number])

  events(batch: PackedBatch): TapeEvent[] {
    if (batch.firstText === 0) this.texts = []
    this.texts.push(...batch.texts)
    const words = new WordReader(batch.words, 0, batch.values)
    const events: TapeEvent[] = []
    let step = batch.firstStep
    for (let i = 0; i < batch.count; i++) {
      const event = this.unpacker.event(words, batch.firstPosition + i, step)
      step = event.step
      events.push(event)
    }
    return events
  }
}

/** Makes events from words, given the run's texts by number. */
export class Unpacker {
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

  /** The next event in `words`; `step` is the step before it. */
  event(words: WordReader, position: number, step: number): TapeEvent {
    const kind = words.next()
    if (kind === PACKED_BACKWARD) return this.finished(backwardStarted(words, position, step))
    if (kind >= CALL_UNIT) return this.shortCall(kind, words, position, step)
    const type = TYPE_OF_KIND.get(kind)
    if (type === undefined)
      throw new TapeError(
        'TAPE_CORRUPT',
        `event ${position} has kind ${kind}, which no version of gradtape writes`,
      )
    const fact = { version: EVENT_VERSION, position, step }
    switch (type) {
      case 'StepStarted':
        return this.finished({ type, ...fact, step: step + 1, elapsedMs: words.next() })
      case 'LeafCreated': {
        const [role, requiresGrad, name, dtype, shape] = this.list(words.next(), position, 5)
        const source = words.ref()
        return this.finished({
          type,
          ...fact,
          role,
          requiresGrad,
          name,
          dtype,
          shape,
          source,
          ...words.captured(dtype, shape),
        } as TapeEvent)
      }
      case 'FunctionCalled': {
        const signature = words.next()
        const attributes = words.next()
        const inputs = Array.from({ length: words.next() }, () => words.ref())
        const count = words.next()
        return this.call(fact, signature, attributes, inputs, (forms) =>
          Array.from({ length: count }, (_, slot): CallOutput => {
            const [dtype, shape] = forms[slot]!
            return { dtype, shape, value: words.captured(dtype, shape).value }
          }),
        )
      }
      case 'GradientComputed': {
        const pass = words.next()
        const variable = words.ref()
        const gradient = words.ref()
        const [dtype, shape] = this.list(words.next(), position, 2)
        const held = HELD[words.next()]
        const contribution = words.captured(dtype, shape)
        const accumulated = words.captured(dtype, shape)
        return this.finished({
          type,
          ...fact,
          pass,
          variable,
          dtype,
          shape,
          gradient,
          contribution: contribution.value,
          contributionSummary: contribution.summary,
          held,
          accumulated: accumulated.value,
          accumulatedSummary: accumulated.summary,
        } as TapeEvent)
      }
      case 'ValueAssigned': {
        const variable = words.ref()
        const source = words.ref()
        const [dtype, shape] = this.list(words.next(), position, 2)
        return this.finished({
          type,
          ...fact,
          variable,
          dtype,
          shape,
          source,
          ...words.captured(dtype, shape),
        } as TapeEvent)
      }
      case 'GradientCleared':
        return this.finished({ type, ...fact, variable: words.ref() } as TapeEvent)
      case 'MetricLogged': {
        const name = this.text(words.next(), position)
        const value = words.next()
        return this.finished({ type, ...fact, name, value, variable: words.ref() })
      }
      case 'CheckpointTaken': {
        const count = words.next()
        const variables: (Ref | null)[] = []
        const values: (RecordedArray | null)[] = []
        for (let i = 0; i < count; i++) {
          variables.push(words.ref())
          const [dtype, shape] = this.list(words.next(), position, 2)
          values.push(words.captured(dtype, shape).value)
        }
        return this.finished({ type, ...fact, variables, values } as TapeEvent)
      }
      default: {
        const payload = textToPlain(this.text(words.next(), position), `event ${position}`) as object
        return this.finished({
          type,
          ...fact,
          version: versionOfText(type, payload),
          ...payload,
        } as TapeEvent)
      }
    }
  }

  private shortCall(word: number, words: WordReader, position: number, step: number): TapeEvent {
    const count = Math.floor(word / CALL_UNIT) - 1
    const rest = word % CALL_UNIT
    const attributes = Math.floor(rest / CALL_ATTRIBUTES_UNIT)
    const inputs = Array.from({ length: count }, () => words.ref())
    const fact = { version: EVENT_VERSION, position, step }
    return this.call(fact, rest % CALL_ATTRIBUTES_UNIT, attributes, inputs, (forms) =>
      forms.map(([dtype, shape]) => ({ dtype, shape, value: null })),
    )
  }

  private call(
    fact: { version: number; position: number; step: number },
    signature: number,
    text: number,
    inputs: readonly (Ref | null)[],
    outputsOf: (forms: readonly [string, number[]][]) => CallOutput[],
  ): TapeEvent {
    const { position } = fact
    const [name, scope, linked, forms] = this.list(signature, position, 4)
    const attributes = textToPlain(
      this.text(text < 0 ? -1 - text : text, position),
      `attributes of event ${position}`,
    )
    const outputs = outputsOf(forms)
    const type = 'FunctionCalled'
    return this.finished({
      type,
      ...fact,
      function: name,
      attributes,
      inputs,
      outputs,
      scope,
      linked,
    } as TapeEvent)
  }

  private text(number: number, position: number): string {
    const text = this.textOf(number)
    if (text === undefined)
      throw new TapeError('TAPE_CORRUPT', `event ${position} names text ${number}, which no batch carried`)
    return text
  }

  // biome-ignore lint/suspicious/noExplicitAny: the fields are checked one by one by frozenEvent
  private list(number: number, position: number, length: number): any[] {
    const list: unknown = JSON.parse(this.text(number, position))
    if (!Array.isArray(list) || list.length !== length)
      throw new TapeError('TAPE_CORRUPT', `event ${position} expected a form of ${length} fields`)
    return list
  }
}

function backwardStarted(words: WordReader, position: number, step: number): TapeEvent {
  const flags = words.next()
  const count = words.next()
  const roots = Array.from({ length: count }, () => words.ref())
  const gradients = Array.from({ length: count }, () => words.ref())
  const targets = Array.from({ length: words.next() }, () => words.ref())
  return {
    type: 'BackwardStarted',
    version: BACKWARD_VERSION,
    position,
    step,
    roots,
    gradients,
    targets: (flags & 4) === 0 ? null : targets,
    createGraph: (flags & 1) !== 0,
    retainGrad: (flags & 2) !== 0,
  } as TapeEvent
}

/** A place in packed words. */
export class WordReader {
  private readonly words: Float64Array
  private at: number
  private readonly values: readonly RecordedArray[]

  constructor(words: Float64Array, at: number, values: readonly RecordedArray[]) {
    this.words = words
    this.at = at
    this.values = values
  }

  next(): number {
    const word = this.words[this.at++]
    if (word === undefined) throw new TapeError('TAPE_CORRUPT', 'packed events end in the middle of one')
    return word
  }

  ref(): Ref | null {
    const ref = this.next()
    return ref === 0 ? null : ref
  }

  /** The next value, or what stands for it when its bytes are not kept. */
  captured(
    dtype: string,
    shape: readonly number[],
  ): { value: RecordedArray | null; summary: ArraySummary | null } {
    const tag = this.next()
    const payload = this.next()
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
