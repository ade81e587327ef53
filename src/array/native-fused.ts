/**
 * What native code computes in one call where plain code takes several steps, with the same bits: fewer passes over memory, and no
 * arrays between the steps. Below the sizes here the steps are as fast.
 */
import type { TypedArray } from './dtype.js'
import type { Cut, FusedKernel, NormShape, VolumeShape, WindowShape } from './fused-primitives.js'
import type { Native } from './native/addon.js'
import { GATE, PLACES } from './native/calls.js'

type Floats = Float64Array | Float32Array

const ELEMENTS_MIN = 64
const CHOICES_MIN = 256
/** Multiplications of all products of a convolution. */
const PRODUCTS_MIN = 2048
/** Elements to copy, and axes to copy them along. */
const COPIES_MIN = 256
const AXES_MAX = 8
/** Extents from which native code does not count. */
const EXTENT_MAX = 2 ** 31
/** Terms up to which a product is one block (array/halves.ts). */
const PRODUCT_BLOCK = 1024

/** Over native code that `native` gives at each call; null where there is none. */
export function fusedOver(native: () => Native | null): FusedKernel {
  /** The code, when there are enough elements for it. */
  const codeFor = (x: TypedArray, count: number, least: number): Native | null =>
    count >= least && (x instanceof Float64Array || x instanceof Float32Array) ? native() : null

  return Object.freeze<FusedKernel>({
    normalize(z, x, xo, gamma, go, beta, bo, out, oo) {
      const code = codeFor(x, z.images * z.channels * z.inner, ELEMENTS_MIN)
      if (code === null || !fitsNorm(z)) return false
      writeNorm(code.numbers, z, xo, go, bo, oo)
      code.library.normalize(x as Floats, gamma as Floats, beta as Floats, out as Floats)
      return true
    },

    normalizeSlopes(z, gy, gyo, x, xo, gamma, go, gx, gxo, sums, so) {
      const code = codeFor(x, z.images * z.channels * z.inner, ELEMENTS_MIN)
      if (code === null || !fitsNorm(z)) return false
      writeNorm(code.numbers, z, gyo, xo, go, gxo)
      code.numbers[11] = so
      code.library.normalizeSlopes(
        ...([gy as Floats, x as Floats, gamma as Floats, gx as Floats, sums as Floats] as const),
      )
      return true
    },

    softmaxSlope(gy, gyo, y, yo, rows, columns, out, oo) {
      const code = codeFor(y, rows * columns, ELEMENTS_MIN)
      if (code === null) return false
      const { numbers } = code
      numbers[0] = rows
      numbers[1] = columns
      numbers[2] = gyo
      numbers[3] = yo
      numbers[4] = oo
      code.library.softmaxSlope(gy as Floats, y as Floats, out as Floats)
      return true
    },

    geluSlope(gy, gyo, x, xo, out, oo, count) {
      const code = codeFor(x, count, ELEMENTS_MIN)
      if (code === null) return false
      const { numbers } = code
      numbers[0] = gyo
      numbers[1] = xo
      numbers[2] = oo
      numbers[3] = count
      code.library.geluSlope(gy as Floats, x as Floats, out as Floats)
      return true
    },

    largerShare(g, go, a, ao, b, bo, out, oo, count) {
      const code = codeFor(g, count, ELEMENTS_MIN)
      if (code === null) return false
      const { numbers } = code
      numbers[0] = go
      numbers[1] = ao
      numbers[2] = bo
      numbers[3] = oo
      numbers[4] = count
      code.library.largerShare(g as Floats, a as Floats, b as Floats, out as Floats)
      return true
    },

    choose(is, at, a, ao, aStep, b, bo, bStep, out, oo, count) {
      const code = is instanceof Uint8Array ? codeFor(out, count, CHOICES_MIN) : null
      if (code === null) return false
      const { numbers } = code
      numbers[0] = count
      numbers[1] = ao
      numbers[2] = aStep
      numbers[3] = bo
      numbers[4] = bStep
      numbers[5] = at
      numbers[6] = oo
      code.library.choose(a as Floats, b as Floats, is as Uint8Array, out as Floats)
      return true
    },

    gate(op, g, go, x, xo, p, q, out, oo, count) {
      const code = codeFor(g, count, ELEMENTS_MIN)
      if (code === null) return false
      const { numbers } = code
      numbers[0] = GATE[op]
      numbers[1] = go
      numbers[2] = xo
      numbers[3] = oo
      numbers[4] = count
      numbers[5] = p
      numbers[6] = q
      code.library.gate(g as Floats, x as Floats, out as Floats)
      return true
    },

    convert(x, xo, out, oo, count) {
      const isToNarrow = x instanceof Float64Array && out instanceof Float32Array
      if (!isToNarrow && !(x instanceof Float32Array && out instanceof Float64Array)) return false
      const code = codeFor(x, count, COPIES_MIN)
      if (code === null) return false
      const { numbers } = code
      numbers[0] = isToNarrow ? 1 : 0
      numbers[1] = isToNarrow ? xo : oo
      numbers[2] = isToNarrow ? oo : xo
      numbers[3] = count
      if (isToNarrow) code.library.convert(x, out)
      else code.library.convert(out as Float64Array, x as Float32Array)
      return true
    },

    maxPool(z, x, xo, out, oo) {
      const code = codeFor(x, z.images * z.channels * z.rows * z.columns, ELEMENTS_MIN)
      if (code === null || !fitsWindows(z)) return false
      writeWindows(code.numbers, z)
      code.numbers[12] = xo
      code.numbers[13] = oo
      code.library.maxPool(x as Floats, out as Floats)
      return true
    },

    maxPoolScatter(z, gy, gyo, x, xo, gx, gxo) {
      const code = codeFor(x, z.images * z.channels * z.rows * z.columns, ELEMENTS_MIN)
      if (code === null || !fitsWindows(z)) return false
      writeWindows(code.numbers, z)
      code.numbers[12] = gyo
      code.numbers[13] = xo
      code.numbers[14] = gxo
      code.library.maxPoolScatter(gy as Floats, x as Floats, gx as Floats)
      return true
    },

    convolve(wanted, z, maps, cut, ofPlaces, a, ao, b, bo, out, oo) {
      const [taps, places] = [z.channels * z.kernel[0] * z.kernel[1], z.outRows * z.outColumns]
      const code = codeFor(a, z.images * maps * taps * places, PRODUCTS_MIN)
      // Longer sums are not one block, and those of taps and of maps are cut elsewhere.
      const terms = wanted === 'maps' ? taps : wanted === 'images' ? maps : 0
      if (code === null || terms > PRODUCT_BLOCK || !fitsWindows(z)) return false
      const { library, numbers } = code
      writeWindows(numbers, z)
      numbers[12] = maps
      numbers[13] = ao
      numbers[14] = bo
      numbers[15] = oo
      writeCut(numbers, 16, cut)
      writeCut(numbers, 18, ofPlaces)
      const [x, y, to] = [a as Floats, b as Floats, out as Floats]
      if (wanted === 'maps') library.convolve(x, y, to)
      else if (wanted === 'images') library.convolveTransposed(x, y, to)
      else library.convolveWeights(x, y, to)
      return true
    },

    foldRows(isMinus, s, so, u, uo, uStep, a, ao, aRow, rows, columns) {
      const code = codeFor(s, rows * columns, ELEMENTS_MIN)
      if (code === null) return false
      const { numbers } = code
      numbers[0] = isMinus ? 1 : 0
      numbers[1] = rows
      numbers[2] = columns
      numbers[3] = so
      numbers[4] = uo
      numbers[5] = uStep
      numbers[6] = ao
      numbers[7] = aRow
      code.library.foldRows(s, u, a)
      return true
    },

    takeOuter(a, ao, aRow, u, uo, uStep, v, vo, rows, columns) {
      const code = codeFor(a, rows * columns, ELEMENTS_MIN)
      if (code === null) return false
      const { numbers } = code
      numbers[0] = rows
      numbers[1] = columns
      numbers[2] = ao
      numbers[3] = aRow
      numbers[4] = uo
      numbers[5] = uStep
      numbers[6] = vo
      code.library.takeOuter(a, u, v)
      return true
    },

    diagonalize(a, turned, n, least, sweeps) {
      const code = codeFor(a, n * n, ELEMENTS_MIN)
      if (code === null) return false
      const { numbers } = code
      numbers[0] = n
      numbers[1] = least
      numbers[2] = sweeps
      code.library.diagonalize(a, turned)
      return true
    },

    orthogonalize(columns, turned, count, n, share, sweeps) {
      const code = codeFor(columns, count * n, ELEMENTS_MIN)
      if (code === null) return false
      const { numbers } = code
      numbers[0] = count
      numbers[1] = n
      numbers[2] = share
      numbers[3] = sweeps
      code.library.orthogonalize(columns, turned)
      return true
    },

    symmetricEigen(a, turned, values, n, most) {
      const code = codeFor(a, n * n, ELEMENTS_MIN)
      if (code === null) return null
      const { numbers } = code
      numbers[0] = n
      numbers[1] = most
      code.library.symmetricEigen(a, turned, values)
      return numbers[0] === 1
    },

    triangleValues(columns, triangle, units, order, count, n, share, sweeps) {
      const code = codeFor(columns, count * n, ELEMENTS_MIN)
      if (code === null) return false
      const { numbers } = code
      numbers[0] = count
      numbers[1] = n
      numbers[2] = share
      numbers[3] = sweeps
      code.library.triangleValues(columns, triangle, units, order)
      return true
    },

    cholesky(a, u, n) {
      const code = codeFor(a, n * n, ELEMENTS_MIN)
      if (code === null) return null
      code.numbers[0] = n
      code.library.cholesky(a, u)
      return code.numbers[0]
    },

    factorRows(a, rows, n) {
      const code = codeFor(a, n * n, ELEMENTS_MIN)
      if (code === null) return null
      code.numbers[0] = n
      code.library.factorRows(a, rows)
      return code.numbers[0]
    },

    prelu(x, xo, slopes, so, out, oo, outer, channels, inner) {
      const code = codeFor(x, outer * channels * inner, ELEMENTS_MIN)
      if (code === null) return false
      const { numbers } = code
      numbers[0] = outer
      numbers[1] = channels
      numbers[2] = inner
      numbers[3] = xo
      numbers[4] = so
      numbers[5] = oo
      code.library.prelu(x as Floats, slopes as Floats, out as Floats)
      return true
    },

    atPlaces(op, x, xo, which, wo, out, oo, outer, extent, count, inner) {
      const code = which instanceof Int32Array ? codeFor(x, outer * count * inner, ELEMENTS_MIN) : null
      if (code === null) return null
      const { numbers } = code
      numbers[0] = PLACES[op]
      numbers[1] = outer
      numbers[2] = extent
      numbers[3] = count
      numbers[4] = inner
      numbers[5] = xo
      numbers[6] = wo
      numbers[7] = oo
      code.library.atPlaces(x as Floats, which as Int32Array, out as Floats)
      return numbers[0]
    },

    sortRows(isTurned, x, xo, rows, count, wanted, values, vo, places, po) {
      const code = places instanceof Int32Array ? codeFor(x, rows * count, ELEMENTS_MIN) : null
      if (code === null || count >= EXTENT_MAX) return false
      const { numbers } = code
      numbers[0] = isTurned ? 1 : 0
      numbers[1] = rows
      numbers[2] = count
      numbers[3] = wanted
      numbers[4] = xo
      numbers[5] = vo
      numbers[6] = po
      code.library.sortRows(x as Floats, values as Floats, places as Int32Array)
      return true
    },

    averagePool(z, x, xo, out, oo) {
      const code = codeFor(x, z.images * z.channels * z.rows * z.columns, ELEMENTS_MIN)
      if (code === null || !fitsWindows(z)) return false
      writeWindows(code.numbers, z)
      code.numbers[12] = xo
      code.numbers[13] = oo
      code.library.averagePool(x as Floats, out as Floats)
      return true
    },

    averagePoolScatter(z, gy, gyo, gx, gxo) {
      const code = codeFor(gx, z.images * z.channels * z.rows * z.columns, ELEMENTS_MIN)
      if (code === null || !fitsWindows(z)) return false
      writeWindows(code.numbers, z)
      code.numbers[12] = gyo
      code.numbers[13] = gxo
      code.library.averagePoolScatter(gy as Floats, gx as Floats)
      return true
    },

    blend(isScatter, { extent, count, step, alignCorners }, outer, inner, x, xo, out, oo) {
      const code = codeFor(x, outer * Math.max(extent, count) * inner, ELEMENTS_MIN)
      if (code === null || Math.max(extent, count) >= EXTENT_MAX) return false
      const { numbers } = code
      numbers[0] = isScatter ? 1 : 0
      numbers[1] = outer
      numbers[2] = extent
      numbers[3] = count
      numbers[4] = inner
      numbers[5] = step
      numbers[6] = alignCorners ? 1 : 0
      numbers[7] = xo
      numbers[8] = oo
      code.library.blend(x as Floats, out as Floats)
      return true
    },

    fourierRows(rows, n, length, tables, re, reo, im, imo, outRe, outReo, outIm, outImo) {
      const code = re instanceof Float64Array ? codeFor(re, rows * n, ELEMENTS_MIN) : null
      if (code === null || length >= EXTENT_MAX) return false
      const { numbers } = code
      numbers[0] = rows
      numbers[1] = n
      numbers[2] = length
      numbers[3] = reo
      numbers[4] = imo
      numbers[5] = outReo
      numbers[6] = outImo
      const [a, b, c, d] = [re, im, outRe, outIm] as Float64Array[]
      code.library.fourierRows(a!, b!, c!, d!, tables)
      return true
    },

    fourierByRadices(kind, rows, n, table, re, reo, im, imo, outRe, outReo, outIm, outImo) {
      const code = re instanceof Float64Array ? codeFor(re, rows * n, ELEMENTS_MIN) : null
      if (code === null || n >= EXTENT_MAX) return false
      const { numbers } = code
      numbers[0] = kind
      numbers[1] = rows
      numbers[2] = n
      numbers[3] = reo
      numbers[4] = imo
      numbers[5] = outReo
      numbers[6] = outImo
      const [a, b, c, d] = [re, im, outRe, outIm] as Float64Array[]
      code.library.fourierByRadices(a!, b!, c!, d!, table)
      return true
    },

    placesInOrder(x, xo, rows, n, count, values, vo, found) {
      const code = n < EXTENT_MAX ? codeFor(x, rows * n, ELEMENTS_MIN) : null
      if (code === null) return false
      const { numbers } = code
      numbers[0] = rows
      numbers[1] = n
      numbers[2] = count
      numbers[3] = xo
      numbers[4] = vo
      numbers[5] = 0
      numbers[6] = rows * count
      code.library.placesInOrder(x as Floats, values as Floats, found)
      return true
    },

    distances(isSquare, batches, m, n, d, a, ao, b, bo, out, oo) {
      const code = Math.min(batches, m, n, d) > 0 ? codeFor(a, batches * m * n, ELEMENTS_MIN) : null
      if (code === null || Math.max(n, 16 * d) >= EXTENT_MAX) return false
      const { numbers } = code
      numbers[0] = isSquare ? 1 : 0
      numbers[1] = batches
      numbers[2] = m
      numbers[3] = n
      numbers[4] = d
      numbers[5] = ao
      numbers[6] = bo
      numbers[7] = oo
      code.library.distances(a as Floats, b as Floats, out as Floats)
      return true
    },

    volumeMaxima(z, x, xo, out, oo) {
      const code = codeFor(x, z.layers * z.extents[0] * z.extents[1] * z.extents[2], ELEMENTS_MIN)
      if (code === null) return false
      writeVolumes(code.numbers, z)
      code.numbers[8] = xo
      code.numbers[9] = oo
      code.library.volumeMaxima(x as Floats, out as Floats, z.bounds)
      return true
    },

    volumeMaximaScatter(z, gy, gyo, x, xo, gx, gxo) {
      const code = codeFor(x, z.layers * z.extents[0] * z.extents[1] * z.extents[2], ELEMENTS_MIN)
      if (code === null) return false
      writeVolumes(code.numbers, z)
      code.numbers[8] = gyo
      code.numbers[9] = xo
      code.numbers[10] = gxo
      code.library.volumeMaximaScatter(gy as Floats, x as Floats, gx as Floats, z.bounds)
      return true
    },

    moveRuns(x, xo, xStep, out, oo, outStep, length, count) {
      const code = codeFor(x, length * count, ELEMENTS_MIN)
      if (code === null) return false
      const { numbers } = code
      numbers[0] = length
      numbers[1] = count
      numbers[2] = xo
      numbers[3] = xStep
      numbers[4] = oo
      numbers[5] = outStep
      code.library.moveRuns(x as Floats, out as Floats)
      return true
    },

    copy(x, xo, extents, strides, out, oo) {
      const axes = extents.length
      let count = 1
      for (let i = 0; i < axes; i++) count *= extents[i]!
      const code = axes > 0 && axes <= AXES_MAX ? codeFor(x, count, COPIES_MIN) : null
      if (code === null) return false
      const { numbers } = code
      numbers[0] = axes
      numbers[1] = xo
      numbers[2] = oo
      for (let i = 0; i < axes; i++) {
        numbers[3 + i] = extents[i]!
        numbers[3 + axes + i] = strides[i]!
      }
      code.library.copy(x as Floats, out as Floats)
      return true
    },
  })
}

function fitsNorm({ images, channels, inner }: NormShape): boolean {
  return Math.max(images, channels, inner) < EXTENT_MAX
}

/** In the order in which native/code/addon.cpp reads it. */
function writeNorm(numbers: Float64Array, z: NormShape, a: number, b: number, c: number, d: number): void {
  numbers[0] = z.isByChannel ? 1 : 0
  numbers[1] = z.images
  numbers[2] = z.channels
  numbers[3] = z.inner
  writeCut(numbers, 4, z.cut)
  numbers[6] = z.eps
  numbers[7] = a
  numbers[8] = b
  numbers[9] = c
  numbers[10] = d
}

function writeCut(numbers: Float64Array, at: number, { most, step }: Cut): void {
  numbers[at] = Math.min(most, Number.MAX_SAFE_INTEGER)
  numbers[at + 1] = step
}

function fitsWindows(z: WindowShape): boolean {
  const least = Math.min(z.images, z.channels, z.rows, z.columns, z.outRows, z.outColumns)
  const sizes = Math.max(z.images, z.channels, z.rows, z.columns, z.outRows, z.outColumns)
  return least > 0 && Math.max(sizes, ...z.kernel, ...z.stride, ...z.padding) < EXTENT_MAX
}

function writeWindows(numbers: Float64Array, z: WindowShape): void {
  numbers[0] = z.images
  numbers[1] = z.channels
  numbers[2] = z.rows
  numbers[3] = z.columns
  numbers[4] = z.kernel[0]
  numbers[5] = z.kernel[1]
  numbers[6] = z.stride[0]
  numbers[7] = z.stride[1]
  numbers[8] = z.padding[0]
  numbers[9] = z.padding[1]
  numbers[10] = z.outRows
  numbers[11] = z.outColumns
}

function writeVolumes(numbers: Float64Array, z: VolumeShape): void {
  numbers[0] = z.layers
  for (let i = 0; i < 3; i++) {
    numbers[1 + i] = z.extents[i]!
    numbers[4 + i] = z.counts[i]!
  }
  numbers[7] = 0
}
