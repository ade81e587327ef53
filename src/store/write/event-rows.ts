/**
 * Rows for the events that are few and looked up by themselves: steps, metrics, checkpoints, and the facts that are stored as texts.
 * It does not know blocks and templates; there such an event only takes its place.
 */
import { EVENT_KIND, type Ref } from '../../events/event.js'
import { type PackedBatch, VALUE_SCALAR } from '../../events/pack.js'
import { plainToText } from '../../events/plain.js'
import { CHECKPOINT_ENTRY_WORDS, VALUE_WORDS } from '../../events/record-layout.js'
import { toScalar } from '../format/value.js'
import { ASSIGNMENT_ROWS } from './assignment-rows.js'
import { GRADIENT_ROWS } from './gradient-rows.js'
import type { RowBuffer } from './row-buffer.js'
import type { TextNumbers } from './text-numbers.js'
import type { StoredValue } from './value-store.js'

export const ROW_COLUMNS = {
  _block: ['id', 'run_id', 'step', 'template_id', 'base', 'slots'],
  _step: ['id', 'step', 'elapsed_ms'],
  _metric: ['id', 'step', 'name_id', 'scalar', 'variable'],
  _fact: ['id', 'step', 'kind', 'subject', 'payload'],
  _checkpoint_value: ['id', 'ordinal', 'form_id', 'value_id', 'scalar'],
  _call_site: ['id', 'template_id', 'place', 'site_id'],
  ...GRADIENT_ROWS,
  ...ASSIGNMENT_ROWS,
} as const
export type Rows = { [table in keyof typeof ROW_COLUMNS]: RowBuffer }

export class EventRows {
  private readonly texts: TextNumbers
  private readonly rows: Rows

  constructor(texts: TextNumbers, rows: Rows) {
    this.texts = texts
    this.rows = rows
  }

  // `id` is that of the event, `step` the step it is in; texts are numbers of the run's texts.

  step(id: number, step: number, elapsedMs: number): void {
    const row = this.rows._step
    row.add(id)
    row.add(step)
    row.add(elapsedMs)
    row.endRow()
  }

  /** `variable` 0: none. */
  metric(id: number, step: number, name: number, value: number, variable: Ref): void {
    const row = this.rows._metric
    row.add(id)
    row.add(step)
    row.add(this.texts.textId(name))
    row.add(toScalar(value))
    row.add(variable === 0 ? null : variable)
    row.endRow()
  }

  /** Entries stand in the words from `at` on, as CHECKPOINT_ENTRY_WORDS says. */
  checkpoint(
    id: number,
    step: number,
    words: PackedBatch['words'],
    at: number,
    count: number,
    stored: readonly StoredValue[],
  ): void {
    const variables: Ref[] = []
    const row = this.rows._checkpoint_value
    for (let i = 0, entry = at; i < count; i++, entry += CHECKPOINT_ENTRY_WORDS.size) {
      variables.push(words[entry + CHECKPOINT_ENTRY_WORDS.variable]!)
      const tag = words[entry + CHECKPOINT_ENTRY_WORDS.value + VALUE_WORDS.tag]!
      const payload = words[entry + CHECKPOINT_ENTRY_WORDS.value + VALUE_WORDS.payload]!
      row.add(id)
      row.add(i)
      row.add(this.texts.arrayFormId(words[entry + CHECKPOINT_ENTRY_WORDS.form]!))
      row.add(tag === VALUE_SCALAR ? null : stored[payload]!.id)
      row.add(tag === VALUE_SCALAR ? toScalar(payload) : null)
      row.endRow()
    }
    this.fact(id, step, EVENT_KIND.CheckpointTaken, null, plainToText({ variables }, 'checkpoint'))
  }

  other(id: number, step: number, kind: number, text: number): void {
    const payload = this.texts.content(text)
    const subject: unknown = JSON.parse(payload).variable
    this.fact(id, step, kind, typeof subject === 'number' ? subject : null, payload)
  }

  /** `subject` is the variable that the event is about. */
  private fact(id: number, step: number, kind: number, subject: Ref | null, payload: string): void {
    const row = this.rows._fact
    row.add(id)
    row.add(step)
    row.add(kind)
    row.add(subject)
    row.add(payload)
    row.endRow()
  }
}
