/** Settings that change when they should not, over all steps of a run. */

import { isUpdate, type SettingChange, SettingsWatch } from '../detectors/settings-watch.js'
import type { FunctionCalled } from '../events/event.js'
import { CALL_ENTRY } from '../events/record-layout.js'
import { callText, finding, shortNumber } from './draft.js'
import type { Finding } from './finding.js'
import type { RunView } from './run-view.js'
import { jumpsOf } from './spikes.js'

/** More steps of changing settings than this are not read one by one. */
const STEPS_MAX = 200_000
/** A loss that jumps within this many steps of a change is its effect. */
const EFFECT_STEPS = 10
/** A learning rate of 0 for fewer steps is a warm-up. */
const STILL_STEPS = 5

export function settings(view: RunView, metric: string | null): Finding[] {
  const watch = new SettingsWatch()
  let read = 0
  for (const { stretch, like } of view.stretches()) {
    const updates = like.calls.filter(isUpdate)
    if (updates.length === 0) continue
    const varies = stretch.from < stretch.to && variesInside(view, like.step)
    if (!varies && (stretch.from === like.step || !variesInside(view, like.step))) {
      for (const call of onePerScope(updates)) watch.add(call, stretch.from, stretch.to, 'all')
      continue
    }
    // The settings differ from step to step: one update of a scope stands for all.
    for (let step = stretch.from; step <= stretch.to && read < STEPS_MAX; step++, read++)
      for (const call of onePerScope(view.step(step).calls.filter(isUpdate)))
        watch.add(call, step, step, 'all')
  }
  if (read >= STEPS_MAX)
    view.skipped.set('settings', `they change from step to step, and ${STEPS_MAX} steps were read`)
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
    return change.after === null && effect === undefined ? [] : [described(view, change, effect ?? null)]
  })
  return [...still, ...changes]
}

function onePerScope<T extends { scope: string; function: string }>(calls: readonly T[]): T[] {
  const seen = new Set<string>()
  return calls.filter(
    ({ scope, function: name }) => !seen.has(`${scope} ${name}`) && seen.add(`${scope} ${name}`),
  )
}

/** Whether attributes of updates stand with each step, and not in its template. */
function variesInside(view: RunView, step: number): boolean {
  const { from, to } = view.recording.lookup.stepRange(step, view.lastPosition)
  const positions = new Map(
    view
      .step(step)
      .calls.filter(isUpdate)
      .map((call) => [call.position, true]),
  )
  return view.rows
    .blocks(from, to)
    .some(({ first, template }) =>
      template.calls.some(
        (call) => call[CALL_ENTRY.attributes] === 0 && positions.has(first + call[CALL_ENTRY.offset]!),
      ),
    )
}

function described(view: RunView, change: SettingChange, effect: number | null): Finding {
  const { step, setting, value, before, after, steps } = change
  const call = view
    .step(step)
    .calls.find((one) => one.function === change.function && one.scope === change.scope)
  const position = call?.position ?? change.position
  const until =
    after === null ? ' and stays so' : ` and ${shortNumber(after)} again from step ${step + steps} on`
  return finding({
    kind: 'settings',
    level: 'cause',
    step,
    position,
    function: change.function,
    scope: change.scope,
    variable: setting,
    value,
    before: [{ step: step - 1, value: before }],
    text: `step ${step}: ${setting} of ${change.function} (#${position} in ${change.scope}) is ${shortNumber(value)}, ${shortNumber(before)} before${until}`,
    evidence: effect === null ? [] : [`then      the loss jumps at step ${effect}`],
  })
}
