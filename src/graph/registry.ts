/**
 * Functions by name. A tape names its functions; only what is registered here can be made again, so a tape can never
 * bring code with it.
 */
import { refuseOtherCopy } from '../copies.js'
import { TapeError, valueText } from '../errors.js'
import { nearest } from '../nearest.js'
import { checkFunction, checkOptions } from '../options.js'
import type { Attributes } from './attributes.js'
import type { Func } from './func.js'
import { giveName, nameOfClass, ownName } from './func-names.js'
import type { NumberRule } from './number-rule.js'

/** A class of functions: made anew for each call from the attributes the call had. */
type FuncClass = (new (attributes: never) => Func) & { readonly name: string; readonly funcName?: string }

const classes = new Map<string, FuncClass>()

/**
 * Lets tapes that hold calls of `funcClass` be read and replayed in this process.
 *
 * The name is the class's own with a small first letter (`Square` → `square`), or `options.name`. Registering the same
 * class again changes nothing. A program whose names a bundler makes short gives `options.name`, so that the tape can be read elsewhere.
 *
 * Throws   FUNC_NAME_TAKEN when another class has the name.
 */
export function registerFunc<C extends FuncClass>(funcClass: C, options: { name?: string } = {}): C {
  checkFunction(funcClass, 'registerFunc')
  refuseOtherCopy(funcClass.prototype, 'registerFunc')
  checkOptions(options, ['name'], 'registerFunc')
  const name = options.name ?? ownName(funcClass)
  const taken = classes.get(name)
  if (taken !== undefined && taken !== funcClass) {
    throw new TapeError(
      'FUNC_NAME_TAKEN',
      `registerFunc(${funcClass.name}) wants the name "${name}", which another class has; ` +
        `register it under its own name: registerFunc(${funcClass.name}, { name: 'my${funcClass.name}' })`,
    )
  }
  if (taken === undefined) (funcClass.prototype as Func).links = undefined
  classes.set(name, funcClass)
  giveName(funcClass, name)
  return funcClass
}

let own: ReadonlySet<string> = new Set()
/** What the prototypes of our own functions say, as they are written. */
let ownBackwards: ReadonlyMap<object, Pick<Func, 'backward' | 'backwardList'>> = new Map()

/** @internal What is registered by now is gradtape's own; what comes later is the user's. */
export function noteOwnFuncs(): void {
  own = new Set(classes.keys())
  ownBackwards = new Map(
    Array.from(classes.values(), (each) => {
      const { backward, backwardList } = each.prototype as Func
      return [each, { backward, backwardList }]
    }),
  )
}

/**
 * @internal Whether the function is gradtape's own, as it is written: when its call or its `backward` is over, it has nothing of what
 * it was given or has made. A `forward` that a program replaced is not looked for.
 */
export function keepsNothing(func: Func): boolean {
  const own = ownBackwards.get(func.constructor)
  return own !== undefined && own.backward === func.backward && own.backwardList === func.backwardList
}

/** @internal Whether gradtape itself brings a function of this name. */
export function isOwnFunc(name: string): boolean {
  return own.has(name)
}

/** @internal Whether calls of this class can be made again by its name. */
export function isRegistered(funcClass: object): boolean {
  return classes.get(nameOfClass(funcClass as FuncClass)) === funcClass
}

/**
 * A fresh instance of a registered function.
 *
 * Throws   UNREGISTERED_FUNC with the nearest registered name; whatever the class throws for bad attributes.
 */
export function createFunc(name: string, attributes: Attributes = {}): Func {
  return new (registered(name))(attributes as never)
}

function registered(name: string): FuncClass {
  const funcClass = classes.get(name)
  if (funcClass === undefined) {
    const near = nearest(name, classes.keys())
    throw new TapeError(
      'UNREGISTERED_FUNC',
      `"${name}" is not a registered function${near === null ? '.' : `; did you mean "${near}"?`} ` +
        'If it is your own, import its module and call registerFunc(YourFunc) before reading the tape',
    )
  }
  return funcClass
}

/**
 * Makes calls of a registered function as a tape describes them, one each time; in all else as `recreateFunc`, which is
 * asked once.
 */
export function funcMaker(name: string, attributes: Attributes): () => Func {
  recreateFunc(name, attributes)
  const funcClass = registered(name)
  return () => new funcClass(attributes as never)
}

/**
 * A registered function as a tape describes it: like `createFunc`, and the instance must have just those attributes.
 *
 * Throws   ATTRIBUTES_MISSING when the class does not take its attributes as one object.
 */
export function recreateFunc(name: string, attributes: Attributes): Func {
  const func = createFunc(name, attributes)
  const checked = fittingAttributes.get(func.constructor)
  if (checked?.has(attributes) === true) return func
  if (!sameAttributes(func.attributes, attributes)) {
    throw new TapeError(
      'ATTRIBUTES_MISSING',
      `"${name}" made from ${valueText(attributes)} has the attributes ${valueText(func.attributes)}; ` +
        'its constructor must take one object of attributes and pass it on: constructor(attributes) { super(attributes) }',
    )
  }
  if (checked === undefined) fittingAttributes.set(func.constructor, new WeakSet([attributes]))
  else checked.add(attributes)
  return func
}

/** Attribute objects that a class was found to take: calls read from a file share them. */
const fittingAttributes = new WeakMap<object, WeakSet<object>>()

function sameAttributes(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  const keys = Object.keys(a).filter((key) => (a as Record<string, unknown>)[key] !== undefined)
  const others = Object.keys(b).filter((key) => (b as Record<string, unknown>)[key] !== undefined)
  return (
    keys.length === others.length &&
    keys.every((key) =>
      sameAttributes((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]),
    )
  )
}

type RuleOf = NumberRule | ((attributes: Attributes) => NumberRule | null)

const numberRules = new Map<FuncClass, RuleOf>()

/** Says how calls of a function without attributes, or with those that `rule` answers for, compute with single numbers. */
export function setNumberRule(funcClass: FuncClass, rule: RuleOf): void {
  numberRules.set(funcClass, rule)
}

/** The rule for calls with these attributes; null when they go the way over arrays. */
export function numberRuleOf(name: string, attributes: Attributes): NumberRule | null {
  const rule = numberRules.get(registered(name))
  if (rule === undefined) return null
  if (typeof rule === 'function') return rule(attributes)
  return Object.keys(attributes).length === 0 ? rule : null
}

/** @internal The names of functions that have a rule for numbers. */
export function namesWithNumberRule(): readonly string[] {
  return [...numberRules.keys()].map(nameOfClass)
}

/** The registered names, sorted. */
export function registeredFuncs(): readonly string[] {
  return [...classes.keys()].sort()
}
