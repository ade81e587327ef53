/**
 * A call inside of `vmap`: one call for all examples by the rule of its function, or, for a function without a rule, a call for each
 * example. Either way the calls that compute are ordinary calls, which the tape records and passes walk through; beside them stands
 * one call between examples, so that gradients can be taken inside of vmap too. Knows no function by name but those it cuts and joins with.
 */
import { isFloating } from '../array/dtype.js'
import { ndarray } from '../array/make-array.js'
import { formatShape, type Shape, sameShape } from '../array/shape.js'
import { TapeError } from '../errors.js'
import { gradientsOf } from './backward.js'
import { type BackwardResult, Func } from './func.js'
import { type MapLevel, Mapped, mapping, NumbersWanted } from './mapped.js'
import { mode, withLinking } from './mode.js'
import { createFunc } from './registry.js'
import { standInFor } from './stand-in.js'
import { Variable } from './variable.js'

/** An operand of a call, as a rule sees it. */
export interface MapOperand {
  /** The examples along the first axis; the operand itself where it is the same for all. */
  readonly whole: Variable
  readonly isMapped: boolean
  /** The shape of one example. */
  readonly shape: Shape
}

/** What a rule is given. */
export interface MapCall {
  readonly func: Func
  readonly operands: readonly MapOperand[]
  readonly rows: number
}

/**
 * How a function computes all examples at once: the outputs with the examples along the first axis, or null where it does not, so that
 * each example is computed by itself.
 */
export type MapRule = (call: MapCall) => readonly Variable[] | null

/** How a function is written with others; they are called with the examples themselves. Null as for a rule. */
export type MapRewrite = (func: Func, inputs: readonly Variable[]) => readonly Variable[] | null

// biome-ignore lint/complexity/noBannedTypes: the constructors of functions, whatever they take
type FuncClass = Function

const rules = new Map<FuncClass, MapRule>()
const rewrites = new Map<FuncClass, MapRewrite>()

export function setMapRule(funcClass: FuncClass, rule: MapRule): void {
  rules.set(funcClass, rule)
}

export function setMapRewrite(funcClass: FuncClass, rewrite: MapRewrite): void {
  rewrites.set(funcClass, rewrite)
}

/** @internal Whether all examples are computed at once, as a rule. */
export function isMappedAtOnce(funcClass: FuncClass): boolean {
  return rules.has(funcClass) || rewrites.has(funcClass)
}

/** An example of what `whole` holds along its first axis. */
export function exampleOf(level: MapLevel, whole: Variable, requiresGrad: boolean): Variable {
  const example = new Variable(null, requiresGrad, 'variable')
  example.owner = new Mapped(level, whole)
  return example
}

/** Calls `func` with operands of which at least one is an example. */
function call(func: Func, inputs: readonly Variable[]): Variable[] {
  const level = levelOf(inputs)
  if (level.over)
    throw new TapeError(
      'BAD_ARGUMENT',
      `${func.name} got a variable that stood for an example inside a vmap that is over; return it from the function instead`,
    )
  const operands = inputs.map((input): MapOperand => {
    const mapped = input.mapped
    return mapped !== null && mapped.level === level
      ? { whole: mapped.whole, isMapped: true, shape: mapped.shape }
      : { whole: input, isMapped: false, shape: input.shape }
  })
  try {
    const rewritten = rewrites.get(func.constructor)?.(func, inputs) ?? null
    if (rewritten !== null) return [...rewritten]
    const wholes = rules.get(func.constructor)?.({ func, operands, rows: level.rows }) ?? null
    if (wholes !== null) {
      const one = new OneCall(func, level)
      const outputs = link(one, inputs, wholes, (slot) => func.differentiable && func.differentiableAt(slot))
      func.links = one.links
      return outputs
    }
  } catch (error) {
    // What a rule was refused speaks of all examples at once: an example by itself says it in the words of the function.
    if (error instanceof TapeError && !(error instanceof NumbersWanted) && level.rows > 0)
      again(func).applyList(inputs.map((input) => rowOf(input, level, 0)))
    throw error
  }
  return byRows(level, func, (xs) => again(func).applyList(xs), inputs)
}

mapping.call = call
mapping.cast = (example, dtype) => createFunc('cast', { dtype }).apply1(example)

/** The innermost vmap that one of them is an example of. */
function levelOf(inputs: readonly Variable[]): MapLevel {
  let level: MapLevel | null = null
  for (const { mapped } of inputs)
    if (mapped !== null && (level === null || mapped.level.depth > level.depth)) level = mapped.level
  return level!
}

/** The outputs of a call, as examples that know it. */
function link(
  between: BetweenExamples,
  inputs: readonly Variable[],
  wholes: readonly Variable[],
  differentiableAt: (slot: number) => boolean,
): Variable[] {
  const links = between.linksOf()
  links.setInputs(inputs)
  const { linking } = mode
  const wants = linking && inputs.some(({ requiresGrad }) => requiresGrad)
  const outputs = wholes.map((whole, slot) => {
    const y = exampleOf(between.level, whole, wants && isFloating(whole.dtype) && differentiableAt(slot))
    if (linking) y.links = links
    y.slot = slot
    return y
  })
  links.setOutputs(
    outputs,
    outputs.map(() => null),
  )
  links.order = ++mode.clock
  links.scope = mode.scope
  return outputs
}

/** What a call between examples shares: it is none that could be recorded or made again. */
abstract class BetweenExamples extends Func {
  readonly level: MapLevel
  protected readonly of: Func

  constructor(of: Func, level: MapLevel) {
    super()
    this.of = of
    this.level = level
  }

  override get name(): string {
    return this.of.name
  }

  override forward(): never {
    throw new TapeError(
      'NOT_IMPLEMENTED',
      `this ${this.name} is a call inside vmap; call the function itself`,
    )
  }

  override backward(...gys: Variable[]): BackwardResult {
    return this.backwardList(gys)
  }

  abstract override backwardList(gys: readonly Variable[]): BackwardResult
}

/** All examples were computed by one call. Its backward is that of the function, between examples. */
class OneCall extends BetweenExamples {
  override backwardList(gys: readonly Variable[]): BackwardResult {
    const { of } = this
    try {
      return of.outputCount === 1 ? of.backward(gys[0]!) : of.backwardList(gys)
    } catch (error) {
      if (!(error instanceof NumbersWanted)) throw error
    }
    // The derivative depends on the numbers of each example (is there a 0 among them?): each by itself then.
    return gradientsByRows(this.level, of, (xs) => again(of).applyList(xs), this, gys)
  }
}

/** What is computed for each example by itself. */
type OfRow = (xs: readonly Variable[]) => readonly Variable[]

/** Each example was computed by calls of its own, and so is its gradient. */
class ByRows extends BetweenExamples {
  private readonly compute: OfRow

  constructor(of: Func, level: MapLevel, compute: OfRow) {
    super(of, level)
    this.compute = compute
  }

  override backwardList(gys: readonly Variable[]): BackwardResult {
    return gradientsByRows(this.level, this.of, this.compute, this, gys)
  }
}

function byRows(level: MapLevel, func: Func, compute: OfRow, inputs: readonly Variable[]): Variable[] {
  if (level.rows === 0)
    throw new TapeError(
      'BAD_SHAPE',
      `vmap computes ${func.name} example by example, and there is none that could say what shape it gives`,
    )
  const rows = Array.from({ length: level.rows }, (_, row) =>
    compute(inputs.map((input) => rowOf(input, level, row))),
  )
  const wholes = rows[0]!.map((_, slot) =>
    joined(
      rows.map((outputs) => outputs[slot]!),
      func,
    ),
  )
  // What no example can be differentiated by (an argmax) has no derivative here either.
  const wants = rows[0]!.map(
    ({ dtype }, slot) => isFloating(dtype) && func.differentiable && func.differentiableAt(slot),
  )
  return link(new ByRows(func, level, compute), inputs, wholes, (slot) => wants[slot]!)
}

/**
 * The gradients of what was computed for each example by itself: a function of inputs and gradients that is computed for each example by
 * itself, so that it can be differentiated again.
 */
function gradientsByRows(
  level: MapLevel,
  func: Func,
  compute: OfRow,
  { inputs }: Func,
  gys: readonly Variable[],
): BackwardResult {
  const wanted = inputs.flatMap(({ requiresGrad }, slot) => (requiresGrad ? [slot] : []))
  const ofRow: OfRow = (all) => {
    const { linking } = mode
    const xs = all.slice(0, inputs.length)
    const points = xs.map((x, slot) => (wanted.includes(slot) ? standInFor(x, linking) : x))
    const outputs = withLinking(true, () => compute(points))
    return gradientsOf(
      outputs,
      wanted.map((slot) => points[slot]!),
      all.slice(inputs.length),
      linking,
    )
  }
  const found = byRows(level, new Gradients(func.name), ofRow, [...inputs, ...gys])
  return inputs.map((_, slot) => (wanted.includes(slot) ? found[wanted.indexOf(slot)]! : null))
}

/** Stands in messages for the function whose gradients are taken. */
class Gradients extends Func {
  private readonly what: string

  constructor(what: string) {
    super()
    this.what = what
  }

  override get name(): string {
    return `the gradient of ${this.what}`
  }

  override forward(): never {
    throw new TapeError('NOT_IMPLEMENTED', `${this.name} is no call of its own`)
  }

  override backward(): never {
    return this.forward()
  }
}

/** What of an operand belongs to an example. */
function rowOf(operand: Variable, level: MapLevel, row: number): Variable {
  const { mapped } = operand
  if (mapped === null || mapped.level !== level) return operand
  indices[row] ??= new Variable(ndarray(row, { dtype: 'int32' }), false, 'constant')
  return createFunc('take', { axis: 0 }).apply2(mapped.whole, indices[row]!)
}

const indices: Variable[] = []

/** A Func for another call of the same. */
export function again(func: Func): Func {
  return new (func.constructor as new (attributes: object) => Func)(func.attributes)
}

/** Rows as one, the examples along the first axis. */
function joined(rows: readonly Variable[], func: Func): Variable {
  const [first] = rows
  const odd = rows.find(({ shape }) => !sameShape(shape, first!.shape))
  if (odd !== undefined)
    throw new TapeError(
      'SHAPE_MISMATCH',
      `vmap expected ${func.name} to give one shape for every example, got ${formatShape(first!.shape)} and ${formatShape(odd.shape)}`,
    )
  return createFunc('stack', { axis: 0 }).applyList(rows)[0]!
}
