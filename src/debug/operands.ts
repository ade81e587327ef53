/** What a call read where something odd came of it: the elements behind an element, and the rows of the data set behind it. */
import type { NDArray } from '../array/ndarray.js'
import { shortNumber } from '../detectors/draft.js'
import { type FunctionCalled, positionOf, type Ref } from '../events/event.js'
import { rowsBehind } from './rows.js'
import type { RunView } from './run-view.js'
import type { StepValues } from './step-values.js'

export interface Operand {
  /** For the first line. */
  readonly short: string
  readonly text: string
}

const NAMES: Readonly<Record<string, readonly string[]>> = {
  div: ['the dividend', 'the divisor'],
  pow: ['the base', 'the exponent'],
  sub: ['the first', 'the second'],
  add: ['the first', 'the second'],
  mul: ['the first', 'the second'],
}

/** What the call read there: the same element where shapes say which, the row of a softmax, the range of all else. */
export function operandsAt(
  values: StepValues,
  call: FunctionCalled,
  element: readonly number[],
  shape: readonly number[],
): Operand[] {
  return call.inputs.slice(0, 3).map((ref, i) => {
    const array = values.read(ref, call)
    const name = call.inputs.length === 1 ? 'its input' : (NAMES[call.function]?.[i] ?? `input ${i + 1}`)
    const at = placeIn(array.shape, element, shape)
    if (at !== null && call.function !== 'softmax' && call.function !== 'logSoftmax') {
      const value = array.buffer[array.offset + at]!
      return {
        short: `${name} is ${shortNumber(value)}`,
        text: `${name} #${positionOf(ref)} is ${shortNumber(value)} there`,
      }
    }
    if ((call.function === 'softmax' || call.function === 'logSoftmax') && at !== null) {
      const range = lineRange(array, element, (call.attributes.axis as number | undefined) ?? -1)
      const all = range.low === range.high
      const text = all
        ? `all of its row is ${shortNumber(range.low)}`
        : `its row is ${shortNumber(range.low)} to ${shortNumber(range.high)}`
      return { short: text, text: `${name} #${positionOf(ref)}: ${text}` }
    }
    const { low, high } = rangeOf(array)
    return {
      short: `${name} is ${shortNumber(low)} to ${shortNumber(high)}`,
      text: `${name} #${positionOf(ref)} is ${shortNumber(low)} to ${shortNumber(high)}`,
    }
  })
}

function lineRange(array: NDArray, element: readonly number[], axis: number): { low: number; high: number } {
  const { shape } = array
  const along = axis < 0 ? axis + shape.length : axis
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (let i = 0; i < (shape[along] ?? 1); i++) {
    const index = element.map((at, k) => (k === along ? i : at))
    const value = array.buffer[array.offset + flat(index, shape)]!
    low = Math.min(low, value)
    high = Math.max(high, value)
  }
  return { low, high }
}

function rangeOf({ buffer, offset, size }: NDArray): { low: number; high: number } {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (let i = 0; i < size; i++) {
    const value = buffer[offset + i]!
    if (value < low) low = value
    if (value > high) high = value
  }
  return { low, high }
}

function flat(index: readonly number[], shape: readonly number[]): number {
  return shape.reduce((sum, size, axis) => sum * size + index[axis]!, 0)
}

/** Where the element of the output is in an input of a shape that is broadcast to it; null when the shapes do not say. */
function placeIn(
  input: readonly number[],
  element: readonly number[],
  output: readonly number[],
): number | null {
  if (input.length > output.length) return null
  const shift = output.length - input.length
  const index: number[] = []
  for (let axis = 0; axis < input.length; axis++) {
    const size = input[axis]!
    if (size !== 1 && size !== output[axis + shift]) return null
    index.push(size === 1 ? 0 : element[axis + shift]!)
  }
  return flat(index, input)
}

/** The rows of data sets that an element was computed from; null where that is not to be told. */
export function rowsOfElement(
  view: RunView,
  ref: Ref,
  shape: readonly number[],
  element: readonly number[],
): number[] | null {
  if (shape.length === 0 || element.length === 0) return null
  const rows = [...new Set(rowsBehind(view, ref, element.at(0)!).map(({ row }) => row))].sort((a, b) => a - b)
  return rows.length === 0 ? null : rows
}
