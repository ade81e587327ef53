/** Settings of calls that change when they should not: a learning rate that is another for a step and then again what it was. */
import type { FunctionCalled, Plain, Ref } from '../events/event.js'

/** Steps from `from` to `to` in which a setting has one value. */
interface Stretch {
  readonly value: Plain
  readonly from: number
  to: number
  readonly position: number
  readonly call: { readonly function: string; readonly scope: string }
  /** It was told as one that is odd. */
  isTold: boolean
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
/** A value that comes back stands for this many steps around an odd one, or it is one of a cycle. */
const AROUND_MIN = 5
/** A rate that is 0 for this part of all updates is no end of a schedule. */
const STOPPED_SHARE = 5
/** A setting that jumps by this factor and stays. */
const JUMPS_BY = 5
/** Groups of one optimizer that are told apart. */
const CLASSES_MAX = 64

/** What is looked at of a call that updates. */
type UpdateCall = Pick<FunctionCalled, 'function' | 'scope' | 'position' | 'attributes'>

/** Updates of one step that have the same settings: the first call, and the parameters of all of them. */
export interface UpdateGroup {
  readonly call: UpdateCall
  readonly parameters: readonly Ref[]
}

/** A learning rate that became 0. */
export interface Stopped extends Stretch {
  readonly steps: number
  readonly before: number
}

/** Parameters that have had the same settings all along. */
interface Class {
  readonly parameters: Set<Ref>
  /** The step of their first update. */
  readonly first: number
  readonly stretches: Map<string, Stretch[]>
}

/** Keeps the last few values of each setting of each group of parameters, and tells of blips when they are over, and of jumps that stay. */
export class SettingsWatch {
  private readonly classes = new Map<string, Class[]>()
  readonly changes: SettingChange[] = []

  /** Updates whose learning rate is 0 and always was, over at least `steps` steps. */
  still(steps: number): Pick<Stretch, 'from' | 'position' | 'call'>[] {
    return [...this.classes.values()].flat().flatMap(({ stretches }) => {
      const own = stretches.get('lr') ?? []
      const [only] = own
      const is = own.length === 1 && only !== undefined && only.value === 0
      return is && only.to - only.from + 1 >= steps ? [only] : []
    })
  }

  /** Whether no group of parameters has a learning rate above 0: where one has, others with 0 are frozen, perhaps for a while. */
  get isAllStill(): boolean {
    return [...this.classes.values()].flat().every(({ stretches }) => {
      const last = stretches.get('lr')?.at(-1)
      return last === undefined || last.value === 0
    })
  }

  /** Learning rates that became 0 and stayed so for the last fifth of all updates, of which there are `steps` and more. */
  stopped(steps: number): Stopped[] {
    const all = [...this.classes.values()].flat()
    const found = all.flatMap(({ stretches, first }) => {
      const own = stretches.get('lr') ?? []
      const [last, before] = [own.at(-1), own.at(-2)]
      if (last === undefined || before === undefined || last.value !== 0) return []
      const count = last.to - last.from + 1
      return count >= steps && count * STOPPED_SHARE >= last.to - first + 1
        ? [{ ...last, steps: count, before: before.value as number }]
        : []
    })
    // Where others go on, a part was frozen on purpose.
    return found.length === all.length ? found : []
  }

  /** The updates of steps `from` to `to`, in all of which they have these settings. */
  add(groups: readonly UpdateGroup[], from: number, to: number): void {
    if (groups.length === 1) {
      const { call, parameters } = groups[0]!
      const known = this.classes.get(kindOf(call))
      // One optimizer with one group: nearly every step of nearly every run.
      if (known?.length === 1 && known[0]!.parameters.has(parameters[0]!)) {
        this.addTo(known[0]!, call, from, to)
        return
      }
    }
    const kinds = new Set(groups.map(({ call }) => kindOf(call)))
    for (const kind of kinds) {
      const own = groups.filter(({ call }) => kindOf(call) === kind)
      const known = this.classes.get(kind) ?? []
      this.classes.set(kind, known)
      const [only] = known
      if (own.length === 1 && known.length === 1 && only!.parameters.has(own[0]!.parameters[0]!))
        this.addTo(only!, own[0]!.call, from, to)
      else for (const group of own) this.addGroup(known, group, from, to)
    }
  }

  /** Parameters of a class that are in this group go on together, and those that are not in another. */
  private addGroup(known: Class[], { call, parameters }: UpdateGroup, from: number, to: number): void {
    const left = new Set(parameters)
    for (const one of [...known]) {
      const here = [...left].filter((ref) => one.parameters.has(ref))
      if (here.length === 0) continue
      for (const ref of here) left.delete(ref)
      let together = one
      // A parameter that has no update in a step stays where it is.
      const apart = [...one.parameters].some((ref) => !here.includes(ref))
      if (apart && !this.agrees(one, call) && known.length < CLASSES_MAX) {
        for (const ref of here) one.parameters.delete(ref)
        const stretches = new Map(
          [...one.stretches].map(([name, all]) => [name, all.map((part) => ({ ...part }))]),
        )
        together = { parameters: new Set(here), first: one.first, stretches }
        known.push(together)
      }
      this.addTo(together, call, from, to)
    }
    if (left.size === 0 || known.length >= CLASSES_MAX) return
    const fresh: Class = { parameters: left, first: from, stretches: new Map() }
    known.push(fresh)
    this.addTo(fresh, call, from, to)
  }

  private agrees({ stretches }: Class, call: UpdateCall): boolean {
    return Object.entries(call.attributes).every(
      ([name, value]) => typeof value !== 'number' || Object.is(stretches.get(name)?.at(-1)?.value, value),
    )
  }

  private addTo(known: Class, call: UpdateCall, from: number, to: number): void {
    const { function: called, scope, position } = call
    for (const setting in call.attributes) {
      const value = call.attributes[setting]
      if (typeof value !== 'number') continue
      let stretches = known.stretches.get(setting)
      if (stretches === undefined) {
        stretches = []
        known.stretches.set(setting, stretches)
      }
      const last = stretches.at(-1)
      if (last !== undefined && Object.is(last.value, value)) {
        last.to = to
        // Steps come one by one, or many at once.
        if (last.to - last.from <= AROUND_MIN + 2 * BLIP_MAX || from !== to)
          this.judgeBlip(call, setting, stretches)
      } else {
        stretches.push({ value, from, to, position, call: { function: called, scope }, isTold: false })
        this.judge(call, setting, stretches)
        if (stretches.length > 4) stretches.shift()
      }
    }
  }

  private judge(call: UpdateCall, setting: string, stretches: Stretch[]): void {
    this.judgeBlip(call, setting, stretches)
    const [long, jump] = stretches.slice(-2)
    if (long === undefined || jump === undefined || stretches.length !== 2 || long.to - long.from < 5) return
    const [a, b] = [long.value, jump.value] as [number, number]
    // A smaller rate is a schedule; another weight decay or momentum is none, whichever way it goes.
    const jumps = setting === 'lr' ? a > 0 && b >= JUMPS_BY * a : isApart(a, b)
    if (jumps) this.tell(call, setting, long, jump, null)
  }

  /** Asked again while the stretch after the odd one grows: a value that comes and goes all the time is a schedule. */
  private judgeBlip(
    call: Pick<FunctionCalled, 'function' | 'scope'>,
    setting: string,
    stretches: Stretch[],
  ): void {
    const [earlier, before, odd, after] =
      stretches.length < 4 ? [undefined, ...stretches] : stretches.slice(-4)
    if (before === undefined || odd === undefined || after === undefined || odd.isTold) return
    const length = ({ from, to }: Stretch) => to - from + 1
    if (length(odd) > BLIP_MAX) return
    const [a, b, c] = [before.value, odd.value, after.value] as [number, number, number]
    const isBack = a === c && length(before) + length(after) >= Math.max(AROUND_MIN, 2 * length(odd) + 1)
    const isSlip =
      a !== c &&
      near(a, c) &&
      far(b, a) &&
      far(b, c) &&
      Math.sign(b - a) === Math.sign(b - c) &&
      length(before) + length(after) > length(odd) &&
      (earlier === undefined || near(earlier.value as number, a))
    if (!isBack && !isSlip) return
    odd.isTold = true
    this.tell(call, setting, before, odd, c)
  }

  private tell(
    call: Pick<FunctionCalled, 'function' | 'scope'>,
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

function kindOf(call: UpdateCall): string {
  return `${call.function} ${call.scope}`
}

function near(a: number, b: number): boolean {
  return a > 0 && b > 0 && Math.max(a / b, b / a) <= NEIGHBOURS
}

/** Whether a setting is of another order, or was none: of one near 1, as a momentum is, what it lacks to 1 counts. */
function isApart(a: number, b: number): boolean {
  const by = (x: number, y: number) =>
    x >= 0 && y >= 0 && x !== y && (Math.min(x, y) === 0 || Math.max(x, y) >= JUMPS_BY * Math.min(x, y))
  return by(a, b) || (a < 1 && b < 1 && a > 0.5 && b > 0.5 && by(1 - a, 1 - b))
}

function far(a: number, b: number): boolean {
  return a <= 0 || b <= 0 ? a !== b : Math.max(a / b, b / a) >= OFF_BY
}

/** Whether a call is an optimizer's: it computes next values, in a scope of that name or by one of its functions. */
export function isUpdate(call: Pick<FunctionCalled, 'function' | 'linked'>): boolean {
  return !call.linked && /Step$/.test(call.function)
}

/** The updates of a step, by what they do and with which settings. */
export function updateGroups(calls: readonly FunctionCalled[]): UpdateGroup[] {
  const found = new Map<string, { call: FunctionCalled; parameters: Ref[] }>()
  for (const call of calls) {
    if (!isUpdate(call)) continue
    const key = JSON.stringify([call.function, call.scope, call.attributes])
    const group = found.get(key)
    if (group === undefined) found.set(key, { call, parameters: [call.inputs[0]!] })
    else group.parameters.push(call.inputs[0]!)
  }
  return [...found.values()]
}
