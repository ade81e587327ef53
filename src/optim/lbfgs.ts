/**
 * L-BFGS: steps that know something of the curvature, for small smooth problems without batches. One step evaluates the loss several
 * times, so it is given a closure. What it evaluates and where it goes are recorded calls and assignments like those of any optimizer.
 */
import { dot, lbfgsDirection } from '../array/lbfgs.js'
import { NDArray, scalar } from '../array/ndarray.js'
import * as reductions from '../array/reductions.js'
import { formatShape, sameShape, sizeOf } from '../array/shape.js'
import { TapeError, valueText } from '../errors.js'
import { add, mul, neg, sub } from '../functions/arithmetic.js'
import { flagOf, integerOf, numberOf, refuse } from '../functions/attributes.js'
import { cast } from '../functions/casting.js'
import { concat, split } from '../functions/joining.js'
import { DerivativeNotWritten } from '../functions/not-differentiable.js'
import { reshape } from '../functions/shapes.js'
import { constant } from '../graph/leaves.js'
import { mode, noGrad, withScope } from '../graph/mode.js'
import { registerFunc } from '../graph/registry.js'
import { Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import type { OptimizerState } from './optimizer.js'
import { groupsFrom, type ParameterGroup, type Rule, type Settings } from './parameter-group.js'
import { strongWolfe, type Trial } from './strong-wolfe.js'

export interface LBFGSOptions {
  /** The learning rate: the length of a step, or with a line search the length that is tried first. Default 1. */
  lr?: number | undefined
  /** How many directions one step goes at most. Default 20. */
  maxIterations?: number | undefined
  /** After how many evaluations of the closure a step begins no other direction. Default 5/4 of maxIterations. */
  maxEvaluations?: number | undefined
  /** A step ends when no element of the gradient is larger. Default 1e-7. */
  gradientTolerance?: number | undefined
  /** A step ends when the loss, or every element of the parameters, changes by no more than this. Default 1e-9. */
  changeTolerance?: number | undefined
  /** How many moves are remembered; each costs twice the memory of the parameters. Default 100. */
  history?: number | undefined
  /** How far a direction is followed: as far as lr says, or to where the strong Wolfe conditions hold. Default null. */
  lineSearch?: 'strongWolfe' | null | undefined
  /** Whether to climb instead of descend. Default false. */
  maximize?: boolean | undefined
}

const KEYS = [
  ...['lr', 'maxIterations', 'maxEvaluations', 'gradientTolerance', 'changeTolerance', 'history'],
  ...['lineSearch', 'maximize'],
]
const SETTINGS: Settings<Rule> = { lr: { otherwise: 1, bounds: { least: 0 } } }
/** A pair whose product is smaller says nothing of the curvature. */
const LEAST_CURVATURE = 1e-10

type Closure<T> = () => T

/**
 * Minimizes by directions that follow from the last gradients:
 *
 *     const optimizer = new LBFGS(model.parameters(), { lineSearch: 'strongWolfe' })
 *     optimizer.step(() => {
 *       optimizer.clearGrads()
 *       const loss = meanSquaredError(model.forward(x), t)
 *       loss.backward()
 *       return loss
 *     })
 *
 * Source  PyTorch `torch.optim.LBFGS`
 */
export class LBFGS {
  /** One group, of all parameters: schedules set its lr. */
  readonly groups: readonly ParameterGroup<Rule>[]
  readonly #parameters: readonly Variable[]
  readonly #maxIterations: number
  readonly #maxEvaluations: number
  readonly #gradientTolerance: number
  readonly #changeTolerance: number
  readonly #history: number
  readonly #searches: boolean
  readonly #maximize: boolean
  readonly #kept = new Map<string, Variable>()

  /** Throws BAD_ARGUMENT for no parameters, several groups of them, or settings out of bounds. */
  constructor(parameters: Iterable<Variable>, options: LBFGSOptions = {}) {
    checkOptions(options, KEYS, 'LBFGS')
    this.groups = groupsFrom(parameters, { lr: options.lr }, SETTINGS, 'LBFGS')
    if (this.groups.length !== 1)
      refuse(`LBFGS expected one list of parameters, got ${this.groups.length} groups`)
    this.#parameters = this.groups[0]!.parameters
    this.#maxIterations = integerOf(options.maxIterations, 20, 1, 'maxIterations', 'LBFGS')
    const most = Math.floor((this.#maxIterations * 5) / 4)
    this.#maxEvaluations = integerOf(options.maxEvaluations, most, 1, 'maxEvaluations', 'LBFGS')
    this.#gradientTolerance = toleranceOf(options.gradientTolerance, 1e-7, 'gradientTolerance')
    this.#changeTolerance = toleranceOf(options.changeTolerance, 1e-9, 'changeTolerance')
    this.#history = integerOf(options.history, 100, 1, 'history', 'LBFGS')
    const { lineSearch = null } = options
    if (lineSearch !== null && lineSearch !== 'strongWolfe')
      refuse(`LBFGS expected lineSearch to be 'strongWolfe' or null, got ${valueText(lineSearch)}`)
    this.#searches = lineSearch !== null
    this.#maximize = flagOf(options.maximize, false, 'maximize', 'LBFGS')
  }

  /** The learning rate. */
  get lr(): number {
    return this.groups[0]!.lr
  }

  set lr(lr: number) {
    this.groups[0]!.lr = lr
  }

  /** Forgets the gradients of all parameters. */
  clearGrads(): void {
    for (const parameter of this.#parameters) parameter.clearGrad()
  }

  /**
   * Goes along up to `maxIterations` directions.
   *
   * closure  clears the gradients, computes the loss, calls backward and gives the loss; it is called several times
   * Returns  what the closure gave first: the loss before the step
   * Throws   BAD_ARGUMENT for a closure that gives no number or leaves no gradient. When the closure throws, the parameters are
   *          where the last direction ended
   */
  step<T extends Variable | number>(closure: Closure<T>): T {
    if (typeof closure !== 'function')
      refuse(
        `LBFGS.step expected a function that clears the gradients, calls backward and gives the loss, got ${valueText(closure)}`,
      )
    const first = this.#evaluate(closure)
    let { value, gradient } = first
    let evaluations = 1
    if (largest(gradient.data) <= this.#gradientTolerance) return first.loss
    for (let iteration = 1; ; iteration++) {
      const isFirst = !this.#kept.has('direction')
      const direction = this.#recorded(() => this.#direction(gradient))
      const tried = isFirst ? Math.min(1, 1 / absoluteSum(gradient.data)) * this.lr : this.lr
      const slope = dot(gradient.data, direction.data)
      const before = value
      const previous = gradient
      let t = tried
      const goesOn = !(slope > -this.#changeTolerance)
      if (goesOn) {
        const line = new Line(this.#parameters, direction)
        const look = (length: number) => this.#lookAt(line, length, direction, closure)
        if (this.#searches) {
          const start: Trial<Variable> = { t: 0, value, slope, found: gradient }
          const size = largest(direction.data)
          const { chosen, trials } = line.orBack(() =>
            strongWolfe(start, tried, size, this.#changeTolerance, look),
          )
          ;({ t, value, found: gradient } = chosen)
          this.#recorded(() => line.goTo(t))
          evaluations += trials
        } else if (iteration < this.#maxIterations) {
          ;({ value, found: gradient } = line.orBack(() => look(t)))
          evaluations++
        } else this.#recorded(() => line.goTo(t))
      }
      this.#keep('direction', direction.data)
      this.#keep('t', scalar(t, 'float64'))
      this.#keep('gradient', previous.data)
      if (!goesOn || iteration >= this.#maxIterations || evaluations >= this.#maxEvaluations) break
      if (largest(gradient.data) <= this.#gradientTolerance) break
      if (largest(direction.data) * Math.abs(t) <= this.#changeTolerance) break
      if (Math.abs(value - before) < this.#changeTolerance) break
    }
    return first.loss
  }

  /** All that is remembered, by name; `saveState` puts it into a file. */
  stateDict(): OptimizerState {
    const kept = [...this.#kept].map(([key, { data }]) => [key, data] as const)
    return { 'groups.0.lr': scalar(this.lr, 'float64'), ...Object.fromEntries(kept) }
  }

  /**
   * Goes on where a saved optimizer stood.
   *
   * Throws  STATE_MISMATCH for what is missing, superfluous or of another shape or dtype; then nothing is loaded
   */
  loadStateDict(state: OptimizerState): void {
    const names = Object.keys(state)
    const problems: string[] = []
    const pairs = state.pairs?.size === 1 ? state.pairs.item() : 0
    if (!(Number.isSafeInteger(pairs) && pairs >= 0)) problems.push(`pairs expected a count, got ${pairs}`)
    const slots = Array.from({ length: Math.min(pairs, this.#history) }, (_, i) => i)
    const wanted = [
      'groups.0.lr',
      ...(names.length > 1 ? ['direction', 't', 'gradient', 'pairs'] : []),
      ...slots.flatMap((i) => [`moves.${i}`, `changes.${i}`]),
    ]
    const dtype = this.#dtype()
    for (const name of wanted) {
      const array = state[name]
      const isScalar = ['groups.0.lr', 't', 'pairs'].includes(name)
      const shape = isScalar ? [] : [this.#size()]
      const kind = isScalar ? 'float64' : dtype
      if (!(array instanceof NDArray)) problems.push(`missing: ${name}`)
      else if (!sameShape(array.shape, shape) || array.dtype !== kind)
        problems.push(
          `${name} expected ${formatShape(shape)} of ${kind}, got ${formatShape(array.shape)} of ${array.dtype}`,
        )
    }
    const left = names.filter((name) => !wanted.includes(name))
    if (left.length > 0) problems.push(`not in the optimizer: ${left.join(', ')}`)
    if (problems.length > 0)
      throw new TapeError(
        'STATE_MISMATCH',
        `the state does not fit LBFGS; nothing was loaded; ${problems.join('; ')}`,
      )
    this.lr = state['groups.0.lr']!.item()
    this.#kept.clear()
    for (const name of wanted.slice(1)) this.#keep(name, state[name]!)
  }

  #size(): number {
    return this.#parameters.reduce((sum, { shape }) => sum + sizeOf(shape), 0)
  }

  #dtype(): 'float64' | 'float32' {
    return this.#parameters.some(({ dtype }) => dtype === 'float64') ? 'float64' : 'float32'
  }

  #evaluate<T extends Variable | number>(closure: Closure<T>): Evaluation<T> {
    const loss = closure()
    const isNumber = typeof loss === 'number' || (loss instanceof Variable && loss.size === 1)
    if (!isNumber) refuse(`LBFGS.step expected the closure to give the loss, got ${valueText(loss)}`)
    const gradients = this.#parameters.map(({ grad, requiresGrad }) => (requiresGrad ? grad : null))
    if (gradients.every((gradient) => gradient === null))
      refuse('LBFGS.step expected the closure to leave gradients, got none; call loss.backward() in it')
    const value = typeof loss === 'number' ? loss : (loss as Variable).item()
    const gradient = this.#recorded(() => {
      const parts = gradients.map((one, i) => {
        const { size, dtype } = this.#parameters[i]!
        return one === null ? constant(new Float64Array(size), { dtype }) : reshape(one, [-1])
      })
      const flat = cast(concat(parts), this.#dtype())
      return this.#maximize ? neg(flat) : flat
    })
    return { loss, value: this.#maximize ? -value : value, gradient }
  }

  #lookAt(line: Line, t: number, direction: Variable, closure: Closure<Variable | number>): Trial<Variable> {
    this.#recorded(() => line.goTo(t))
    const { value, gradient } = this.#evaluate(closure)
    return { t, value, slope: dot(gradient.data, direction.data), found: gradient }
  }

  /** Takes the last move in, where it tells something, and gives the next direction. */
  #direction(gradient: Variable): Variable {
    const last = this.#kept.get('direction')
    if (last === undefined) {
      this.#keep('pairs', scalar(0, 'float64'))
      return neg(gradient)
    }
    const change = sub(gradient, this.#kept.get('gradient')!)
    const move = mul(last, cast(this.#kept.get('t')!, last.dtype))
    let pairs = this.#kept.get('pairs')!.item()
    if (dot(change.data, move.data) > LEAST_CURVATURE) {
      const slot = pairs % this.#history
      this.#keep(`moves.${slot}`, move.data)
      this.#keep(`changes.${slot}`, change.data)
      this.#keep('pairs', scalar(++pairs, 'float64'))
    }
    const slots = Array.from({ length: Math.min(pairs, this.#history) }, (_, i) => i)
    const inputs = [
      gradient,
      this.#kept.get('pairs')!,
      ...slots.map((i) => this.#kept.get(`moves.${i}`)!),
      ...slots.map((i) => this.#kept.get(`changes.${i}`)!),
    ]
    return new LBFGSDirection().applyList(inputs)[0]!
  }

  #keep(key: string, array: NDArray): void {
    const variable = this.#kept.get(key)
    if (variable !== undefined) {
      variable.data = array
      return
    }
    const made = constant(array, { name: `optimizer.${key}` })
    this.#kept.set(key, made)
    mode.recorder?.stateKept?.(made)
  }

  #recorded<T>(fn: () => T): T {
    return noGrad(() => withScope(mode.scope === '' ? 'optimizer' : `${mode.scope}.optimizer`, fn))
  }
}

interface Evaluation<T> {
  readonly loss: T
  readonly value: number
  readonly gradient: Variable
}

/** Where the parameters are along a direction: at their beginning + t·direction. */
class Line {
  readonly #parameters: readonly Variable[]
  readonly #starts: readonly Variable[]
  readonly #parts: readonly Variable[]
  #at = 0

  constructor(parameters: readonly Variable[], direction: Variable) {
    let end = 0
    const ends = parameters.slice(0, -1).map(({ shape }) => (end += sizeOf(shape)))
    const parts = noGrad(() => (ends.length === 0 ? [direction] : split(direction, ends)))
    this.#parameters = parameters
    this.#starts = parameters.map(({ data }) => constant(data))
    this.#parts = noGrad(() =>
      parts.map((part, i) => cast(reshape(part, parameters[i]!.shape), parameters[i]!.dtype)),
    )
  }

  goTo(t: number): void {
    if (t === this.#at) return
    this.#parameters.forEach((parameter, i) => {
      if (parameter.requiresGrad) parameter.data = add(this.#starts[i]!, mul(this.#parts[i]!, t)).data
    })
    this.#at = t
  }

  /** What `fn` gives; when it throws, the parameters are at the beginning again. */
  orBack<T>(fn: () => T): T {
    try {
      return fn()
    } catch (error) {
      this.#parameters.forEach((parameter, i) => {
        if (parameter.requiresGrad) parameter.data = this.#starts[i]!.data
      })
      throw error
    }
  }
}

function toleranceOf(value: unknown, otherwise: number, key: string): number {
  const number = numberOf(value, otherwise, key, 'LBFGS')
  return number >= 0 ? number : refuse(`LBFGS expected ${key} of at least 0, got ${number}`)
}

const largest = (x: NDArray): number => {
  if (x.size === 0) return 0
  const most = (array: NDArray) => reductions.max(array).item()
  return Math.max(most(x), -reductions.min(x).item())
}

function absoluteSum(x: NDArray): number {
  let sum = 0
  for (let i = 0; i < x.size; i++) sum += Math.abs(x.buffer[x.offset + i]!)
  return sum
}

/**
 * gradient, how many pairs there were so far, moves and changes as they lie in their ring → the next direction.
 */
export class LBFGSDirection extends DerivativeNotWritten {
  protected override get instead(): string {
    return 'compute the step with ordinary functions to differentiate through it'
  }

  override forward(...xs: NDArray[]): NDArray {
    const [gradient, pairs, ...kept] = xs as [NDArray, NDArray, ...NDArray[]]
    const count = kept.length / 2
    const [moves, changes] = [kept.slice(0, count), kept.slice(count)]
    const oldest = count === 0 ? 0 : pairs.item() % count
    const inOrder = (list: NDArray[]) => [...list.slice(oldest), ...list.slice(0, oldest)]
    return lbfgsDirection(gradient, inOrder(moves), inOrder(changes))
  }
}

registerFunc(LBFGSDirection, { name: 'lbfgsDirection' })
