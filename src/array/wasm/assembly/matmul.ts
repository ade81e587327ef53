/**
 * Matrix products in tiles that stay in registers: 4 × 4 float64, 2 × 16 float32. An element has one accumulator, k
 * ascends, product and sum are rounded apart; blocks of k begin with what the block before them left, and a store and
 * a load change no bit. So the result is that of the plain triple loop, however the work is cut.
 *
 *   for blocks of columns      b: a strip of KC × tile stays in the first cache
 *     for blocks of k          packed b: KC × NC
 *       for blocks of rows     packed a: MC × KC stays in the second cache
 *         for strips of b, for strips of a: one tile
 */
import { packPair32, packStrip32, packStrip64 } from './pack'
import { tile32, tile64 } from './tiles'

/** Where the packed operands lie; see also `STAGE` in src/array/wasm/staging.ts, which begins behind them. */
const PACKED_A: usize = 0x10000
const PACKED_B: usize = 0x90000
const TILE: usize = 0x8000

const KC: usize = 400
const MC: usize = 128
const NC64: usize = 256
const NC32: usize = 512

/** k is cut evenly, since a short last block would cost as many loads and stores of tiles as a long one. */
@inline function blockOf(k: usize): usize {
  const blocks = (k + KC - 1) / KC
  return blocks === 0 ? 1 : (k + blocks - 1) / blocks
}

/** c (+)= a·b, where c is m × n and contiguous. Steps are in bytes; `adds` says whether c holds sums already. */
export function matmul64(
  m: usize, k: usize, n: usize,
  a: usize, aRow: usize, aColumn: usize,
  b: usize, bRow: usize, bColumn: usize,
  out: usize, adds: bool,
): void {
  const kc = blockOf(k)
  const row = n << 3
  for (let j: usize = 0; j < n; j += NC64) {
    const columns = min(NC64, n - j)
    for (let t: usize = 0; t < k; t += kc) {
      const depth = min(kc, k - t)
      const goesOn = adds || t > 0
      const strip = depth << 5
      for (let s: usize = 0, to = PACKED_B; s < columns; s += 4, to += strip) {
        packStrip64(b + t * bRow + (j + s) * bColumn, bColumn, bRow, min(4, columns - s), depth, to)
      }
      for (let i: usize = 0; i < m; i += MC) {
        const rows = min(MC, m - i)
        for (let r: usize = 0, to = PACKED_A; r < rows; r += 4, to += strip) {
          packStrip64(a + (i + r) * aRow + t * aColumn, aRow, aColumn, min(4, rows - r), depth, to)
        }
        for (let s: usize = 0, q = PACKED_B; s < columns; s += 4, q += strip) {
          const width = min(4, columns - s)
          let to = out + i * row + ((j + s) << 3)
          for (let r: usize = 0, p = PACKED_A; r < rows; r += 4, p += strip, to += 4 * row) {
            const height = min(4, rows - r)
            if (width === 4 && height === 4) {
              tile64(depth, p, q, to, row, goesOn)
            } else {
              if (goesOn) copyTile64(to, row, TILE, 32, height, width)
              tile64(depth, p, q, TILE, 32, goesOn)
              copyTile64(TILE, 32, to, row, height, width)
            }
          }
        }
      }
    }
  }
}

function copyTile64(from: usize, fromRow: usize, to: usize, toRow: usize, height: usize, width: usize): void {
  for (let i: usize = 0; i < height; i++, from += fromRow, to += toRow) {
    for (let j: usize = 0; j < width << 3; j += 8) store<f64>(to + j, load<f64>(from + j))
  }
}

/** As `matmul64`. */
export function matmul32(
  m: usize, k: usize, n: usize,
  a: usize, aRow: usize, aColumn: usize,
  b: usize, bRow: usize, bColumn: usize,
  out: usize, adds: bool,
): void {
  const kc = blockOf(k)
  const row = n << 2
  for (let j: usize = 0; j < n; j += NC32) {
    const columns = min(NC32, n - j)
    for (let t: usize = 0; t < k; t += kc) {
      const depth = min(kc, k - t)
      const goesOn = adds || t > 0
      const aStrip = depth << 3
      const bStrip = depth << 6
      for (let s: usize = 0, to = PACKED_B; s < columns; s += 16, to += bStrip) {
        packStrip32(b + t * bRow + (j + s) * bColumn, bColumn, bRow, min(16, columns - s), depth, to)
      }
      for (let i: usize = 0; i < m; i += MC) {
        const rows = min(MC, m - i)
        for (let r: usize = 0, to = PACKED_A; r < rows; r += 2, to += aStrip) {
          packPair32(a + (i + r) * aRow + t * aColumn, aRow, aColumn, min(2, rows - r), depth, to)
        }
        for (let s: usize = 0, q = PACKED_B; s < columns; s += 16, q += bStrip) {
          const width = min(16, columns - s)
          let to = out + i * row + ((j + s) << 2)
          for (let r: usize = 0, p = PACKED_A; r < rows; r += 2, p += aStrip, to += 2 * row) {
            const height = min(2, rows - r)
            if (width === 16 && height === 2) {
              tile32(depth, p, q, to, row, goesOn)
            } else {
              if (goesOn) copyTile32(to, row, TILE, 64, height, width)
              tile32(depth, p, q, TILE, 64, goesOn)
              copyTile32(TILE, 64, to, row, height, width)
            }
          }
        }
      }
    }
  }
}

function copyTile32(from: usize, fromRow: usize, to: usize, toRow: usize, height: usize, width: usize): void {
  for (let i: usize = 0; i < height; i++, from += fromRow, to += toRow) {
    for (let j: usize = 0; j < width << 2; j += 4) store<f32>(to + j, load<f32>(from + j))
  }
}
