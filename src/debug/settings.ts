/** Settings that change when they should not, over all steps of a run. */

import { callText, finding } from '../detectors/draft.js'
import type { Finding } from '../detectors/finding.js'
import { median } from '../detectors/jumps.js'
import { type SettingChange, SettingsWatch } from '../detectors/settings-watch.js'
import {
  EFFECT_STEPS,
  STILL_STEPS,
  STOPPED_STEPS,
  settingFinding,
  stoppedFinding,
} from '../detectors/training.js'
import type { FunctionCalled } from '../events/event.js'
import type { RunView } from './run-view.js'
import type { Series } from './series.js'
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
  const stopped = watch.stopped(STOPPED_STEPS).slice(0, 1).map(stoppedFinding)
  const changes = watch.changes.flatMap((change) => {
    const key = `${change.step} ${change.setting} ${change.value}`
    if (told.has(key)) return []
    told.add(key)
    const effect =
      jumps?.jumps
        .map((i) => jumps.series.steps[i]!)
        .find((step) => step >= change.step && step <= change.step + EFFECT_STEPS) ??
      (jumps === null ? undefined : riseAfter(jumps.series, change))
    return change.after === null && effect === undefined ? [] : [settingFinding(change, effect ?? null)]
  })
  return [...still, ...stopped, ...changes]
}

/** Values before and after a change that are compared. */
const LEVEL = 20
const AFTER = 100
/** A loss that lies so much higher after a change has risen; it may do so after a rate that grew, and not after anything else. */
const RISEN = { lr: 1.5, other: 1.1 } as const
/** A rate that grew so much is seen in the first values after it: one lies so far above the highest before. */
const GROWN = 10
const SOON = 5
const ABOVE = 1.5

/** The step from which on a loss lies higher, by the median, than before a change. */
function riseAfter(
  { steps, values }: Series,
  { step, setting, value, before: rate }: SettingChange,
): number | undefined {
  const at = steps.findIndex((one) => one >= step)
  const before = values.slice(Math.max(0, at - LEVEL), Math.max(0, at))
  // The loss of a step is computed before its update: what comes after the next step counts.
  const after = values.slice(at + 1, at + 1 + AFTER)
  if (at < 0 || before.length < LEVEL / 2 || after.length < LEVEL / 2) return undefined
  const highest = Math.max(...before)
  if (setting === 'lr' && value >= GROWN * rate && highest > 0) {
    const up = after.slice(0, SOON).findIndex((one) => one > ABOVE * highest)
    if (up >= 0) return steps[at + 1 + up]
  }
  const level = median(before)
  const rises = level > 0 && median(after) > (setting === 'lr' ? RISEN.lr : RISEN.other) * level
  return rises ? steps[at + 1] : undefined
}
