/** The gradient of everything that a pass walked through, intermediate variables included: computed from the file by the same pass. */
import type { NDArray } from '../array/ndarray.js'
import { type FunctionCalled, type Ref, refOf } from '../events/event.js'
import type { Attributes } from '../graph/attributes.js'
import { mode } from '../graph/mode.js'
import { recreateFunc } from '../graph/registry.js'
import { Variable } from '../graph/variable.js'
import type { RunSteps } from './run-steps.js'

export interface BackwardValues {
  /** The position of the pass. */
  readonly pass: number
  /** The calls that it walked through, the latest first. */
  readonly calls: readonly FunctionCalled[]
  /** The gradient of what a call made or read; null where none arrived. */
  of(ref: Ref): NDArray | null
}

/** Of the first pass of a step that leaves gradients, or of the one at `position`; null when there is none. Throws as replay does. */
export function backwardValues(view: RunSteps, step: number, position?: number): BackwardValues | null {
  const events = view.step(step)
  const pass = events.passes.find(
    (one) => one.targets === null && (position === undefined || one.position === position),
  )
  if (pass === undefined) return null
  const calls = [...events.ancestors(pass.roots, true)]
    .sort((a, b) => b - a)
    .map((at) => events.at(at) as FunctionCalled)
  // Held before the pass, they keep what it leaves.
  const held = new Map<Ref, Variable>()
  for (const call of calls) {
    call.outputs.forEach((_, slot) => {
      const ref = refOf(call.position, slot)
      held.set(ref, view.graph.variable(ref, pass.position))
    })
    for (const ref of call.inputs) if (!held.has(ref)) held.set(ref, view.graph.variable(ref, call.position))
  }
  for (const variable of held.values()) variable.clearGrad()
  const given = pass.gradients[0] ?? null
  const root = view.graph.variable(pass.roots[0]!, pass.position)
  root.backward({
    retainGrad: true,
    ...(given === null ? {} : { gradient: view.graph.variable(given, pass.position) }),
  })
  const gradients = new Map<Ref, NDArray>()
  for (const [ref, variable] of held) {
    const gradient = variable.grad
    if (gradient !== null) gradients.set(ref, gradient.data)
    variable.clearGrad()
  }
  return { pass: pass.position, calls, of: (ref) => gradients.get(ref) ?? null }
}

/**
 * What one call alone gives back to its inputs: an input that several calls read has the sum of all of them in `BackwardValues`.
 * Null where nothing arrives. Throws as the function's own rule does.
 */
export function givenBack(
  call: FunctionCalled,
  inputs: readonly NDArray[],
  gradients: readonly (NDArray | null)[],
): (NDArray | null)[] {
  const { recorder, linking } = mode
  mode.recorder = null
  mode.linking = true
  try {
    const read = inputs.map((array) => new Variable(array, { requiresGrad: array.dtype.startsWith('float') }))
    const func = recreateFunc(call.function, call.attributes as Attributes)
    func.apply(...read)
    for (const [slot, output] of func.outputs.entries()) {
      const gradient = gradients[slot] ?? null
      if (gradient !== null && output.requiresGrad)
        output.backward({ gradient: new Variable(gradient, { requiresGrad: false }) })
    }
    return read.map(({ grad }) => grad?.data ?? null)
  } finally {
    mode.recorder = recorder
    mode.linking = linking
  }
}
