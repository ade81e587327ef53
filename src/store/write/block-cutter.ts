/**
 * Cuts the packed events of a batch into blocks, and each block into what repeats (its template's key) and what does not
 * (its slots). Events that are few and looked up by themselves (steps, metrics, facts) get rows of their own.
 */

import { CAPTURE_BYTES, CAPTURE_HASH, CAPTURE_INLINE } from '../../events/capture.js'
import { EVENT_KIND, PACKED_BACKWARD, positionOf, REF_SLOT_UNIT, type Ref } from '../../events/event.js'
import {
  CALL_ATTRIBUTES_UNIT,
  CALL_UNIT,
  type PackedBatch,
  VALUE_NONE,
  VALUE_SCALAR,
} from '../../events/pack.js'
import { plainToText } from '../../events/plain.js'
import { RUN_UNIT } from '../format/ids.js'
import { SlotBuffer } from '../format/slots.js'
import { SUMMARY_SLOTS, toScalar } from '../format/value.js'
import type { RowBuffer } from './row-buffer.js'
import type { TemplateStore } from './template-store.js'
import type { TextNumbers } from './text-numbers.js'
import type { StoredValue } from './value-store.js'

const BLOCK_EVENTS_MAX = 256
/** A forward part of a step below this stands in one block with the pass that follows. */
const SHORT_EVENTS_MAX = 64
/** Nothing further back than this is referred to relatively. */
const RELATIVE_MAX = 16_384
/** A gradient this far from its variable refers to it by the block's base: a long pass walks down as it goes on. */
const BASE_DISTANCE_MIN = 512

export const ROW_COLUMNS = {
  _block: ['id', 'run_id', 'step', 'template_id', 'base', 'slots'],
  _step: ['id', 'step', 'elapsed_ms'],
  _metric: ['id', 'step', 'name_id', 'scalar', 'variable'],
  _fact: ['id', 'step', 'kind', 'subject', 'payload'],
  _checkpoint_value: ['id', 'ordinal', 'form_id', 'value_id', 'scalar'],
} as const
export type Rows = { [table in keyof typeof ROW_COLUMNS]: RowBuffer }

/** Where the run's repetitions begin, carried from batch to batch. */
export interface Segments {
  /** First position of the step (or, without steps, backward pass) under way, and of the one before. */
  current: number
  previous: number
}

export class BlockCutter {
  private key = new Float64Array(4096)
  private keyLength = 0
  private readonly slots = new SlotBuffer()
  private base = 0
  private blockFirst = 0
  private blockCount = 0
  private words: PackedBatch['words'] = new Float64Array(0)
  private at = 0
  private step = 0
  private own = 0
  private runBase = 0
  private segments: Segments = { current: 1, previous: 1 }
  private stored: readonly StoredValue[] = []
  private readonly texts: TextNumbers
  private readonly templates: TemplateStore
  private readonly rows: Rows

  constructor(texts: TextNumbers, templates: TemplateStore, rows: Rows) {
    this.texts = texts
    this.templates = templates
    this.rows = rows
  }

  /** Writes the rows of a batch; gives the segments as they are after it. */
  write(batch: PackedBatch, runId: number, stored: readonly StoredValue[], segments: Segments): Segments {
    this.words = batch.words
    this.at = 0
    this.step = batch.firstStep
    this.runBase = runId * RUN_UNIT
    this.stored = stored
    this.segments = { ...segments }
    this.begin(batch.firstPosition)
    for (let i = 0; i < batch.count; i++) {
      const position = batch.firstPosition + i
      const kind = this.word()
      if (kind === EVENT_KIND.StepStarted) {
        this.end(runId)
        this.step++
        this.segments = { previous: this.segments.current, current: position }
        this.begin(position)
      } else if (this.cutsAtPass(kind)) {
        this.end(runId)
        if (this.step === 0) this.segments = { previous: this.segments.current, current: position }
        this.begin(position)
      } else if (this.blockCount === BLOCK_EVENTS_MAX) {
        this.end(runId)
        this.begin(position)
      }
      this.event(kind, position)
      this.blockCount++
    }
    this.end(runId)
    return this.segments
  }

  /** A pass repeats by itself; where a step is short enough for one block, the step does. */
  private cutsAtPass(kind: number): boolean {
    if (kind !== EVENT_KIND.BackwardStarted && kind !== PACKED_BACKWARD) return false
    return this.step === 0 || this.blockCount >= SHORT_EVENTS_MAX
  }

  private begin(position: number): void {
    this.blockFirst = position
    this.blockCount = 0
    this.keyLength = 0
    this.base = 0
    this.slots.clear()
  }

  private end(runId: number): void {
    if (this.blockCount === 0) return
    const row = this.rows._block
    row.add(this.runBase + this.blockFirst)
    row.add(runId)
    row.add(this.step)
    row.add(this.templates.idOf(this.key, this.keyLength))
    row.add(this.base)
    row.add(this.slots.count === 0 ? null : this.slots.bytes())
    row.endRow()
  }

  private event(kind: number, position: number): void {
    this.own = position
    if (kind >= CALL_UNIT) {
      this.shortCall(kind)
      return
    }
    switch (kind) {
      case EVENT_KIND.FunctionCalled:
        this.call()
        return
      case EVENT_KIND.GradientComputed: {
        const pass = this.word()
        const variable = this.word()
        const gradient = this.word()
        this.room(7)
        this.put(kind)
        this.put(this.texts.arrayFormId(this.word()))
        const slotsAt = this.keyLength++
        this.put(this.word())
        this.put(this.encoded(pass))
        this.put(this.encodedVariable(variable))
        this.put(gradient === 0 ? 0 : this.encoded(gradient))
        this.key[slotsAt] = this.values(2)
        return
      }
      case EVENT_KIND.LeafCreated: {
        this.room(4)
        this.put(kind)
        this.put(this.texts.leafFormId(this.word()))
        const source = this.word()
        const slotsAt = this.keyLength++
        this.put(source === 0 ? 0 : this.encoded(source))
        this.key[slotsAt] = this.values(1)
        return
      }
      case EVENT_KIND.ValueAssigned: {
        const variable = this.word()
        const source = this.word()
        this.room(5)
        this.put(kind)
        this.put(this.texts.arrayFormId(this.word()))
        const slotsAt = this.keyLength++
        this.put(this.encoded(variable))
        this.put(source === 0 ? 0 : this.encoded(source))
        this.key[slotsAt] = this.values(1)
        return
      }
      case PACKED_BACKWARD: {
        const flags = this.word()
        const roots = this.word()
        this.room(4 + 2 * roots)
        this.put(kind)
        this.put(flags)
        this.put(roots)
        for (let i = 0; i < 2 * roots; i++) this.put(this.encodedOrNone(this.word()))
        const targets = this.word()
        this.room(1 + targets)
        this.put(targets)
        for (let i = 0; i < targets; i++) this.put(this.encoded(this.word()))
        return
      }
      case EVENT_KIND.GradientCleared:
        this.room(2)
        this.put(kind)
        this.put(this.encoded(this.word()))
        return
      default:
        this.room(1)
        this.put(kind)
        this.row(kind, this.runBase + position)
    }
  }

  /** Nearly all events are calls: what `put` and `word` do, without a step through memory for each. */
  private call(): void {
    const { words, at } = this
    const attributes = words[at + 1]!
    const inputs = words[at + 2]!
    this.room(5 + inputs)
    const { key } = this
    const to = this.keyLength
    key[to] = EVENT_KIND.FunctionCalled
    key[to + 1] = this.texts.signatureId(words[at]!)
    key[to + 2] = attributes < 0 ? 0 : this.texts.textId(attributes)
    key[to + 4] = inputs
    for (let i = 0; i < inputs; i++) key[to + 5 + i] = this.encoded(words[at + 3 + i]!)
    this.keyLength = to + 5 + inputs
    const outputs = words[at + 3 + inputs]!
    this.at = at + 4 + inputs
    let slots = this.values(outputs)
    if (attributes < 0) {
      this.slots.addText(this.texts.textId(-1 - attributes))
      slots++
    }
    key[to + 3] = slots
  }

  /** A call in one word and its inputs: of one output, of which nothing is kept. */
  private shortCall(word: number): void {
    const { words, at } = this
    const inputs = Math.floor(word / CALL_UNIT) - 1
    const rest = word - CALL_UNIT * (inputs + 1)
    const attributes = Math.floor(rest / CALL_ATTRIBUTES_UNIT)
    this.room(5 + inputs)
    const { key } = this
    const to = this.keyLength
    key[to] = EVENT_KIND.FunctionCalled
    key[to + 1] = this.texts.signatureId(rest - CALL_ATTRIBUTES_UNIT * attributes)
    key[to + 2] = this.texts.textId(attributes)
    key[to + 3] = 0
    key[to + 4] = inputs
    for (let i = 0; i < inputs; i++) key[to + 5 + i] = this.encoded(words[at + i]!)
    this.keyLength = to + 5 + inputs
    this.at = at + inputs
  }

  private row(kind: number, id: number): void {
    if (kind === EVENT_KIND.StepStarted) {
      const row = this.rows._step
      row.add(id)
      row.add(this.step)
      row.add(this.word())
      row.endRow()
    } else if (kind === EVENT_KIND.MetricLogged) {
      const row = this.rows._metric
      row.add(id)
      row.add(this.step)
      row.add(this.texts.textId(this.word()))
      row.add(toScalar(this.word()))
      row.add(this.word() || null)
      row.endRow()
    } else if (kind === EVENT_KIND.CheckpointTaken) {
      this.checkpoint(id)
    } else {
      const payload = this.texts.content(this.word())
      const subject: unknown = JSON.parse(payload).variable
      const row = this.rows._fact
      row.add(id)
      row.add(this.step)
      row.add(kind)
      row.add(typeof subject === 'number' ? subject : null)
      row.add(payload)
      row.endRow()
    }
  }

  private checkpoint(id: number): void {
    const variables: Ref[] = []
    const count = this.word()
    const row = this.rows._checkpoint_value
    for (let i = 0; i < count; i++) {
      variables.push(this.word())
      row.add(id)
      row.add(i)
      row.add(this.texts.arrayFormId(this.word()))
      const [tag, payload] = [this.word(), this.word()]
      row.add(tag === VALUE_SCALAR ? null : this.stored[payload]!.id)
      row.add(tag === VALUE_SCALAR ? toScalar(payload) : null)
      row.endRow()
    }
    const fact = this.rows._fact
    fact.add(id)
    fact.add(this.step)
    fact.add(EVENT_KIND.CheckpointTaken)
    fact.add(null)
    fact.add(plainToText({ variables }, 'checkpoint'))
    fact.endRow()
  }

  /** A reference as templates hold it: so many positions back, or minus the ref itself when it lies far back. */
  private encoded(ref: Ref): number {
    const { own } = this
    const position = positionOf(ref)
    if (position >= this.segments.previous && own - position <= RELATIVE_MAX)
      return own - position + (ref - position)
    return -ref
  }

  private encodedOrNone(ref: Ref): number {
    return ref === 0 ? 0 : this.encoded(ref)
  }

  /** The variable of a gradient: by the block's base when it is far away but in the graph the pass walks down. */
  private encodedVariable(ref: Ref): number {
    if (ref >= REF_SLOT_UNIT || this.own - ref < BASE_DISTANCE_MIN || ref < this.segments.previous)
      return this.encoded(ref)
    if (this.base === 0) this.base = ref
    return Math.abs(this.base - ref) <= RELATIVE_MAX ? this.base - ref + 0.5 : this.encoded(ref)
  }

  /**
   * The slots of `count` values; trailing values that were not captured take none, and summaries take six each (then all
   * of the values are summaries). Gives how many slots were taken.
   */
  private values(count: number): number {
    let taken = 0
    let width = 1
    for (let i = 0; i < count; i++) {
      const tag = this.word()
      const payload = this.word()
      if (tag === VALUE_NONE) continue
      for (; taken < i; taken++) this.slots.addNothing()
      if (tag === VALUE_SCALAR) this.slots.addNumber(payload)
      else if (tag === CAPTURE_BYTES) this.slots.addValue(this.stored[payload]!.id)
      else if (tag === CAPTURE_INLINE)
        return this.slots.addInline(this.stored[payload]!.inline!) // always the only one
      else if (tag === CAPTURE_HASH) this.slots.addHashed(this.stored[payload]!.id)
      else {
        this.slots.addSummary(this.stored[payload]!.summary!)
        width = SUMMARY_SLOTS
      }
      taken = i + 1
    }
    return taken * width
  }

  private put(word: number): void {
    this.key[this.keyLength++] = word
  }

  private word(): number {
    return this.words[this.at++]!
  }

  private room(words: number): void {
    if (this.keyLength + words <= this.key.length) return
    const larger = new Float64Array(Math.max(this.key.length * 2, this.keyLength + words))
    larger.set(this.key)
    this.key = larger
  }
}
