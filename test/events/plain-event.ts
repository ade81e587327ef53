/** Live events and those of a file carry arrays of different classes; as plain data they can be compared. */
import type { RecordedArray, TapeEvent } from '../../src/events/event.js'

/** What an event or payload says, its arrays as { dtype, shape, data: list of numbers }. */
export function plainEvent<E extends Partial<TapeEvent>>(event: E): unknown {
  return plainly(event)
}

function plainly(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(plainly)
  if ('dtype' in value && 'data' in value) {
    const { dtype, shape, size, data } = value as RecordedArray
    return { dtype, shape: [...shape], size, data: [...data] }
  }
  return Object.fromEntries(Object.entries(value).map(([key, element]) => [key, plainly(element)]))
}
