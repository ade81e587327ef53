/**
 * Text of an array as NumPy prints it: up to 8 decimals, columns aligned, lines of 75 characters, and beyond
 * 1000 elements only the first and last three of each axis. Takes values and a shape; knows no NDArray.
 */
import type { DType, TypedArray } from './dtype.js'
import { type Shape, sizeOf } from './shape.js'

const LINE_WIDTH = 75
const PRECISION = 8
const SUMMARY_ABOVE = 1000
const EDGE_ITEMS = 3

export function formatArray(data: TypedArray, shape: Shape, dtype: DType): string {
  if (sizeOf(shape) === 0) return '[]'
  if (shape.length === 0) return formatOne(data[0]!, dtype)
  const summary = data.length > SUMMARY_ABOVE
  const shown = shownIndices(shape, summary)
  const words = wordsOf(
    shown.flat.map((i) => data[i]!),
    dtype,
  )
  let next = 0

  const row = (axis: number, indent: string, width: number): string => {
    const axesLeft = shape.length - axis
    if (axesLeft === 0) return words[next++]!
    const parts = shown.axes[axis]!.map((i) => (i < 0 ? '...' : row(axis + 1, `${indent} `, width - 1)))
    if (axesLeft > 1) return `[${parts.join('\n'.repeat(axesLeft - 1) + indent)}]`
    let text = ''
    let line = indent
    parts.forEach((word, i) => {
      if (line.length + word.length > width - 1 && line.length > indent.length) {
        text += `${line.trimEnd()}\n`
        line = indent
      }
      line += i < parts.length - 1 ? `${word} ` : word
    })
    return `[${(text + line).slice(indent.length)}]`
  }

  return row(0, ' ', LINE_WIDTH)
}

/** Per axis the indices that are printed, -1 for the dots; and the flat indices of all printed elements. */
function shownIndices(shape: Shape, summary: boolean): { axes: number[][]; flat: number[] } {
  const axes = shape.map((extent) => {
    const all = Array.from(
      { length: summary && extent > 2 * EDGE_ITEMS ? 2 * EDGE_ITEMS : extent },
      (_, i) => i,
    )
    if (all.length === extent) return all
    return [...all.slice(0, EDGE_ITEMS), -1, ...all.slice(0, EDGE_ITEMS).map((i) => extent - EDGE_ITEMS + i)]
  })
  let flat = [0]
  axes.forEach((indices, axis) => {
    flat = flat.flatMap((base) => indices.filter((i) => i >= 0).map((i) => base * shape[axis]! + i))
  })
  return { axes, flat }
}

function formatOne(value: number, dtype: DType): string {
  if (dtype === 'bool') return value === 0 ? 'False' : 'True'
  if (dtype === 'int32' || dtype === 'uint8') return String(value)
  if (!Number.isFinite(value)) return nonFinite(value)
  const size = Math.abs(value)
  if (size !== 0 && (size < 1e-4 || size >= 1e16)) return scientific(value, dtype, 17, 0).replace('.e', 'e')
  const text = positional(value, dtype, 20)
  return text.endsWith('.') ? `${text}0` : text
}

function wordsOf(values: readonly number[], dtype: DType): string[] {
  const words =
    dtype === 'float64' || dtype === 'float32'
      ? floatWords(values, dtype)
      : values.map((v) => formatOne(v, dtype))
  const width = largestOf(words.map((w) => w.length))
  return words.map((w) => w.padStart(width))
}

/** As `Math.max`, for lists that are too long to be arguments: an array of many axes prints six elements of each. */
function largestOf(list: readonly number[]): number {
  return list.reduce((a, b) => Math.max(a, b), -Infinity)
}

/** Numbers with their points aligned; scientific when sizes differ by more than a thousand or are extreme. */
function floatWords(values: readonly number[], dtype: DType): string[] {
  const sizes = values.filter((v) => Number.isFinite(v) && v !== 0).map(Math.abs)
  const largest = largestOf(sizes)
  const smallest = sizes.reduce((a, b) => Math.min(a, b), Infinity)
  if (sizes.length > 0 && (largest >= 1e8 || smallest < 1e-4 || largest / smallest > 1000)) {
    const fractions = values
      .filter(Number.isFinite)
      .map((v) => /\.(\d*)/.exec(scientific(v, dtype, PRECISION, 0))?.[1] ?? '')
    const digits = largestOf(fractions.map((f) => f.length))
    return values.map((v) => (Number.isFinite(v) ? scientific(v, dtype, digits, digits) : nonFinite(v)))
  }
  const texts = values.map((v) => (Number.isFinite(v) ? positional(v, dtype, PRECISION) : ''))
  const right = largestOf(texts.map((t) => (t === '' ? 0 : t.length - t.indexOf('.') - 1)))
  return texts.map((text, i) => {
    if (text === '') return nonFinite(values[i]!)
    return text + ' '.repeat(right - (text.length - text.indexOf('.') - 1))
  })
}

function nonFinite(value: number): string {
  return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf'
}

/** The shortest digits that give this number back in its dtype, as `d.ddde±x`. */
function shortest(value: number, dtype: DType): string {
  if (dtype === 'float64') return value.toExponential()
  for (let digits = 0; digits < 9; digits++) {
    const text = value.toExponential(digits)
    if (Math.fround(Number(text)) === value) return text
  }
  return value.toExponential(8)
}

/** `1.`, `0.25`: at most `precision` decimals, no trailing zeros. */
function positional(value: number, dtype: DType, precision: number): string {
  const minus = Object.is(value, -0) || value < 0 ? '-' : ''
  const [mantissa, power] = shortest(Math.abs(value), dtype).split('e') as [string, string]
  const digits = mantissa.replace('.', '')
  const point = 1 + Number(power)
  const decimals = Math.max(0, digits.length - point)
  if (decimals > precision) {
    return `${minus}${Math.abs(value).toFixed(precision).replace(/0+$/, '')}`
  }
  const padded = point > 0 ? digits.padEnd(point, '0') : '0'.repeat(1 - point) + digits
  const whole = Math.max(point, 1)
  return `${minus}${padded.slice(0, whole)}.${padded.slice(whole).replace(/0+$/, '')}`
}

/** `1.5e+10`: at most `precision` and at least `digitsMin` decimals, an exponent of two digits. */
function scientific(value: number, dtype: DType, precision: number, digitsMin: number): string {
  const minus = Object.is(value, -0) ? '-' : ''
  let text = shortest(value, dtype)
  if ((/\.(\d*)e/.exec(text)?.[1] ?? '').length > precision) text = value.toExponential(precision)
  const [mantissa, power] = text.split('e') as [string, string]
  const [whole, fraction = ''] = mantissa.split('.') as [string, string?]
  const exponent = Number(power)
  const sign = exponent < 0 ? '-' : '+'
  return `${minus}${whole}.${fraction.replace(/0+$/, '').padEnd(digitsMin, '0')}e${sign}${String(Math.abs(exponent)).padStart(2, '0')}`
}
