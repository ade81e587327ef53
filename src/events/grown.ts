/** Buffers that grow by doubling. */

/** A copy with room for `length` elements and at least twice as many as before; the new ones are 0. */
export function grown<T extends Float64Array | Buffer>(full: T, length: number): T {
  const size = Math.max(2 * full.length, length)
  const larger = full instanceof Float64Array ? new Float64Array(size) : Buffer.alloc(size)
  larger.set(full)
  return larger as T
}
