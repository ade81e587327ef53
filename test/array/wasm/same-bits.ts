/** Comparison of results bit for bit, with one NaN for all. */
import { expect } from 'vitest'

type Floats = Float64Array | Float32Array

/** The first index at which two arrays differ in a bit, NaN being equal to NaN; −1 when there is none. */
export function firstDifference(a: Floats, b: Floats): number {
  const [x, y] = [wordsOf(a), wordsOf(b)]
  const words = a.BYTES_PER_ELEMENT / 4
  for (let i = 0; i < x.length; i++) {
    if (x[i] === y[i]) continue
    const at = Math.floor(i / words)
    if (!(Number.isNaN(a[at]) && Number.isNaN(b[at]))) return at
  }
  return a.length === b.length ? -1 : Math.min(a.length, b.length)
}

function wordsOf(x: Floats): Uint32Array {
  return new Uint32Array(x.buffer, x.byteOffset, x.byteLength / 4)
}

export function expectSameBits(got: Floats, expected: Floats, what: string): void {
  const at = firstDifference(got, expected)
  if (at >= 0) expect.fail(`${what}: element ${at} is ${got[at]}, expected ${expected[at]}`)
}
