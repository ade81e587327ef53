/** Parameters that are updated by one rule: the settings of an optimizer, checked and complete. */
import { refuseOtherCopy } from '../copies.js'
import { valueText } from '../errors.js'
import { refuse } from '../functions/attributes.js'
import { claim } from '../graph/claims.js'
import { Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'

/** The settings of one rule. Complete, plain and frozen: they are the attributes of the calls that update. */
export interface Rule {
  readonly lr: number
}

/** The bounds of a setting: at least `least`, below `below` when there is one. */
export interface Bounds {
  readonly least: number
  readonly below?: number
}

/** What settings a rule has: for a number its default and bounds, for a flag its default. A number without default is needed. */
export type Settings<R extends Rule> = {
  readonly [K in keyof R]: R[K] extends boolean
    ? { readonly flag: boolean }
    : { readonly otherwise: number | undefined; readonly bounds: Bounds }
}

type Setting = { flag: boolean } | { otherwise: number | undefined; bounds: Bounds }

const checkedRules = new WeakSet<object>()

/** The settings with their defaults, frozen. Throws BAD_ARGUMENT for unknown keys and numbers out of bounds. */
export function ruleFrom<R extends Rule>(given: object, settings: Settings<R>, what: string): R {
  if (checkedRules.has(given)) return given as R
  checkOptions(given, Object.keys(settings), what)
  const rule: Record<string, number | boolean> = {}
  for (const [key, setting] of Object.entries(settings) as [string, Setting][]) {
    rule[key] = settingOf((given as Record<string, unknown>)[key], setting, key, what)
  }
  checkedRules.add(rule)
  return Object.freeze(rule) as unknown as R
}

function settingOf(given: unknown, setting: Setting, key: string, what: string): number | boolean {
  if ('flag' in setting) {
    if (given === undefined) return setting.flag
    return typeof given === 'boolean'
      ? given
      : refuse(`${what} expected ${key} to be true or false, got ${valueText(given)}`)
  }
  const value = given === undefined ? setting.otherwise : given
  const { least, below } = setting.bounds
  if (
    typeof value === 'number' &&
    Number.isFinite(value) &&
    value >= least &&
    (below === undefined || value < below)
  )
    return value
  const range = below === undefined ? `of at least ${least}` : `from ${least} to below ${below}`
  return refuse(`${what} expected ${key} to be a number ${range}, got ${valueText(value)}`)
}

/** Parameters that an optimizer updates with the same settings. */
export class ParameterGroup<R extends Rule> {
  /** In the order in which they are updated. */
  readonly parameters: readonly Variable[]
  private current: R
  private readonly settings: Settings<R>
  private readonly what: string

  /** Optimizers make groups; users read and change them. */
  constructor(parameters: readonly Variable[], given: object, settings: Settings<R>, what: string) {
    this.parameters = parameters
    this.settings = settings
    this.what = what
    this.current = ruleFrom(given, settings, what)
  }

  /** All settings as they are now. */
  get rule(): R {
    return this.current
  }

  /** The settings with some changed. Throws BAD_ARGUMENT as the optimizer's constructor does. */
  changed(changes: Partial<R>): R {
    return ruleFrom({ ...this.current, ...changes }, this.settings, this.what)
  }

  /** Changes some settings from the next step on. Throws BAD_ARGUMENT as the optimizer's constructor does. */
  set(changes: Partial<R>): void {
    this.current = this.changed(changes)
  }

  /** The learning rate. */
  get lr(): number {
    return this.current.lr
  }

  set lr(lr: number) {
    if (lr !== this.current.lr) this.set({ lr } as Partial<R>)
  }
}

/** Parameters alone, or in groups with settings of their own. */
export type Parameters<O> =
  | Iterable<Variable>
  | readonly (Partial<O> & { readonly parameters: Iterable<Variable> })[]

/** Throws BAD_ARGUMENT for no parameters, for what cannot be trained, and for a parameter that comes twice. */
export function groupsFrom<R extends Rule>(
  given: unknown,
  options: object,
  settings: Settings<R>,
  what: string,
): ParameterGroup<R>[] {
  if (typeof given !== 'object' || given === null || !(Symbol.iterator in given) || given instanceof Map) {
    const advice =
      typeof given === 'object' && given !== null && 'parameters' in given ? '; pass model.parameters()' : ''
    refuse(`${what} expected a list of parameters, got ${valueText(given)}${advice}`)
  }
  const items = [...(given as Iterable<unknown>)]
  const other = items.find((item) => typeof item === 'object' && item !== null && 'params' in item)
  if (other !== undefined && !(other instanceof Variable))
    refuse(
      `${what} expected parameters, or groups of them { parameters: [...], lr: … }, got a group of "params"; did you mean "parameters"?`,
    )
  const isGroup = (item: unknown) =>
    typeof item === 'object' && item !== null && !(item instanceof Variable) && 'parameters' in item
  const lists =
    items.length > 0 && items.every(isGroup) ? (items as { parameters: unknown }[]) : [{ parameters: items }]
  const seen = new Set<Variable>()
  return lists.map(({ parameters, ...own }) => {
    if (typeof parameters !== 'object' || parameters === null || !(Symbol.iterator in parameters)) {
      refuse(`${what} expected the parameters of a group as a list, got ${valueText(parameters)}`)
    }
    const list = [...(parameters as Iterable<unknown>)].map((one, i) => checkedParameter(one, i, seen, what))
    if (list.length === 0) {
      refuse(
        `${what} expected parameters, got none; a model keeps them in fields, made by parameter(…) or by layers`,
      )
    }
    return new ParameterGroup(list, { ...options, ...own }, settings, what)
  })
}

function checkedParameter(one: unknown, i: number, seen: Set<Variable>, what: string): Variable {
  refuseOtherCopy(one, what)
  if (!(one instanceof Variable))
    return refuse(`${what} expected Variables as parameters, got ${valueText(one)} as number ${i}`)
  if (!one.requiresGrad && one.role !== 'parameter')
    refuse(
      `${what} expected parameters that require a gradient, but ${one.describe()} (number ${i}) does not`,
    )
  if (one.creator !== null) {
    refuse(
      `${what} expected leaves as parameters, but ${one.describe()} (number ${i}) was made by ${one.creator.name}; take .detach() and make a parameter of it`,
    )
  }
  if (seen.has(one))
    refuse(
      `${what} got ${one.describe()} twice (the second time as number ${i}); it would be updated twice a step`,
    )
  seen.add(one)
  claim(one)
  return one
}
