/**
 * The plain kernel's gradients of activations, element by element: what some functions compute in several steps, with the same
 * roundings in one.
 */
import type { SlopeOp } from './primitives.js'

/** Arguments as `Kernel.slope`. */
export function slopeFloat64(
  op: SlopeOp,
  g: Float64Array,
  go: number,
  x: Float64Array,
  xo: number,
  out: Float64Array,
  oo: number,
  n: number,
): void {
  if (op === 'relu') {
    for (let i = 0; i < n; i++) out[oo + i] = x[xo + i]! <= 0 ? 0 : g[go + i]!
  } else if (op === 'sigmoid') {
    for (let i = 0; i < n; i++) out[oo + i] = g[go + i]! * x[xo + i]! * (1 - x[xo + i]!)
  } else {
    for (let i = 0; i < n; i++) out[oo + i] = g[go + i]! * (1 - x[xo + i]! * x[xo + i]!)
  }
}

/** Arguments as `Kernel.slope`; what is stored is rounded by that. */
export function slopeFloat32(
  op: SlopeOp,
  g: Float32Array,
  go: number,
  x: Float32Array,
  xo: number,
  out: Float32Array,
  oo: number,
  n: number,
): void {
  const round = Math.fround
  if (op === 'relu') {
    for (let i = 0; i < n; i++) out[oo + i] = x[xo + i]! <= 0 ? 0 : g[go + i]!
  } else if (op === 'sigmoid') {
    for (let i = 0; i < n; i++) out[oo + i] = round(g[go + i]! * x[xo + i]!) * round(1 - x[xo + i]!)
  } else {
    for (let i = 0; i < n; i++) out[oo + i] = g[go + i]! * round(1 - round(x[xo + i]! * x[xo + i]!))
  }
}
