/** Parameters that stand still because they were frozen in the middle of the run, and were not unfrozen again. */
import { callText, finding, namesText } from '../detectors/draft.js'
import type { Finding } from '../detectors/finding.js'
import type { FunctionCalled, Ref } from '../events/event.js'
import type { RunView } from './run-view.js'

/** Layers that were frozen one after the other are told by themselves up to here. */
const TOLD_MAX = 4
/** So far behind it is looked for the call that says where in the program that was. */
const CALL_WITHIN = 256

export function frozen(view: RunView): Finding[] {
  const { versions } = view.recording.lookup
  const byStep = new Map<number, { position: number; refs: Ref[] }>()
  for (const ref of [...versions.everFrozen].sort((a, b) => a - b)) {
    const last = versions.lastSet(ref, view.lastPosition + 1)
    if (last === null || last.requiresGrad || view.leafOf(ref)?.role !== 'parameter') continue
    const { step } = view.event(last.position)
    // In the last step it may have learned before, as one of two networks does that are frozen in turn.
    if (step >= view.stepCount) continue
    const known = byStep.get(step)
    if (known === undefined) byStep.set(step, { position: last.position, refs: [ref] })
    else known.refs.push(ref)
  }
  return [...byStep]
    .sort(([a], [b]) => a - b)
    .slice(0, TOLD_MAX)
    .map(([step, { position, refs }]) => {
      const call = callAfter(view, position)
      const [are, they] = refs.length === 1 ? ['is', 'it gets'] : ['are', 'they get']
      return finding({
        kind: 'frozen',
        level: 'note',
        step,
        position: call?.position ?? position,
        function: call?.function ?? null,
        scope: call?.scope ?? null,
        variable: view.label(refs[0]!),
        text: `step ${step}: ${namesText(view, refs)} ${are} frozen from here to the end${call === null ? '' : `, before ${callText(call)}`}: ${they} no gradient and no update`,
        evidence: [
          `set       requiresGrad = false (#${position})${refs.length === 1 ? '' : `, ${refs.length} parameters`}`,
        ],
      })
    })
}

function callAfter(view: RunView, position: number): FunctionCalled | null {
  const { reader, id } = view.recording
  const last = Math.min(view.lastPosition, position + CALL_WITHIN)
  for (const event of position < last ? reader.events(id, position + 1, last) : [])
    if (event.type === 'FunctionCalled') return event
  return null
}
