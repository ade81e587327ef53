/** Functions that are not gradtape's own: whether the same inputs give the same twice. */
import type { NDArray } from '../array/ndarray.js'
import { callText, elementText, finding, shortNumber, unravel } from '../detectors/draft.js'
import type { Finding } from '../detectors/finding.js'
import type { FunctionCalled } from '../events/event.js'
import type { Attributes } from '../graph/attributes.js'
import { unrecorded } from '../graph/mode.js'
import { isOwnFunc, recreateFunc, registeredFuncs } from '../graph/registry.js'
import { toNDArray } from '../recorder/recorded-array.js'
import type { RunView } from './run-view.js'

const TRIES = 3

export function userFunctions(view: RunView): Finding[] {
  return unsteady(view, 'recorded')
}

/** The same, of what is computed here alone: another result than the recorded one may have other reasons. */
export function unsteadyHere(view: RunView): Finding[] {
  return unsteady(view, null)
}

/** Of each function that the program brought itself, the first call. */
export function ownCalls(view: RunView): FunctionCalled[] {
  const first = new Map<string, FunctionCalled>()
  for (const step of view.shapes.firsts)
    for (const call of view.step(step).calls)
      if (!isOwnFunc(call.function) && !first.has(call.function)) first.set(call.function, call)
  return [...first.values()]
}

function unsteady(view: RunView, also: 'recorded' | null): Finding[] {
  const registered = new Set(registeredFuncs())
  const findings: Finding[] = []
  for (const call of ownCalls(view)) {
    if (!registered.has(call.function)) {
      view.skipped.set(
        `whether ${callText(call)} gives the same twice`,
        'it is not a function of gradtape; load its module (--import)',
      )
      continue
    }
    const found =
      view.attempt(`whether ${callText(call)} gives the same twice`, () => differs(view, call, also)) ?? null
    if (found !== null) findings.push(found)
  }
  return findings
}

function differs(view: RunView, call: FunctionCalled, also: 'recorded' | null): Finding | null {
  const inputs = call.inputs.map((ref) => view.graph.variable(ref, call.position).data)
  const compute = () => {
    const made = unrecorded(() =>
      recreateFunc(call.function, call.attributes as Attributes).forwardList(inputs),
    )
    return (Array.isArray(made) ? made : [made]) as NDArray[]
  }
  const recorded = call.outputs.map(({ value }) => (value === null ? null : toNDArray(value)))
  const once = compute()
  const others = [...(also === null ? [] : [recorded]), ...Array.from({ length: TRIES - 1 }, compute)]
  for (const other of others)
    for (const [slot, a] of once.entries()) {
      const b = other[slot] ?? null
      if (b === null) continue
      for (let i = 0; i < a.size; i++) {
        const [x, y] = [a.buffer[a.offset + i]!, b.buffer[b.offset + i]!]
        if (Object.is(x, y)) continue
        return finding({
          kind: 'not-deterministic',
          level: 'cause',
          step: call.step,
          position: call.position,
          function: call.function,
          scope: call.scope,
          element: unravel(i, a.shape),
          value: x,
          text: `step ${call.step}: ${callText(call)} gives another result for the same inputs: ${apart(x, y)} at ${elementText(unravel(i, a.shape))}; the function is not gradtape's`,
          evidence: [
            'so        the run cannot be computed again, and two runs of one seed differ',
            'try       take random numbers from the key of the run, and keep no state in the function',
          ],
        })
      }
    }
  return null
}

/** Two numbers that differ, also where that takes all their digits. */
function apart(x: number, y: number): string {
  const [a, b] = [shortNumber(x), shortNumber(y)]
  return a === b ? `${x} and ${y}` : `${a} and ${b}`
}
