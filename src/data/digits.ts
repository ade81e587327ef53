/** 1,797 handwritten digits of 8 × 8 pixels, which come with the package (digits.md says from where). */

import { gunzipSync } from 'node:zlib'
import { getDefaultDtype } from '../array/dtype.js'
import { ndarray } from '../array/make-array.js'
import type { NDArray } from '../array/ndarray.js'
import { valueText } from '../errors.js'
import { refuse } from '../functions/attributes.js'
import { checkOptions } from '../options.js'
import { DIGITS_BYTES } from './digits-bytes.js'
import { TensorDataset } from './tensor-dataset.js'

const PIXELS = 64
const PIXEL_MAX = 16
/** By custom the first 1,500 train and the last 297 test. */
const TRAIN_ROWS = 1500

export interface DigitsOptions {
  /** 'train' gives the first 1,500, 'test' the last 297. Default 'all'. */
  part?: 'all' | 'train' | 'test' | undefined
  /** The dtype of the pixels. Default the default dtype. */
  dtype?: 'float64' | 'float32' | undefined
}

/**
 * Pixels from 0 to 1, row by row, and the digit.
 *
 * Shapes  [n, 64] and [n] int32; for a convolution `reshape(x, [n, 1, 8, 8])`
 * Source  UCI "Optical Recognition of Handwritten Digits", CC BY 4.0
 */
export function digits(options: DigitsOptions = {}): TensorDataset<[NDArray, NDArray]> {
  checkOptions(options, ['part', 'dtype'], 'digits')
  const { part = 'all', dtype = getDefaultDtype() } = options
  if (part !== 'all' && part !== 'train' && part !== 'test') {
    refuse(`digits expected part 'all', 'train' or 'test', got ${valueText(part)}`)
  }
  const text = new TextDecoder().decode(gunzipSync(Buffer.from(DIGITS_BYTES, 'base64')))
  const lines = text.trimEnd().split('\n')
  const chosen =
    part === 'all' ? lines : part === 'train' ? lines.slice(0, TRAIN_ROWS) : lines.slice(TRAIN_ROWS)
  const pixels = new Float64Array(chosen.length * PIXELS)
  const labels = new Int32Array(chosen.length)
  chosen.forEach((line, row) => {
    const counts = line.split(',')
    for (let i = 0; i < PIXELS; i++) pixels[row * PIXELS + i] = Number(counts[i]) / PIXEL_MAX
    labels[row] = Number(counts[PIXELS])
  })
  const images = ndarray(pixels, { shape: [chosen.length, PIXELS], dtype })
  return new TensorDataset(images, ndarray(labels)).named('digits', { part: part === 'all' ? null : part })
}
