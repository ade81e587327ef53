/** A run that goes on where another on the tape ended, with an optimizer that begins anew. */
import type { NDArray } from '../array/ndarray.js'
import { callText, finding, shortNumber } from '../detectors/draft.js'
import type { Finding } from '../detectors/finding.js'
import { isUpdate } from '../detectors/settings-watch.js'
import { type FunctionCalled, positionOf, type Ref } from '../events/event.js'
import { Lookup } from '../store/read/lookup.js'
import { RunView } from './run-view.js'

/** A run is compared with this many runs before it. */
const RUNS_MAX = 8

interface Begun {
  readonly parameters: Map<string, Ref>
  readonly states: Map<string, Ref>
}

/** The parameters and states of optimizers that a run has from its first steps, by name. */
function begunBy(view: RunView): Begun {
  const parameters = new Map<string, Ref>()
  const states = new Map<string, Ref>()
  for (const { stretch, like } of view.stretches()) {
    if (stretch.from > 2) break
    for (const { role, position } of like.leaves) {
      const name = view.nameOf(position)
      if (name === null) continue
      if (role === 'parameter') parameters.set(name, position)
      else if (name.startsWith('optimizer.')) states.set(name, position)
    }
  }
  return { parameters, states }
}

export function resumedState(view: RunView): Finding[] {
  const anew = begunAnew(view)
  if (anew !== null) return [anew]
  const { reader, id } = view.recording
  if (id === 1 || view.stepCount === 0) return []
  const own = begunBy(view)
  if (own.parameters.size === 0 || own.states.size === 0) return []
  for (let other = id - 1; other >= 1 && other >= id - RUNS_MAX; other--) {
    const name = reader.runName(other)
    if (name === null) continue
    const lookup = new Lookup(reader.db, other)
    const before = new RunView({ reader, lookup, id: other, name, lastPosition: reader.lastPosition(other) })
    const found = view.attempt(`whether run ${other} goes on here`, () => compared(view, own, before))
    view.stepsReplayed += before.stepsReplayed
    if (found !== null && found !== undefined) return [found]
  }
  return []
}

/**
 * An optimizer that is made anew in the middle of a run: a state of the same name comes a second time, and the first is read no more.
 * With other settings it is another phase of training, and a note.
 */
function begunAnew(view: RunView): Finding | null {
  const known = new Map<string, { ref: Ref; step: number }>()
  // Steps that are alike make leaves of the same names, so of most shapes none is a state.
  const shapesWithStates = new Map<number, boolean>()
  for (const { stretch, like } of view.stretches()) {
    let hasStates = shapesWithStates.get(stretch.shape)
    if (hasStates === undefined) {
      hasStates =
        like.leaves.some(
          ({ role, position }) => role !== 'parameter' && isStateName(view.nameOf(position)),
        ) && like.calls.some(isUpdate)
      shapesWithStates.set(stretch.shape, hasStates)
    }
    if (!hasStates) continue
    const events = view.step(stretch.from)
    for (const { position } of events.leaves) {
      const name = view.nameOf(position)
      if (name === null || !isStateName(name)) continue
      const before = known.get(name)
      known.set(name, { ref: position, step: stretch.from })
      if (before === undefined || stretch.from - before.step < 2) continue
      const found = view.attempt('optimizers that are made anew', () =>
        anewAt(view, name, before.ref, position),
      )
      if (found !== null && found !== undefined) return found
    }
  }
  return null
}

function isStateName(name: string | null): boolean {
  return name?.startsWith('optimizer.') === true
}

function anewAt(view: RunView, name: string, before: Ref, ref: Ref): Finding | null {
  const { step: at } = view.event(ref)
  // Another optimizer that goes on beside has states of the same names.
  for (const step of [at, at + 1])
    if (step <= view.stepCount && view.step(step).readers(before).length > 0) return null
  const then = view.graph.variable(before, ref).data
  const now = view.graph.variable(ref, ref + 1).data
  if (isZero(then)) return null
  const isZeroNow = isZero(now)
  // The first update goes without a velocity, and makes it; older tapes have it where the next one reads it.
  const isMadeHere = makerOf(view, ref) !== null
  const step = isZeroNow || isMadeHere ? at : at - 1
  const call = view
    .step(step)
    .calls.find(
      (one) =>
        isUpdate(one) && (isZeroNow ? one.inputs.includes(ref) : !isMadeHere || one === makerOf(view, ref)),
    )
  const last = view.step(step - 1).calls.find((one) => isUpdate(one) && one.scope === call?.scope)
  if (call === undefined || last === undefined) return null
  const isSame = JSON.stringify(call.attributes) === JSON.stringify(last.attributes)
  const was = then.size === 1 ? shortNumber(then.item()) : `of norm ${shortNumber(Math.hypot(...then.data))}`
  return finding({
    kind: 'resumed-state',
    level: isSame && call.function === last.function ? 'cause' : 'note',
    step,
    position: call.position,
    function: call.function,
    scope: call.scope,
    variable: name,
    value: 0,
    text: `step ${step}: ${name} begins anew in ${callText(call)}, and was ${was} in the step before: the optimizer was made anew, and its state is lost`,
    evidence: [
      'try       one optimizer for the whole run, or optimizer.loadStateDict(…) with the state of the one before',
    ],
  })
}

function compared(view: RunView, own: Begun, before: RunView): Finding | null {
  const theirs = begunBy(before)
  const names = [...own.parameters.keys()]
  if (before.stepCount === 0 || names.some((name) => !theirs.parameters.has(name))) return null
  const firstOf = (ref: Ref) => view.graph.variable(ref, ref + 1).data
  const theirFirst = (ref: Ref) => before.graph.variable(ref, ref + 1).data
  const theirLast = (ref: Ref) => before.graph.variable(ref, before.lastPosition + 1).data
  // Two runs that both begin from one seed have equal first values, and neither goes on.
  const moved = names.find(
    (name) => !same(firstOf(own.parameters.get(name)!), theirFirst(theirs.parameters.get(name)!)),
  )
  if (moved === undefined) return null
  if (
    names.some((name) => !same(firstOf(own.parameters.get(name)!), theirLast(theirs.parameters.get(name)!)))
  )
    return null
  // Of a state the counter tells most.
  const states = [...own.states.keys()].sort((a, b) => Number(b.endsWith('.t')) - Number(a.endsWith('.t')))
  for (const name of states) {
    const ref = theirs.states.get(name)
    if (ref === undefined) continue
    const mine = own.states.get(name)!
    const then = theirLast(ref)
    // A velocity that the first update made was not loaded: the update went without.
    const isLate = view.event(positionOf(mine)).step > 1 || makerOf(view, mine) !== null
    if (!(isLate || isZero(firstOf(mine))) || isZero(then)) continue
    return described(view, own, before, name, then)
  }
  return null
}

/** The call of the same step whose output a state took; null for one that came from outside, as what was loaded does. */
function makerOf(view: RunView, ref: Ref): FunctionCalled | null {
  const leaf = view.leafOf(ref)
  return leaf === null || leaf.source === null ? null : view.step(leaf.step).makerOf(leaf.source)
}

function described(view: RunView, own: Begun, before: RunView, name: string, then: NDArray): Finding {
  const ref = own.states.get(name)!
  const made = view.event(positionOf(ref)).step
  const step = Math.min(made, 1)
  const maker = makerOf(view, ref)
  const isLate = made > 1 || maker !== null
  const call = made > 1 ? view.step(step).calls.find(isUpdate) : (maker ?? view.step(made).readers(ref)[0])
  const was = then.size === 1 ? shortNumber(then.item()) : `of norm ${shortNumber(Math.hypot(...then.data))}`
  return finding({
    kind: 'resumed-state',
    level: 'cause',
    step,
    position: ref,
    function: call?.function ?? null,
    scope: call?.scope ?? null,
    variable: name,
    value: 0,
    text: `step ${step}: ${name} begins ${isLate ? 'anew' : 'at 0'}${call === undefined ? '' : ` in ${callText(call)}`}, and was ${was} at the end of run ${before.recording.id}, whose parameters go on here: the optimizer's state was not loaded`,
    evidence: [
      `equal     ${own.parameters.size} parameters are bit for bit what run ${before.recording.id} ended with`,
      'try       optimizer.loadStateDict(…) with the state of the run before',
    ],
  })
}

function same(a: NDArray, b: NDArray): boolean {
  if (a.size !== b.size || a.dtype !== b.dtype) return false
  for (let i = 0; i < a.size; i++)
    if (!Object.is(a.buffer[a.offset + i], b.buffer[b.offset + i])) return false
  return true
}

function isZero(array: NDArray): boolean {
  for (let i = 0; i < array.size; i++) if (array.buffer[array.offset + i] !== 0) return false
  return true
}
