/**
 * The interface of what computes arrays: loops over typed arrays, without shapes, dtypes' promotion or
 * checks. Kernels with the same id give the same bits, so a faster one can take over any primitive. Knows no
 * NDArray.
 *
 * Every operand is (buffer, offset) with steps counted in elements; a step of 0 repeats one element. `out` is
 * contiguous, of the length that follows from the counts, and overlaps no operand, except that it may
 * coincide with one exactly. The operands and the output of one call have the same dtype, unless said; bool
 * arrives as bytes of 0 and 1.
 */
import type { TypedArray } from './dtype.js'
import type { FusedKernel } from './fused-primitives.js'

/** Operations with one operand. Those of `FloatUnaryOp` are only asked for in floating dtypes. */
export type UnaryOp = FloatUnaryOp | 'neg' | 'square' | 'abs' | 'relu' | 'sign' | 'cube' | RoundingOp
/** To an integer: down, up, towards 0, to the nearest. */
export type RoundingOp = 'floor' | 'ceil' | 'trunc' | 'round'
type FloatUnaryOp =
  | 'exp'
  | 'log'
  | 'sqrt'
  | 'sin'
  | 'cos'
  | 'tanh'
  | 'sigmoid'
  | 'erf'
  | 'gelu'
  | 'softplus'
  | 'expm1'
  | 'log1p'
  | 'reciprocal'
  | 'tan'
  | 'sinh'
  | 'cosh'
  | 'arcsin'
  | 'arccos'
  | 'arctan'
  | 'exp2'

/**
 * `div` and `arctan2` are only asked for in floating dtypes; integer `pow` only with exponents of at least 0, integer `remainder`
 * only by others than 0.
 */
export type BinaryOp = 'add' | 'sub' | 'mul' | 'div' | 'maximum' | 'minimum' | 'pow' | 'arctan2' | 'remainder'

export type CompareOp = 'equal' | 'notEqual' | 'less' | 'lessEqual' | 'greater' | 'greaterEqual'

/** Activations whose gradient is a primitive. */
export type SlopeOp = 'relu' | 'sigmoid' | 'tanh'

export type ReduceOp = 'sum' | 'prod' | 'max' | 'min'

export interface Kernel {
  /** Written to every run. Two kernels share an id only if all their results are equal bit for bit. */
  readonly id: string
  /**
   * Whether sums longer than a block are added by halves (array/halves.ts), as in `portable-2`; what adds outside of a kernel,
   * image upon image, follows it.
   */
  readonly sumsByHalves: boolean
  /** What the kernel computes in fewer calls than its steps take; absent when it does all in steps. */
  readonly fused?: FusedKernel

  /** out[i] = op(x[i]) for i < count. */
  unary(op: UnaryOp, x: TypedArray, xOffset: number, out: TypedArray, outOffset: number, count: number): void

  /** out[r, c] = op(a[r, c], b[r, c]) over a block of rows × columns. */
  binary(
    op: BinaryOp,
    rows: number,
    columns: number,
    a: TypedArray,
    aOffset: number,
    aRow: number,
    aColumn: number,
    b: TypedArray,
    bOffset: number,
    bRow: number,
    bColumn: number,
    out: TypedArray,
    outOffset: number,
  ): void

  /** As `binary`; out holds 0 and 1. */
  compare(
    op: CompareOp,
    rows: number,
    columns: number,
    a: TypedArray,
    aOffset: number,
    aRow: number,
    aColumn: number,
    b: TypedArray,
    bOffset: number,
    bRow: number,
    bColumn: number,
    out: Uint8Array,
    outOffset: number,
  ): void

  /**
   * out[i] = slope of g[i] and x[i], every operation rounded to the dtype; floating dtypes only.
   *
   *   relu     0 where x ≤ 0, else g
   *   sigmoid  (g·x)·(1 − x), where x is the result of sigmoid
   *   tanh     g·(1 − x·x), where x is the result of tanh
   */
  slope(
    op: SlopeOp,
    g: TypedArray,
    gOffset: number,
    x: TypedArray,
    xOffset: number,
    out: TypedArray,
    outOffset: number,
    count: number,
  ): void

  /** out[i] = min(max(x[i], least), most); NaN stays. */
  clip(
    x: TypedArray,
    xOffset: number,
    least: number,
    most: number,
    out: TypedArray,
    outOffset: number,
    count: number,
  ): void

  /**
   * out[r] = op(out[r], op of row r) over contiguous rows. Sums are pairwise in NumPy's order, float32 sums
   * rounded at every addition; products run from left to right; max and min keep NaN. Integers are reduced in
   * float64 (`out` is a Float64Array then), which is exact as long as results stay below 2^53.
   */
  reduceRows(
    op: ReduceOp,
    x: TypedArray,
    xOffset: number,
    rows: number,
    columns: number,
    out: TypedArray,
    outOffset: number,
  ): void

  /**
   * out[c] = op(…op(op(out[c], x[0, c]), x[1, c])…), row by row; dtypes as `reduceRows`. Where `sumsByHalves`, more than 512
   * rows of floats are summed by halves first, and their sum is added to out.
   */
  accumulateRows(
    op: ReduceOp,
    x: TypedArray,
    xOffset: number,
    rows: number,
    columns: number,
    out: TypedArray,
    outOffset: number,
  ): void

  /**
   * out[i, j] = Σ a[i, k]·b[k, j], where k ascends, an element has one accumulator that begins at 0, and
   * product and sum are rounded apart (to the dtype). int32 and uint8 wrap. Where `sumsByHalves`, this holds for blocks of at
   * most 1024 terms, which are added by halves.
   */
  matmul(
    m: number,
    k: number,
    n: number,
    a: TypedArray,
    aOffset: number,
    aRow: number,
    aColumn: number,
    b: TypedArray,
    bOffset: number,
    bRow: number,
    bColumn: number,
    out: TypedArray,
    outOffset: number,
  ): void

  /**
   * out[r, c] = e[r, c] / Σ e[r], e = exp(x − max of the row); contiguous rows, sums as `reduceRows`,
   * floating dtypes only.
   */
  softmaxRows(
    x: TypedArray,
    xOffset: number,
    rows: number,
    columns: number,
    out: TypedArray,
    outOffset: number,
  ): void

  /** out[r, c] = s − log Σ exp(s[r]), s = x − max of the row; otherwise as `softmaxRows`. */
  logSoftmaxRows(
    x: TypedArray,
    xOffset: number,
    rows: number,
    columns: number,
    out: TypedArray,
    outOffset: number,
  ): void

  /** out = w − lr·(g + weightDecay·w), computed in float64 and rounded once when it is stored. */
  sgdStep(
    w: TypedArray,
    wOffset: number,
    g: TypedArray,
    gOffset: number,
    out: TypedArray,
    outOffset: number,
    count: number,
    lr: number,
    weightDecay: number,
  ): void

  /**
   * With d = g + weightDecay·w: outV = momentum·v + fresh·d, and outW = w − lr·outV, with nesterov w − lr·(d + momentum·outV),
   * where outV counts as it is before it is rounded. Computed in float64 and rounded once when it is stored.
   */
  momentumStep(
    w: TypedArray,
    wOffset: number,
    g: TypedArray,
    gOffset: number,
    v: TypedArray,
    vOffset: number,
    outW: TypedArray,
    outWOffset: number,
    outV: TypedArray,
    outVOffset: number,
    count: number,
    numbers: MomentumNumbers,
  ): void

  /**
   * With d = g + decay·w: outM = beta1·m + fresh1·d, outV = beta2·v + (fresh2·d)·d, and
   * outW = w·keep − (size·outM) / (√outV / correction + eps), where outM and outV count as they are before they
   * are rounded. Computed in float64 and rounded once when it is stored.
   */
  adamStep(
    w: TypedArray,
    wOffset: number,
    g: TypedArray,
    gOffset: number,
    m: TypedArray,
    mOffset: number,
    v: TypedArray,
    vOffset: number,
    outW: TypedArray,
    outWOffset: number,
    outM: TypedArray,
    outMOffset: number,
    outV: TypedArray,
    outVOffset: number,
    count: number,
    numbers: AdamNumbers,
  ): void
}

/** What a step with momentum knows before it sees an element. */
export interface MomentumNumbers {
  readonly lr: number
  readonly momentum: number
  /** 1 − dampening */
  readonly fresh: number
  readonly weightDecay: number
  readonly nesterov: boolean
}

/** What a step of Adam knows before it sees an element. */
export interface AdamNumbers {
  readonly beta1: number
  /** 1 − beta1 */
  readonly fresh1: number
  readonly beta2: number
  /** 1 − beta2 */
  readonly fresh2: number
  /** Decay of the weights through the gradient. */
  readonly decay: number
  /** What is left of a weight that decays by itself; 1 when it does not. */
  readonly keep: number
  /** The learning rate over 1 − beta1^t. */
  readonly size: number
  /** √(1 − beta2^t) */
  readonly correction: number
  readonly eps: number
}
