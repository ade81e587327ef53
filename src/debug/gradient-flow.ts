/** Parameters that training does not reach: no gradient, because something cuts the graph; no update; gradients of 0. */
import type { NDArray } from '../array/ndarray.js'
import { callText, finding, namesText, shortNumber } from '../detectors/draft.js'
import type { Finding } from '../detectors/finding.js'
import {
  isWanted,
  joinsTrained,
  notUpdated,
  REACH_STEPS,
  type Reached,
  ReachWatch,
  withoutGradient,
} from '../detectors/reach.js'
import { type FunctionCalled, positionOf, type Ref, refOf } from '../events/event.js'
import { toNDArray } from '../recorder/recorded-array.js'
import type { RunView } from './run-view.js'
import { SATURATES } from './unit-activity.js'

/** Fewer steps with a pass say nothing. */
const STEPS_MIN = REACH_STEPS

/** A leaf from outside that has, bit for bit, what calls on the way from these parameters made: somebody copied the numbers. */
function copied(view: RunView, without: readonly Reached[]): Finding | null {
  const { ref, events, readBy } = without[0]!
  const refs = without.map((one) => one.ref)
  const reaching = events.ancestors(events.roots, true)
  const made = [...events.descendants(refs)].filter((position) => !reaching.has(position))
  const leaves = events.leaves.filter(
    ({ source, value, shape, role }) =>
      source === null && value !== null && shape.length > 0 && role !== 'parameter',
  )
  if (made.length === 0 || leaves.length === 0) return null
  const values = view.values(readBy.step)
  if (values === null) return null
  for (const leaf of leaves) {
    const join = events.readers(leaf.position).find(({ position }) => reaching.has(position))
    const maker = made.find(
      (position) => position < leaf.position && equalArrays(values.of(position), toNDArray(leaf.value!)),
    )
    if (join === undefined || maker === undefined) continue
    const names = namesText(view, refs)
    return finding({
      kind: 'no-gradient',
      level: isWanted(without) || joinsTrained(view, events, join, without) ? 'cause' : 'note',
      step: readBy.step,
      position: join.position,
      function: join.function,
      scope: join.scope,
      variable: view.label(ref),
      text: `step ${readBy.step}: ${names} ${without.length === 1 ? 'has' : 'have'} no gradient: ${callText(join)} reads #${leaf.position}, a copy of the numbers that ${callText(events.at(maker) as FunctionCalled)} made`,
      evidence: ['so        the way back ends at the copy'],
    })
  }
  return null
}

function equalArrays(a: NDArray | null, b: NDArray): boolean {
  if (a === null || a.dtype !== b.dtype || a.size !== b.size || a.size < 2) return false
  for (let i = 0; i < a.size; i++)
    if (!Object.is(a.buffer[a.offset + i], b.buffer[b.offset + i])) return false
  return true
}

export function noGradient(view: RunView): Finding[] {
  const watch = new ReachWatch(view)
  for (const { stretch, like } of view.stretches()) watch.add(like, stretch.to - stretch.from + 1)
  const { reached } = watch
  if (!reached.some(({ updates }) => updates >= STEPS_MIN)) return []
  const without = reached.filter(
    ({ gradients, updates, assigned, steps }) =>
      gradients === 0 && updates === 0 && !assigned && steps >= STEPS_MIN,
  )
  const missed = reached.filter(
    ({ gradients, updates, assigned, steps }) =>
      gradients >= STEPS_MIN && updates === 0 && !assigned && steps >= STEPS_MIN,
  )
  const cut =
    without.length === 0
      ? null
      : (view.attempt('copies of what was computed', () => copied(view, without)) ??
        withoutGradient(view, without))
  const updated = reached.filter(({ updates }) => updates > 0)
  return [cut, missed.length === 0 ? null : notUpdated(view, missed, updated)].filter((one) => one !== null)
}

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
    if (gxs.length > 0 && gxs.every(isZero)) {
      const origin = constantOrigin(view, step, call)
      return { call: origin, why: whyZero(view, origin) }
    }
  }
  return null
}

/** Where what a call reads is one number everywhere, the call that made it so of numbers that were not. */
function constantOrigin(view: RunView, step: number, call: FunctionCalled): FunctionCalled {
  const events = view.step(step)
  const isConstant = (ref: Ref) => {
    const { data } = view.graph.variable(ref, call.position + 1)
    return data.size > 1 && data.data.every((one: number) => one === data.data[0])
  }
  let origin = call
  for (let depth = 0; depth < 16; depth++) {
    const makers = origin.inputs.map((ref) => events.makerOf(ref)).filter((maker) => maker !== null)
    const next = makers.find(({ position, linked }) => linked && isConstant(position))
    if (next === undefined) return origin
    origin = next
  }
  return origin
}

function whyZero(view: RunView, call: FunctionCalled): string {
  const [low, high] = SATURATES[call.function] ?? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]
  if (call.function in SATURATES) {
    const read = view.graph.variable(call.inputs[0]!, call.position).data
    if (read.size > 0 && read.data.every((one: number) => one < low || one > high))
      return `: all that it reads is below ${shortNumber(low)} or above ${shortNumber(high)}, where it is saturated`
  }
  const value = view.graph.variable(call.position, call.position + 1).data
  const [first] = value.data
  if (value.size > 0 && value.data.every((one: number) => one === first))
    return `, its output is ${shortNumber(first!)} everywhere`
  return ''
}
