import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { RecordedArray } from '../../../src/events/event.js'
import { SummarizedArray } from '../../../src/events/summarized-array.js'
import { arraysOf, CHUNK_BYTES, SharedBatch } from '../../../src/store/write/shared-batch.js'

const array = (dtype: string, data: RecordedArray['data']): RecordedArray => ({
  dtype,
  shape: [data.length],
  size: data.length,
  data,
})
const bytesOf = ({ data }: RecordedArray) => Buffer.from(data.buffer, data.byteOffset, data.byteLength)

const arbitraryArray = fc.oneof(
  fc.float64Array({ maxLength: 40 }).map((data) => array('float64', data)),
  fc.float32Array({ maxLength: 40 }).map((data) => array('float32', data)),
  fc.int32Array({ maxLength: 40 }).map((data) => array('int32', data)),
  fc.uint8Array({ maxLength: 40 }).map((data) => array('uint8', data)),
  fc.uint8Array({ max: 1, maxLength: 40 }).map((data) => array('bool', data)),
)

describe('arrays copied into shared memory', () => {
  test('come out bit for bit, in order, however often the memory is used again', () => {
    const shared = new SharedBatch()
    fc.assert(
      fc.property(fc.array(arbitraryArray, { maxLength: 60 }), (arrays) => {
        shared.clear()
        for (const each of arrays) shared.add(each)
        const read = arraysOf(shared.arrays())
        expect(read.map(({ dtype, size }) => [dtype, size])).toEqual(
          arrays.map(({ dtype, size }) => [dtype, size]),
        )
        for (const [i, each] of read.entries()) expect(bytesOf(each)).toEqual(bytesOf(arrays[i]!))
      }),
    )
  })

  test('are the same array again when they were', () => {
    const shared = new SharedBatch()
    const [a, b] = [array('float64', Float64Array.of(1, 2, 3)), array('float64', Float64Array.of(1, 2, 3))]
    for (const each of [a, b, a, a, b]) shared.add(each)
    const read = arraysOf(shared.arrays())
    expect(read.map((each) => read.indexOf(each))).toEqual([0, 1, 0, 0, 1])
  })

  test('may be summaries that stand for arrays', () => {
    const shared = new SharedBatch()
    const counts = { zeroCount: 4, nonFiniteCount: 0, nanCount: 0 as number | null }
    const summary = { l2Norm: 2.5, mean: -0.5, min: -3, max: 7, ...counts, hash: null }
    const spoilt = { ...summary, l2Norm: null, mean: null, nonFiniteCount: 2, nanCount: 1 }
    const uncounted = { ...spoilt, nanCount: null }
    const a = array('float32', Float32Array.of(1, 2))
    const standIns = [summary, spoilt, uncounted].map(
      (each) => new SummarizedArray('float64', [90_000], each),
    )
    for (const each of [standIns[0]!, a, a, standIns[1]!, standIns[2]!]) shared.add(each)
    const read = arraysOf(shared.arrays())
    expect([read[0], read[3], read[4]].map((each) => (each as SummarizedArray).summary)).toEqual([
      summary,
      spoilt,
      uncounted,
    ])
    expect(read[2]).toBe(read[1])
    expect(bytesOf(read[1]!)).toEqual(bytesOf(a))
  })

  test('may be larger than the memory: they get memory of their own, which is used again', () => {
    const shared = new SharedBatch()
    const small = array('float64', Float64Array.of(1, 2))
    const large = array('float32', new Float32Array(CHUNK_BYTES / 4 + 7).fill(0.5))
    const fill = () => {
      shared.clear()
      for (const each of [small, large, small, large]) shared.add(each)
      return shared.arrays()
    }
    const first = fill()
    const read = arraysOf(first)
    expect(read.map(({ size }) => size)).toEqual([2, large.size, 2, large.size])
    expect(bytesOf(read[3]!).equals(bytesOf(large))).toBe(true)
    expect(fill().chunks).toEqual(first.chunks)
  })

  test('that are huge do not keep their memory', () => {
    const shared = new SharedBatch()
    for (let i = 0; i < 9; i++) shared.add(array('uint8', new Uint8Array(CHUNK_BYTES)))
    expect(shared.arrays().chunks.length).toBe(10)
    shared.clear()
    shared.add(array('uint8', new Uint8Array(CHUNK_BYTES)))
    expect(shared.arrays().chunks.length).toBe(2)
  })
})
