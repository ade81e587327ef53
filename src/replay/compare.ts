/** Compares what a replay emitted with what the tape says, bit for bit. */
import type { RecordedArray, TapeEvent } from '../events/event.js'
import { plainToText } from '../events/plain.js'
import { bytesOf } from '../store/value.js'

/** What an event is called in a report: for a call the function's name. */
export function whatOf(event: TapeEvent): string {
  return functionOf(event) ?? event.type
}

export function functionOf(event: TapeEvent): string | null {
  return event.type === 'FunctionCalled' ? event.function : null
}

/** The first field in which two events differ. Times are not recomputed: the driver passes them on. */
export function differenceOf(expected: TapeEvent, got: TapeEvent): { expected: string; got: string } | null {
  // Equal as a rule; words are made only for a difference.
  if (!sameFacts(expected, got)) return { expected: shown(expected), got: shown(got) }
  const valuesExpected = valuesOf(expected)
  const valuesGot = valuesOf(got)
  for (let i = 0; i < valuesExpected.length; i++) {
    const [a, b] = [valuesExpected[i]!, valuesGot[i]]
    if (a === null || b === null || b === undefined) continue // not captured on one side: nothing to compare
    const difference = differenceOfArrays(a, b)
    if (difference !== null) return difference
  }
  return null
}

/** Whether two pieces of plain data are equal, arrays of recorded values apart. */
function sameFacts(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object') return false
  if (a === null || b === null) return isValue(a ?? b)
  if (isValue(a) && isValue(b)) return true
  const [x, y] = [a as Record<string, unknown>, b as Record<string, unknown>]
  const keys = Object.keys(x)
  if (keys.length !== Object.keys(y).length) return false
  for (const key of keys) if (!(key in y) || !sameFacts(x[key], y[key])) return false
  return true
}

function isValue(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'data' in value && 'dtype' in value
}

function differenceOfArrays(a: RecordedArray, b: RecordedArray): { expected: string; got: string } | null {
  if (a.size !== b.size) return { expected: `${a.size} elements`, got: `${b.size} elements` }
  const [x, y] = [a.data, b.data]
  if (bytesOf(x, false).equals(bytesOf(y, false))) return null
  for (let i = 0; i < x.length; i++) {
    if (Object.is(x[i], y[i])) continue // NaN is NaN, whatever its bits
    const where = x.length === 1 ? '' : `element ${i}: `
    return { expected: `${where}${x[i]}`, got: `${where}${y[i]}` }
  }
  return null
}

function valuesOf(event: TapeEvent): (RecordedArray | null)[] {
  switch (event.type) {
    case 'FunctionCalled':
      return event.outputs.map((output) => output.value)
    case 'GradientComputed':
      return [event.contribution, event.accumulated]
    case 'LeafCreated':
    case 'ValueAssigned':
      return [event.value]
    default:
      return []
  }
}

function withoutValues(event: TapeEvent): string {
  switch (event.type) {
    case 'FunctionCalled':
      return plainToText(
        { ...event, outputs: event.outputs.map(({ dtype, shape }) => ({ dtype, shape })) },
        'event',
      )
    case 'GradientComputed':
      return plainToText({ ...event, contribution: null, accumulated: null }, 'event')
    case 'LeafCreated':
    case 'ValueAssigned':
      return plainToText({ ...event, value: null }, 'event')
    default:
      return plainToText(event, 'event')
  }
}

/** An event in words, without its arrays. */
export function shown(event: TapeEvent): string {
  return withoutValues(event)
}
