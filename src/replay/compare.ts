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
  const [valuesExpected, valuesGot] = [valuesOf(expected), valuesOf(got)]
  const [want, have] = [withoutValues(expected), withoutValues(got)]
  if (want !== have) return { expected: want, got: have }
  for (let i = 0; i < valuesExpected.length; i++) {
    const [a, b] = [valuesExpected[i]!, valuesGot[i]]
    if (a === null || b === null || b === undefined) continue // not captured on one side: nothing to compare
    const difference = differenceOfArrays(a, b)
    if (difference !== null) return difference
  }
  return null
}

function differenceOfArrays(a: RecordedArray, b: RecordedArray): { expected: string; got: string } | null {
  if (a.data.length !== b.data.length)
    return { expected: `${a.data.length} elements`, got: `${b.data.length} elements` }
  if (bytesOf(a.data, true).equals(bytesOf(b.data, true))) return null
  let i = 0
  while (Object.is(a.data[i], b.data[i])) i++
  const where = a.data.length === 1 ? '' : `element ${i}: `
  return { expected: `${where}${a.data[i]}`, got: `${where}${b.data[i]}` }
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
