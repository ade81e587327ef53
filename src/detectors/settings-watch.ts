/** Settings of calls that change when they should not: a learning rate that is another for a step and then again what it was. */
import type { FunctionCalled, Plain } from '../events/event.js'

/** Steps from `from` to `to` in which a setting has one value. */
interface Stretch {
  readonly value: Plain
  readonly from: number
  to: number
  readonly position: number
}

export interface SettingChange {
  readonly step: number
  readonly position: number
  readonly function: string
  readonly scope: string
  readonly setting: string
  readonly value: number
  readonly before: number
  /** The value after, where it went back; null for a change that stays. */
  readonly after: number | null
  readonly steps: number
}

/** A blip lasts at most this many steps. */
const BLIP_MAX = 5
/** Neighbours of a blip on a schedule may differ by this factor. */
const NEIGHBOURS = 2
/** A blip is off by at least this factor. */
const OFF_BY = 3

/** Keeps the last few values of each setting of each update, and tells of blips when they are over, and of jumps that stay. */
export class SettingsWatch {
  private readonly kept = new Map<string, Stretch[]>()
  readonly changes: SettingChange[] = []

  /** Updates whose learning rate is 0 and always was, over at least `steps` steps. */
  still(steps: number): { from: number; position: number; name: string }[] {
    return [...this.kept].flatMap(([name, stretches]) => {
      const [only] = stretches
      const is = name.endsWith(' lr') && stretches.length === 1 && only !== undefined && only.value === 0
      return is && only.to - only.from + 1 >= steps
        ? [{ from: only.from, position: only.position, name }]
        : []
    })
  }

  /** An update of steps `from` to `to`, in all of which it has these settings. */
  add(call: FunctionCalled, from: number, to: number, key: string): void {
    for (const [setting, value] of Object.entries(call.attributes)) {
      if (typeof value !== 'number') continue
      const name = `${call.function} ${call.scope} ${key} ${setting}`
      let stretches = this.kept.get(name)
      if (stretches === undefined) {
        stretches = []
        this.kept.set(name, stretches)
      }
      const last = stretches.at(-1)
      if (last !== undefined && Object.is(last.value, value)) last.to = to
      else {
        stretches.push({ value, from, to, position: call.position })
        this.judge(call, setting, stretches)
        if (stretches.length > 4) stretches.shift()
      }
    }
  }

  private judge(call: FunctionCalled, setting: string, stretches: readonly Stretch[]): void {
    const [before, odd, after] = stretches.slice(-3)
    if (before !== undefined && odd !== undefined && after !== undefined && odd.to - odd.from < BLIP_MAX) {
      const [a, b, c] = [before.value, odd.value, after.value] as [number, number, number]
      const returns =
        a === c || (near(a, c) && far(b, a) && far(b, c) && Math.sign(b - a) === Math.sign(b - c))
      if (returns && before.to - before.from + 1 > odd.to - odd.from) this.tell(call, setting, before, odd, c)
    }
    const [long, jump] = stretches.slice(-2)
    if (setting === 'lr' && long !== undefined && jump !== undefined && stretches.length === 2) {
      const [a, b] = [long.value, jump.value] as [number, number]
      if (a > 0 && b >= 5 * a && long.to - long.from >= 5) this.tell(call, setting, long, jump, null)
    }
  }

  private tell(
    call: FunctionCalled,
    setting: string,
    before: Stretch,
    odd: Stretch,
    after: number | null,
  ): void {
    // What was taken for a change that stays is a blip, once the setting is back.
    const known = this.changes.findIndex(
      (one) => one.scope === call.scope && one.setting === setting && one.step === odd.from,
    )
    if (known >= 0) this.changes.splice(known, 1)
    this.changes.push({
      step: odd.from,
      position: odd.position,
      function: call.function,
      scope: call.scope,
      setting,
      value: odd.value as number,
      before: before.value as number,
      after,
      steps: odd.to - odd.from + 1,
    })
  }
}

function near(a: number, b: number): boolean {
  return a > 0 && b > 0 && Math.max(a / b, b / a) <= NEIGHBOURS
}

function far(a: number, b: number): boolean {
  return a <= 0 || b <= 0 ? a !== b : Math.max(a / b, b / a) >= OFF_BY
}

/** Whether a call is an optimizer's: it computes next values, in a scope of that name or by one of its functions. */
export function isUpdate(call: FunctionCalled): boolean {
  return !call.linked && /Step$/.test(call.function)
}
