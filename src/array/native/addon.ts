/** What code/addon.cpp offers to JavaScript. */

type Floats = Float64Array | Float32Array

/** The functions of code/addon.cpp. Numbers go through the array given to `share`, in the order written there. */
export interface NativeLibrary {
  /** Instruction sets of this processor that the code was compiled for, the widest first. */
  readonly ways: readonly string[]
  share(numbers: Float64Array): void
  use(way: string): boolean
  unary(x: Floats, out: Floats): void
  binary(a: Floats, b: Floats, out: Floats): void
  clip(x: Floats, out: Floats): void
  matmul(a: Floats, b: Floats, out: Floats): void
  reduceRows(x: Floats, out: Floats): void
  accumulateRows(x: Floats, out: Floats): void
  softmaxRows(x: Floats, out: Floats): void
  sgdStep(w: Floats, g: Floats, out: Floats): void
  momentumStep(w: Floats, g: Floats, v: Floats, outW: Floats, outV: Floats): void
  adamStep(w: Floats, g: Floats, m: Floats, v: Floats, outW: Floats, outM: Floats, outV: Floats): void
  summarize(x: Floats): void
  distance(x: Floats, y: Floats): void
  measure(x: Floats, y: Floats): void
  normalize(x: Floats, gamma: Floats, beta: Floats, out: Floats): void
  normalizeSlopes(gy: Floats, x: Floats, gamma: Floats, gx: Floats, sums: Floats): void
  softmaxSlope(gy: Floats, y: Floats, out: Floats): void
  geluSlope(gy: Floats, x: Floats, out: Floats): void
  maxPool(x: Floats, out: Floats): void
  maxPoolScatter(gy: Floats, x: Floats, gx: Floats): void
  convolve(x: Floats, w: Floats, out: Floats): void
  convolveTransposed(y: Floats, w: Floats, out: Floats): void
  convolveWeights(x: Floats, gy: Floats, out: Floats): void
  compare(a: Floats, b: Floats, out: Uint8Array): void
  choose(a: Floats, b: Floats, is: Uint8Array, out: Floats): void
  largerShare(g: Floats, a: Floats, b: Floats, out: Floats): void
  gate(g: Floats, x: Floats, out: Floats): void
  /** From the first to the second, or back. */
  convert(wide: Float64Array, narrow: Float32Array): void
  foldRows(s: Float64Array, u: Float64Array, a: Float64Array): void
  takeOuter(a: Float64Array, u: Float64Array, v: Float64Array): void
  diagonalize(a: Float64Array, turned: Float64Array): void
  orthogonalize(columns: Float64Array, turned: Float64Array): void
  symmetricEigen(a: Float64Array, turned: Float64Array, values: Float64Array): void
  triangleValues(columns: Float64Array, triangle: Float64Array, units: Float64Array, order: Int32Array): void
  cholesky(a: Float64Array, u: Float64Array): void
  factorRows(a: Float64Array, rows: Int32Array): void
  prelu(x: Floats, slopes: Floats, out: Floats): void
  atPlaces(x: Floats, which: Int32Array, out: Floats): void
  copy(x: Floats, out: Floats): void
  sortRows(x: Floats, values: Floats, places: Int32Array): void
  moveRuns(x: Floats, out: Floats): void
  averagePool(x: Floats, out: Floats): void
  averagePoolScatter(gy: Floats, gx: Floats): void
  blend(x: Floats, out: Floats): void
  fourierRows(
    re: Float64Array,
    im: Float64Array,
    outRe: Float64Array,
    outIm: Float64Array,
    tables: Float64Array,
  ): void
  fourierByRadices(
    re: Float64Array,
    im: Float64Array,
    outRe: Float64Array,
    outIm: Float64Array,
    table: Float64Array,
  ): void
  placesInOrder(x: Floats, values: Floats, found: Int32Array): void
  distances(a: Floats, b: Floats, out: Floats): void
  volumeMaxima(x: Floats, out: Floats, bounds: Int32Array): void
  volumeMaximaScatter(gy: Floats, x: Floats, gx: Floats, bounds: Int32Array): void
}

export interface Native {
  readonly library: NativeLibrary
  /** Filled before each call. */
  readonly numbers: Float64Array
  /** The instruction set that computes. */
  readonly way: string
}
