/** Compares what a replay emitted with what the tape says, bit for bit. */
import { bytesOf, summarized } from '../events/content.js'
import type { ArraySummary, RecordedArray, TapeEvent } from '../events/event.js'
import { contentsOf, kindOf } from '../events/event-kinds.js'
import { plainToText } from '../events/plain.js'

/** What an event is called in a report: for a call the function's name. */
export function whatOf(event: TapeEvent): string {
  return functionOf(event) ?? event.type
}

export function functionOf(event: TapeEvent): string | null {
  return event.type === 'FunctionCalled' ? event.function : null
}

/** In what an event differs from the recomputed one. */
export interface Difference {
  readonly expected: string
  readonly got: string
  /** In which of its arrays, counted from 0 (outputs of a call, what a pass gave and what is held, values of a checkpoint); null for none. */
  readonly part: number | null
  /** The first element of that array that differs, one number an axis; null where only a summary is on the tape. */
  readonly element: readonly number[] | null
}

/**
 * The first field in which an event differs from the recomputed one, which has all its arrays. Where the tape has an
 * array, bits are compared; where it has a summary, the summary. Times are not recomputed: the driver passes them on.
 */
export function differenceOf(expected: TapeEvent, got: TapeEvent): Difference | null {
  const facts = differenceOfFacts(expected, got)
  if (facts !== null) return facts
  const contentsExpected = contentsOf(expected)
  const contentsGot = contentsOf(got)
  for (let i = 0; i < contentsExpected.length; i++) {
    const { value, summary } = contentsExpected[i]!
    const recomputed = contentsGot[i]?.value
    const summed = contentsGot[i]?.summary
    if (recomputed == null) {
      const difference = summary === null || summed == null ? null : differenceOfSummaries(summary, summed)
      if (difference !== null) return { ...difference, part: i }
      continue
    }
    const difference =
      value !== null
        ? differenceOfArrays(value, recomputed)
        : summary !== null
          ? differenceOfSummaries(summary, summarized(recomputed, summary.hash !== null))
          : null
    if (difference !== null) return { ...difference, part: i }
  }
  return null
}

/** In what an event differs from the recomputed one, its arrays apart. */
export function differenceOfFacts(expected: TapeEvent, got: TapeEvent): Difference | null {
  // Equal as a rule; words are made only for a difference.
  const like = got.version === expected.version ? got : { ...got, version: expected.version }
  if (sameFacts(expected, like)) return null
  return { expected: shown(expected), got: shown(got), part: null, element: null }
}

/** Whether two pieces of plain data are equal, recorded values and summaries apart. */
function sameFacts(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object') return false
  if (a === null || b === null) return isContent(a ?? b)
  if (isContent(a) && isContent(b)) return true
  const [x, y] = [a as Record<string, unknown>, b as Record<string, unknown>]
  const keys = Object.keys(x)
  if (keys.length !== Object.keys(y).length) return false
  for (const key of keys) if (!Object.hasOwn(y, key) || !sameFacts(x[key], y[key])) return false
  return true
}

function isContent(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    (('data' in value && 'dtype' in value) || 'l2Norm' in value)
  )
}

type InArray = Omit<Difference, 'part'>

function differenceOfSummaries(a: ArraySummary, b: ArraySummary): InArray | null {
  for (const key of Object.keys(a) as (keyof ArraySummary)[])
    if (!Object.is(a[key], b[key]) && !(key === 'nanCount' && a[key] === null))
      return { expected: `${key} ${a[key]}`, got: `${key} ${b[key]}`, element: null }
  return null
}

function differenceOfArrays(a: RecordedArray, b: RecordedArray): InArray | null {
  if (a.size !== b.size) return { expected: `${a.size} elements`, got: `${b.size} elements`, element: null }
  const [x, y] = [a.data, b.data]
  if (bytesOf(x, false).equals(bytesOf(y, false))) return null
  for (let i = 0; i < x.length; i++) {
    if (Object.is(x[i], y[i])) continue // NaN is NaN, whatever its bits
    const where = x.length === 1 ? '' : `element ${i}: `
    return { expected: `${where}${x[i]}`, got: `${where}${y[i]}`, element: indexOf(i, a.shape) }
  }
  return null
}

/** The place of an element, one number an axis. */
export function indexOf(flat: number, shape: readonly number[]): number[] {
  const index: number[] = []
  let rest = flat
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    index.unshift(rest % shape[axis]!)
    rest = Math.floor(rest / shape[axis]!)
  }
  return index
}

/** An event in words: of its arrays only dtype and shape, where they stand in lists. */
export function shown(event: TapeEvent): string {
  const fields: Record<string, unknown> = { ...event }
  for (const field of kindOf(event.type).arrays) {
    const arrays = fields[field]
    fields[field] = Array.isArray(arrays)
      ? arrays.map(({ dtype, shape }: { dtype: string; shape: readonly number[] }) => ({ dtype, shape }))
      : null
  }
  return plainToText(fields, 'event')
}
