/**
 * `vmap`: a function of one example, applied to many at once. The function runs once, with variables that stand for an example
 * (`mapped.ts`); what each call of it computes for all examples, `map-calls.ts` says.
 */
import { isFloating } from '../array/dtype.js'
import { formatShape, normalizeAxis } from '../array/shape.js'
import { TapeError, valueText } from '../errors.js'
import { checkOptions } from '../options.js'
import { exampleOf } from './map-calls.js'
import { type MapLevel, mapping } from './mapped.js'
import { createFunc } from './registry.js'
import { finished, refuseLaterWork } from './unfinished.js'
import { asVariable, type Operand, Variable } from './variable.js'

/** Along which axis examples lie: one number for all inputs (or outputs), or one for each; null: the same for every example. */
type Axes = number | null | readonly (number | null)[]

/** Settings of `vmap`. */
export interface VmapOptions {
  /** The axis of each input along which the examples lie; null for an input that is the same for all. Default 0. */
  inAxes?: Axes | undefined
  /** The axis of each output along which the examples shall lie. Default 0. */
  outAxes?: number | readonly number[] | undefined
}

/**
 * `fn`, which is written for one example, as a function of many: `vmap(fn)(xs)` is `stack` of `fn` of each row of xs, computed in one call a
 * function and not in a loop. Gradients taken inside are those of each example.
 *
 * fn       gives a Variable or a list of them. It may take gradients (`grad`, `vjp`, `jvp`, `jacobian`, `hessian`) and call `vmap`; what it takes
 *          from around it is the same for all examples. It has no numbers to look at, so it chooses with `where`.
 *          An input that requires a gradient does so inside; plain arrays do too
 * Returns  a function of the inputs; its outputs have the examples along outAxes
 * Random   `dropout` of an example draws a mask for each of them; of what is the same for all, one
 * Throws   SHAPE_MISMATCH unless all inputs have as many examples; BAD_AXIS; BAD_ARGUMENT when fn wants the numbers of an example, assigns
 *          to what is around it (batch normalisation in training does), calls `backward()`, or is async
 * Source   JAX `vmap`; PyTorch `torch.func.vmap`, with its randomness 'different'
 */
export function vmap<R extends Variable | readonly Variable[]>(
  fn: (...examples: Variable[]) => R,
  options: VmapOptions = {},
): (...inputs: Operand[]) => R {
  refuseLaterWork(fn, 'vmap')
  checkOptions(options, ['inAxes', 'outAxes'], 'vmap')
  const { inAxes = 0, outAxes = 0 } = options
  requireAxes(inAxes, 'inAxes', true)
  requireAxes(outAxes, 'outAxes', false)
  return (...inputs) => run(fn, inputs, inAxes, outAxes) as R
}

function run(
  fn: (...examples: Variable[]) => Variable | readonly Variable[],
  inputs: readonly Operand[],
  inAxes: Axes,
  outAxes: Axes,
): Variable | Variable[] {
  const wholes = wholesOf(inputs, axesFor(inAxes, inputs.length, 'inAxes', 'inputs'))
  const level: MapLevel = { depth: mapping.depth + 1, rows: rowsOf(wholes), over: false }
  const examples = wholes.map(({ variable, isMapped, isPlain }) =>
    isMapped
      ? exampleOf(level, variable, variable.requiresGrad || (isPlain && isFloating(variable.dtype)))
      : variable,
  )
  mapping.depth++
  try {
    const given = finished(fn(...examples), 'vmap')
    const isList = Array.isArray(given)
    const outputs = (isList ? given : [given]) as readonly unknown[]
    const axes = axesFor(outAxes, outputs.length, 'outAxes', 'outputs')
    const results = outputs.map((output, i) => wholeOf(output, level, axes[i]!))
    return isList ? results : results[0]!
  } finally {
    mapping.depth--
    level.over = true
  }
}

interface Whole {
  readonly variable: Variable
  readonly isMapped: boolean
  /** Whether it was no Variable: nobody said that it is a constant. */
  readonly isPlain: boolean
}

/** The inputs with the examples along their first axis. */
function wholesOf(inputs: readonly Operand[], axes: readonly (number | null)[]): Whole[] {
  return inputs.map((input, i) => {
    const axis = axes[i]!
    const given = asVariable(input)
    const isPlain = !(input instanceof Variable)
    if (axis === null) return { variable: given, isMapped: false, isPlain }
    if (given.ndim === 0)
      throw new TapeError(
        'BAD_AXIS',
        `vmap expected input ${i} to have an axis of examples, got a single number; with null in inAxes it is the same for all examples`,
      )
    const from = normalizeAxis(axis, given.ndim, `vmap: inAxes of input ${i}`)
    return { variable: moved(given, from, 0), isMapped: true, isPlain }
  })
}

function rowsOf(wholes: readonly Whole[]): number {
  const mapped = wholes.filter(({ isMapped }) => isMapped)
  if (mapped.length === 0)
    throw new TapeError('BAD_ARGUMENT', 'vmap expected at least one input with an axis of examples, got none')
  const counts = mapped.map(({ variable }) => variable.shape[0]!)
  if (counts.some((count) => count !== counts[0]))
    throw new TapeError(
      'SHAPE_MISMATCH',
      `vmap expected as many examples in every input, got ${counts.join(', ')}`,
    )
  return counts[0]!
}

/** An output of the function with the examples along `axis`. */
function wholeOf(output: unknown, level: MapLevel, axis: number | null): Variable {
  if (!(output instanceof Variable))
    throw new TapeError(
      'BAD_ARGUMENT',
      `vmap expected a function that returns a Variable or a list of them, got ${valueText(output)}`,
    )
  const { mapped } = output
  const whole =
    mapped !== null && mapped.level === level
      ? mapped.whole
      : createFunc('broadcastTo', { shape: [level.rows, ...output.shape] }).apply1(output)
  const to = normalizeAxis(axis ?? 0, whole.ndim, `vmap: outAxes for ${formatShape(whole.shape)}`)
  return moved(whole, 0, to)
}

function moved(x: Variable, from: number, to: number): Variable {
  if (from === to) return x
  const axes = x.shape.map((_, axis) => axis).filter((axis) => axis !== from)
  axes.splice(to, 0, from)
  return createFunc('transpose', { axes }).apply1(x)
}

function axesFor(axes: Axes, count: number, key: string, what: string): readonly (number | null)[] {
  if (axes === null || typeof axes === 'number') return Array.from({ length: count }, () => axes)
  if (axes.length === count) return axes
  throw new TapeError(
    'BAD_ARGUMENT',
    `vmap expected an axis in ${key} for each of ${count} ${what}, got ${axes.length}`,
  )
}

function requireAxes(axes: unknown, key: string, nullable: boolean): void {
  const isAxis = (axis: unknown) => Number.isInteger(axis) || (nullable && axis === null)
  if (Array.isArray(axes) ? axes.every(isAxis) : isAxis(axes)) return
  throw new TapeError(
    'BAD_AXIS',
    `vmap expected ${key} to be an axis${nullable ? ', null' : ''} or a list of them, got ${valueText(axes)}`,
  )
}
