/**
 * The WebAssembly instance and its memory, where operands are staged: copied in, worked on, copied out. Arrays never
 * live there. Knows the module's exports, not what they are for.
 *
 * The instance is made at the first call that wants it. Where there is none to be had (a runtime without SIMD, a
 * process that may not compile code or reserve the address space) the plain loops compute everything: the bits are
 * the same, only the time is not.
 */
import type { SlopeOp } from '../primitives.js'
import { PORTABLE_WASM } from './portable-wasm.js'

/** Works on `count` elements in place, from a byte address on. */
export type InPlace = (at: number, count: number) => void

type Product = (
  m: number,
  k: number,
  n: number,
  a: number,
  aRowBytes: number,
  aColumnBytes: number,
  b: number,
  bRowBytes: number,
  bColumnBytes: number,
  out: number,
  adds: number,
) => void

/** a = op(a, b) over rows of `bytes` each, of which b has only one when `bStep` is 0. */
export type Pairs = (a: number, b: number, rows: number, bytes: number, bStep: number) => void

/** a[r, c] = op(a[r, c], b[r]) over rows of `bytes` each. */
export type Columns = (a: number, b: number, rows: number, bytes: number) => void

type Rows = (at: number, rows: number, columns: number, spare: number) => void

/** out[c] = op(out[c], x[r, c]), row by row. */
export type RowsInto = (x: number, rows: number, columns: number, out: number) => void

/** op of `start` and all elements. */
type Extreme = (at: number, count: number, start: number) => number

type Functions =
  | 'exp'
  | 'expm1'
  | 'log'
  | 'log1p'
  | 'tanh'
  | 'sigmoid'
  | 'softplus'
  | 'erf'
  | 'gelu'
  | 'sin'
  | 'cos'
  | 'neg'
  | 'square'
  | 'abs'
  | 'relu'
  | 'sqrt'
  | 'reciprocal'

type Arithmetic = 'add' | 'sub' | 'mul' | 'div' | 'maximum' | 'minimum'

type SGD = (w: number, g: number, count: number, lr: number, weightDecay: number) => void

type Momentum = (
  w: number,
  g: number,
  v: number,
  count: number,
  lr: number,
  momentum: number,
  fresh: number,
  weightDecay: number,
  nesterov: number,
) => void

type Adam = (w: number, g: number, m: number, v: number, count: number, ...numbers: AdamArguments) => void

/** The numbers of `AdamNumbers` in the order written there. */
type AdamArguments = [number, number, number, number, number, number, number, number, number]

export interface WasmExports
  extends Record<`${Functions}${64 | 32}`, InPlace>,
    Record<`${Arithmetic | `${SlopeOp}Slope`}${64 | 32}`, Pairs>,
    Record<`${Arithmetic}Columns${64 | 32}`, Columns>,
    Record<`${'softmax' | 'logSoftmax'}${64 | 32}`, Rows>,
    Record<`${'add' | 'mul' | 'max' | 'min'}Rows${64 | 32}`, RowsInto>,
    Record<`${'max' | 'min'}${64 | 32}`, Extreme> {
  readonly memory: { readonly buffer: ArrayBuffer }
  pow64(x: number, y: number, count: number): void
  clip64(at: number, count: number, least: number, most: number): void
  clip32(at: number, count: number, least: number, most: number): void
  pow32(x: number, y: number, count: number): void
  matmul64: Product
  matmul32: Product
  pairwiseSum64(at: number, count: number): number
  pairwiseSum32(at: number, count: number): number
  summarize64(at: number, count: number, out: number): void
  summarize32(at: number, count: number, out: number): void
  sgdStep64: SGD
  sgdStep32: SGD
  momentumStep64: Momentum
  momentumStep32: Momentum
  adamStep64: Adam
  adamStep32: Adam
}

export interface Staging {
  readonly run: WasmExports
  readonly float64: Float64Array
  readonly float32: Float32Array
}

/** The first byte that operands may take: below lie constants and the strips of matrix products. */
export const STAGE = 0x160000
export const STAGE_END = 0x2000000

let made: Staging | null | undefined

/** The one instance of this thread; null where WebAssembly is not to be had. */
export function staging(): Staging | null {
  if (made === undefined) made = instantiate()
  return made
}

/** What is used of a global that only browsers' and Node's own types declare. */
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object
  Instance: new (module: object) => { readonly exports: unknown }
}

function instantiate(): Staging | null {
  let run: WasmExports
  try {
    const bytes = Uint8Array.from(atob(PORTABLE_WASM), (character) => character.charCodeAt(0))
    run = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports as WasmExports
  } catch {
    return null
  }
  const { buffer } = run.memory
  return { run, float64: new Float64Array(buffer), float32: new Float32Array(buffer) }
}

/** Below this many elements a loop is faster than the making of two views. */
const LOOP_MAX = 48

/** Elements [from, from + count) of an array into staged elements from `to` on. */
export function copyIn<A extends Float64Array | Float32Array>(
  x: A,
  from: number,
  count: number,
  heap: A,
  to: number,
): void {
  if (count <= LOOP_MAX) for (let i = 0; i < count; i++) heap[to + i] = x[from + i]!
  else heap.set(count === x.length ? x : x.subarray(from, from + count), to)
}

/** Staged elements [from, from + count) into an array from `to` on. */
export function copyOut<A extends Float64Array | Float32Array>(
  heap: A,
  from: number,
  count: number,
  out: A,
  to: number,
): void {
  if (count <= LOOP_MAX) for (let i = 0; i < count; i++) out[to + i] = heap[from + i]!
  else out.set(heap.subarray(from, from + count), to)
}
