/** NaN and infinities in what is logged and in gradients. Where they were born, `why` computes again. */
import { detectorKind, type StepWatch } from './detector.js'
import { finding, namesText, shortNumber } from './draft.js'
import type { Finding } from './finding.js'
import type { StepFacts } from './step-facts.js'

class NonFiniteWatch implements StepWatch {
  private readonly told = new Set<string>()

  step({ step, metrics, gradients, run }: StepFacts): Finding[] {
    const found: Finding[] = []
    const bad = gradients.filter(({ nonFinite }) => nonFinite > 0)
    const [first] = bad
    if (first !== undefined && this.isNew('')) {
      const variables = [...new Set(bad.map(({ variable }) => variable))]
      found.push(
        finding({
          kind: 'non-finite',
          level: 'symptom',
          step,
          position: first.position,
          variable: run.label(first.variable),
          value: Number.NaN,
          text: `step ${step}: the gradient of ${namesText(run, variables)} is not finite: ${first.nonFinite} of ${first.size} elements (#${first.position})`,
        }),
      )
    }
    for (const { name, value, position } of metrics) {
      if (Number.isFinite(value) || !this.isNew(name)) continue
      found.push(
        finding({
          kind: 'non-finite',
          level: 'symptom',
          step,
          position,
          variable: name,
          value,
          text: `step ${step}: ${name} is ${shortNumber(value)} (#${position})`,
        }),
      )
    }
    return found.sort((a, b) => a.position! - b.position!)
  }

  private isNew(name: string): boolean {
    return !this.told.has(name) && this.told.size < 64 && this.told.add(name) !== undefined
  }
}

/** The first step in which a metric is NaN or infinite, for each metric, and the first in which a gradient is. */
export const nonFinite = detectorKind('nonFinite', {}, () => new NonFiniteWatch())
