/** What the loss does: it jumps, or it does not fall any more. */
import { detectorKind, type StepWatch } from './detector.js'
import { finding, shortNumber } from './draft.js'
import type { Finding, StepValue } from './finding.js'
import { JUMP, JumpWatch } from './jumps.js'
import type { MetricFact, StepFacts } from './step-facts.js'

/** Metrics that sound like one that training makes smaller. */
export const SOUNDS_LIKE_LOSS = /loss|nll|error|cost|objective|perplexity|mse/i
/** A jump by a smaller factor is a note: such are in many healthy runs. */
export const LARGE_JUMP = 10
/** Jumps that are told of in one run. */
const TOLD_MAX = 100

/** Finds the metric that training makes smaller: the one asked for, `loss`, one that a pass began from, one that sounds like it. */
export class LossMetric {
  private name: string | null
  private wasAsked: boolean

  constructor(asked: string | null) {
    this.name = asked
    this.wasAsked = asked !== null
  }

  of(facts: StepFacts): readonly MetricFact[] {
    const { metrics } = facts
    if (metrics.length === 0) return []
    if (!this.wasAsked && this.name !== 'loss') this.name = named(facts) ?? this.name
    return metrics.filter(({ name }) => name === this.name)
  }
}

function named({ metrics, like, own }: StepFacts): string | null {
  if (metrics.some(({ name }) => name === 'loss')) return 'loss'
  if (like.passes.length > 0) {
    const roots = new Set(own().roots)
    const root = metrics.find(({ variable }) => variable !== 0 && roots.has(variable))
    if (root !== undefined) return root.name
  }
  return metrics.find(({ name }) => SOUNDS_LIKE_LOSS.test(name))?.name ?? null
}

class SpikeWatch implements StepWatch {
  private readonly metric: LossMetric
  private readonly jumps = new JumpWatch()
  private readonly before: StepValue[] = []
  private told = 0

  constructor(metric: string | null) {
    this.metric = new LossMetric(metric)
  }

  step(facts: StepFacts): Finding[] {
    const found: Finding[] = []
    for (const { name, value, position } of this.metric.of(facts)) {
      const { step } = facts
      if (this.jumps.add(value) && this.told < TOLD_MAX) {
        this.told++
        const highest = Math.max(...this.before.map((one) => one.value))
        found.push(
          finding({
            kind: 'loss-spike',
            level: value > LARGE_JUMP * highest ? 'symptom' : 'note',
            step,
            position,
            variable: name,
            value,
            before: this.before.slice(-5),
            text: `step ${step}: ${name} jumps to ${shortNumber(value)} from ${shortNumber(this.before.at(-1)?.value ?? value)} (#${position})`,
          }),
        )
      }
      if (!Number.isFinite(value)) continue
      this.before.push({ step, value })
      if (this.before.length > JUMP.window) this.before.shift()
    }
    return found
  }
}

/**
 * A loss that jumps: above 3 times the highest of the last 20 values and above their median by 10 times their spread.
 *
 * metric  its name; `loss`, or the metric that a pass began from, when not given
 */
export const lossSpike = detectorKind(
  'lossSpike',
  { metric: null as string | null },
  ({ metric }) => new SpikeWatch(metric),
)

class PlateauWatch implements StepWatch {
  private readonly metric: LossMetric
  private readonly steps: number
  private best = Number.POSITIVE_INFINITY
  private bestAt = 0
  private count = 0
  private told = false

  constructor({ metric, steps }: { metric: string | null; steps: number }) {
    this.metric = new LossMetric(metric)
    this.steps = steps
  }

  step(facts: StepFacts): Finding[] {
    for (const { name, value, position } of this.metric.of(facts)) {
      this.count++
      if (value < this.best - 0.01 * Math.abs(this.best) || this.best === Number.POSITIVE_INFINITY) {
        if (!Number.isFinite(value)) continue
        this.best = value
        this.bestAt = this.count
        this.told = false
        continue
      }
      const since = this.count - this.bestAt
      if (this.told || since < this.steps || since < 0.2 * this.count) continue
      this.told = true
      const { step } = facts
      return [
        finding({
          kind: 'plateau',
          level: 'note',
          step,
          position,
          variable: name,
          value,
          text: `step ${step}: ${name} has not fallen by 1 % below ${shortNumber(this.best)} for ${since} values`,
        }),
      ]
    }
    return []
  }
}

/**
 * A loss that does not fall any more, as a note: no value in the last fifth of the run is 1 % below the best before.
 *
 * steps   at least this many values without a better one; 100 when not given
 */
export const plateau = detectorKind(
  'plateau',
  { metric: null as string | null, steps: 100 },
  (options) => new PlateauWatch(options),
)
