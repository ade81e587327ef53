/** What the units of activations do in a step: which are 0 for every row, how much of what they read lies where the slope is 0. */
import type { NDArray } from '../array/ndarray.js'
import type { FunctionCalled } from '../events/event.js'
import type { RunView } from './run-view.js'

/** Beyond these the slope of tanh and sigmoid is 0 or nearly so (SageMaker Debugger's rules). */
export const SATURATES: Readonly<Record<string, readonly [number, number]>> = {
  tanh: [-9.5, 9.5],
  sigmoid: [-23, 17],
}
/**
 * A softmax whose largest score lies so far above the second gives 1 and 0, to the last digit of its dtype: all its slopes are 0.
 * (−ln ε/2, with ε of the dtype.)
 */
export const SURE = { float32: 16.7, float64: 36.8 } as const

/** Units of an activation: the last axis, or the channels of an image. */
function unitsOf(shape: readonly number[]): { count: number; unit: (index: number) => number } | null {
  if (shape.length < 2) return null
  if (shape.length === 4) {
    const inside = shape[2]! * shape[3]!
    return { count: shape[1]!, unit: (index) => Math.floor(index / inside) % shape[1]! }
  }
  const count = shape.at(-1)!
  return { count, unit: (index) => index % count }
}

/** What one step shows of a layer: of relu, which units are not 0 for some row; of others, how many inputs are out of bounds. */
interface Activity {
  readonly alive: readonly boolean[]
  readonly outside: number
  readonly all: number
}

/** What layers do in steps. A step is computed again once, for all layers: a network of a hundred would else take a hundred times as long. */
export class UnitLooks {
  private readonly view: RunView
  private readonly layers: readonly FunctionCalled[]
  private readonly known = new Map<number, ReadonlyMap<FunctionCalled, Activity> | null>()

  constructor(view: RunView, layers: readonly FunctionCalled[]) {
    this.view = view
    this.layers = layers
  }

  /** Null when values are not to be had. */
  of(layer: FunctionCalled, step: number): Activity | null {
    let known = this.known.get(step)
    if (known === undefined) {
      known = this.view.attempt('dead or saturated units', () => this.look(step))
      this.known.set(step, known)
    }
    return known?.get(layer) ?? null
  }

  /** Units that are 0 for every row in all these steps; null when that cannot be known. */
  dead(layer: FunctionCalled, steps: readonly number[]): { off: number[]; count: number } | null {
    const seen: (readonly boolean[])[] = []
    for (const step of steps) {
      const activity = this.of(layer, step)
      if (activity === null) return null
      seen.push(activity.alive)
    }
    const [first] = seen
    if (first === undefined || first.length === 0) return null
    const off = first.flatMap((_, unit) => (seen.some((alive) => alive[unit]) ? [] : [unit]))
    return { off, count: first.length }
  }

  private look(step: number): Map<FunctionCalled, Activity> | null {
    const values = this.view.values(step)
    if (values === null) return null
    const found = new Map<FunctionCalled, Activity>()
    for (const layer of this.layers) {
      const call = sameCall(this.view, step, layer)
      if (call === null) continue
      const bounds = SATURATES[layer.function]
      const isSoftmax = layer.function === 'softmax'
      const array =
        bounds === undefined && !isSoftmax ? values.of(call.position) : values.read(call.inputs[0]!, call)
      if (array === null) continue
      found.set(layer, isSoftmax ? sureIn(array, call.attributes.axis) : activityIn(array, bounds))
    }
    return found
  }
}

/** Of how many rows of scores the largest leaves nothing to the others. A score of −∞ is masked and none. */
function sureIn({ buffer, offset, size, shape, dtype }: NDArray, given: unknown): Activity {
  const axis = typeof given === 'number' ? (given + shape.length) % shape.length : shape.length - 1
  const length = shape[axis] ?? 1
  const stride = shape.slice(axis + 1).reduce((product, one) => product * one, 1)
  const gap = dtype === 'float32' ? SURE.float32 : SURE.float64
  let [outside, all] = [0, 0]
  for (let at = 0; at < size; at++) {
    if (Math.floor(at / stride) % length !== 0) continue
    let [first, second] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]
    for (let i = 0; i < length; i++) {
      const value = buffer[offset + at + i * stride]!
      if (value > first) {
        second = first
        first = value
      } else if (value > second) second = value
    }
    // Of a single score nothing depends.
    if (second === Number.NEGATIVE_INFINITY) continue
    all++
    if (first - second > gap) outside++
  }
  return { alive: [], outside, all }
}

function activityIn(
  { buffer, offset, size, shape }: NDArray,
  bounds: readonly [number, number] | undefined,
): Activity {
  if (bounds !== undefined) {
    let outside = 0
    for (let i = 0; i < size; i++) {
      const value = buffer[offset + i]!
      if (value < bounds[0] || value > bounds[1]) outside++
    }
    return { alive: [], outside, all: size }
  }
  const units = unitsOf(shape)
  const alive = new Array<boolean>(units?.count ?? 0).fill(false)
  if (units !== null) for (let i = 0; i < size; i++) if (buffer[offset + i] !== 0) alive[units.unit(i)] = true
  return { alive, outside: 0, all: size }
}

/** The call of another step that stands where `call` stands in its step. */
export function sameCall(view: RunView, step: number, call: FunctionCalled): FunctionCalled | null {
  const place = view
    .step(call.step)
    .calls.filter(({ function: name, scope }) => name === call.function && scope === call.scope)
    .findIndex(({ position }) => position === call.position)
  return (
    view
      .step(step)
      .calls.filter(({ function: name, scope }) => name === call.function && scope === call.scope)[place] ??
    null
  )
}
