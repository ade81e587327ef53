/**
 * What all optimizers share: groups of parameters, the state kept for each parameter, and the step. A rule is a fused
 * function from a parameter, its gradient and its state to their next values; each update is one recorded call and
 * assignments from its outputs, which store nothing, so that any step can be replayed from a tape.
 */
import { NDArray, scalar } from '../array/ndarray.js'
import { formatShape, sameShape } from '../array/shape.js'
import { TapeError, valueText } from '../errors.js'
import { neg } from '../functions/arithmetic.js'
import { flagOf, refuse } from '../functions/attributes.js'
import type { Func } from '../graph/func.js'
import { constant } from '../graph/leaves.js'
import { mode, noGrad, withScope } from '../graph/mode.js'
import { keepsNothing } from '../graph/registry.js'
import type { Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import {
  groupsFrom,
  type ParameterGroup,
  type Parameters,
  type Rule,
  type Settings,
} from './parameter-group.js'

/** What is remembered of one parameter, by key: Variables that no graph leads to. */
type ParameterState = Map<string, Variable>

/** What is one number for a whole parameter. */
const SCALARS = new Set(['t', 'product'])

/** Elements of a parameter from which its states are written over: arrays of fewer cost little to collect. */
const LARGE = 4096

/** How an optimizer's state is saved: `<parameter>.<key>` and `groups.<i>.<setting>`. */
export type OptimizerState = { readonly [name: string]: NDArray }

/**
 * What SGD, Adam and the others share: parameters in groups, the state of each parameter, and `step()`. A step computes with
 * recorded calls and then assigns, so a tape replays it.
 */
export abstract class Optimizer<R extends Rule> {
  /** The parameters, in groups that may differ in their settings. */
  readonly groups: readonly ParameterGroup<R>[]
  readonly #states = new Map<Variable, ParameterState>()
  readonly #what: string
  #flags: ReadonlyMap<string, boolean>

  /** flags  settings of the whole optimizer that are true or false, false unless said; `maximize` is one of every optimizer */
  protected constructor(
    parameters: Parameters<never>,
    options: object,
    settings: Settings<R>,
    what: string,
    flags: readonly string[] = [],
  ) {
    this.#what = what
    checkOptions(options, [...Object.keys(settings), 'maximize', ...flags], what)
    const rest: Record<string, unknown> = { ...options }
    const given = ['maximize', ...flags].map((key) => {
      const flag = flagOf(rest[key], false, key, what)
      delete rest[key]
      return [key, flag] as const
    })
    this.#flags = new Map(given)
    this.groups = groupsFrom(parameters, rest, settings, what)
  }

  /**
   * Arrays of states that this optimizer made unrecorded and has shown to nobody: the next step may write over them. A step of a large
   * model otherwise leaves so much memory behind that collecting it takes longer than the step.
   */
  #unseen = new WeakSet<NDArray>()
  /** A tape was told once of parameters that have no gradient. */
  #hasPassedOver = false
  #isShown = false

  /** Whether a flag is set. */
  protected flag(key: string): boolean {
    return this.#flags.get(key) === true
  }

  /** What the rule remembers of each parameter, in the order of the call's inputs and outputs. */
  protected abstract keys(rule: R): readonly string[]

  /** The call that updates one parameter; with `overwrites` it may write the new state where the old one stands. */
  protected abstract call(rule: R, overwrites: boolean): Func

  /** A state before the first step; null when the first call makes it. */
  protected abstract initial(key: string, parameter: Variable): NDArray | null

  /** The learning rate of the first group; assigned, that of all. */
  get lr(): number {
    return this.groups[0]!.lr
  }

  set lr(lr: number) {
    for (const group of this.groups) group.lr = lr
  }

  /**
   * Updates each parameter that has a gradient and is not frozen.
   *
   * Throws  BAD_ARGUMENT when none has one
   */
  step(): void {
    let updated = 0
    const passed: Variable[] = []
    noGrad(() =>
      withScope(mode.scope === '' ? 'optimizer' : `${mode.scope}.optimizer`, () => {
        for (const group of this.groups) {
          const keys = this.keys(group.rule)
          for (const parameter of group.parameters) {
            const gradient = gradientOf(parameter)
            if (gradient === null || !parameter.requiresGrad) {
              if (gradient === null && parameter.requiresGrad && !this.#hasPassedOver) passed.push(parameter)
              continue
            }
            this.update(parameter, this.flag('maximize') ? neg(gradient) : gradient, keys, group.rule)
            updated++
          }
        }
      }),
    )
    if (updated === 0)
      refuse(
        `${this.#what}.step() expected a parameter with a gradient, got none; call loss.backward() first, and see that not all are frozen`,
      )
    if (passed.length > 0 && mode.recorder !== null) {
      this.#hasPassedOver = true
      mode.recorder.passedOver?.(this.#what, passed)
    }
  }

  /** Forgets the gradients of all parameters. */
  clearGrads(): void {
    for (const { parameters } of this.groups) for (const parameter of parameters) parameter.clearGrad()
  }

  /** What is remembered of a parameter, by key (`m`, `v`, `t` …); empty before its first step. */
  stateOf(parameter: Variable): ReadonlyMap<string, Variable> {
    this.#isShown = true // whoever has the variables may look at them at any time
    return this.#states.get(parameter) ?? new Map()
  }

  /** The settings and all that is remembered, by name; `saveState` puts it into a file. */
  stateDict(): OptimizerState {
    const entries: [string, NDArray][] = []
    this.groups.forEach(({ rule }, i) => {
      for (const [key, value] of Object.entries(rule) as [string, number | boolean][]) {
        entries.push([
          `groups.${i}.${key}`,
          scalar(Number(value), typeof value === 'boolean' ? 'bool' : 'float64'),
        ])
      }
    })
    // What is not set is not written, so that a state says no more than it did before there were flags.
    for (const [key, flag] of this.#flags) if (flag) entries.push([`flags.${key}`, scalar(1, 'bool')])
    for (const [label, parameter] of this.#labels()) {
      const state = this.#states.get(parameter) ?? new Map<string, Variable>()
      for (const [key, variable] of state) entries.push([`${label}.${key}`, variable.data])
    }
    this.#unseen = new WeakSet()
    return Object.fromEntries(entries)
  }

  /**
   * Goes on where a saved optimizer stood.
   *
   * Throws  STATE_MISMATCH lists all that is missing, superfluous or of another shape or dtype; then nothing is loaded
   */
  loadStateDict(state: OptimizerState): void {
    const left = new Set(Object.keys(state))
    const problems: string[] = []
    for (const [name, array] of Object.entries(state)) {
      if (!(array instanceof NDArray))
        refuse(`${this.#what} expected a state of NDArrays, got ${valueText(array)} for "${name}"`)
    }
    const before = this.#flags
    this.#flags = new Map([...before.keys()].map((key) => [key, left.delete(`flags.${key}`)]))
    const rules = this.groups.map((group, i) => this.#ruleIn(state, group, i, left, problems))
    const labels = this.#labels()
    const loaded = this.groups.flatMap((group, i) =>
      group.parameters.map((parameter) => {
        const label = [...labels].find(([, other]) => other === parameter)![0]
        return [
          parameter,
          this.#stateIn(state, parameter, label, this.keys(rules[i]!), left, problems),
        ] as const
      }),
    )
    if (left.size > 0) problems.push(`not in the optimizer: ${[...left].join(', ')}`)
    if (problems.length > 0) {
      this.#flags = before
      throw new TapeError(
        'STATE_MISMATCH',
        `the state does not fit ${this.#what}; nothing was loaded; ${problems.join('; ')}`,
      )
    }
    this.groups.forEach((group, i) => {
      group.set(rules[i]!)
    })
    for (const [parameter, arrays] of loaded) {
      this.#states.delete(parameter)
      for (const [key, array] of arrays) this.#keep(parameter, key, array)
    }
  }

  private update(parameter: Variable, gradient: Variable, keys: readonly string[], rule: R): void {
    if (keys.length === 0) {
      parameter.data = this.checked(this.call(rule, false), gradient).apply2(parameter, gradient).data
      return
    }
    const inputs = [parameter, gradient]
    for (const key of keys) {
      const variable = this.#states.get(parameter)?.get(key) ?? this.#begin(parameter, key)
      if (variable !== null) inputs.push(variable)
    }
    // What is recorded is read later, by another thread.
    const isUnseen = parameter.data.size >= LARGE && mode.recorder === null && !this.#isShown
    const overwrites =
      isUnseen && inputs.every(({ data }, i) => i < 2 || data.size === 1 || this.#unseen.has(data))
    const outputs = this.checked(this.call(rule, overwrites), gradient).applyAll(...inputs)
    parameter.data = outputs[0]!.data
    for (let i = 0; i < keys.length; i++) {
      const array = outputs[i + 1]!.data
      if (isUnseen) this.#unseen.add(array)
      this.#keep(parameter, keys[i]!, array)
    }
  }

  /** A call that is not ours may keep the gradient. */
  private checked(call: Func, gradient: Variable): Func {
    if (!keepsNothing(call)) gradient.markSeen()
    return call
  }

  #begin(parameter: Variable, key: string): Variable | null {
    const array = this.initial(key, parameter)
    return array === null ? null : this.#keep(parameter, key, array)
  }

  #keep(parameter: Variable, key: string, array: NDArray): Variable {
    let state = this.#states.get(parameter)
    if (state === undefined) {
      state = new Map()
      this.#states.set(parameter, state)
    }
    let variable = state.get(key)
    if (variable === undefined) {
      variable = constant(array, { name: `optimizer.${parameter.name ?? this.#indexOf(parameter)}.${key}` })
      state.set(key, variable)
      mode.recorder?.stateKept?.(variable)
    } else {
      variable.data = array
    }
    return variable
  }

  #numbers: ReadonlyMap<Variable, number> = new Map()

  #indexOf(parameter: Variable): number {
    let number = this.#numbers.get(parameter)
    if (number === undefined) {
      const all = this.groups.flatMap(({ parameters }) => parameters)
      this.#numbers = new Map(all.map((one, i) => [one, i]))
      number = this.#numbers.get(parameter)
    }
    return number ?? -1
  }

  /** Each parameter under its name, or, when it has none of its own, its number. */
  #labels(): Map<string, Variable> {
    const all = this.groups.flatMap(({ parameters }) => parameters)
    const count = new Map<string | null, number>()
    for (const { name } of all) count.set(name, (count.get(name) ?? 0) + 1)
    return new Map(
      all.map((parameter, i) => {
        const { name } = parameter
        return [
          name !== null && count.get(name) === 1 && !name.startsWith('groups.') ? name : `parameters.${i}`,
          parameter,
        ]
      }),
    )
  }

  #ruleIn(
    state: OptimizerState,
    group: ParameterGroup<R>,
    i: number,
    left: Set<string>,
    problems: string[],
  ): R {
    const rule: Record<string, number | boolean> = {}
    for (const [key, value] of Object.entries(group.rule) as [string, number | boolean][]) {
      const name = `groups.${i}.${key}`
      rule[key] = value
      if (!left.delete(name)) problems.push(`missing: ${name}`)
      else if (state[name]!.size !== 1)
        problems.push(`${name} expected a scalar, got ${formatShape(state[name]!.shape)}`)
      else rule[key] = typeof value === 'boolean' ? state[name]!.item() !== 0 : state[name]!.item()
    }
    return group.changed(rule as Partial<R>)
  }

  /** All keys or, for a parameter that had no step yet, none. */
  #stateIn(
    state: OptimizerState,
    parameter: Variable,
    label: string,
    keys: readonly string[],
    left: Set<string>,
    problems: string[],
  ): [string, NDArray][] {
    const found = keys.filter((key) => left.delete(`${label}.${key}`))
    if (found.length > 0 && found.length < keys.length) {
      const missing = keys.filter((key) => !found.includes(key))
      problems.push(`missing: ${missing.map((key) => `${label}.${key}`).join(', ')}`)
    }
    return found.map((key) => {
      const array = state[`${label}.${key}`]!
      const isScalar = SCALARS.has(key)
      const shape = isScalar ? [] : parameter.shape
      const dtype = isScalar ? 'float64' : parameter.dtype
      if (!sameShape(array.shape, shape) || array.dtype !== dtype) {
        problems.push(
          `${label}.${key} expected ${formatShape(shape)} of ${dtype}, got ${formatShape(array.shape)} of ${array.dtype}`,
        )
      }
      return [key, array]
    })
  }
}

/** A call of ours keeps nothing of it, nor does a recorder that leaves gradients to their pass. */
function gradientOf(parameter: Variable): Variable | null {
  const { recorder } = mode
  if (recorder === null) return parameter.passingGrad
  return (recorder.leavesGradients ? parameter.passingGrad : null) ?? parameter.grad
}
