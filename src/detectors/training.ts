/** What training does to parameters: gradients that are not cleared or counted twice, no update, a value from outside, a setting that slips. */
import type { FunctionCalled, Ref } from '../events/event.js'
import { detectorKind, type StepWatch } from './detector.js'
import { callText, finding, namesText, shortNumber } from './draft.js'
import type { Finding } from './finding.js'
import {
  type DoubledTerm,
  doubledTerm,
  NotClearedWatch,
  countedTwice as twiceIn,
  twiceText,
  type UsedAgain,
  usedAgain,
} from './gradient-watch.js'
import { JumpWatch } from './jumps.js'
import { LossMetric } from './loss.js'
import { notUpdated, ReachWatch, withoutGradient } from './reach.js'
import { type SettingChange, SettingsWatch, type Stopped } from './settings-watch.js'
import type { RunFacts, StepFacts } from './step-facts.js'

/** After this many steps of one shape nothing new comes of another. */
const REPEATS = 3

class ClearedWatch implements StepWatch {
  private readonly watch = new NotClearedWatch()
  private told = false

  step({ repeats, like, own: events, run }: StepFacts): Finding[] {
    if (this.told || repeats >= REPEATS) return []
    if (like.gradients.length === 0 && like.assignments.length === 0) return []
    const own = events()
    const found = this.watch.step(own)
    if (found === null) return []
    this.told = true
    const { maker, variables, left } = found
    return [
      finding({
        kind: 'not-cleared',
        level: 'cause',
        step: found.step,
        position: maker?.position ?? found.position,
        function: maker?.function ?? null,
        scope: maker?.scope ?? null,
        variable: run.label(variables[0]!),
        text: `step ${found.step}: gradients are not cleared: ${maker === null ? `a pass (#${found.position})` : `backward from ${callText(maker)}`} adds to ${leftText(left)}, in ${namesText(run, variables)}`,
      }),
    ]
  }
}

/** What was there before, that a pass added to. */
export function leftText(left: FunctionCalled | null): string {
  return left === null
    ? 'what an update has used'
    : `what backward from ${callText(left)} of step ${left.step} left there for the update of others`
}

/** Gradients that are added to what an update has used already. Gradients that are added up before one update are meant. */
export const notCleared = detectorKind('notCleared', {}, () => new ClearedWatch())

class TwiceWatch implements StepWatch {
  private readonly innocent = new Set<number>()
  private told = false

  step({ shape, like, own: events, step, run }: StepFacts): Finding[] {
    if (this.told || like.passes.length === 0 || this.innocent.has(shape)) return []
    const own = events()
    const doubled = doubledTerm(own)
    if (doubled !== null) {
      this.told = true
      return [doubledFinding(step, doubled)]
    }
    const again = usedAgain(own)
    if (again !== null) {
      this.told = true
      return [againFinding(run, again)]
    }
    const found = twiceIn(own)
    if (found === null) {
      if (this.innocent.size < 65_536) this.innocent.add(shape)
      return []
    }
    this.told = true
    const maker = own.makerOf(found.part)
    const text = (ref: Ref) => {
      const made = own.makerOf(ref)
      return made === null ? run.label(ref) : callText(made)
    }
    return [
      finding({
        kind: 'counted-twice',
        level: 'cause',
        step,
        position: maker?.position ?? found.passes[0],
        function: maker?.function ?? null,
        scope: maker?.scope ?? null,
        variable: run.label(found.variables[0]!),
        text: `step ${step}: gradients are counted twice: ${twiceText(found.roots, found.part, text)}; ${namesText(run, found.variables)} ${found.variables.length === 1 ? 'adds' : 'add'} both up`,
      }),
    ]
  }
}

export function doubledFinding(step: number, { sum, term, other }: DoubledTerm): Finding {
  const what =
    other === term
      ? `${callText(term)}, which it has already`
      : `${callText(other)}, which computes the same as ${callText(term)}, which it has already`
  return finding({
    kind: 'counted-twice',
    level: 'cause',
    step,
    position: sum.position,
    function: sum.function,
    scope: sum.scope,
    text: `step ${step}: a loss is counted twice: the sum in ${callText(sum)} is given ${what}`,
    evidence: ['so        its gradient is twice as large as that of one loss'],
  })
}

export function againFinding(run: RunFacts, { call, before, variables }: UsedAgain): Finding {
  const { step, position, scope } = call
  return finding({
    kind: 'counted-twice',
    level: 'cause',
    step,
    position,
    function: call.function,
    scope,
    variable: run.label(variables[0]!),
    text: `step ${step}: a gradient is used twice: ${callText(call)} updates ${namesText(run, variables)} with what ${callText(before)} has used, and no pass is between`,
    evidence: ['so        the update is made twice'],
  })
}

/** Two passes of a step that add up, of which one root is part of the other; or a sum of losses that has one of them twice. */
export const countedTwice = detectorKind('countedTwice', {}, () => new TwiceWatch())

/** What is assigned more often than in one of this many steps is done on purpose: weights that are clipped, copies that are moved. */
const RARE = 5

class OutsideWatch implements StepWatch {
  private readonly updates = new Map<Ref, number>()
  private readonly assigned = new Map<Ref, number>()

  step({ step, like, own, run }: StepFacts): Finding[] {
    const outside = step > 0 && like.assignments.some(({ source }) => source === null)
    const found: { variable: Ref; position: number; norm: number | null }[] = []
    const events = outside ? own() : like
    for (const { variable, source, position, value } of events.assignments) {
      if (source !== null) {
        if (events.makerOf(source)?.linked === false)
          this.updates.set(variable, (this.updates.get(variable) ?? 0) + 1)
        continue
      }
      if (step === 0) continue
      const times = (this.assigned.get(variable) ?? 0) + 1
      this.assigned.set(variable, times)
      const isRare = times * RARE <= step && (this.updates.get(variable) ?? 0) >= REPEATS
      if (times > 1 || !isRare || run.leafOf(variable)?.role !== 'parameter') continue
      found.push({ variable, position, norm: value === null ? null : normOf(value.data) })
    }
    const [first] = found
    if (first === undefined) return []
    // All parameters at once is a state that was loaded: done on purpose, and told beside.
    const isLoad = found.length > 1 && found.length >= this.updates.size
    const names = namesText(
      run,
      found.map(({ variable }) => variable),
    )
    return [
      finding({
        kind: 'outside-assignment',
        level: isLoad ? 'note' : 'cause',
        step,
        position: first.position,
        variable: run.label(first.variable),
        value: first.norm,
        text: `step ${step}: ${names} ${found.length === 1 ? 'is' : 'are'} assigned from outside (#${first.position})${first.norm === null ? '' : `, norm ${shortNumber(first.norm)}`}: no call of the run made the value`,
      }),
    ]
  }
}

function normOf(data: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < data.length; i++) sum += data[i]! ** 2
  return Math.sqrt(sum)
}

/** A parameter that calls update gets a value that no call made, for the first time and not in every fifth step. */
export const outsideAssignment = detectorKind('outsideAssignment', {}, () => new OutsideWatch())

/** A loss that jumps this many steps after a change is its effect. */
export const EFFECT_STEPS = 10
/** A learning rate of 0 for fewer steps is a warm-up. */
export const STILL_STEPS = 5
/** A learning rate of 0 for fewer steps is the end of a schedule. */
export const STOPPED_STEPS = 10

class SettingWatch implements StepWatch {
  private readonly watch = new SettingsWatch()
  private readonly metric: LossMetric
  private readonly jumps = new JumpWatch()
  private readonly told = new Set<string>()
  private seen = new Set<SettingChange>()

  constructor(metric: string | null) {
    this.metric = new LossMetric(metric)
  }

  /** A learning rate that is 0 from the first update on. */
  private still(): Finding[] {
    if (this.told.has('still')) return []
    const [first] = this.watch.still(2 * STILL_STEPS)
    if (first === undefined || !this.watch.isAllStill) return []
    this.told.add('still')
    const { from: step, position, call } = first
    return [
      finding({
        kind: 'no-update',
        level: 'cause',
        step,
        position,
        function: call.function,
        scope: call.scope,
        variable: 'lr',
        value: 0,
        text: `step ${step}: lr of ${callText({ ...call, position })} is 0 in each of ${2 * STILL_STEPS} steps: no update changes a parameter`,
      }),
    ]
  }

  /** A learning rate that becomes 0 and stays so. */
  private stopped(): Finding[] {
    if (this.told.has('stopped')) return []
    const [first] = this.watch.stopped(STOPPED_STEPS)
    if (first === undefined) return []
    this.told.add('stopped')
    return [stoppedFinding(first)]
  }

  step(facts: StepFacts): Finding[] {
    const { step, updates } = facts
    this.watch.add(updates, step, step)
    let jumps = false
    for (const { value } of this.metric.of(facts)) if (this.jumps.add(value)) jumps = true
    const found = [...this.still(), ...this.stopped()]
    for (const change of this.watch.changes) {
      if (this.seen.has(change)) continue
      // One that stays is told when the loss says so.
      if (change.after === null && !(jumps && step <= change.step + EFFECT_STEPS)) {
        if (step > change.step + EFFECT_STEPS) this.seen.add(change)
        continue
      }
      this.seen.add(change)
      const key = `${change.step} ${change.setting} ${change.value}`
      if (!this.told.has(key)) found.push(settingFinding(change, change.after === null ? step : null))
      this.told.add(key)
    }
    return found
  }
}

export function stoppedFinding({ from: step, position, call, before, steps }: Stopped): Finding {
  return finding({
    kind: 'no-update',
    level: 'cause',
    step,
    position,
    function: call.function,
    scope: call.scope,
    variable: 'lr',
    value: 0,
    before: [{ step: step - 1, value: before }],
    text: `step ${step}: lr of ${callText({ ...call, position })} is 0 from here on, ${shortNumber(before)} before: no update changes a parameter any more, in ${steps} steps by now`,
  })
}

export function settingFinding(change: SettingChange, effect: number | null): Finding {
  const { step, position, setting, value, before, after, steps, scope } = change
  const until =
    after === null ? ' and stays so' : ` and ${shortNumber(after)} again from step ${step + steps} on`
  return finding({
    kind: 'settings',
    level: 'cause',
    step,
    position,
    function: change.function,
    scope,
    variable: setting,
    value,
    before: [{ step: step - 1, value: before }],
    text: `step ${step}: ${setting} of ${change.function} (#${position}${scope === '' ? '' : ` in ${scope}`}) is ${shortNumber(value)}, ${shortNumber(before)} before${until}`,
    evidence: effect === null ? [] : [`then      the loss rises from step ${effect} on`],
  })
}

/**
 * A setting of an optimizer that is another for at most five steps and then again what it was, or a learning rate that grows fivefold,
 * after which the loss jumps.
 *
 * metric  that loss; `loss`, or the metric that a pass began from, when not given
 */
export const settingChanged = detectorKind(
  'settingChanged',
  { metric: null as string | null },
  ({ metric }) => new SettingWatch(metric),
)

abstract class Unreached implements StepWatch {
  private watch: ReachWatch | null = null
  private readonly steps: number
  private seen = 0
  protected told = false

  constructor({ steps }: { steps: number }) {
    this.steps = steps
  }

  step(facts: StepFacts): Finding[] {
    if (this.told) return []
    const { like, run } = facts
    this.watch ??= new ReachWatch(run)
    // Steps with a pass count; what precedes them gives assignments.
    this.watch.add(like, 1)
    if (like.passes.length === 0 || ++this.seen < this.steps) return []
    // Looked at once, and again each time the run is twice as long: parameters may come later.
    if ((this.seen / this.steps) % 1 !== 0 || Math.log2(this.seen / this.steps) % 1 !== 0) return []
    const { reached } = this.watch
    if (!reached.some(({ updates }) => updates >= this.steps / 2)) return []
    const found = this.look(
      facts,
      reached.filter(({ steps, updates, assigned }) => steps >= this.steps && updates === 0 && !assigned),
      reached,
    )
    if (found !== null) this.told = true
    return found === null ? [] : [found]
  }

  protected abstract look(
    facts: StepFacts,
    without: ReturnType<() => ReachWatch['reached']>,
    all: ReachWatch['reached'],
  ): Finding | null
}

class NoUpdateWatch extends Unreached {
  protected look(
    { run }: StepFacts,
    without: ReachWatch['reached'],
    all: ReachWatch['reached'],
  ): Finding | null {
    const missed = without.filter(({ gradients }) => gradients > 0)
    return missed.length === 0
      ? null
      : notUpdated(
          run,
          missed,
          all.filter(({ updates }) => updates > 0),
        )
  }
}

class NoGradientWatch extends Unreached {
  protected look({ run }: StepFacts, without: ReachWatch['reached']): Finding | null {
    const missed = without.filter(({ gradients }) => gradients === 0)
    return missed.length === 0 ? null : withoutGradient(run, missed)
  }
}

/**
 * A parameter that has gradients and no update, while others have.
 *
 * steps  after this many steps with a pass; 10 when not given
 */
export const noUpdate = detectorKind('noUpdate', { steps: 10 }, (options) => new NoUpdateWatch(options))

/**
 * A parameter that is used and has no gradient, while others have.
 *
 * steps  after this many steps with a pass; 10 when not given
 */
export const noGradient = detectorKind('noGradient', { steps: 10 }, (options) => new NoGradientWatch(options))
