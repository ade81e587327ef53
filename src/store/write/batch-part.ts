/**
 * A batch in two parts, each a batch of its own. The writing thread takes what is whole of a batch that is still being filled,
 * when the training thread computes for long and hands nothing over; what comes later is the rest.
 */
import { type ArrayCapture, CAPTURE_NOTHING } from '../../events/capture.js'
import type { RecordedArray } from '../../events/event.js'
import { type Begun, type PackedBatch, VALUE_SCALAR } from '../../events/pack.js'
import { CHECKPOINT_ENTRY_WORDS, VALUE_WORDS } from '../../events/record-layout.js'
import { TEXTS_MAX } from '../../events/text-numbering.js'
import { type RecordVisitor, visitRecord } from '../../events/visit-words.js'

/** How much of a batch: whole events from its beginning on. */
export interface Part {
  readonly words: number
  readonly events: number
  readonly steps: number
  /** Arrays that stand beside the words. */
  readonly values: number
  /** Texts first seen. */
  readonly texts: number
}

export const NOTHING: Part = { words: 0, events: 0, steps: 0, values: 0, texts: 0 }

/** Counts along the walk. */
class Counter implements RecordVisitor {
  steps = 0
  values = 0
  /** The highest number of a text that was met, and one. */
  nextText = 0
  captures: ArrayCapture[] = []
  /** Where the index of an array stands. */
  valuesAt: number[] = []
  private readonly words: Float64Array

  constructor(words: Float64Array) {
    this.words = words
  }

  leaf(form: number, _source: number, valueAt: number): void {
    this.text(form)
    this.value(valueAt)
  }

  call(
    signature: number,
    attributes: number,
    _inputsAt: number,
    _inputs: number,
    outputsAt: number,
    outputs: number,
  ): void {
    this.text(signature)
    this.text(attributes < 0 ? -1 - attributes : attributes)
    for (let i = 0; i < outputs; i++) this.value(outputsAt + i * VALUE_WORDS.size)
  }

  site(site: number): void {
    this.text(site)
  }

  gradient(
    _pass: number,
    _variable: number,
    _gradient: number,
    form: number,
    _held: number,
    valuesAt: number,
  ): void {
    this.text(form)
    this.value(valuesAt)
    this.value(valuesAt + VALUE_WORDS.size)
  }

  assignment(_variable: number, _source: number, form: number, valueAt: number): void {
    this.text(form)
    this.value(valueAt)
  }

  measured(): void {}

  clear(): void {}

  freeze(): void {}

  pass(): void {}

  step(): void {
    this.steps++
  }

  metric(name: number): void {
    this.text(name)
  }

  checkpoint(entriesAt: number, count: number): void {
    for (let i = 0; i < count; i++) {
      const at = entriesAt + i * CHECKPOINT_ENTRY_WORDS.size
      this.text(this.words[at + CHECKPOINT_ENTRY_WORDS.form]!)
      this.value(at + CHECKPOINT_ENTRY_WORDS.value)
    }
  }

  other(_kind: number, text: number): void {
    this.text(text)
  }

  private text(number: number): void {
    if (number >= this.nextText) this.nextText = number + 1
  }

  private value(at: number): void {
    const tag = this.words[at + VALUE_WORDS.tag]!
    if (tag === CAPTURE_NOTHING || tag === VALUE_SCALAR) return
    this.captures.push(tag as ArrayCapture)
    this.valuesAt.push(at + VALUE_WORDS.payload)
    this.values++
  }
}

/** A batch as far as it is known: its words may go on. */
type Filling = Begun & Pick<PackedBatch, 'words'>

/** The batch up to `words`, where an event ends, or up to this many events. */
export function partUpTo(batch: Filling, limit: { words: number } | { events: number }): Part {
  const counter = new Counter(batch.words)
  let [at, events] = [0, 0]
  while ('words' in limit ? at < limit.words : events < limit.events) {
    at = visitRecord(batch.words, at, counter)
    events++
  }
  const { steps, values, nextText } = counter
  return { words: at, events, steps, values, texts: Math.max(0, nextText - batch.firstText) }
}

/**
 * What stands in a batch between two places, as a batch. `texts` and `values` are those of the whole batch, or as many as there
 * are up to `to`.
 */
export function between(
  batch: Filling,
  from: Part,
  to: Part,
  texts: readonly string[],
  values: readonly RecordedArray[],
): PackedBatch {
  const words = batch.words.slice(from.words, to.words)
  const counter = new Counter(words)
  for (let at = 0; at < words.length; ) at = visitRecord(words, at, counter)
  for (const at of counter.valuesAt) words[at]! -= from.values
  return {
    firstPosition: batch.firstPosition + from.events,
    firstStep: batch.firstStep + from.steps,
    count: to.events - from.events,
    words,
    texts: texts.slice(from.texts, to.texts),
    firstText: batch.firstText + from.texts,
    values: values.slice(from.values, to.values),
    captures: counter.captures,
  }
}

/** The end of a batch that is there as a whole. */
export function endOf(batch: PackedBatch): Part {
  return { ...partUpTo(batch, { events: batch.count }), texts: batch.texts.length }
}

/**
 * What of a batch is not in the file, where the events before `writtenUpTo` are; null when all of it is. The writer learns the
 * texts of the rest.
 */
export function unwrittenOf(
  batch: PackedBatch,
  writtenUpTo: number,
  writer: { skip(batch: Pick<PackedBatch, 'firstText' | 'texts'>): void },
): PackedBatch | null {
  const { firstPosition, count, firstText, texts, values } = batch
  if (writtenUpTo <= firstPosition) return batch
  if (writtenUpTo >= firstPosition + count) {
    writer.skip(batch)
    return null
  }
  const from = partUpTo(batch, { events: writtenUpTo - firstPosition })
  writer.skip({ firstText, texts: texts.slice(0, from.texts) })
  return between(batch, from, endOf(batch), texts, values)
}

/** Whether a batch may end here. Where texts are numbered anew after a batch, the training thread says when that is. */
export function mayEnd(batch: Begun, part: Part): boolean {
  return batch.firstText + part.texts < TEXTS_MAX
}
