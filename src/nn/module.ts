/**
 * A part of a model: it holds parameters and other modules in its fields and has a `forward`. It knows their dotted
 * paths, which become the names of the parameters and the scopes of the calls on a tape, and nothing of any layer.
 */

import type { NDArray } from '../array/ndarray.js'
import { markAsOurs } from '../copies.js'
import { TapeError, valueText } from '../errors.js'
import { claim } from '../graph/claims.js'
import { constant } from '../graph/leaves.js'
import { mode } from '../graph/mode.js'
import { finished } from '../graph/unfinished.js'
import { Variable } from '../graph/variable.js'
import { checkOptions, refuseOptions } from '../options.js'
import { markBuffer, searchTree, type Tree } from './module-tree.js'
import { assignState, type StateDict } from './state-dict.js'
import { checkAllClaimed } from './unclaimed.js'

type Forward = (this: Module, ...inputs: never[]) => unknown

/** The module whose forward runs, and the one whose forward began it. */
let active: Module | null = null
let activeRoot: Module | null = null
let onCall: ((module: Module, result: unknown) => void) | null = null

const wrappedPrototypes = new WeakSet<object>()
/** The names that parameters got from their paths, as against names that users gave. */
const givenNames = new WeakMap<Variable, string>()

/**
 * Users write `class Net extends Module { fc1 = new Linear(64, 32); forward(x) {…} }`.
 *
 * Parameters and modules are found in fields, and in arrays, Sets, Maps and plain objects there; private `#fields` cannot
 * be seen. They are named by their path (`fc1.weight`, `layers.0.bias`) when they are first asked for or used.
 *
 * `forward` is called as it is written, and must be done when it returns: BAD_ARGUMENT refuses an async one. The constructor wraps it, once a class, in what marks its calls with the module's
 * path as their scope; and the first call of a model fails with PARAMETER_UNKNOWN when it used a parameter that neither
 * a module nor an optimizer knows.
 */
export abstract class Module {
  /** Whether the module is being trained: dropout drops, batch normalisation uses the batch. Set by `train` and `eval`. */
  training = true
  #path: string | null = null
  #checked = false
  // The scope of the latest call, and what it was made from: in a loop it is the same again.
  #scope = ''
  #outerScope: string | null = null
  #caller: Module | null = null

  constructor() {
    wrapForward(new.target.prototype)
  }

  /** From Variables to what the module makes of them; written by the subclass. */
  abstract forward(...inputs: never[]): unknown

  /** The dotted path in the model it belongs to; '' for a whole model; null until it is named. */
  get path(): string | null {
    return this.#path
  }

  /** All parameters, each once, in the order of the fields; with `trainable` only those that are not frozen, or only the frozen. */
  parameters(options: { trainable?: boolean | undefined } = {}): Variable[] {
    checkOptions(options, ['trainable'], 'parameters')
    const all = [...this.#name().parameters.values()]
    const { trainable } = options
    if (trainable === undefined) return all
    if (typeof trainable !== 'boolean')
      throw new TapeError(
        'BAD_ARGUMENT',
        `parameters expected trainable to be true or false, got ${valueText(trainable)}`,
      )
    return all.filter(({ requiresGrad }) => requiresGrad === trainable)
  }

  /**
   * Freezes all parameters inside: passes leave them out, optimizers skip them, and their gradients are forgotten. The running statistics of
   * batch normalisation go on until `eval()`. For a run that knows the parameters it is an event of each.
   *
   * Throws  BAD_ARGUMENT when one of them is of a past run, and in the middle of a backward pass; then none is frozen
   */
  freeze(): this {
    return this.#setRequiresGrad(false)
  }

  /** Lets all parameters inside learn again. Throws as `freeze` does. */
  unfreeze(): this {
    return this.#setRequiresGrad(true)
  }

  /** All parameters by their path from here. */
  namedParameters(): Map<string, Variable> {
    return this.#name().parameters
  }

  /** What belongs to the state but is not trained (running means), by path from here. */
  namedBuffers(): Map<string, Variable> {
    return this.#name().buffers
  }

  /** The modules inside, by path from here. */
  namedModules(): Map<string, Module> {
    return this.#name().modules
  }

  /** Forgets the gradients of all parameters. */
  clearGrads(): void {
    for (const parameter of search(this).parameters.values()) parameter.clearGrad()
  }

  /** The arrays of all parameters and buffers by path. Arrays never change, so nothing is copied. */
  stateDict(): StateDict {
    return Object.fromEntries([...this.#state()].map(([path, variable]) => [path, variable.data]))
  }

  /**
   * Gives every parameter and buffer the array of its path.
   *
   * Throws  STATE_MISMATCH lists all that is missing, superfluous, or of another shape or dtype; then nothing is loaded
   */
  loadStateDict(state: StateDict): void
  loadStateDict(state: StateDict, ...rest: readonly unknown[]): void {
    refuseOptions(rest, 'loadStateDict')
    assignState(this.#state(), state, this.constructor.name)
  }

  /** Puts this module and all inside into training, or out of it. */
  train(training = true): this {
    this.training = training
    for (const module of search(this).modules.values()) module.training = training
    return this
  }

  /** Out of training: for validation and use. */
  eval(): this {
    return this.train(false)
  }

  /** Makes a variable that belongs to the state and is not trained; keep it in a field. */
  protected buffer(value: NDArray): Variable {
    const variable = constant(value)
    markBuffer(variable)
    return variable
  }

  #setRequiresGrad(wanted: boolean): this {
    const parameters = this.parameters()
    for (const parameter of parameters) parameter.requireChangeable(wanted)
    for (const parameter of parameters) parameter.requiresGrad = wanted
    return this
  }

  #state(): Map<string, Variable> {
    const { parameters, buffers } = this.#name()
    return new Map([...parameters, ...buffers])
  }

  /** Names all that is inside by its path, with what is known of where this module itself belongs. */
  #name(): Tree<Module> {
    const tree = search(this)
    this.#path ??= ''
    const prefix = this.#path === '' ? '' : `${this.#path}.`
    for (const [path, module] of tree.modules) module.#moveTo(prefix + path)
    for (const [path, parameter] of tree.parameters) {
      claim(parameter)
      nameByPath(parameter, prefix + path)
    }
    for (const [path, buffer] of tree.buffers) nameByPath(buffer, prefix + path)
    return tree
  }

  #moveTo(path: string): void {
    if (path === this.#path || !isLonger(path, this.#path)) return
    this.#path = path
    this.#outerScope = null
  }

  /** @internal What a wrapped forward does. */
  static run(module: Module, forward: Forward, inputs: never[]): unknown {
    if (active === module) return forward.apply(module, inputs) // super.forward, or a call of itself
    if (active === null) return Module.#runRoot(module, forward, inputs)
    if (module.#path === null) Module.#find(module)
    return Module.#runIn(module, forward, inputs)
  }

  static #runRoot(module: Module, forward: Forward, inputs: never[]): unknown {
    const checking = !module.#checked && mode.linking
    if (module.#path === null || checking) module.#name()
    const clock = mode.clock
    activeRoot = module
    try {
      const result = Module.#runIn(module, forward, inputs)
      if (checking) {
        checkAllClaimed(result, inputs, clock, module.constructor.name)
        module.#checked = true
      }
      return result
    } finally {
      activeRoot = null
    }
  }

  static #runIn(module: Module, forward: Forward, inputs: never[]): unknown {
    const outer = mode.scope
    const caller = active
    if (module.#outerScope !== outer || module.#caller !== caller) {
      module.#scope = scopeOf(outer, caller === null ? '' : (caller.#path ?? ''), module.#path ?? '')
      module.#outerScope = outer
      module.#caller = caller
    }
    active = module
    mode.scope = module.#scope
    try {
      const result = forward.apply(module, inputs)
      if (!(result instanceof Variable)) finished(result, `${module.constructor.name}.forward`)
      if (onCall !== null) onCall(module, result)
      return result
    } finally {
      active = caller
      mode.scope = outer
    }
  }

  /** A module that came after the model was named; one that no search finds is called by its class. */
  static #find(module: Module): void {
    if (activeRoot !== null) activeRoot.#name()
    module.#path ??= module.constructor.name.charAt(0).toLowerCase() + module.constructor.name.slice(1)
  }
}

// TypeScript makes sure that a subclass has a forward; JavaScript users get this answer.
Object.defineProperty(Module.prototype, 'forward', {
  value: function forward(this: Module): never {
    throw new TapeError(
      'NOT_IMPLEMENTED',
      `${this.constructor.name} expected a method forward(x), got none; a subclass of Module has to write it`,
    )
  },
  writable: true,
  configurable: true,
})

/** Runs `fn` and shows each module call inside, with what it gave, to `see`: inner modules before outer ones. */
export function watchCalls<T>(see: (module: Module, result: unknown) => void, fn: () => T): T {
  const before = onCall
  onCall = see
  try {
    return fn()
  } finally {
    onCall = before
  }
}

function search(module: Module): Tree<Module> {
  const tree = searchTree(module, (value): value is Module => value instanceof Module)
  wrapOwnForward(module)
  for (const inner of tree.modules.values()) wrapOwnForward(inner)
  return tree
}

function wrapForward(prototype: object): void {
  for (
    let at = prototype;
    at !== Module.prototype && !wrappedPrototypes.has(at);
    at = Object.getPrototypeOf(at) as object
  ) {
    wrappedPrototypes.add(at)
    if (Object.hasOwn(at, 'forward')) replaceForward(at as { forward: Forward })
  }
}

/** `forward = (x) => …` is a field, which the constructor of Module cannot see yet. */
function wrapOwnForward(module: Module): void {
  if (!Object.hasOwn(module, 'forward') || wrappedPrototypes.has(module)) return
  wrappedPrototypes.add(module)
  replaceForward(module as unknown as { forward: Forward })
}

function replaceForward(holder: { forward: Forward }): void {
  const original = holder.forward
  Object.defineProperty(holder, 'forward', {
    value: function forward(this: Module, ...inputs: never[]): unknown {
      return Module.run(this, original, inputs)
    },
    writable: true,
    configurable: true,
  })
}

function nameByPath(variable: Variable, path: string): void {
  const { name } = variable
  if (name === path || (name !== null && (name !== givenNames.get(variable) || !isLonger(path, name)))) return
  givenNames.set(variable, path)
  variable.name = path
}

/** Whether a path says more of the same place: a layer that was asked alone is found again as part of a model. */
function isLonger(path: string, before: string | null): boolean {
  return before === null || before === '' || path.endsWith(`.${before}`)
}

/** Where a module is called from, and then what its path has beyond its caller's. */
function scopeOf(outer: string, callerPath: string, path: string): string {
  const own =
    callerPath !== '' && path.startsWith(`${callerPath}.`) ? path.slice(callerPath.length + 1) : path
  return outer === '' ? own : own === '' ? outer : `${outer}.${own}`
}

markAsOurs(Module)
