// Reads the digits that come with the package: 1,797 rows of 8 × 8 pixels and the digit. Knows nothing of models.
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { type NDArray, ndarray } from 'gradtape'

export const PIXELS = 64
export const CLASSES = 10
/** By custom these rows train, and all after them test. */
export const TRAIN_ROWS = 1_500

export interface Digits {
  /** [rows, 64], each pixel from 0 to 1. */
  pixels: NDArray
  /** [rows], int32, 0 to 9. */
  labels: NDArray
  rows: number
}

export function readDigits(): { train: Digits; test: Digits } {
  const file = new URL('data/digits.csv.gz', import.meta.resolve('gradtape'))
  const rows = gunzipSync(readFileSync(file))
    .toString('utf8')
    .trim()
    .split('\n')
    .map((line) => line.split(',').map(Number))
  return { train: asArrays(rows.slice(0, TRAIN_ROWS)), test: asArrays(rows.slice(TRAIN_ROWS)) }
}

function asArrays(rows: number[][]): Digits {
  return {
    pixels: ndarray(rows.map((row) => row.slice(0, PIXELS).map((count) => count / 16))),
    labels: ndarray(
      rows.map((row) => row[PIXELS] ?? Number.NaN),
      { dtype: 'int32' },
    ),
    rows: rows.length,
  }
}
