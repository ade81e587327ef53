// What the self-test of native code compares with: the bits of the plain loops, as constants.
import { expect, test } from 'vitest'
import { bitsOf, HASHES, type Tried } from '../../../src/array/native/self-test.js'
import { plainKernel } from '../../../src/array/plain-kernel.js'
import { distanceOf, summaryOf } from '../../../src/events/content.js'

const COUNT = 147

const PLAIN: Tried = {
  unary: (op, x, out) => plainKernel.unary(op, x, 0, out, 0, COUNT),
  binary: (op, x, y, out) => plainKernel.binary(op, 3, 49, x, 0, 49, 1, y, 0, 0, 1, out, 0),
  slope: (op, gy, x, out) => plainKernel.slope(op, gy, 0, x, 0, out, 0, COUNT),
  compare: (op, x, y, out) => plainKernel.compare(op, 3, 49, x, 0, 49, 1, y, 0, 0, 1, out, 0),
  clip: (x, least, most, out) => plainKernel.clip(x, 0, least, most, out, 0, COUNT),
  reduceRows: (op, x, from, rows, columns, out) => plainKernel.reduceRows(op, x, from, rows, columns, out, 0),
  accumulateRows: (op, x, from, rows, columns, out, to) =>
    plainKernel.accumulateRows(op, x, from, rows, columns, out, to),
  softmaxRows: (isLog, x, rows, columns, out) =>
    (isLog ? plainKernel.logSoftmaxRows : plainKernel.softmaxRows)(x, 0, rows, columns, out, 0),
  matmul: (x, xr, xc, y, yr, yc, out) => plainKernel.matmul(7, 13, 11, x, 0, xr, xc, y, 0, yr, yc, out, 0),
  sgdStep: (w, g, out, lr, weightDecay) => plainKernel.sgdStep(w, 0, g, 0, out, 0, COUNT, lr, weightDecay),
  momentumStep: (w, g, v, outW, outV, numbers) =>
    plainKernel.momentumStep(w, 0, g, 0, v, 0, outW, 0, outV, 0, COUNT, numbers),
  adamStep: ([w, g, m, v, outW, outM, outV], numbers) =>
    plainKernel.adamStep(w!, 0, g!, 0, m!, 0, v!, 0, outW!, 0, outM!, 0, outV!, 0, COUNT, numbers),
  sums: (x) => sumsOf(x),
  distance: (x, y) => apart(x, y),
  measures: (x, y) => ({ sums: sumsOf(x), squaredDistance: apart(x, y) }),
}

type Floats = Float64Array | Float32Array
const CHUNK = 1024

/** Chunk by chunk, as `summaryOf` adds, whose norm and mean are made of these sums. */
function sumsOf(x: Floats) {
  let [sum, squares] = [0, 0]
  for (let from = 0; from < x.length; from += CHUNK) {
    let [s, q] = [0, 0]
    for (const each of x.subarray(from, from + CHUNK)) {
      s += each
      q += each * each
    }
    sum += s
    squares += q
  }
  const { l2Norm, mean, min, max, zeroCount } = summaryOf(x)
  expect([Math.sqrt(squares), sum / x.length]).toEqual([l2Norm, mean])
  return { sum, squares, min: min!, max: max!, zeroCount }
}

/** Four strands in each chunk, as `distanceOf` adds, which is the root of this. */
function apart(x: Floats, y: Floats): number {
  let total = 0
  for (let from = 0; from < x.length; from += CHUNK) {
    const end = Math.min(x.length, from + CHUNK)
    const whole = end - ((end - from) % 4)
    const strands: [number, number, number, number] = [0, 0, 0, 0]
    for (let i = from; i < end; i++) {
      const d = x[i]! - y[i]!
      strands[i < whole ? i % 4 : 0]! += d * d
    }
    total += strands[0] + strands[1] + (strands[2] + strands[3])
  }
  const array = (data: Floats) => ({ dtype: 'float64', shape: [data.length], size: data.length, data })
  expect(Math.sqrt(total)).toBe(distanceOf(array(x), array(y)))
  return total
}

test.each([
  ['Float64Array', Float64Array],
  ['Float32Array', Float32Array],
] as const)('the plain loops give the bits that native code must give, %s', (name, Type) => {
  expect(bitsOf(PLAIN, Type)).toBe(HASHES[name])
})
