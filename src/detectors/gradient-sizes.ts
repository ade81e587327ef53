/** Gradients that are far too large, far too small towards the front, or zero for most units. */
import type { FunctionCalled, Ref } from '../events/event.js'
import { detectorKind, type StepWatch } from './detector.js'
import { finding, shortNumber } from './draft.js'
import type { Finding } from './finding.js'
import { median } from './jumps.js'
import type { StepEvents } from './step-events.js'
import type { GradientFact, StepFacts } from './step-facts.js'

/** Variables that are kept of one run: names of intermediate ones are others in each step. */
const VARIABLES_MAX = 4_096
const WINDOW = 20
/** Fewer norms before say nothing. */
const FIRST = 8

function parametersOf({ gradients, run }: StepFacts): GradientFact[] {
  return gradients.filter(({ variable, norm }) => norm !== null && run.leafOf(variable)?.role === 'parameter')
}

class ExplodingWatch implements StepWatch {
  private readonly norms = new Map<Ref, number[]>()
  private readonly limit: number
  private readonly factor: number
  private told = false

  constructor({ norm, factor }: { norm: number; factor: number }) {
    this.limit = norm
    this.factor = factor
  }

  step(facts: StepFacts): Finding[] {
    const { step, run } = facts
    let worst: { one: GradientFact; before: number } | null = null
    for (const one of parametersOf(facts)) {
      const norm = one.norm!
      let known = this.norms.get(one.variable)
      if (known === undefined) {
        if (this.norms.size >= VARIABLES_MAX) continue
        known = []
        this.norms.set(one.variable, known)
      }
      const highest = known.length < FIRST ? Number.POSITIVE_INFINITY : Math.max(...known)
      if (norm > this.limit && norm > this.factor * highest)
        if (worst === null || norm / highest > worst.one.norm! / worst.before)
          worst = { one, before: median(known) }
      known.push(norm)
      if (known.length > WINDOW) known.shift()
    }
    if (worst === null || this.told) return []
    this.told = true
    const { one, before } = worst
    return [
      finding({
        kind: 'exploding',
        level: 'symptom',
        step,
        position: one.position,
        variable: run.label(one.variable),
        value: one.norm,
        text: `step ${step}: the gradient of ${run.label(one.variable)} explodes: its norm is ${shortNumber(one.norm!)} (#${one.position}), ${shortNumber(before)} in the steps before`,
      }),
    ]
  }
}

/**
 * A gradient of a parameter that explodes.
 *
 * norm    its norm is above this; 10,000 when not given
 * factor  and this many times the highest of the last 20; 100 when not given
 */
export const explodingGradients = detectorKind(
  'explodingGradients',
  { norm: 1e4, factor: 100 },
  (options) => new ExplodingWatch(options),
)

/** Rms of a weight's gradient below this share of the largest is vanishing (AUTOTRAINER's ratio). */
const VANISHES = 1e-3

/** A weight with the rms of its gradient, of the elements that are not 0. */
interface SizedWeight {
  readonly ref: Ref
  readonly rms: number
}

/** The first linked call that reads each variable. */
export function firstReaders(events: StepEvents): Map<Ref, FunctionCalled> {
  const order = new Map<Ref, FunctionCalled>()
  for (const call of events.calls)
    for (const ref of call.inputs) if (call.linked && !order.has(ref)) order.set(ref, call)
  return order
}

/** The weight at the front whose gradient vanishes beside one at the back; null when there is none. */
export function vanishingWeight(
  sizes: Iterable<{ ref: Ref; shape: readonly number[]; size: number; zeros: number; norm: number }>,
  order: ReadonlyMap<Ref, FunctionCalled>,
): { least: SizedWeight; most: SizedWeight; between: number } | null {
  // Rows of a table that a batch does not name are 0: only what was reached counts.
  const weights = [...sizes]
    .filter(
      ({ shape, ref, zeros, size }) =>
        shape.length >= 2 && order.has(ref) && order.get(ref)!.function !== 'embedding' && zeros < size,
    )
    .map((one) => ({ ref: one.ref, rms: one.norm / Math.sqrt(one.size - one.zeros) }))
    .sort((a, b) => order.get(a.ref)!.position - order.get(b.ref)!.position)
  if (weights.length < 3) return null
  const least = weights.reduce((a, b) => (b.rms < a.rms ? b : a))
  const most = weights.reduce((a, b) => (b.rms > a.rms ? b : a))
  const isFront = weights.indexOf(least) < weights.length / 3 && weights.indexOf(most) >= weights.length / 2
  return isFront && least.rms < VANISHES * most.rms ? { least, most, between: weights.length } : null
}

class VanishingWatch implements StepWatch {
  private readonly steps: number
  private since: { step: number; variable: Ref; count: number } | null = null
  private told = false
  /** Readers of the last kind of step: most steps are of one. */
  private order: { of: StepEvents; readers: ReadonlyMap<Ref, FunctionCalled> } | null = null

  constructor({ steps }: { steps: number }) {
    this.steps = steps
  }

  private orderIn(events: StepEvents): ReadonlyMap<Ref, FunctionCalled> {
    if (this.order?.of !== events) this.order = { of: events, readers: firstReaders(events) }
    return this.order.readers
  }

  step(facts: StepFacts): Finding[] {
    if (this.told || facts.like.passes.length === 0) return []
    const { step, run } = facts
    const weights = parametersOf(facts).filter(({ shape }) => shape.length >= 2)
    const sizes =
      weights.length < 3 ? [] : weights.map((one) => ({ ...one, ref: one.variable, norm: one.norm! }))
    const found = sizes.length < 3 ? null : vanishingWeight(sizes, this.orderIn(facts.like))
    if (found === null) {
      this.since = null
      return []
    }
    const { least, most } = found
    const before = this.since?.variable === least.ref ? this.since : { step, variable: least.ref, count: 0 }
    this.since = { ...before, count: before.count + 1 }
    if (this.since.count < this.steps) return []
    this.told = true
    const { position } = sizes.find(({ ref }) => ref === least.ref)!
    return [
      finding({
        kind: 'vanishing',
        level: 'symptom',
        step: before.step,
        position,
        variable: run.label(least.ref),
        value: least.rms / most.rms,
        text: `step ${before.step}: the gradient of ${run.label(least.ref)} vanishes: its rms is ${shortNumber(least.rms)} beside ${shortNumber(most.rms)} of ${run.label(most.ref)}, for ${this.since.count} steps by now`,
      }),
    ]
  }
}

/**
 * The gradient of a weight at the front is much smaller than that of one at the back.
 *
 * steps   in this many steps one after the other; 10 when not given
 */
export const vanishingGradients = detectorKind(
  'vanishingGradients',
  { steps: 10 },
  (options) => new VanishingWatch(options),
)

class DeadUnitsWatch implements StepWatch {
  private readonly share: number
  private readonly seen = new Map<Ref, boolean[]>()
  private readonly told = new Set<Ref>()

  constructor({ share }: { share: number }) {
    this.share = share
  }

  step(facts: StepFacts): Finding[] {
    const { step, run } = facts
    const found: Finding[] = []
    for (const { variable, shape, size, zeros, position } of parametersOf(facts)) {
      if (shape.length !== 1 || size < 16 || this.told.has(variable)) continue
      const kept = this.seen.get(variable) ?? []
      this.seen.set(variable, kept)
      kept.push(zeros >= this.share * size)
      if (kept.length > 10) kept.shift()
      if (kept.length < 10 || kept.filter((is) => is).length < 9) continue
      this.told.add(variable)
      found.push(
        finding({
          kind: 'dead-units',
          level: 'note',
          step,
          position,
          variable: run.label(variable),
          value: zeros / size,
          text: `step ${step}: ${zeros} of ${size} units of ${run.label(variable)} got no gradient in the last ten steps: units may be dead (gradtape why computes whether they are)`,
        }),
      )
    }
    return found
  }
}

/**
 * Units that may be dead, as a note: most elements of a bias's gradient are 0 in nine of ten steps.
 *
 * share   of the elements; 0.6 when not given
 */
export const deadUnits = detectorKind('deadUnits', { share: 0.6 }, (options) => new DeadUnitsWatch(options))
