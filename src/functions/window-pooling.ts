/** Rows and volumes reduced window by window: rows, and means of volumes, are made of the pooling of images. */
import type { Pair } from '../array/convolution.js'
import { formatShape } from '../array/shape.js'
import { TapeError, valueText } from '../errors.js'
import { asVariable, type Operand, type Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { flagOf, integerOf, refuse } from './attributes.js'
import { bandMeans } from './bands.js'
import {
  adaptiveAveragePool2d,
  adaptiveMaxPool2d,
  averagePool2d,
  maxPool2d,
  type WindowOptions,
} from './pooling.js'
import { reshape, squeeze } from './shapes.js'
import { type Triple, tripleOf } from './volume-convolution.js'
import { volumeMaxima } from './volume-maxima.js'

/** Settings of the pooling of rows. */
export interface Pooling1dOptions {
  /** The size of a window. */
  kernel: number
  /** Step between windows. Default the kernel. */
  stride?: number | undefined
  /** Places around the row: at most half the kernel. Default 0. */
  padding?: number | undefined
  /** Whether a last window may reach beyond the row. Default false: what is left over is not looked at. */
  ceilMode?: boolean | undefined
}

/** Settings of the pooling of volumes: one number, or [depth, rows, columns]. */
export interface Pooling3dOptions {
  /** The size of a window. */
  kernel: number | Triple
  /** Step between windows. Default the kernel. */
  stride?: number | Triple | undefined
  /** Places around the volume: at most half the kernel. Default 0. */
  padding?: number | Triple | undefined
  /** Whether last windows may reach beyond the volume. Default false. */
  ceilMode?: boolean | undefined
}

const KEYS = ['kernel', 'stride', 'padding', 'ceilMode']

// --- rows: images of one row -----------------------------------------------------------------------------------------

function rowOf(x: Operand, what: string): Variable {
  const row = asVariable(x)
  if (row.ndim === 3 && row.shape[2] !== 0)
    return reshape(row, [row.shape[0]!, row.shape[1]!, 1, row.shape[2]!])
  throw new TapeError('SHAPE_MISMATCH', `${what} expected rows [n, c, l], got ${formatShape(row.shape)}`)
}

function pooledRow<O extends WindowOptions>(
  x: Operand,
  windows: O,
  pool: (image: Variable, windows: O) => Variable,
  what: string,
): Variable {
  const image = rowOf(x, what)
  const [extent, kernel] = [image.shape[3]!, (windows.kernel as Pair)[1]]
  if (extent + 2 * (windows.padding as Pair)[1] < kernel && windows.ceilMode !== true)
    throw new TapeError(
      'BAD_SHAPE',
      `${what} expected a window that fits, got kernel ${kernel} for ${formatShape([...image.shape.slice(0, 2), extent])}`,
    )
  return squeeze(pool(image, windows), 2)
}

function windowOfRow(options: Pooling1dOptions, what: string): WindowOptions {
  const kernel = integerOf(options.kernel, undefined, 1, 'kernel', what)
  const stride = integerOf(options.stride, kernel, 1, 'stride', what)
  const padding = integerOf(options.padding, 0, 0, 'padding', what)
  if (padding * 2 > kernel)
    refuse(`${what} expected padding of at most half the kernel, got ${padding} for ${kernel}`)
  const ceilMode = flagOf(options.ceilMode, false, 'ceilMode', what)
  return { kernel: [1, kernel], stride: [1, stride], padding: [0, padding], ceilMode }
}

/**
 * The maximum of every window of rows; padding never wins.
 *
 * Shapes   x [n, c, l] → [n, c, ⌊(l + 2·padding − kernel)/stride⌋ + 1]
 * Throws   SHAPE_MISMATCH; BAD_SHAPE when the window does not fit; BAD_ARGUMENT for the options
 * Source   PyTorch `max_pool1d`, but for the sharing of gradients
 */
export function maxPool1d(x: Operand, options: Pooling1dOptions): Variable {
  checkOptions(options, KEYS, 'maxPool1d')
  const windows = windowOfRow(options, 'maxPool1d')
  return pooledRow(x, windows, maxPool2d, 'maxPool1d')
}

/**
 * The mean of every window of rows; padding counts as zeros, or with `countPadding: false` not at all.
 *
 * Shapes   x [n, c, l] → [n, c, ⌊(l + 2·padding − kernel)/stride⌋ + 1]
 * Throws   SHAPE_MISMATCH; BAD_SHAPE when the window does not fit; BAD_ARGUMENT for the options
 * Source   PyTorch `avg_pool1d`
 */
export function averagePool1d(
  x: Operand,
  options: Pooling1dOptions & { countPadding?: boolean | undefined },
): Variable {
  checkOptions(options, [...KEYS, 'countPadding'], 'averagePool1d')
  const countPadding = flagOf(options.countPadding, true, 'countPadding', 'averagePool1d')
  const windows = { ...windowOfRow(options, 'averagePool1d'), countPadding }
  return pooledRow(x, windows, averagePool2d, 'averagePool1d')
}

/**
 * The mean of windows that divide a row into `size` places, whatever its length; windows may overlap by one.
 *
 * Shapes   x [n, c, l], 3 → [n, c, 3]
 * Throws   SHAPE_MISMATCH; BAD_ARGUMENT
 * Source   PyTorch `adaptive_avg_pool1d`
 */
export function adaptiveAveragePool1d(x: Operand, size: number): Variable {
  const to: Pair = [1, integerOf(size, undefined, 1, 'size', 'adaptiveAveragePool1d')]
  return squeeze(adaptiveAveragePool2d(rowOf(x, 'adaptiveAveragePool1d'), to), 2)
}

/**
 * The maximum of windows that divide a row into `size` places, whatever its length; windows may overlap by one.
 *
 * Shapes   x [n, c, l], 3 → [n, c, 3]
 * Throws   SHAPE_MISMATCH; BAD_ARGUMENT
 * Source   PyTorch `adaptive_max_pool1d`, but for the sharing of gradients
 */
export function adaptiveMaxPool1d(x: Operand, size: number): Variable {
  const to: Pair = [1, integerOf(size, undefined, 1, 'size', 'adaptiveMaxPool1d')]
  return squeeze(adaptiveMaxPool2d(rowOf(x, 'adaptiveMaxPool1d'), to), 2)
}

// --- volumes ---------------------------------------------------------------------------------------------------------

interface Windows {
  readonly kernel: Triple
  readonly stride: Triple
  readonly padding: Triple
}

function windowsOf(options: Pooling3dOptions, what: string): Windows {
  const kernel = tripleOf(options.kernel, undefined, 1, 'kernel', what)
  const stride =
    options.stride === undefined ? kernel : tripleOf(options.stride, undefined, 1, 'stride', what)
  const padding = tripleOf(options.padding, 0, 0, 'padding', what)
  if (padding.some((one, i) => one * 2 > kernel[i]!))
    refuse(
      `${what} expected padding of at most half the kernel, got ${valueText(padding)} for ${valueText(kernel)}`,
    )
  return { kernel, stride, padding }
}

function volumeOf(x: Operand, what: string): Variable {
  const volume = asVariable(x)
  if (volume.ndim === 5) return volume
  throw new TapeError(
    'SHAPE_MISMATCH',
    `${what} expected volumes [n, c, d, h, w], got ${formatShape(volume.shape)}`,
  )
}

/**
 * The maximum of every window of volumes; padding never wins.
 *
 * Shapes   x [n, c, d, h, w] → [n, c, ⌊(d + 2·padding − kernel)/stride⌋ + 1, …, …], ⌈ ⌉ with ceilMode
 * Throws   SHAPE_MISMATCH; BAD_SHAPE when the window does not fit; BAD_ARGUMENT for the options
 * Source   PyTorch `max_pool3d`, but for the sharing of gradients
 */
export function maxPool3d(x: Operand, options: Pooling3dOptions): Variable {
  checkOptions(options, KEYS, 'maxPool3d')
  const windows = windowsOf(options, 'maxPool3d')
  const volume = volumeOf(x, 'maxPool3d')
  const isCeil = flagOf(options.ceilMode, false, 'ceilMode', 'maxPool3d')
  requireFit(volume, windows.kernel, windows.padding, isCeil, 'maxPool3d')
  return volumeMaxima(volume, isCeil ? { ...windows, ceilMode: true } : windows)
}

/**
 * The mean of every window of volumes; padding counts as zeros, or with `countPadding: false` not at all. What ceilMode adds beyond never counts.
 *
 * Shapes   x [n, c, d, h, w] → [n, c, ⌊(d + 2·padding − kernel)/stride⌋ + 1, …, …], ⌈ ⌉ with ceilMode
 * Throws   SHAPE_MISMATCH; BAD_SHAPE when the window does not fit; BAD_ARGUMENT for the options
 * Source   PyTorch `avg_pool3d`
 */
export function averagePool3d(
  x: Operand,
  options: Pooling3dOptions & { countPadding?: boolean | undefined },
): Variable {
  checkOptions(options, [...KEYS, 'countPadding'], 'averagePool3d')
  const { kernel, stride, padding } = windowsOf(options, 'averagePool3d')
  const countPadding = flagOf(options.countPadding, true, 'countPadding', 'averagePool3d')
  const ceilMode = flagOf(options.ceilMode, false, 'ceilMode', 'averagePool3d')
  const volume = volumeOf(x, 'averagePool3d')
  const [n, c, d, h, w] = volume.shape as readonly [number, number, number, number, number]
  requireFit(volume, kernel, padding, ceilMode, 'averagePool3d')
  // The mean of means: of rows and columns, and of these over depths. How many places count is a product, too.
  const images = averagePool2d(reshape(volume, [n, c * d, h, w]), {
    kernel: [kernel[1], kernel[2]],
    stride: [stride[1], stride[2]],
    padding: [padding[1], padding[2]],
    countPadding,
    ceilMode,
  })
  const [rows, columns] = images.shape.slice(2) as [number, number]
  const deep = averagePool2d(reshape(images, [n, c, d, rows * columns]), {
    kernel: [kernel[0], 1],
    stride: [stride[0], 1],
    padding: [padding[0], 0],
    countPadding,
    ceilMode,
  })
  return reshape(deep, [n, c, deep.shape[2]!, rows, columns])
}

function requireFit(volume: Variable, kernel: Triple, padding: Triple, isCeil: boolean, what: string): void {
  const fits = volume.shape
    .slice(2)
    .every((extent, i) => extent > 0 && (isCeil || extent + 2 * padding[i]! >= kernel[i]!))
  if (fits) return
  throw new TapeError(
    'BAD_SHAPE',
    `${what} expected a window that fits, got kernel ${valueText(kernel)} for ${formatShape(volume.shape)}`,
  )
}

/** Three extents of the result of adaptive pooling. */
function sizesOf(volume: Variable, size: unknown, what: string): Triple {
  if (volume.shape.slice(2).includes(0))
    throw new TapeError(
      'SHAPE_MISMATCH',
      `${what} expected volumes with elements, got ${formatShape(volume.shape)}`,
    )
  return tripleOf(size, undefined, 1, 'size', what)
}

/**
 * The mean of windows that divide the volume into `size` depths, rows and columns, whatever its size; windows may overlap by one.
 *
 * Shapes   x [n, c, d, h, w], [2, 3, 2] → [n, c, 2, 3, 2]
 * Throws   SHAPE_MISMATCH; BAD_ARGUMENT
 * Source   PyTorch `adaptive_avg_pool3d`
 */
export function adaptiveAveragePool3d(x: Operand, size: number | Triple): Variable {
  const volume = volumeOf(x, 'adaptiveAveragePool3d')
  const to = sizesOf(volume, size, 'adaptiveAveragePool3d')
  return to.reduce((y, count, i) => bandMeans(y, { axis: i - 3, size: count }), volume)
}

/**
 * The maximum of windows that divide the volume into `size` depths, rows and columns, whatever its size; windows may overlap by one.
 *
 * Shapes   x [n, c, d, h, w], [2, 3, 2] → [n, c, 2, 3, 2]
 * Throws   SHAPE_MISMATCH; BAD_ARGUMENT
 * Source   PyTorch `adaptive_max_pool3d`, but for the sharing of gradients
 */
export function adaptiveMaxPool3d(x: Operand, size: number | Triple): Variable {
  const volume = volumeOf(x, 'adaptiveMaxPool3d')
  const to = sizesOf(volume, size, 'adaptiveMaxPool3d')
  return volumeMaxima(volume, { size: to })
}
