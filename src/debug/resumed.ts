/** A run that goes on where another on the tape ended, with an optimizer that begins anew. */
import type { NDArray } from '../array/ndarray.js'
import { positionOf, type Ref } from '../events/event.js'
import { Lookup } from '../store/read/lookup.js'
import { callText, finding, shortNumber } from './draft.js'
import type { Finding } from './finding.js'
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
    const [now, then] = [firstOf(own.states.get(name)!), theirLast(ref)]
    if (!isZero(now) || isZero(then)) continue
    return described(view, own, before, name, then)
  }
  return null
}

function described(view: RunView, own: Begun, before: RunView, name: string, then: NDArray): Finding {
  const ref = own.states.get(name)!
  const { step } = view.event(positionOf(ref))
  const [call] = view.step(step).readers(ref)
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
    text: `step ${step}: ${name} begins at 0${call === undefined ? '' : ` in ${callText(call)}`}, and was ${was} at the end of run ${before.recording.id}, whose parameters go on here: the optimizer's state was not loaded`,
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
