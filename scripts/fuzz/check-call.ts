/**
 * What holds for every call: it is refused with a stable code, or it has a value and a first and a second derivative, which agree
 * with differences; its value and its gradients are those of operands promoted by hand; where its operands lie in memory changes
 * nothing. Takes an engine, so that the tests hand in the sources and the fuzzer the built library.
 */
import type { NDArray, Operand, Variable } from 'gradtape'
import { type DrawnArray, type DrawnCall, type DrawnDtype, describeCall, withDtypes } from './draw-calls.js'
import { Random } from './random.js'

export type Functions = Readonly<Record<string, (...args: unknown[]) => Variable | Variable[]>>

export interface Engine {
  readonly functions: Functions
  readonly ndarray: (values: unknown, options?: object) => NDArray
  readonly Variable: new (value: NDArray) => Variable
  readonly grad: (
    outputs: readonly Variable[],
    inputs: readonly Variable[],
    options?: object,
  ) => readonly Variable[]
  /** Whether an error is one of ours, with a stable code. */
  readonly isRefusal: (error: unknown) => boolean
}

const STEP = 1e-5
const TOLERANCE = 2e-5
const ROUNDED_TOLERANCE = 2e-4

/** Whether the call was accepted. Throws an Error that says what does not hold. */
export function checkCall(engine: Engine, call: DrawnCall, random: Random): boolean {
  try {
    const accepted = differentiates(engine, call, random)
    promotesFirst(engine, withDtypes(call, random), random)
    return accepted
  } catch (error) {
    if (!(error instanceof Error)) throw error
    throw new Error(`${describeCall(call)}: ${error.message}`, { cause: error })
  }
}

function arrayOf(engine: Engine, drawn: DrawnArray, dtype: DrawnDtype = drawn.dtype): NDArray {
  return engine.ndarray([...drawn.values], { shape: drawn.shape, dtype })
}

/** The same array as a part of a larger one: its elements begin in the middle of a buffer. */
function shifted(engine: Engine, array: NDArray): NDArray {
  const { functions, ndarray } = engine
  const wide = ndarray([0, ...array.data, 0].map(Number), { dtype: array.dtype })
  const part = functions.slice!(wide, [[1, -1]]) as Variable
  return (functions.reshape!(part, array.shape) as Variable).data
}

function applied(engine: Engine, call: DrawnCall, xs: readonly Operand[]): Variable[] {
  const operands = call.asList === true ? [xs] : xs
  return [engine.functions[call.name]!(...(call.before ?? []), ...operands, ...call.args)].flat()
}

/** Numbers that weigh every element, so that no mistake cancels. */
function weightsFor(engine: Engine, like: Variable, random: Random): NDArray {
  const values = Array.from({ length: like.size }, () => 0.5 + random.unit())
  return engine.ndarray(values, { shape: like.shape, dtype: like.dtype })
}

function isFloating({ dtype }: { readonly dtype: string }): boolean {
  return dtype === 'float64' || dtype === 'float32'
}

/** Forward accepts, so both derivatives exist, have the operands' shapes and dtypes, and agree with differences. */
function differentiates(engine: Engine, call: DrawnCall, random: Random): boolean {
  const arrays = call.inputs.map((input) => arrayOf(engine, input))
  const leavesAt = (points: readonly NDArray[]) => points.map((array) => new engine.Variable(array))
  const seed = random.word()
  const xs = leavesAt(arrays)
  let outputs: Variable[]
  try {
    outputs = applied(engine, call, xs)
  } catch (error) {
    if (engine.isRefusal(error)) return false
    throw error
  }
  sameElsewhere(engine, call, arrays, outputs)
  const wanted = (leaves: readonly Variable[]) => leaves.filter((_, i) => isFloating(arrays[i]!))
  if (!outputs.some((output) => output.requiresGrad)) return true
  // The mean of nothing is NaN, and so are its derivatives.
  const smooth = call.smooth && outputs.every((output) => output.data.data.every(Number.isFinite))

  /** The weighted sum of the outputs, and its gradients with their graph. */
  const firstOf = (points: readonly NDArray[]) => {
    const leaves = leavesAt(points)
    const weights = new Random(seed)
    const terms = applied(engine, call, leaves)
      .filter((output) => output.requiresGrad)
      .map((output) => weighted(engine, output, weights))
    const loss = total(engine, terms)
    const targets = wanted(leaves)
    return { loss, targets, gradients: engine.grad([loss], targets, { createGraph: true }) }
  }
  /** The weighted sum of the gradients, and its gradients in turn; null where the gradients depend on nothing. */
  const secondOf = (points: readonly NDArray[]) => {
    const { targets, gradients } = firstOf(points)
    const weights = new Random(seed + 1)
    // A term of each input keeps the sum a function of all of them, where the call is linear.
    const slope = total(engine, [
      ...gradients.map((gradient) => weighted(engine, gradient, weights)),
      ...targets.map((target) => weighted(engine, target, weights)),
    ])
    return { slope, gradients: engine.grad([slope], targets) }
  }
  const first = firstOf(arrays)
  const second = secondOf(arrays)
  for (const [order, { gradients }] of [first, second].entries()) {
    gradients.forEach((gradient, i) => {
      const target = first.targets[i]!
      if (String(gradient.shape) !== String(target.shape) || gradient.dtype !== target.dtype) {
        throw new Error(
          `derivative ${order + 1} of operand ${i} has ${gradient.dtype} [${gradient.shape}], expected ${target.dtype} [${target.shape}]`,
        )
      }
      if (smooth && !gradient.data.data.every(Number.isFinite))
        throw new Error(`derivative ${order + 1} of operand ${i} is not finite`)
    })
  }
  sameWithoutGraph(engine, call, arrays, seed, first.gradients)
  if (!smooth) return true
  const directions = arrays.map((array) => Array.from({ length: array.size }, () => random.unit() - 0.5))
  const moved = (by: number) =>
    arrays.map((array, i) =>
      isFloating(array)
        ? engine.ndarray(
            Array.from(array.data, (value, j) => value + by * directions[i]![j]!),
            { shape: array.shape, dtype: array.dtype },
          )
        : array,
    )
  const along = (gradients: readonly Variable[]) => {
    const floating = directions.filter((_, i) => isFloating(arrays[i]!))
    let sum = 0
    gradients.forEach((gradient, i) => {
      gradient.data.data.forEach((value, j) => {
        sum += value * floating[i]![j]!
      })
    })
    return sum
  }
  const agree = (order: number, exact: number, difference: number) => {
    if (Math.abs(exact - difference) <= TOLERANCE * Math.max(1, Math.abs(exact), Math.abs(difference))) return
    throw new Error(`derivative ${order} is ${exact} by backward and ${difference} by differences`)
  }
  const [up, down] = [moved(STEP), moved(-STEP)]
  agree(1, along(first.gradients), (firstOf(up).loss.item() - firstOf(down).loss.item()) / (2 * STEP))
  agree(2, along(second.gradients), (secondOf(up).slope.item() - secondOf(down).slope.item()) / (2 * STEP))
  return true
}

function weighted(engine: Engine, x: Variable, random: Random): Variable {
  const { functions } = engine
  return functions.sum!(functions.mul!(x, weightsFor(engine, x, random))) as Variable
}

function total(engine: Engine, terms: readonly Variable[]): Variable {
  return terms.reduce((sum, term) => engine.functions.add!(sum, term) as Variable)
}

/** A gradient that nobody differentiates further has the bits of one that somebody does. */
function sameWithoutGraph(
  engine: Engine,
  call: DrawnCall,
  arrays: readonly NDArray[],
  seed: number,
  expected: readonly Variable[],
): void {
  const leaves = arrays.map((array) => new engine.Variable(array))
  const weights = new Random(seed)
  const terms = applied(engine, call, leaves)
    .filter((output) => output.requiresGrad)
    .map((output) => weighted(engine, output, weights))
  const targets = leaves.filter((leaf) => isFloating(leaf))
  const gradients = engine.grad([total(engine, terms)], targets)
  gradients.forEach((gradient, i) => {
    sameBits(gradient.data, expected[i]!.data, `the gradient of operand ${i} without and with a graph`)
  })
}

function sameElsewhere(
  engine: Engine,
  call: DrawnCall,
  arrays: readonly NDArray[],
  outputs: readonly Variable[],
): void {
  const moved = arrays.map((array) => new engine.Variable(shifted(engine, array)))
  applied(engine, call, moved).forEach((output, slot) => {
    sameBits(output.data, outputs[slot]!.data, `output ${slot}, with operands elsewhere in memory,`)
  })
}

function sameBits(got: NDArray, expected: NDArray, what: string): void {
  const same =
    got.dtype === expected.dtype &&
    String(got.shape) === String(expected.shape) &&
    got.data.every((value, i) => Object.is(value, expected.data[i]))
  if (same) return
  throw new Error(
    `${what} expected ${expected.dtype} [${expected.shape}] ${Array.from(expected.data)}, got ${got.dtype} [${got.shape}] ${Array.from(got.data)}`,
  )
}

/** The dtype in which these meet, as NumPy says. */
function meet(dtypes: readonly DrawnDtype[]): DrawnDtype {
  const has = (dtype: DrawnDtype) => dtypes.includes(dtype)
  if (has('float64') || (has('float32') && has('int32'))) return 'float64'
  return (['float32', 'int32', 'uint8', 'bool'] as const).find(has) ?? 'bool'
}

/** Values and gradients are those of operands that were promoted by hand first. */
function promotesFirst(engine: Engine, call: DrawnCall, random: Random): void {
  const common = meet(call.inputs.filter(({ role }) => role === 'value').map(({ dtype }) => dtype))
  const given = call.inputs.map((input) => new engine.Variable(arrayOf(engine, input)))
  const byHand = call.inputs.map((input) => {
    const array = arrayOf(engine, input)
    return new engine.Variable(input.role === 'value' ? array.astype(common) : array)
  })
  const [got, expected] = [outcome(engine, call, given), outcome(engine, call, byHand)]
  const dtypes = call.inputs.map(({ dtype }) => dtype).join(', ')
  if (typeof got === 'string' || typeof expected === 'string') {
    if (typeof got === 'string' && typeof expected === 'string') return
    throw new Error(
      `with ${dtypes} ${typeof got === 'string' ? 'is refused' : 'is accepted'}, and promoted by hand to ${common} it is not: ${got} and ${expected}`,
    )
  }
  expected.forEach((output, slot) => {
    sameBits(got[slot]!.data, output.data, `output ${slot} of ${dtypes}, promoted by hand to ${common},`)
  })
  if (!isFloating({ dtype: common })) return
  const seed = random.word()
  const gradientsOf = (xs: readonly Variable[], outputs: readonly Variable[]) => {
    const weights = new Random(seed)
    const terms = outputs.filter((y) => y.requiresGrad).map((y) => weighted(engine, y, weights))
    const targets = xs.filter((_, i) => call.inputs[i]!.role === 'value' && isFloating(call.inputs[i]!))
    if (terms.length === 0 || targets.length === 0) return []
    return engine.grad([total(engine, terms)], targets)
  }
  const found = gradientsOf(given, got)
  const wanted = gradientsOf(byHand, expected)
  found.forEach((gradient, i) => {
    gradient.data.data.forEach((value, j) => {
      const right = wanted[i]!.data.data[j]!
      const near = Math.abs(value - right) <= ROUNDED_TOLERANCE * Math.max(1, Math.abs(right))
      if (near || Object.is(value, Math.fround(right)) || !Number.isFinite(right)) return
      throw new Error(`the gradient of operand ${i} of ${dtypes} is ${value}, promoted by hand ${right}`)
    })
  })
}

/** What the call gives, or the code it is refused with. */
function outcome(engine: Engine, call: DrawnCall, xs: readonly Variable[]): Variable[] | string {
  try {
    return applied(engine, call, xs)
  } catch (error) {
    if (engine.isRefusal(error)) return (error as { code: string }).code
    throw error
  }
}
