/**
 * The plain kernel's steps of optimizers, one pass over the elements. Every number is computed in float64, in the order
 * written here, and rounded once when it is stored.
 */
import type { TypedArray } from './dtype.js'
import type { AdamNumbers, MomentumNumbers } from './primitives.js'

/** Arguments as `Kernel.sgdStep`. */
export function sgdLoop(
  w: TypedArray,
  wo: number,
  g: TypedArray,
  go: number,
  out: TypedArray,
  oo: number,
  count: number,
  lr: number,
  weightDecay: number,
): void {
  for (let i = 0; i < count; i++) {
    const x = w[wo + i]!
    out[oo + i] = x - lr * (g[go + i]! + weightDecay * x)
  }
}

/** Arguments as `Kernel.momentumStep`. */
export function momentumLoop(
  w: TypedArray,
  wo: number,
  g: TypedArray,
  go: number,
  v: TypedArray,
  vo: number,
  outW: TypedArray,
  outWo: number,
  outV: TypedArray,
  outVo: number,
  count: number,
  numbers: MomentumNumbers,
): void {
  const { lr, momentum, fresh, weightDecay, nesterov } = numbers
  for (let i = 0; i < count; i++) {
    const x = w[wo + i]!
    const d = g[go + i]! + weightDecay * x
    const velocity = momentum * v[vo + i]! + fresh * d
    outV[outVo + i] = velocity
    outW[outWo + i] = x - lr * (nesterov ? d + momentum * velocity : velocity)
  }
}

/** Arguments as `Kernel.adamStep`. */
export function adamLoop(
  w: TypedArray,
  wo: number,
  g: TypedArray,
  go: number,
  m: TypedArray,
  mo: number,
  v: TypedArray,
  vo: number,
  outW: TypedArray,
  outWo: number,
  outM: TypedArray,
  outMo: number,
  outV: TypedArray,
  outVo: number,
  count: number,
  numbers: AdamNumbers,
): void {
  const { beta1, fresh1, beta2, fresh2, decay, keep, size, correction, eps } = numbers
  for (let i = 0; i < count; i++) {
    const x = w[wo + i]!
    const d = g[go + i]! + decay * x
    const mean = beta1 * m[mo + i]! + fresh1 * d
    const square = beta2 * v[vo + i]! + fresh2 * d * d
    outM[outMo + i] = mean
    outV[outVo + i] = square
    outW[outWo + i] = x * keep - (size * mean) / (Math.sqrt(square) / correction + eps)
  }
}
