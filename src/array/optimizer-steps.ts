/**
 * One step of each optimizer on arrays: a parameter, its gradient and what the optimizer remembers of it go in, the
 * renewed ones come out, in one pass over the elements. Knows no schedules and no names.
 *
 * Every number is computed in float64, in the order written here, and rounded once when it is stored: for float64 that
 * is PyTorch's arithmetic up to the order of a few operations, for float32 it rounds less often than PyTorch does.
 *
 * Source   the formulas of `torch.optim` 1.13.
 */
import { TapeError } from '../errors.js'
import type { TypedArray } from './dtype.js'
import { kernel } from './kernel.js'
import { pow } from './math/pow.js'
import { allocateUnset, type NDArray, scalar, viewOf } from './ndarray.js'
import { commonDtype } from './promotion.js'
import { formatShape, sameShape } from './shape.js'

export type SGDRule = {
  readonly lr: number
  readonly momentum: number
  readonly dampening: number
  readonly weightDecay: number
  readonly nesterov: boolean
}

export type AdamRule = {
  readonly lr: number
  readonly beta1: number
  readonly beta2: number
  readonly eps: number
  readonly weightDecay: number
  /** Whether the weights decay by themselves (AdamW), and not through the gradient (Adam). */
  readonly decoupled: boolean
}

export type AdaGradRule = {
  readonly lr: number
  readonly lrDecay: number
  readonly eps: number
  readonly weightDecay: number
}

export type AdaDeltaRule = {
  readonly lr: number
  readonly rho: number
  readonly eps: number
  readonly weightDecay: number
}

export type RMSPropRule = {
  readonly lr: number
  readonly alpha: number
  readonly eps: number
  readonly momentum: number
  readonly centered: boolean
  readonly weightDecay: number
}

/** All arrays of a step have one shape and dtype. */
export function check(what: string, w: NDArray, others: readonly NDArray[]): void {
  for (const other of others) {
    if (sameShape(other.shape, w.shape) && other.dtype === w.dtype) continue
    throw new TapeError(
      'SHAPE_MISMATCH',
      `${what} expected arrays like the parameter, ${formatShape(w.shape)} of ${w.dtype}, got ${formatShape(other.shape)} of ${other.dtype}`,
    )
  }
}

/** An array for a new state: that of the old one where the call may write over it. */
function stateLike(old: NDArray, overwrites: boolean): NDArray {
  return overwrites ? viewOf(old, old.shape) : like(old)
}

function like(w: NDArray): NDArray {
  return allocateUnset(w.dtype, w.shape, w.size)
}

/** d = g + weightDecay·w;  w' = w − lr·d. */
export function sgdStep(w: NDArray, g: NDArray, rule: SGDRule): NDArray {
  check('sgdStep', w, [g])
  const out = like(w)
  const { lr, weightDecay } = rule
  kernel.sgdStep(w.buffer, w.offset, g.buffer, g.offset, out.buffer, out.offset, w.size, lr, weightDecay)
  return out
}

/**
 * v' = momentum·v + (1 − dampening)·d, and v' = d the first time;  w' = w − lr·v', with nesterov w − lr·(d + momentum·v').
 *
 * v           null the first time
 * overwrites  whether v' may stand where v does
 */
export function momentumStep(
  w: NDArray,
  g: NDArray,
  v: NDArray | null,
  rule: SGDRule,
  overwrites: boolean,
): NDArray[] {
  check('sgdStep', w, v === null ? [g] : [g, v])
  const outW = like(w)
  const outV = stateLike(v ?? w, overwrites && v !== null)
  const { lr, momentum, weightDecay, nesterov } = rule
  if (v !== null) {
    const numbers = { lr, momentum, fresh: 1 - rule.dampening, weightDecay, nesterov }
    kernel.momentumStep(
      ...([w.buffer, w.offset, g.buffer, g.offset, v.buffer, v.offset] as const),
      ...([outW.buffer, outW.offset, outV.buffer, outV.offset, w.size, numbers] as const),
    )
    return [outW, outV]
  }
  const ws = w.data
  const gs = g.data
  const newW = outW.data
  const newV = outV.data
  for (let i = 0; i < w.size; i++) {
    const x = ws[i]!
    const d = gs[i]! + weightDecay * x
    newV[i] = d
    newW[i] = x - lr * (nesterov ? d + momentum * d : d)
  }
  return [outW, outV]
}

/**
 * m' = beta1·m + (1 − beta1)·d, v' = beta2·v + (1 − beta2)·d², t' = t + 1,
 * w' = w − lr/(1 − beta1^t')·m' / (√v'/√(1 − beta2^t') + eps).
 *
 * overwrites  whether m' and v' may stand where m and v do
 */
export function adamStep(
  w: NDArray,
  g: NDArray,
  m: NDArray,
  v: NDArray,
  t: NDArray,
  rule: AdamRule,
  overwrites: boolean,
): NDArray[] {
  check('adamStep', w, [g, m, v])
  const [outW, outM, outV] = [like(w), stateLike(m, overwrites), stateLike(v, overwrites)]
  const { lr, beta1, beta2, eps, weightDecay, decoupled } = rule
  const steps = t.item() + 1
  kernel.adamStep(
    w.buffer,
    w.offset,
    g.buffer,
    g.offset,
    m.buffer,
    m.offset,
    v.buffer,
    v.offset,
    outW.buffer,
    outW.offset,
    outM.buffer,
    outM.offset,
    outV.buffer,
    outV.offset,
    w.size,
    {
      beta1,
      fresh1: 1 - beta1,
      beta2,
      fresh2: 1 - beta2,
      decay: decoupled ? 0 : weightDecay,
      keep: decoupled ? 1 - lr * weightDecay : 1,
      size: lr / (1 - pow(beta1, steps)),
      correction: Math.sqrt(1 - pow(beta2, steps)),
      eps,
    },
  )
  return [outW, outM, outV, scalar(steps, t.dtype)]
}

/** s' = s + d², t' = t + 1;  w' = w − lr/(1 + t·lrDecay)·d / (√s' + eps). */
export function adaGradStep(w: NDArray, g: NDArray, s: NDArray, t: NDArray, rule: AdaGradRule): NDArray[] {
  check('adaGradStep', w, [g, s])
  const [outW, outS] = [like(w), like(w)]
  const { lr, lrDecay, eps, weightDecay } = rule
  const before = t.item()
  const size = lr / (1 + before * lrDecay)
  const ws = w.data
  const gs = g.data
  const ss = s.data
  const newW = outW.data
  const newS = outS.data
  for (let i = 0; i < w.size; i++) {
    const x = ws[i]!
    const d = gs[i]! + weightDecay * x
    const sum = ss[i]! + d * d
    newS[i] = sum
    newW[i] = x - (size * d) / (Math.sqrt(sum) + eps)
  }
  return [outW, outS, scalar(before + 1, t.dtype)]
}

/**
 * s' = rho·s + (1 − rho)·d², Δ = √(u + eps)/√(s' + eps)·d, u' = rho·u + (1 − rho)·Δ²;  w' = w − lr·Δ.
 */
export function adaDeltaStep(w: NDArray, g: NDArray, s: NDArray, u: NDArray, rule: AdaDeltaRule): NDArray[] {
  check('adaDeltaStep', w, [g, s, u])
  const [outW, outS, outU] = [like(w), like(w), like(w)]
  const { lr, rho, eps, weightDecay } = rule
  const fresh = 1 - rho
  const ws = w.data
  const gs = g.data
  const ss = s.data
  const us = u.data
  const newW = outW.data
  const newS = outS.data
  const newU = outU.data
  for (let i = 0; i < w.size; i++) {
    const x = ws[i]!
    const d = gs[i]! + weightDecay * x
    const square = rho * ss[i]! + fresh * d * d
    const update = us[i]!
    const delta = (Math.sqrt(update + eps) / Math.sqrt(square + eps)) * d
    newS[i] = square
    newU[i] = rho * update + fresh * delta * delta
    newW[i] = x - lr * delta
  }
  return [outW, outS, outU]
}

/**
 * s' = alpha·s + (1 − alpha)·d², a = √(s' − c'²) + eps with c' the running mean of d when centered, else √s' + eps;
 * w' = w − lr·d/a, with momentum v' = momentum·v + d/a and w' = w − lr·v'.
 *
 * v, c   null without momentum, when not centered
 * Returns  w', s', then v' and c' as far as they were given
 */
export function rmsPropStep(
  w: NDArray,
  g: NDArray,
  s: NDArray,
  v: NDArray | null,
  c: NDArray | null,
  rule: RMSPropRule,
): NDArray[] {
  check('rmsPropStep', w, [g, s, ...(v === null ? [] : [v]), ...(c === null ? [] : [c])])
  const [outW, outS] = [like(w), like(w)]
  const outV = v === null ? null : like(w)
  const outC = c === null ? null : like(w)
  const { lr, alpha, eps, momentum, weightDecay } = rule
  const fresh = 1 - alpha
  const ws = w.data
  const gs = g.data
  const vs = v?.data ?? null
  const ss = s.data
  const cs = c?.data ?? null
  const newW = outW.data
  const newV = outV?.data ?? null
  const newS = outS.data
  const newC = outC?.data ?? null
  for (let i = 0; i < w.size; i++) {
    const x = ws[i]!
    const d = gs[i]! + weightDecay * x
    const square = alpha * ss[i]! + fresh * d * d
    newS[i] = square
    let spread = square
    if (cs !== null && newC !== null) {
      const center = alpha * cs[i]! + fresh * d
      newC[i] = center
      // A variance. Where d hardly changes, rounding takes it below 0, by a little of what it is the difference of.
      spread = square - center * center
      if (spread < 0 && spread > -1e-4 * square) spread = 0
    }
    const scaled = d / (Math.sqrt(spread) + eps)
    const velocity = vs === null ? scaled : momentum * vs[i]! + scaled
    if (newV !== null) newV[i] = velocity
    newW[i] = x - lr * velocity
  }
  return [outW, outS, ...(outV === null ? [] : [outV]), ...(outC === null ? [] : [outC])]
}

/**
 * All gradients times min(1, maxNorm / (norm + 1e-6)), where norm is the root of the sum of all squares.
 *
 * Returns  the norm before, as a scalar, then the gradients
 */
export function clipNorm(gradients: readonly NDArray[], maxNorm: number): NDArray[] {
  let total = 0
  for (const { data } of gradients) total += data instanceof Float64Array ? squares64(data) : squaresOf(data)
  const norm = Math.sqrt(total)
  const factor = Math.min(1, maxNorm / (norm + 1e-6))
  const clipped = gradients.map((g) => {
    const out = like(g)
    if (g.buffer instanceof Float64Array) scale64(g.buffer, g.offset, factor, out.buffer, out.offset, g.size)
    else scaleAny(g.buffer, g.offset, factor, out.buffer, out.offset, g.size)
    return out
  })
  clipped.unshift(scalar(norm, gradients.length === 0 ? 'float64' : commonDtype(gradients)))
  return clipped
}

// Twice the same loops: each is compiled for the element types that it meets.

function squares64(x: Float64Array): number {
  let sum = 0
  for (let i = 0; i < x.length; i++) sum += x[i]! * x[i]!
  return sum
}

function squaresOf(x: TypedArray): number {
  let sum = 0
  for (let i = 0; i < x.length; i++) sum += x[i]! * x[i]!
  return sum
}

function scale64(x: Float64Array, at: number, factor: number, out: TypedArray, to: number, n: number): void {
  for (let i = 0; i < n; i++) out[to + i] = x[at + i]! * factor
}

function scaleAny(x: TypedArray, at: number, factor: number, out: TypedArray, to: number, n: number): void {
  for (let i = 0; i < n; i++) out[to + i] = x[at + i]! * factor
}
