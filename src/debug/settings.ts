/** Settings that change when they should not, over all steps of a run. */

import { callText, finding } from '../detectors/draft.js'
import type { Finding } from '../detectors/finding.js'
import { isUpdate, SettingsWatch, type UpdateGroup } from '../detectors/settings-watch.js'
import { EFFECT_STEPS, STILL_STEPS, settingFinding } from '../detectors/training.js'
import type { FunctionCalled } from '../events/event.js'
import { updatesOf, updatesVary } from './block-updates.js'
import type { RunView } from './run-view.js'
import { jumpsOf } from './spikes.js'

/** Steps whose blocks are read at once. */
const STEPS_AT_ONCE = 4_096

export function settings(view: RunView, metric: string | null): Finding[] {
  const watch = new SettingsWatch()
  for (const { stretch, like } of view.stretches()) {
    if (!like.calls.some(isUpdate)) continue
    // Where settings stand with each step, one after the other is read; else one stands for all.
    const varies = view.blocksOf(stretch.from, stretch.from).some((block) => updatesVary(view.rows, block))
    for (let from = stretch.from; from <= stretch.to; from += STEPS_AT_ONCE) {
      const to = Math.min(stretch.to, from + STEPS_AT_ONCE - 1)
      const bySteps = new Map<number, UpdateGroup[]>()
      for (const block of view.blocksOf(from, varies ? to : from))
        bySteps.set(block.step, [...(bySteps.get(block.step) ?? []), ...updatesOf(view, block)])
      for (const [step, groups] of bySteps) watch.add(groups, step, varies ? step : stretch.to)
      if (!varies) break
    }
  }
  const jumps = watch.changes.some(({ after }) => after === null) ? jumpsOf(view, metric) : null
  const told = new Set<string>()
  const still = watch.still(STILL_STEPS).map(({ from, position }) => {
    const call = view.event(position) as FunctionCalled
    return finding({
      kind: 'no-update',
      level: 'cause',
      step: from,
      position,
      function: call.function,
      scope: call.scope,
      variable: 'lr',
      value: 0,
      text: `step ${from}: lr of ${callText(call)} is 0 in every step: no update changes ${view.label(call.inputs[0]!)}`,
    })
  })
  const changes = watch.changes.flatMap((change) => {
    const key = `${change.step} ${change.setting} ${change.value}`
    if (told.has(key)) return []
    told.add(key)
    const effect = jumps?.jumps
      .map((i) => jumps.series.steps[i]!)
      .find((step) => step >= change.step && step <= change.step + EFFECT_STEPS)
    return change.after === null && effect === undefined ? [] : [settingFinding(change, effect ?? null)]
  })
  return [...still, ...changes]
}
