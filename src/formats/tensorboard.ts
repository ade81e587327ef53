/**
 * Event files of TensorBoard: records with a length and two sums (CRC-32C), each a protocol buffer `Event` of a time, a step and one
 * number. Written by hand, because that is all that is needed of both.
 *
 * Source  tensorflow/core/lib/io/record_writer.cc, tensorflow/core/util/event.proto
 */

interface Scalar {
  /** Seconds since 1970. */
  readonly wallTime: number
  readonly step: number
  readonly tag: string
  /** Kept as float32: the format's own. */
  readonly value: number
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  return crc >>> 0
})

/** CRC-32C (Castagnoli). */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) crc = (crc >>> 8) ^ CRC_TABLE[(crc ^ byte) & 255]!
  return (crc ^ 0xffffffff) >>> 0
}

/** Turned and shifted, so that the sum of bytes that hold a sum is no sum again. */
function masked(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0
}

/** The record that begins a file. */
export function fileVersion(wallTime: number): Uint8Array {
  return record([...time(wallTime), ...text(3, 'brain.Event:2')])
}

export function scalarRecord({ wallTime, step, tag, value }: Scalar): Uint8Array {
  const number = new Uint8Array(5)
  const view = new DataView(number.buffer)
  number[0] = (2 << 3) | 5
  view.setFloat32(1, value, true)
  const inner = [...text(1, tag), ...number]
  const summary = [...message(1, inner)]
  return record([...time(wallTime), (2 << 3) | 0, ...varint(step), ...message(5, summary)])
}

function record(event: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(12 + event.length + 4)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, event.length, true) // of 64 bits; no event is long enough to need the rest
  view.setUint32(8, masked(crc32c(bytes.subarray(0, 8))), true)
  bytes.set(event, 12)
  view.setUint32(12 + event.length, masked(crc32c(bytes.subarray(12, 12 + event.length))), true)
  return bytes
}

function time(seconds: number): number[] {
  const bytes = new Uint8Array(9)
  bytes[0] = (1 << 3) | 1
  new DataView(bytes.buffer).setFloat64(1, seconds, true)
  return [...bytes]
}

function text(field: number, content: string): number[] {
  return message(field, [...new TextEncoder().encode(content)])
}

function message(field: number, content: readonly number[]): number[] {
  return [(field << 3) | 2, ...varint(content.length), ...content]
}

function varint(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128)
  bytes.push(rest)
  return bytes
}
