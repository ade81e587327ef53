/** Steps of optimizers that descend from Adam, one parameter each, on arrays. Computed in float64 and rounded once to the dtype. */
import { pow } from './math/pow.js'
import { allocate, type NDArray, scalar } from './ndarray.js'
import { type AdamRule, check } from './optimizer-steps.js'

const like = (x: NDArray): NDArray => allocate(x.dtype, x.shape, x.size)

/** As adamStep, but divided by the root of vMax' = max(vMax, v'). */
export function amsGradStep(
  w: NDArray,
  g: NDArray,
  m: NDArray,
  v: NDArray,
  vMax: NDArray,
  t: NDArray,
  rule: AdamRule,
): NDArray[] {
  check('amsGradStep', w, [g, m, v, vMax])
  const { lr, beta1, beta2, eps, weightDecay, decoupled } = rule
  const steps = t.item() + 1
  const size = lr / (1 - pow(beta1, steps))
  const correction = Math.sqrt(1 - pow(beta2, steps))
  const outs = [like(w), like(w), like(w), like(w)] as const
  for (let i = 0; i < w.size; i++) {
    const x = w.buffer[w.offset + i]!
    const d = g.buffer[g.offset + i]! + (decoupled ? 0 : weightDecay * x)
    const mean = beta1 * m.buffer[m.offset + i]! + (1 - beta1) * d
    const square = beta2 * v.buffer[v.offset + i]! + (1 - beta2) * d * d
    const most = Math.max(vMax.buffer[vMax.offset + i]!, square)
    const kept = decoupled ? x * (1 - lr * weightDecay) : x
    put(outs, i, kept - (size * mean) / (Math.sqrt(most) / correction + eps), mean, square, most)
  }
  return [...outs, scalar(steps, t.dtype)]
}

/** What of the parameter is added to the gradient, and what of it is kept. */
function decayOf(rule: { readonly lr: number; readonly weightDecay: number; readonly decoupled?: boolean }): {
  weightDecay: number
  kept: number
} {
  const { lr, weightDecay, decoupled = false } = rule
  return decoupled ? { weightDecay: 0, kept: 1 - lr * weightDecay } : { weightDecay, kept: 1 }
}

export type NAdamRule = {
  readonly lr: number
  readonly beta1: number
  readonly beta2: number
  readonly eps: number
  readonly weightDecay: number
  readonly momentumDecay: number
  /** Whether the decay is taken from the parameter before the step, rather than added to the gradient. */
  readonly decoupled?: boolean
}

/**
 * m, v as in Adam; μ = beta1·(1 − 0.96^(t·momentumDecay)/2), μ' that of t + 1, p' = p·μ:
 * w' = w − lr·((1 − μ)/(1 − p')·d + μ'/(1 − p'·μ')·m') / (√(v'/(1 − beta2^t)) + eps).
 */
export function nAdamStep(
  w: NDArray,
  g: NDArray,
  m: NDArray,
  v: NDArray,
  product: NDArray,
  t: NDArray,
  rule: NAdamRule,
): NDArray[] {
  check('nAdamStep', w, [g, m, v])
  const { lr, beta1, beta2, eps, momentumDecay } = rule
  const { weightDecay, kept } = decayOf(rule)
  const steps = t.item() + 1
  const momentum = (step: number): number => beta1 * (1 - 0.5 * pow(0.96, step * momentumDecay))
  const [now, next] = [momentum(steps), momentum(steps + 1)]
  const products = product.item() * now
  const correction = 1 - pow(beta2, steps)
  const fresh = (lr * (1 - now)) / (1 - products)
  const carried = (lr * next) / (1 - products * next)
  const outs = [like(w), like(w), like(w)] as const
  for (let i = 0; i < w.size; i++) {
    const x = w.buffer[w.offset + i]!
    const d = g.buffer[g.offset + i]! + weightDecay * x
    const mean = beta1 * m.buffer[m.offset + i]! + (1 - beta1) * d
    const square = beta2 * v.buffer[v.offset + i]! + (1 - beta2) * d * d
    const root = Math.sqrt(square / correction) + eps
    put(outs, i, x * kept - (fresh * d) / root - (carried * mean) / root, mean, square)
  }
  return [...outs, scalar(products, product.dtype), scalar(steps, t.dtype)]
}

export type RAdamRule = {
  readonly lr: number
  readonly beta1: number
  readonly beta2: number
  readonly eps: number
  readonly weightDecay: number
  /** As in NAdamRule. */
  readonly decoupled?: boolean
}

/**
 * m, v as in Adam; ρ∞ = 2/(1 − beta2) − 1, ρ = ρ∞ − 2t·beta2^t/(1 − beta2^t). Where ρ > 5 the step is that of Adam times
 * √((ρ − 4)(ρ − 2)ρ∞ / ((ρ∞ − 4)(ρ∞ − 2)ρ)); before, it is lr·m'/(1 − beta1^t).
 */
export function rAdamStep(
  w: NDArray,
  g: NDArray,
  m: NDArray,
  v: NDArray,
  t: NDArray,
  rule: RAdamRule,
): NDArray[] {
  check('rAdamStep', w, [g, m, v])
  const { lr, beta1, beta2, eps } = rule
  const { weightDecay, kept } = decayOf(rule)
  const steps = t.item() + 1
  const left = pow(beta2, steps)
  const longest = 2 / (1 - beta2) - 1
  const length = longest - (2 * steps * left) / (1 - left)
  const size = lr / (1 - pow(beta1, steps))
  const rectified =
    length > 5
      ? Math.sqrt(((length - 4) * (length - 2) * longest) / ((longest - 4) * (longest - 2) * length)) *
        Math.sqrt(1 - left)
      : null
  const outs = [like(w), like(w), like(w)] as const
  for (let i = 0; i < w.size; i++) {
    const x = w.buffer[w.offset + i]!
    const d = g.buffer[g.offset + i]! + weightDecay * x
    const mean = beta1 * m.buffer[m.offset + i]! + (1 - beta1) * d
    const square = beta2 * v.buffer[v.offset + i]! + (1 - beta2) * d * d
    const step = size * mean
    put(
      outs,
      i,
      x * kept - (rectified === null ? step : (step * rectified) / (Math.sqrt(square) + eps)),
      mean,
      square,
    )
  }
  return [...outs, scalar(steps, t.dtype)]
}

export type LionRule = {
  readonly lr: number
  readonly beta1: number
  readonly beta2: number
  readonly weightDecay: number
}

/** w' = w·(1 − lr·weightDecay) − lr·sign(beta1·m + (1 − beta1)·g), m' = beta2·m + (1 − beta2)·g. */
export function lionStep(w: NDArray, g: NDArray, m: NDArray, rule: LionRule): NDArray[] {
  check('lionStep', w, [g, m])
  const { lr, beta1, beta2, weightDecay } = rule
  const outs = [like(w), like(w)] as const
  for (let i = 0; i < w.size; i++) {
    const x = w.buffer[w.offset + i]!
    const d = g.buffer[g.offset + i]!
    const mean = m.buffer[m.offset + i]!
    const way = beta1 * mean + (1 - beta1) * d
    const sign = way > 0 ? 1 : way < 0 ? -1 : way // 0 and NaN stay
    put(outs, i, x * (1 - lr * weightDecay) - lr * sign, beta2 * mean + (1 - beta2) * d)
  }
  return [...outs]
}

/** One element of each output; a NaN is one NaN. */
function put(outs: readonly NDArray[], i: number, ...values: number[]): void {
  for (let slot = 0; slot < outs.length; slot++) {
    const out = outs[slot]!
    const value = values[slot]!
    out.buffer[out.offset + i] = value === value ? value : NaN
  }
}
