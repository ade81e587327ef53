/** How far updates move parameters, in parts of what they were. */
import type { Ref } from '../events/event.js'
import { detectorKind, type StepWatch } from './detector.js'
import { finding, shortNumber } from './draft.js'
import type { Finding } from './finding.js'
import type { StepFacts } from './step-facts.js'

/** A weight that was assigned fewer times may still come from zeros. */
const ASSIGNED_MIN = 5

interface Known {
  /** Of the value that the last assignment gave it. */
  norm: number
  assigned: number
  /** Updates below the small limit, one after the other; the first of them. */
  small: { count: number; step: number; position: number }
}

class UpdateRatioWatch implements StepWatch {
  private readonly large: number
  private readonly small: number
  private readonly steps: number
  private readonly known = new Map<Ref, Known>()
  private readonly told = new Set<string>()

  constructor({ large, small, steps }: { large: number; small: number; steps: number }) {
    this.large = large
    this.small = small
    this.steps = steps
  }

  step({ step, assigned, run }: StepFacts): Finding[] {
    const found: Finding[] = []
    for (const { variable, position, norm, updateNorm } of assigned) {
      let known = this.known.get(variable)
      if (known === undefined) {
        const leaf = run.leafOf(variable)
        // A bias or a single number may pass through 0 on its way.
        if (leaf === null || leaf.role !== 'parameter' || leaf.shape.length < 2) continue
        known = { norm: Number.NaN, assigned: 0, small: { count: 0, step, position } }
        this.known.set(variable, known)
      }
      const before = known.norm
      known.norm = norm ?? Number.NaN
      if (++known.assigned <= ASSIGNED_MIN || updateNorm === null || !(before > 0)) continue
      const ratio = updateNorm / before
      if (ratio > this.large) found.push(...this.tellLarge(variable, ratio, { step, position, run }))
      if (!(ratio > 0 && ratio < this.small)) known.small = { count: 0, step, position }
      else {
        if (known.small.count === 0) known.small = { count: 0, step, position }
        if (++known.small.count === this.steps)
          found.push(...this.tellSmall(variable, ratio, known.small, run))
      }
    }
    return found
  }

  private tellLarge(
    variable: Ref,
    ratio: number,
    { step, position, run }: Pick<StepFacts, 'step' | 'run'> & { position: number },
  ): Finding[] {
    if (!this.isNew(`large ${variable}`)) return []
    return [
      finding({
        kind: 'update-ratio',
        level: 'symptom',
        step,
        position,
        variable: run.label(variable),
        value: ratio,
        text: `step ${step}: an update moves ${run.label(variable)} by ${shortNumber(ratio)} times its norm (#${position})`,
      }),
    ]
  }

  private tellSmall(
    variable: Ref,
    ratio: number,
    { step, position }: Known['small'],
    run: StepFacts['run'],
  ): Finding[] {
    if (!this.isNew(`small ${variable}`)) return []
    return [
      finding({
        kind: 'update-ratio',
        level: 'note',
        step,
        position,
        variable: run.label(variable),
        value: ratio,
        text: `step ${step}: updates move ${run.label(variable)} by less than ${shortNumber(this.small)} of its norm (#${position}), for ${this.steps} steps by now`,
      }),
    ]
  }

  /** Each is told once of a parameter. */
  private isNew(what: string): boolean {
    const is = !this.told.has(what)
    this.told.add(what)
    return is
  }
}

/**
 * An update that is far too large for the weight it changes, or, as a note, one that is far too small. Of weights of two axes and
 * more, from the sixth assignment on; the capture must measure assignments, as it does by default.
 *
 * large  the norm of what it adds, in parts of the norm the weight had, is above this; 10 when not given (SageMaker Debugger)
 * small  and below this, in this many `steps` one after the other; 1e-8 when not given (SageMaker Debugger)
 * steps  10 when not given
 */
export const updateRatio = detectorKind(
  'updateRatio',
  { large: 10, small: 1e-8, steps: 10 },
  (options) => new UpdateRatioWatch(options),
)
