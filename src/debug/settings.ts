/** Settings that change when they should not, over all steps of a run. */

import { callText, finding } from '../detectors/draft.js'
import type { Finding } from '../detectors/finding.js'
import { SettingsWatch } from '../detectors/settings-watch.js'
import { EFFECT_STEPS, STILL_STEPS, settingFinding } from '../detectors/training.js'
import type { FunctionCalled } from '../events/event.js'
import type { RunView } from './run-view.js'
import { jumpsOf } from './spikes.js'
import { UpdateScan } from './update-scan.js'

export function settings(view: RunView, metric: string | null): Finding[] {
  const watch = new SettingsWatch()
  for (const { groups, from, to } of new UpdateScan(view.rows, view.lastPosition).steps())
    watch.add(groups, from, to)
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
