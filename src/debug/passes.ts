/** Gradients that were not cleared between steps, and gradients that two passes of a step count twice. */

import { callText, finding, namesText } from '../detectors/draft.js'
import type { Finding } from '../detectors/finding.js'
import {
  countedTwice,
  doubledTerm,
  type NotCleared,
  NotClearedWatch,
  twiceText,
  usedAgain,
} from '../detectors/gradient-watch.js'
import { againFinding, doubledFinding, leftText } from '../detectors/training.js'
import { type FunctionCalled, positionOf, type Ref } from '../events/event.js'
import type { RunView } from './run-view.js'

/** After this many steps of one shape nothing new comes of another. */
const REPEATS = 3
/** Stretches read one by one. */
const STRETCHES_MAX = 20_000

export function notCleared(view: RunView): Finding[] {
  const watch = new NotClearedWatch()
  let [stretches, count] = [0, 0]
  let first: Finding | null = null
  // What was seen of a stretch that left the watch as it found it: another one like it, met in the same state, shows the same.
  const seen = new Map<string, boolean[]>()
  for (const { stretch, like } of view.stretches()) {
    if (like.gradients.length === 0 && like.assignments.length === 0) continue
    const last = Math.min(stretch.to, stretch.from + REPEATS - 1)
    const state = watch.key
    const key = `${stretch.shape} ${last - stretch.from} ${state}`
    let steps = state === null ? undefined : seen.get(key)
    if (steps === undefined) {
      if (++stretches > STRETCHES_MAX) {
        view.skipped.set('not-cleared', `steps differ from each other, and ${STRETCHES_MAX} were read`)
        break
      }
      steps = []
      for (let step = stretch.from; step <= last; step++) {
        const found = watch.step(view.step(step))
        steps.push(found !== null)
        if (found !== null) first ??= notClearedFinding(view, found)
      }
      if (state !== null && watch.key === state) seen.set(key, steps)
    }
    // What the last of them shows, the others of the stretch do, too.
    const more = steps.at(-1) === true ? stretch.to - last : 0
    count += steps.filter((isFound) => isFound).length + more
  }
  if (first === null) return []
  return [
    {
      ...first,
      evidence: [
        `then      an update uses such a sum in ${count} ${count === 1 ? 'step' : 'steps'}`,
        'try       clearGrads() before each backward()',
      ],
    },
  ]
}

function notClearedFinding(view: RunView, found: NotCleared): Finding {
  const { maker, variables, left } = found
  return finding({
    kind: 'not-cleared',
    level: 'cause',
    step: found.step,
    position: maker?.position ?? found.position,
    function: maker?.function ?? null,
    scope: maker?.scope ?? null,
    variable: view.label(variables[0]!),
    text: `step ${found.step}: gradients are not cleared: ${maker === null ? 'a pass' : `backward from ${rootText(view, found.root, maker)}`} adds to ${leftText(left)}, in ${namesText(view, variables)}`,
  })
}

export function twice(view: RunView): Finding[] {
  for (const step of view.shapes.firsts) {
    const events = view.step(step)
    if (events.passes.length === 0) continue
    const doubled = doubledTerm(events)
    if (doubled !== null) return [doubledFinding(step, doubled)]
    const again = usedAgain(events)
    if (again !== null) return [againFinding(view, again)]
    const found = countedTwice(events)
    if (found === null) continue
    const text = (ref: Ref) => {
      const maker = events.makerOf(ref)
      return maker === null ? view.label(ref) : rootText(view, ref, maker)
    }
    const maker = events.makerOf(found.part)
    return [
      finding({
        kind: 'counted-twice',
        level: 'cause',
        step,
        position: maker?.position ?? positionOf(found.part),
        function: maker?.function ?? null,
        scope: maker?.scope ?? null,
        variable: view.label(found.variables[0]!),
        text: `step ${step}: gradients are counted twice: ${twiceText(found.roots, found.part, text)}; ${namesText(view, found.variables)} ${found.variables.length === 1 ? 'adds' : 'add'} both up`,
        evidence: ['try       one backward() from the sum, or clearGrads() between the two'],
      }),
    ]
  }
  return []
}

/** `loss = meanSquaredError (#32)`. */
function rootText(view: RunView, root: Ref | null, maker: FunctionCalled): string {
  const name = root === null ? null : view.nameOf(root)
  return `${name === null ? '' : `${name} = `}${callText(maker)}`
}
