/**
 * Steps that some kernels compute in one go, with the bits of the steps. Each is a function of src/array or a gradient of
 * src/functions, where the steps stand. Operands as in primitives.ts.
 */
import type { TypedArray } from './dtype.js'

/** Functions of elements and slices that indices name, of array/indexing.ts. */
export type PlaceOp = 'gather' | 'scatterAdd' | 'take' | 'scatterTake'

/** What a gate does with what it does not let through; see `FusedKernel.gate`. */
export type GateOp =
  | 'leaky'
  | 'elu'
  | 'eluSlope'
  | 'within'
  | 'between'
  | 'selu'
  | 'seluSlope'
  | 'hardSigmoid'
  | 'hardSwish'
  | 'hardSwishSlope'
  | 'smoothL1'
  | 'huber'

/**
 * All operands are of one floating dtype, unless said. False says that it was not done: the arrays are small, or there is no code for it.
 */
export interface FusedKernel {
  /** (x − mean)/√(variance + eps)·gamma + beta. */
  normalize(
    shape: NormShape,
    x: TypedArray,
    xOffset: number,
    gamma: TypedArray,
    gammaOffset: number,
    beta: TypedArray,
    betaOffset: number,
    out: TypedArray,
    outOffset: number,
  ): boolean

  /** Its gradient in x, and in `sums` those of gamma and beta, one behind the other. */
  normalizeSlopes(
    shape: NormShape,
    gy: TypedArray,
    gyOffset: number,
    x: TypedArray,
    xOffset: number,
    gamma: TypedArray,
    gammaOffset: number,
    gx: TypedArray,
    gxOffset: number,
    sums: TypedArray,
    sumsOffset: number,
  ): boolean

  /** y·(gy − Σ gy·y) for each row. */
  softmaxSlope(
    gy: TypedArray,
    gyOffset: number,
    y: TypedArray,
    yOffset: number,
    rows: number,
    columns: number,
    out: TypedArray,
    outOffset: number,
  ): boolean

  /** gy·(Φ(x) + x·φ(x)). */
  geluSlope(
    gy: TypedArray,
    gyOffset: number,
    x: TypedArray,
    xOffset: number,
    out: TypedArray,
    outOffset: number,
    count: number,
  ): boolean

  /** `LargerShare` of src/functions: what of g goes to a when the larger of a and b is taken. */
  largerShare(
    g: TypedArray,
    gOffset: number,
    a: TypedArray,
    aOffset: number,
    b: TypedArray,
    bOffset: number,
    out: TypedArray,
    outOffset: number,
    count: number,
  ): boolean

  /**
   * out[i] = is[i] ≠ 0 ? a[i] : b[i], where a step of 0 repeats one element of a or b.
   */
  choose(
    is: TypedArray,
    isOffset: number,
    a: TypedArray,
    aOffset: number,
    aStep: 0 | 1,
    b: TypedArray,
    bOffset: number,
    bStep: 0 | 1,
    out: TypedArray,
    outOffset: number,
    count: number,
  ): boolean

  /**
   * What of g is let through by x, every operation rounded to the dtype, whose numbers p and q are:
   *
   *   leaky     g where x > 0, else g·p
   *   elu       g where x > 0, else p·(eˣ − 1)
   *   eluSlope  g where x > 0, else g·(p·eˣ)
   *   within    g where p ≤ x ≤ q, else 0
   *   between   0 where x ≤ p or q ≤ x, else g
   *   selu, seluSlope  as for elu, and g·q where x > 0
   *   hardSigmoid      min(max(x + p, 0), q)/q; hardSwish is g times that
   *   smoothL1, huber  with d = |g − x|, in float64 and rounded once: d·d/2/p where d < p, else d − q; d·d/2 where d ≤ p, else p·(d − q)
   *   hardSwishSlope   0 where x ≤ −p, g where x ≥ p, else g·(x/p + 1/2)
   */
  gate(
    op: GateOp,
    g: TypedArray,
    gOffset: number,
    x: TypedArray,
    xOffset: number,
    p: number,
    q: number,
    out: TypedArray,
    outOffset: number,
    count: number,
  ): boolean

  /** The numbers of x, of float64 or float32, in the other of the two. */
  convert(x: TypedArray, xOffset: number, out: TypedArray, outOffset: number, count: number): boolean

  maxPool(shape: WindowShape, x: TypedArray, xOffset: number, out: TypedArray, outOffset: number): boolean

  /** `gx` is zeros before. */
  maxPoolScatter(
    shape: WindowShape,
    gy: TypedArray,
    gyOffset: number,
    x: TypedArray,
    xOffset: number,
    gx: TypedArray,
    gxOffset: number,
  ): boolean

  /**
   * From two of images, weights and maps to the third: 'maps' from images and weights, 'images' from maps and
   * weights, 'weights' from images and maps. `cut` is how a sum of images is cut, `ofPlaces` one of the places of an image.
   */
  convolve(
    wanted: 'maps' | 'images' | 'weights',
    shape: WindowShape,
    maps: number,
    cut: Cut,
    ofPlaces: Cut,
    a: TypedArray,
    aOffset: number,
    b: TypedArray,
    bOffset: number,
    out: TypedArray,
    outOffset: number,
  ): boolean

  /** `foldRows` of row-updates.ts: s[c] less, or plus, Σ u[r]·a[r, c], row after row; float64. */
  foldRows(
    isMinus: boolean,
    s: Float64Array,
    sOffset: number,
    u: Float64Array,
    uOffset: number,
    uStep: number,
    a: Float64Array,
    aOffset: number,
    aRow: number,
    rows: number,
    columns: number,
  ): boolean

  /** `takeOuter` of row-updates.ts: a[r, c] less u[r]·v[c]; float64. */
  takeOuter(
    a: Float64Array,
    aOffset: number,
    aRow: number,
    u: Float64Array,
    uOffset: number,
    uStep: number,
    v: Float64Array,
    vOffset: number,
    rows: number,
    columns: number,
  ): boolean

  /**
   * Rotates the symmetric `a` [n, n] until nothing off its diagonal is above `least`, as decompositions.ts does; `turned`, the identity
   * before, gets the product of the rotations, its columns as rows.
   */
  diagonalize(a: Float64Array, turned: Float64Array, n: number, least: number, sweeps: number): boolean

  /**
   * `tridiagonalEigen` of tridiagonal.ts: the eigenvalues of `a` [n, n] into `values`, their vectors into the rows of `turned`. Whether they were
   * found; null says that it was not done.
   */
  symmetricEigen(
    a: Float64Array,
    turned: Float64Array,
    values: Float64Array,
    n: number,
    most: number,
  ): boolean | null

  /** The two steps of triangle-values.ts. */
  triangleValues(
    columns: Float64Array,
    triangle: Float64Array,
    units: Float64Array,
    order: Int32Array,
    count: number,
    n: number,
    share: number,
    sweeps: number,
  ): boolean

  /** Cholesky's factor as linear-algebra.ts computes it: −1, or the row at which the matrix proved not to be positive; null: not done. */
  cholesky(a: Float64Array, u: Float64Array, n: number): number | null

  /** L and U as linear-algebra.ts computes them: the sign of the exchanges, or null: not done. */
  factorRows(a: Float64Array, rows: Int32Array, n: number): number | null

  /** out = x above 0, x times the slope of its channel elsewhere, for `outer` × `channels` × `inner` elements. */
  prelu(
    x: TypedArray,
    xOffset: number,
    slopes: TypedArray,
    slopesOffset: number,
    out: TypedArray,
    outOffset: number,
    outer: number,
    channels: number,
    inner: number,
  ): boolean

  /** Rotates pairs of `count` columns of `n` elements, which lie side by side, until all are orthogonal; `turned` as above. */
  orthogonalize(
    columns: Float64Array,
    turned: Float64Array,
    count: number,
    n: number,
    share: number,
    sweeps: number,
  ): boolean

  /**
   * `op` of array/indexing.ts, with `count` indices along an axis of `extent` elements, `outer` and `inner` elements before and behind it;
   * what is added to is zeros before. −1, or the number of the first index that names nothing, when nothing was written; null when it was
   * not done.
   */
  atPlaces(
    op: PlaceOp,
    x: TypedArray,
    xOffset: number,
    which: TypedArray,
    whichOffset: number,
    out: TypedArray,
    outOffset: number,
    outer: number,
    extent: number,
    count: number,
    inner: number,
  ): number | null

  /** The first `wanted` of each row of `count` elements in order, as `topk` of sorting.ts gives them, and where they were. */
  sortRows(
    isTurned: boolean,
    x: TypedArray,
    xOffset: number,
    rows: number,
    count: number,
    wanted: number,
    values: TypedArray,
    valuesOffset: number,
    places: TypedArray,
    placesOffset: number,
  ): boolean

  /**
   * `placesInOrder` of sorting.ts: the values at `count` places of each row of n in order, and where they are in `found`, which holds the
   * places, ascending, behind those.
   */
  placesInOrder(
    x: TypedArray,
    xOffset: number,
    rows: number,
    n: number,
    count: number,
    values: TypedArray,
    valuesOffset: number,
    found: Int32Array,
  ): boolean

  /** `distances` of distances.ts, for `batches` times m vectors of d elements, and n others. */
  distances(
    isSquare: boolean,
    batches: number,
    m: number,
    n: number,
    d: number,
    a: TypedArray,
    aOffset: number,
    b: TypedArray,
    bOffset: number,
    out: TypedArray,
    outOffset: number,
  ): boolean

  averagePool(shape: WindowShape, x: TypedArray, xOffset: number, out: TypedArray, outOffset: number): boolean

  /** `gx` is zeros before. */
  averagePoolScatter(
    shape: WindowShape,
    gy: TypedArray,
    gyOffset: number,
    gx: TypedArray,
    gxOffset: number,
  ): boolean

  /** `blend` of blend.ts, or its adjoint, into zeros: `outer` and `inner` elements before and behind the axis. */
  blend(
    isScatter: boolean,
    shape: { extent: number; count: number; step: number; alignCorners: boolean },
    outer: number,
    inner: number,
    x: TypedArray,
    xOffset: number,
    out: TypedArray,
    outOffset: number,
  ): boolean

  /** Rows transformed as fft.ts does, with its tables; float64. */
  fourierRows(
    rows: number,
    n: number,
    length: number,
    tables: Float64Array,
    re: TypedArray,
    reOffset: number,
    im: TypedArray,
    imOffset: number,
    outRe: TypedArray,
    outReOffset: number,
    outIm: TypedArray,
    outImOffset: number,
  ): boolean

  /** Rows transformed as fft-radices.ts does, by what they are, with its table; float64. */
  fourierByRadices(
    kind: number,
    rows: number,
    n: number,
    table: Float64Array,
    re: TypedArray,
    reOffset: number,
    im: TypedArray,
    imOffset: number,
    outRe: TypedArray,
    outReOffset: number,
    outIm: TypedArray,
    outImOffset: number,
  ): boolean

  /** The maximum of each window of volumes. */
  volumeMaxima(
    shape: VolumeShape,
    x: TypedArray,
    xOffset: number,
    out: TypedArray,
    outOffset: number,
  ): boolean

  /** `gx` is zeros before. */
  volumeMaximaScatter(
    shape: VolumeShape,
    gy: TypedArray,
    gyOffset: number,
    x: TypedArray,
    xOffset: number,
    gx: TypedArray,
    gxOffset: number,
  ): boolean

  /** `count` runs of `length` elements, a step apart on either side; out is another array. */
  moveRuns(
    x: TypedArray,
    xOffset: number,
    xStep: number,
    out: TypedArray,
    outOffset: number,
    outStep: number,
    length: number,
    count: number,
  ): boolean

  /** out[i…] = x[xOffset + Σ i·stride], out contiguous. */
  copy(
    x: TypedArray,
    xOffset: number,
    extents: readonly number[],
    strides: readonly number[],
    out: TypedArray,
    outOffset: number,
  ): boolean
}

/** A sum of more than `most` parts is that of two halves; the first has half of them, rounded down to a multiple of `step`. */
export interface Cut {
  readonly most: number
  readonly step: number
}

/**
 * What is normalised: `images` times `channels` times `inner` elements, each channel by its own statistics; or, not by channel,
 * `images` rows of `channels` elements, each row by its own.
 */
export interface NormShape {
  readonly isByChannel: boolean
  readonly images: number
  readonly channels: number
  readonly inner: number
  /** Of sums over images, or over rows. */
  readonly cut: Cut
  readonly eps: number
}

/** How windows lie on images of [images, channels, rows, columns]. */
export interface WindowShape {
  readonly images: number
  readonly channels: number
  readonly rows: number
  readonly columns: number
  readonly kernel: readonly [rows: number, columns: number]
  readonly stride: readonly [rows: number, columns: number]
  readonly padding: readonly [rows: number, columns: number]
  readonly outRows: number
  readonly outColumns: number
}

/** Windows of `layers` volumes: how many along each axis, and for each axis where each window begins, then where each ends. */
export interface VolumeShape {
  readonly layers: number
  readonly extents: readonly [depths: number, rows: number, columns: number]
  readonly counts: readonly [depths: number, rows: number, columns: number]
  readonly bounds: Int32Array
}
