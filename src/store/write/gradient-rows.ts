/**
 * The row of a gradient: what it is about, what is kept of it, and the numbers that people ask for as columns. What it holds after
 * accumulation, where that is something else, has a row of its own.
 */
import { CAPTURE_BYTES, CAPTURE_HASH, CAPTURE_NOTHING, CAPTURE_SUMMARY } from '../../events/capture.js'
import { summaryOf } from '../../events/content.js'
import type { Ref } from '../../events/event.js'
import { VALUE_NONE, VALUE_SCALAR } from '../../events/pack.js'
import { VALUE_WORDS } from '../../events/record-layout.js'
import type { Summary } from '../../events/summary.js'
import { toScalar } from '../format/value.js'
import type { RowBuffer } from './row-buffer.js'
import type { StoredValue } from './value-store.js'

/** What is kept of an array, as columns: the tag, the value's id or the number, the summary. */
const CONTENT_COLUMNS = [
  'kept',
  'value_id',
  'scalar',
  'l2_norm',
  'mean',
  'min',
  'max',
  'zero_count',
  'non_finite_count',
  'nan_count',
] as const

/** The numbers of a summary, as columns. */
export const SUMMARY_COLUMNS = CONTENT_COLUMNS.slice(3)

export const GRADIENT_ROWS = {
  _gradient: ['id', 'variable_id', 'pass', 'form_id', 'held', ...CONTENT_COLUMNS],
  _accumulated: ['id', ...CONTENT_COLUMNS],
} as const

const one = new Float64Array(1)

export class GradientRows {
  private readonly rows: { readonly [table in keyof typeof GRADIENT_ROWS]: RowBuffer }

  constructor(rows: { readonly [table in keyof typeof GRADIENT_ROWS]: RowBuffer }) {
    this.rows = rows
  }

  /** Two values stand in the words at `valuesAt`: the contribution, and what was accumulated. */
  add(
    id: number,
    variableId: number,
    pass: Ref,
    formId: number,
    held: number,
    words: Float64Array,
    valuesAt: number,
    stored: readonly StoredValue[],
  ): void {
    const row = this.rows._gradient
    row.add(id)
    row.add(variableId)
    row.add(pass)
    row.add(formId)
    row.add(held)
    addContent(row, words, valuesAt, stored)
    row.endRow()
    const accumulatedAt = valuesAt + VALUE_WORDS.size
    if (words[accumulatedAt + VALUE_WORDS.tag] === VALUE_NONE) return
    const accumulated = this.rows._accumulated
    accumulated.add(id)
    addContent(accumulated, words, accumulatedAt, stored)
    accumulated.endRow()
  }
}

function addContent(row: RowBuffer, words: Float64Array, at: number, stored: readonly StoredValue[]): void {
  const tag = words[at + VALUE_WORDS.tag]!
  const payload = words[at + VALUE_WORDS.payload]!
  row.add(tag)
  switch (tag) {
    case CAPTURE_NOTHING:
      row.add(null)
      row.add(null)
      addSummary(row, null)
      break
    case VALUE_SCALAR:
      one[0] = payload
      row.add(null)
      row.add(toScalar(payload))
      addSummary(row, summaryOf(one))
      break
    case CAPTURE_SUMMARY:
      row.add(null)
      row.add(null)
      addSummary(row, stored[payload]!.summary)
      break
    case CAPTURE_BYTES:
    case CAPTURE_HASH:
      row.add(stored[payload]!.id)
      row.add(null)
      addSummary(row, stored[payload]!.summary)
      break
    default:
      throw new Error(`a gradient is kept in a way that there is no row for: ${tag}`)
  }
}

export function addSummary(row: RowBuffer, summary: Summary | null): void {
  row.add(summary === null ? null : summary.l2Norm)
  row.add(summary === null ? null : summary.mean)
  row.add(summary === null ? null : summary.min)
  row.add(summary === null ? null : summary.max)
  row.add(summary === null ? null : summary.zeroCount)
  row.add(summary === null ? null : summary.nonFiniteCount)
  row.add(summary === null || summary.nonFiniteCount === 0 ? null : summary.nanCount)
}
