/**
 * MNIST and its kin (Fashion-MNIST, EMNIST) from their IDX files, packed by gzip or not. Downloads nothing.
 *
 * Source   http://yann.lecun.com/exdb/mnist, "The IDX file format".
 */
import { getDefaultDtype } from '../array/dtype.js'
import { ndarray } from '../array/make-array.js'
import type { NDArray } from '../array/ndarray.js'
import { formatShape, sizeOf } from '../array/shape.js'
import { TapeError, valueText } from '../errors.js'
import { refuse } from '../functions/attributes.js'
import { checkOptions } from '../options.js'
import { bytesOfFile } from './file-bytes.js'
import { TensorDataset } from './tensor-dataset.js'

const UNSIGNED_BYTES = 8
const PIXEL_MAX = 255

export interface MnistFiles {
  /** `train-images-idx3-ubyte`, or with .gz. */
  images: string | URL
  /** `train-labels-idx1-ubyte`, or with .gz. */
  labels: string | URL
  /** The dtype of the pixels: a floating one from 0 to 1, or 'uint8' as they are, which is an eighth of the size on a tape. */
  dtype?: 'float64' | 'float32' | 'uint8' | undefined
}

/**
 * Shapes  [n, rows · columns] and [n] uint8
 * Throws  FILE_NOT_FOUND; BAD_FILE for other files, and when images and labels are not equally many
 */
export function mnist(files: MnistFiles): TensorDataset<[NDArray, NDArray]> {
  checkOptions(files, ['images', 'labels', 'dtype'], 'mnist')
  const { images: imagePath, labels: labelPath, dtype = getDefaultDtype() } = files
  if (dtype !== 'float64' && dtype !== 'float32' && dtype !== 'uint8') {
    throw new TapeError(
      'BAD_DTYPE',
      `mnist expected dtype 'float64', 'float32' or 'uint8', got ${valueText(dtype)}`,
    )
  }
  for (const path of [imagePath, labelPath]) {
    if (typeof path !== 'string' && !(path instanceof URL)) {
      refuse(`mnist expected the paths of two files, { images, labels }, got ${valueText(path)}`)
    }
  }
  const images = readIdx(imagePath)
  const labels = readIdx(labelPath)
  requireAxes(images, 3, 'images [n, rows, columns]', imagePath)
  requireAxes(labels, 1, 'labels [n]', labelPath)
  if (images.shape[0] !== labels.shape[0]) {
    throw new TapeError(
      'BAD_FILE',
      `mnist expected as many labels as images, got ${images.shape[0]} images in ${imagePath} and ${labels.shape[0]} labels in ${labelPath}; take both files of one part`,
    )
  }
  const shape = [images.shape[0]!, images.shape[1]! * images.shape[2]!]
  if (dtype === 'uint8') return new TensorDataset(ndarray(images, { shape }), labels).named('mnist')
  const pixels = dtype === 'float64' ? new Float64Array(images.size) : new Float32Array(images.size)
  const { data } = images
  for (let i = 0; i < data.length; i++) pixels[i] = data[i]! / PIXEL_MAX
  return new TensorDataset(ndarray(pixels, { shape }), labels).named('mnist')
}

/**
 * An IDX file of bytes as an array.
 *
 * Throws  FILE_NOT_FOUND; BAD_FILE for another magic, and when the size is not that of its shape
 */
export function readIdx(path: string | URL): NDArray {
  const bytes = bytesOfFile(path, 'readIdx')
  const axes = bytes[3] ?? 0
  if (bytes.length < 4 || bytes[0] !== 0 || bytes[1] !== 0 || bytes[2] !== UNSIGNED_BYTES || axes === 0) {
    const magic = [...bytes.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ')
    throw new TapeError(
      'BAD_FILE',
      `readIdx expected ${path} to begin with 00 00 08 and the number of axes (an IDX file of bytes), got ${magic || 'nothing'}`,
    )
  }
  const start = 4 + 4 * axes
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length < start) throw cutOff(path, `a header of ${start} bytes`, bytes.length)
  const shape = Array.from({ length: axes }, (_, axis) => view.getUint32(4 + 4 * axis))
  if (bytes.length - start !== sizeOf(shape)) {
    throw cutOff(path, `${sizeOf(shape)} bytes for the shape ${formatShape(shape)}`, bytes.length - start)
  }
  return ndarray(new Uint8Array(bytes.subarray(start)), { shape })
}

function cutOff(path: string | URL, expected: string, got: number): TapeError {
  return new TapeError(
    'BAD_FILE',
    `readIdx expected ${expected} in ${path}, got ${got}; the file is cut off or damaged`,
  )
}

function requireAxes(array: NDArray, axes: number, what: string, path: string | URL): void {
  if (array.ndim === axes) return
  throw new TapeError(
    'BAD_FILE',
    `mnist expected ${what}, got ${formatShape(array.shape)} in ${path}; images and labels may have been exchanged`,
  )
}
