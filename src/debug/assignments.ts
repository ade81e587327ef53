/** Parameters that were given a value from outside the run while it trained. */

import { finding, namesText, shortNumber } from '../detectors/draft.js'
import type { Finding } from '../detectors/finding.js'
import type { Ref } from '../events/event.js'
import type { RunView } from './run-view.js'

interface Assigned {
  readonly step: number
  readonly position: number
  readonly variable: Ref
}

/** What is assigned in more than one of this many steps is done on purpose: weights that are clipped, copies that are moved. */
const RARE = 5

export function assignments(view: RunView): Finding[] {
  const trained = new Set<Ref>()
  const outside: Assigned[] = []
  const stepsOf = new Map<Ref, number>()
  let updatesAfter = 0
  for (const { stretch, like } of view.stretches()) {
    // Positions are needed only where something is found.
    const isOutside = stretch.from > 0 && like.assignments.some(({ source }) => source === null)
    const events = isOutside ? view.step(stretch.from) : like
    const count = stretch.to - stretch.from + 1
    let updates = false
    for (const { variable, source, step, position } of events.assignments) {
      if (source !== null) {
        if (events.makerOf(source)?.linked === false) {
          trained.add(variable)
          updates = true
        }
        continue
      }
      if (step === 0) continue
      stepsOf.set(variable, (stepsOf.get(variable) ?? 0) + count)
      outside.push({ step, position, variable })
    }
    if (updates) updatesAfter = stretch.to
  }
  const rare = outside.filter(({ variable, step }) => {
    const event = view.event(variable)
    const isParameter = event.type === 'LeafCreated' && event.role === 'parameter'
    return (
      isParameter &&
      trained.has(variable) &&
      step <= updatesAfter &&
      stepsOf.get(variable)! * RARE <= view.stepCount
    )
  })
  const bySteps = new Map<number, Assigned[]>()
  for (const one of rare) bySteps.set(one.step, [...(bySteps.get(one.step) ?? []), one])
  return [...bySteps.values()].map((all) => described(view, all, trained.size))
}

function described(view: RunView, all: readonly Assigned[], parameters: number): Finding {
  const { step, position, variable } = all[0]!
  // All parameters at once is a state that was loaded: done on purpose, and told beside.
  const isLoad = all.length > 1 && all.length >= parameters
  const event = view.event(position)
  const norm = event.type === 'ValueAssigned' && event.value !== null ? normOf(event.value.data) : null
  const names = namesText(
    view,
    all.map((one) => one.variable),
  )
  return finding({
    kind: 'outside-assignment',
    level: isLoad ? 'note' : 'cause',
    step,
    position,
    variable: view.label(variable),
    value: norm,
    text: `step ${step}: ${names} ${all.length === 1 ? 'is' : 'are'} assigned from outside (#${position})${norm === null ? '' : `, norm ${shortNumber(norm)}`}: no call of the run made the value`,
  })
}

function normOf(data: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < data.length; i++) sum += data[i]! ** 2
  return Math.sqrt(sum)
}
