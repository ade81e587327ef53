/**
 * Parameters that training does not reach: no gradient, because something cuts the graph; no update, because no optimizer has them;
 * gradients of 0; gradients that vanish or explode on the way back.
 */
import type { NDArray } from '../array/ndarray.js'
import { type FunctionCalled, type LeafCreated, positionOf, type Ref, refOf } from '../events/event.js'
import { callText, finding, namesText, shortNumber } from './draft.js'
import type { Finding } from './finding.js'
import type { RunView } from './run-view.js'

interface Reached {
  readonly ref: Ref
  /** The step and position of the first linked call that reads it in a step with a pass. */
  step: number
  readAt: number
  gradients: number
  updates: number
  /** The number of steps in which it could have had one. */
  steps: number
  assigned: boolean
}

/** Fewer steps with a pass say nothing. */
const STEPS_MIN = 3

/** What each parameter that linked calls read got in the run. */
function parametersOf(view: RunView): Map<Ref, Reached> {
  const found = new Map<Ref, Reached>()
  const pending = new Map<Ref, { gradients: number; updates: number; assigned: boolean }>()
  const isParameter = new Map<Ref, boolean>()
  for (const { stretch, like } of view.stretches()) {
    const count = stretch.to - stretch.from + 1
    if (like.passes.length > 0)
      for (const call of like.calls) {
        if (!call.linked) continue
        for (const ref of call.inputs) {
          let known = isParameter.get(ref)
          if (known === undefined) {
            const event = like.at(positionOf(ref)) ?? view.event(positionOf(ref))
            known = event.type === 'LeafCreated' && event.role === 'parameter' && event.requiresGrad
            isParameter.set(ref, known)
          }
          if (!known) continue
          const reached = found.get(ref)
          if (reached === undefined)
            found.set(ref, {
              ref,
              step: stretch.from,
              readAt: call.position,
              gradients: 0,
              updates: 0,
              steps: count,
              assigned: false,
            })
          else if (reached.readAt !== call.position) reached.steps += count
        }
      }
    const add = (ref: Ref) => {
      let one = pending.get(ref)
      if (one === undefined) {
        one = { gradients: 0, updates: 0, assigned: false }
        pending.set(ref, one)
      }
      return one
    }
    for (const { variable } of like.gradients) add(variable).gradients += count
    for (const { variable, source } of like.assignments) {
      if (source === null) add(variable).assigned = true
      else add(variable).updates += count
    }
  }
  for (const [ref, one] of pending) {
    const reached = found.get(ref)
    if (reached !== undefined) Object.assign(reached, one)
  }
  return found
}

export function noGradient(view: RunView): Finding[] {
  const parameters = [...parametersOf(view).values()]
  if (!parameters.some(({ updates }) => updates >= STEPS_MIN)) return []
  const findings: Finding[] = []
  const without = parameters.filter(
    ({ gradients, updates, assigned, steps }) =>
      gradients === 0 && updates === 0 && !assigned && steps >= STEPS_MIN,
  )
  const cut = detached(view, without)
  if (cut !== null) findings.push(cut)
  const missed = parameters.filter(
    ({ gradients, updates, assigned, steps }) =>
      gradients >= STEPS_MIN && updates === 0 && !assigned && steps >= STEPS_MIN,
  )
  const updated = parameters.filter(({ updates }) => updates > 0)
  if (missed.length > 0) findings.push(notUpdated(view, missed, updated))
  return findings
}

/** Parameters of which a whole front of the model has no update are frozen on purpose, as far as a tape can tell. */
function looksFrozen(view: RunView, missed: readonly Reached[], updated: readonly Reached[]): boolean {
  if (missed.length < 2) return false
  const modules = (all: readonly Reached[]) =>
    new Set(all.map(({ ref }) => (view.nameOf(ref) ?? '').replace(/\.?[^.]*$/, '')))
  const trained = modules(updated)
  const firstTrained = Math.min(...updated.map(({ readAt }) => readAt))
  return (
    [...modules(missed)].every((one) => !trained.has(one)) &&
    missed.every(({ readAt, step }) => step <= updated[0]!.step && readAt < firstTrained)
  )
}

function notUpdated(view: RunView, missed: readonly Reached[], updated: readonly Reached[]): Finding {
  const first = missed[0]!
  const frozen = looksFrozen(view, missed, updated)
  const names = namesText(
    view,
    missed.map(({ ref }) => ref),
  )
  const call = view.event(first.readAt) as FunctionCalled
  return finding({
    kind: 'no-update',
    level: frozen ? 'note' : 'cause',
    step: first.step,
    position: first.readAt,
    function: call.function,
    scope: call.scope,
    variable: view.label(first.ref),
    text: `step ${first.step}: ${names}, read by ${callText(call)}, ${missed.length === 1 ? 'has' : 'have'} a gradient in ${first.gradients} steps and never an update: no optimizer has ${missed.length === 1 ? 'it' : 'them'}`,
    evidence: [`beside    ${updated.length} other parameters are updated`],
  })
}

/** Where the way from parameters to the loss is cut. */
function detached(view: RunView, without: readonly Reached[]): Finding | null {
  if (without.length === 0) return null
  const first = without[0]!
  const events = view.step(first.step)
  const refs = without.map(({ ref }) => ref)
  const after = events.descendants(refs)
  const reaching = events.ancestors(events.roots, true)
  const isCut = (leaf: LeafCreated) =>
    leaf.source !== null && after.has(positionOf(leaf.source)) && !leaf.requiresGrad
  const cutLeaf = events.leaves.find(
    (leaf) => isCut(leaf) && events.readers(leaf.position).some(({ position }) => reaching.has(position)),
  )
  const names = namesText(view, refs)
  const have = `${without.length === 1 ? 'has' : 'have'} no gradient`
  if (cutLeaf !== undefined) {
    const reader = events.readers(cutLeaf.position).find(({ position }) => reaching.has(position))!
    const maker = events.makerOf(cutLeaf.source!)
    const made = maker === null ? view.label(cutLeaf.source!) : callText(maker)
    // With the cut away, does anything that is trained stand beside it? If not, the front is frozen on purpose.
    const beside = [...reaching].some(
      (position) =>
        position < reader.position &&
        (events.at(position) as FunctionCalled).inputs.some((ref) => isTrained(view, ref, without)),
    )
    return finding({
      kind: 'no-gradient',
      level: beside ? 'cause' : 'note',
      step: first.step,
      position: reader.position,
      function: reader.function,
      scope: reader.scope,
      variable: view.label(first.ref),
      text: `step ${first.step}: ${names} ${have}: what ${made} made is detached (#${cutLeaf.position}) before ${callText(reader)} reads it`,
      evidence: [`reads     ${made} depends on ${names}; #${cutLeaf.position} has its value and no creator`],
    })
  }
  const dead = [...after].filter((position) => !reaching.has(position)).sort((a, b) => a - b)
  const lastCall = dead.length === 0 ? null : (events.at(dead.at(-1)!) as FunctionCalled)
  const cutCall = dead.map((position) => events.at(position) as FunctionCalled).find(({ linked }) => !linked)
  if (lastCall === null) return null
  const where = cutCall !== undefined && reachesRoot(view, first.step, cutCall) ? cutCall : null
  // What nothing reads is a branch that is not in the loss; a tape cannot tell whether that is meant.
  return finding({
    kind: 'no-gradient',
    level: where === null ? 'note' : 'cause',
    step: first.step,
    position: (where ?? lastCall).position,
    function: (where ?? lastCall).function,
    scope: (where ?? lastCall).scope,
    variable: view.label(first.ref),
    text:
      where === null
        ? `step ${first.step}: ${names} ${have}: the way from ${callText(lastCall)} does not lead to the loss`
        : `step ${first.step}: ${names} ${have}: ${callText(where)} was made without a creator (noGrad) and leads to the loss`,
  })
}

function isTrained(view: RunView, ref: Ref, without: readonly Reached[]): boolean {
  const event = view.event(positionOf(ref))
  return event.type === 'LeafCreated' && event.role === 'parameter' && !without.some((one) => one.ref === ref)
}

function reachesRoot(view: RunView, step: number, call: FunctionCalled): boolean {
  const events = view.step(step)
  return events.ancestors(events.roots).has(call.position)
}

// ---- Gradients that are there and say nothing.

/** What is known of the gradient of a parameter in a step. */
interface GradientSize {
  readonly ref: Ref
  readonly position: number
  readonly norm: number
  readonly size: number
  readonly zeros: number
  readonly shape: readonly number[]
}

/** The gradients of parameters that a step left, with their sizes. */
export function gradientSizes(view: RunView, step: number): GradientSize[] {
  const found: GradientSize[] = []
  for (const event of view.step(step).gradients) {
    const leaf = view.event(positionOf(event.variable))
    if (leaf.type !== 'LeafCreated' || leaf.role !== 'parameter') continue
    const size = event.shape.reduce((product, one) => product * one, 1)
    const { contribution, contributionSummary } = event
    if (contribution !== null) {
      let [sum, zeros] = [0, 0]
      for (const value of contribution.data) {
        sum += value * value
        if (value === 0) zeros++
      }
      found.push({
        ref: event.variable,
        position: event.position,
        norm: Math.sqrt(sum),
        size,
        zeros,
        shape: event.shape,
      })
    } else if (contributionSummary !== null)
      found.push({
        ref: event.variable,
        position: event.position,
        norm: contributionSummary.l2Norm ?? Number.NaN,
        size,
        zeros: contributionSummary.zeroCount,
        shape: event.shape,
      })
  }
  return found
}

/** The steps with a pass that stand for the run: the first three, some between, the last. */
export function sampleSteps(view: RunView, count = 3): number[] {
  const withPass = new Set<number>()
  const shapes = new Map<number, boolean>()
  for (const { stretch, like } of view.stretches()) shapes.set(stretch.shape, like.passes.length > 0)
  const stretches = view.shapes.stretches.filter(({ shape }) => shapes.get(shape) === true)
  const total = stretches.reduce((sum, { from, to }) => sum + to - from + 1, 0)
  const wanted = Array.from({ length: count }, (_, i) =>
    Math.round((i * (total - 1)) / Math.max(1, count - 1)),
  )
  let passed = 0
  for (const { from, to } of stretches) {
    for (const at of wanted) if (at >= passed && at < passed + to - from + 1) withPass.add(from + at - passed)
    passed += to - from + 1
  }
  return [...withPass].sort((a, b) => a - b)
}

/** A parameter's gradient is 0 in all its elements, in every step that was sampled. */
export function zeroGradients(view: RunView): Finding[] {
  const steps = sampleSteps(view, 7)
  if (steps.length < STEPS_MIN) return []
  const always = new Map<Ref, { count: number; zero: number }>()
  for (const step of steps)
    for (const { ref, size, zeros } of gradientSizes(view, step)) {
      const one = always.get(ref) ?? { count: 0, zero: 0 }
      one.count++
      if (zeros === size && size > 0) one.zero++
      always.set(ref, one)
    }
  const zero = [...always]
    .filter(([, { count, zero }]) => count >= STEPS_MIN && zero === count)
    .map(([ref]) => ref)
  if (zero.length === 0) return []
  const step = steps.find((one) => gradientSizes(view, one).some(({ ref }) => ref === zero[0]))!
  const stop = view.attempt('where gradients become 0', () => callThatStops(view, step)) ?? null
  const names = namesText(view, zero)
  if (stop === null) return []
  return [
    finding({
      kind: 'zero-gradient',
      level: 'cause',
      step,
      position: stop.call.position,
      function: stop.call.function,
      scope: stop.call.scope,
      variable: view.label(zero[0]!),
      value: 0,
      text: `step ${step}: ${callText(stop.call)} passes back gradients of 0 only${stop.why}: ${names} ${zero.length === 1 ? 'has' : 'have'} gradient 0 in every step`,
      evidence: [`looked    ${steps.length} steps, ${steps.join(', ')}`],
    }),
  ]
}

/** The call nearest the loss whose gradient is not 0 and that gives back gradients of 0 only. */
function callThatStops(view: RunView, step: number): { call: FunctionCalled; why: string } | null {
  const back = view.backward(step)
  if (back === null) return null
  const isZero = (array: NDArray | null) => array?.data.every((value: number) => value === 0) ?? true
  for (const call of back.calls) {
    if (call.outputs.every((_, slot) => isZero(back.of(refOf(call.position, slot))))) continue
    const gxs = call.inputs.map((ref) => back.of(ref)).filter((one) => one !== null)
    if (gxs.length > 0 && gxs.every(isZero)) return { call, why: whyZero(view, call) }
  }
  return null
}

function whyZero(view: RunView, call: FunctionCalled): string {
  const value = view.graph.variable(call.position, call.position + 1).data
  const [first] = value.data
  if (value.size > 0 && value.data.every((one: number) => one === first))
    return `, its output is ${shortNumber(first!)} everywhere`
  return ''
}
