/**
 * Matrix products through staging memory: brings the operands in as they lie, row by row or column by column, and
 * leaves strides and tiles to assembly/matmul.ts. Products too large for the memory are cut into blocks, whose sums go
 * on where the block before them stopped, so that no bit depends on it.
 */
import { copyIn, copyOut, STAGE, STAGE_END, type Staging } from './staging.js'

/** The most rows and columns of a block when a product must be cut: three float64 blocks of this size fit. */
const BLOCK = 1024

type Floats = Float64Array | Float32Array

/**
 * Arguments as `Kernel.matmul`. Returns whether it was done: it is not for steps that belong to neither a matrix nor
 * its transpose. `capacity` is the memory to be used, in bytes; what exceeds it is cut into blocks of 1024.
 */
export function matmulStaged(
  memory: Staging,
  m: number,
  k: number,
  n: number,
  a: Floats,
  aOffset: number,
  aRow: number,
  aColumn: number,
  b: Floats,
  bOffset: number,
  bRow: number,
  bColumn: number,
  out: Floats,
  outOffset: number,
  capacity: number = STAGE_END - STAGE,
): boolean {
  const aByRows = aColumn === 1 && (m === 1 || aRow >= k)
  const bByRows = bColumn === 1 && (k === 1 || bRow >= n)
  if (!aByRows && !(aRow === 1 && (k === 1 || aColumn >= m))) return false
  if (!bByRows && !(bRow === 1 && (n === 1 || bColumn >= k))) return false

  const wide = a instanceof Float64Array
  const bytes = wide ? 8 : 4
  const heap = wide ? memory.float64 : memory.float32
  const product = wide ? memory.run.matmul64 : memory.run.matmul32
  const fits = (m * k + k * n + m * n) * bytes <= capacity
  const most = fits ? Math.max(m, k, n, 1) : BLOCK
  const depthMost = Math.min(most, k)

  for (let i = 0; i < m; i += most) {
    const rows = Math.min(most, m - i)
    for (let j = 0; j < n; j += most) {
      const columns = Math.min(most, n - j)
      // These stay while k goes on, as the sums do.
      const aAt = STAGE
      const bAt = aAt + rows * depthMost * bytes
      const outAt = bAt + depthMost * columns * bytes
      for (let t = 0; t < k; t += most) {
        const depth = Math.min(most, k - t)
        const aFrom = aOffset + i * aRow + t * aColumn
        const bFrom = bOffset + t * bRow + j * bColumn
        if (aByRows) linesIn(heap, a, aFrom, aRow, rows, depth, aAt / bytes)
        else linesIn(heap, a, aFrom, aColumn, depth, rows, aAt / bytes)
        if (bByRows) linesIn(heap, b, bFrom, bRow, depth, columns, bAt / bytes)
        else linesIn(heap, b, bFrom, bColumn, columns, depth, bAt / bytes)
        product(
          rows,
          depth,
          columns,
          aAt,
          aByRows ? depth * bytes : bytes,
          aByRows ? bytes : rows * bytes,
          bAt,
          bByRows ? columns * bytes : bytes,
          bByRows ? bytes : depth * bytes,
          outAt,
          t === 0 ? 0 : 1,
        )
        if (t + depth === k) linesOut(heap, outAt / bytes, rows, columns, out, outOffset + i * n + j, n)
      }
    }
  }
  return true
}

/** Lines of `length` elements, each `step` after the one before, staged one behind the other. */
function linesIn(
  heap: Floats,
  x: Floats,
  from: number,
  step: number,
  lines: number,
  length: number,
  to: number,
): void {
  if (lines === 1 || step === length) return copyIn(x, from, lines * length, heap, to)
  for (let i = 0; i < lines; i++) copyIn(x, from + i * step, length, heap, to + i * length)
}

function linesOut(
  heap: Floats,
  from: number,
  lines: number,
  length: number,
  out: Floats,
  to: number,
  step: number,
): void {
  if (lines === 1 || step === length) return copyOut(heap, from, lines * length, out, to)
  for (let i = 0; i < lines; i++) copyOut(heap, from + i * length, length, out, to + i * step)
}
