/** What flows through a network: units that are dead or saturated, gradients that vanish or explode on their way back. */
import type { NDArray } from '../array/ndarray.js'
import { callText, finding, namesText, shortNumber } from '../detectors/draft.js'
import type { Finding } from '../detectors/finding.js'
import { type FunctionCalled, positionOf, type Ref } from '../events/event.js'
import { gradientSizes, sampleSteps } from './gradient-flow.js'
import type { RunView } from './run-view.js'

const STEPS_MIN = 3
/** The share of elements that must be zero or saturated. */
const SHARE = 0.5
/** The share of units that must be dead: in narrow healthy networks half of a layer may be. */
const DEAD_SHARE = 0.6
/** In narrower layers this many are dead by nature. */
const UNITS_MIN = 16
const NARROW_SHARE = 0.8
/** Fewer units are no layer to speak of. */
const UNITS_LEAST = 8
/** Beyond these the slope of tanh and sigmoid is 0 or nearly so (SageMaker Debugger's rules). */
const SATURATES: Readonly<Record<string, readonly [number, number]>> = {
  tanh: [-9.5, 9.5],
  sigmoid: [-23, 17],
}
/** What makes what an activation reads. */
const LAYERS: ReadonlySet<string> = new Set([
  'linear',
  'matmul',
  'conv2d',
  'add',
  'batchNorm',
  'layerNorm',
  'mul',
  'einsum',
])

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

export function deadUnits(view: RunView): Finding[] {
  const samples = sampleSteps(view, SAMPLES)
  if (samples.length < STEPS_MIN) return []
  const first = view.step(samples[0]!)
  const trained = first.ancestors(first.roots, true)
  const layers = first.calls.filter(
    (call) =>
      (call.function === 'relu' || call.function === 'sigmoid' || call.function === 'tanh') &&
      trained.has(call.position) &&
      LAYERS.has(first.makerOf(call.inputs[0]!)?.function ?? ''),
  )
  if (layers.length === 0) return []
  const zeros = samples.map((step) =>
    gradientSizes(view, step).some((one) => one.zeros >= SHARE * one.size && one.size > 1),
  )
  const always = zeros.filter((is) => is).length >= 0.9 * samples.length
  const inTheEnd = samples.length >= 2 * STEPS_MIN && zeros.slice(-STEPS_MIN).every((is) => is)
  const findings: Finding[] = []
  for (const layer of layers) {
    const found =
      layer.function !== 'relu'
        ? saturated(view, sampleSteps(view, STEPS_MIN), layer)
        : ((always ? dead(view, sampleSteps(view, STEPS_MIN), layer) : null) ??
          (inTheEnd ? died(view, samples.slice(-STEPS_MIN), layer) : null))
    if (found !== null) findings.push(found)
  }
  // Several in a row have one cause: the first in the graph.
  return findings.slice(0, 1)
}

/** Steps whose columns are looked at; of the last three of them, steps are computed again. */
const SAMPLES = 7

/** Whether so many units of a layer are dead that it is no accident: in narrow healthy networks half of a layer may be. */
function isMany(off: number, count: number): boolean {
  if (count < UNITS_LEAST) return false
  return off >= (count < UNITS_MIN ? NARROW_SHARE : DEAD_SHARE) * count
}

/** Units that are dead in the end, and were not always: from which step on. */
function died(view: RunView, steps: readonly number[], layer: FunctionCalled): Finding | null {
  const offAt = (at: readonly number[]) =>
    view.attempt('dead units', () => offUnits(view, at, layer, false, (value) => value === 0))
  const end = offAt(steps)
  if (end === null || !isMany(end.off.length, end.count)) return null
  const isDead = (step: number) => {
    const off = new Set(offAt([step])?.off ?? [])
    return end.off.every((unit) => off.has(unit))
  }
  let [alive, from] = [0, steps[0]!]
  while (from - alive > 1) {
    const middle = (from + alive) >> 1
    if (view.step(middle).passes.length > 0 && !isDead(middle)) alive = middle
    else from = middle
  }
  const call = sameCall(view, from, layer) ?? layer
  return deadFinding(view, from, call, end, [
    `looked    at steps ${steps.join(', ')}, and back to step ${from}: the same units are 0 for every row from then on`,
    ...(alive === 0 ? [] : [`before    in step ${alive} some of them were not`]),
  ])
}

/** The call of another step that stands where `call` stands in its step. */
function sameCall(view: RunView, step: number, call: FunctionCalled): FunctionCalled | null {
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

/** Counts, over steps, units for which `isOff` holds of every row; null when values are not to be had. */
function offUnits(
  view: RunView,
  steps: readonly number[],
  layer: FunctionCalled,
  ofInput: boolean,
  isOff: (value: number) => boolean,
): { off: number[]; count: number } | null {
  let alive: boolean[] | null = null
  for (const step of steps) {
    const call = sameCall(view, step, layer)
    const values = call === null ? null : view.values(step)
    if (call === null || values === null) return null
    const array: NDArray | null = ofInput ? values.read(call.inputs[0]!, call) : values.of(call.position)
    const units = array === null ? null : unitsOf(array.shape)
    if (array === null || units === null) return null
    alive ??= new Array<boolean>(units.count).fill(false)
    for (let i = 0; i < array.size; i++)
      if (!isOff(array.buffer[array.offset + i]!)) alive[units.unit(i)] = true
  }
  if (alive === null) return null
  return { off: alive.flatMap((is, unit) => (is ? [] : [unit])), count: alive.length }
}

function dead(view: RunView, steps: readonly number[], layer: FunctionCalled): Finding | null {
  const found = view.attempt('dead units', () => offUnits(view, steps, layer, false, (value) => value === 0))
  if (found === null || !isMany(found.off.length, found.count)) return null
  return deadFinding(view, steps[0]!, layer, found, [
    `looked    at steps ${steps.join(', ')}: the same units are 0 in all of them`,
  ])
}

function deadFinding(
  view: RunView,
  step: number,
  layer: FunctionCalled,
  { off, count }: { off: readonly number[]; count: number },
  evidence: readonly string[],
): Finding {
  const bias = biasOf(view, layer)
  const shown = off.length > 12 ? `${off.slice(0, 3).join(', ')}, … ${off.at(-1)}` : off.join(', ')
  return finding({
    kind: 'dead-units',
    level: 'cause',
    step,
    position: layer.position,
    function: layer.function,
    scope: layer.scope,
    variable: bias === null ? null : view.label(bias),
    value: off.length / count,
    text: `step ${step}: ${callText(layer)} is 0 for every row in ${off.length} of ${count} units${bias === null ? '' : `, fed by ${view.label(bias)}`}: units ${shown} are dead`,
    evidence: [...evidence, 'so        no gradient reaches what feeds them'],
  })
}

function biasOf(view: RunView, layer: FunctionCalled): Ref | null {
  const events = view.step(layer.step)
  const maker = events.makerOf(layer.inputs[0]!)
  const parameters = (maker?.inputs ?? []).filter((ref) => {
    const leaf = view.event(positionOf(ref))
    return leaf.type === 'LeafCreated' && leaf.role === 'parameter'
  })
  return parameters.at(-1) ?? null
}

function saturated(view: RunView, steps: readonly number[], layer: FunctionCalled): Finding | null {
  const [low, high] = SATURATES[layer.function]!
  // What a loss reads last may be sure of itself.
  const events = view.step(layer.step)
  const feeds = events.descendants([layer.position])
  if (
    ![...feeds].some((position) =>
      ['linear', 'matmul', 'conv2d'].includes((events.at(position) as FunctionCalled).function),
    )
  )
    return null
  let outside = 0
  let all = 0
  for (const step of steps) {
    const call = sameCall(view, step, layer)
    const values = call === null ? null : view.values(step)
    if (call === null || values === null) return null
    const array = view.attempt('saturated units', () => values.read(call.inputs[0]!, call))
    if (array === null) return null
    for (let i = 0; i < array.size; i++) {
      const value = array.buffer[array.offset + i]!
      if (value < low || value > high) outside++
    }
    all += array.size
    if (outside < SHARE * all) return null
  }
  const source = biasOf(view, layer)
  return finding({
    kind: 'saturated',
    level: 'cause',
    step: steps[0]!,
    position: layer.position,
    function: layer.function,
    scope: layer.scope,
    variable: source === null ? null : view.label(source),
    value: outside / all,
    text: `step ${steps[0]}: ${callText(layer)} is saturated: ${Math.round((100 * outside) / all)} % of what it reads is below ${shortNumber(low)} or above ${shortNumber(high)}, where its slope is 0${source === null ? '' : `, fed by ${view.label(source)}`}`,
    evidence: [`looked    at steps ${steps.join(', ')}`],
  })
}

/** Rms of a weight's gradient below this share of the largest is vanishing (AUTOTRAINER's ratio). */
const VANISHES = 1e-3

export function vanishing(view: RunView): Finding[] {
  const steps = sampleSteps(view, 7)
  const [step] = steps
  if (step === undefined || steps.length < STEPS_MIN) return []
  const events = view.step(step)
  const order = new Map<Ref, FunctionCalled>()
  for (const call of events.calls)
    for (const ref of call.inputs) if (call.linked && !order.has(ref)) order.set(ref, call)
  const ratioIn = (at: number) => {
    // Rows of a table that a batch does not name are 0: only what was reached counts.
    const weights = gradientSizes(view, at)
      .filter(
        ({ shape, ref, zeros, size }) =>
          shape.length >= 2 && order.has(ref) && order.get(ref)!.function !== 'embedding' && zeros < size,
      )
      .map((one) => ({ ...one, rms: one.norm / Math.sqrt(one.size - one.zeros) }))
      .sort((a, b) => order.get(a.ref)!.position - order.get(b.ref)!.position)
    if (weights.length < 3) return null
    const least = weights.reduce((a, b) => (b.rms < a.rms ? b : a))
    const most = weights.reduce((a, b) => (b.rms > a.rms ? b : a))
    const isFront = weights.indexOf(least) < weights.length / 3 && weights.indexOf(most) >= weights.length / 2
    return isFront && least.rms < VANISHES * most.rms ? { least, most, between: weights.length } : null
  }
  const found = ratioIn(step)
  if (found === null || steps.slice(1, 3).some((at) => ratioIn(at) === null)) return []
  const { least, most, between } = found
  const count = new Map<string, number>()
  for (const call of events.calls)
    if (call.linked && /^(sigmoid|tanh|softmax|relu|gelu|softplus|erf|mul)$/.test(call.function))
      count.set(call.function, (count.get(call.function) ?? 0) + 1)
  const through = [...count].sort((a, b) => b[1] - a[1])[0]
  const reader = order.get(least.ref)!
  const isPair = through !== undefined
  return [
    finding({
      kind: 'vanishing',
      level: 'cause',
      step,
      position: reader.position,
      function: isPair ? through[0] : reader.function,
      scope: reader.scope,
      variable: view.label(least.ref),
      value: least.rms / most.rms,
      text: `step ${step}: the gradient of ${view.label(least.ref)} (rms ${shortNumber(least.rms)}) is ${shortNumber(most.rms / least.rms)} times smaller than that of ${view.label(most.ref)}: it vanishes on the way back${isPair ? ` through ${through[1]} ${through[0]}` : ''} from weight to weight (${between})`,
      evidence: [`looked    at steps ${steps.slice(0, 3).join(', ')}`],
    }),
  ]
}

/** A gradient that grows by this factor each time, until it is more than a thousand times as large. */
const GROWS = 1.15
const TIMES_MIN = 8
const GROWN = 1_000

/** A gradient that grows from one use of a weight to the one before, all the way back. */
export function exploding(view: RunView): Finding[] {
  const [step] = sampleSteps(view, 1)
  if (step === undefined) return []
  const events = view.step(step)
  const uses = new Map<Ref, FunctionCalled[]>()
  for (const position of [...events.ancestors(events.roots, true)].sort((a, b) => a - b)) {
    const call = events.at(position) as FunctionCalled
    for (const ref of new Set(call.inputs)) {
      const leaf = events.at(positionOf(ref)) ?? view.event(positionOf(ref))
      if (leaf.type === 'LeafCreated' && leaf.role === 'parameter')
        uses.set(ref, [...(uses.get(ref) ?? []), call])
    }
  }
  const recurrent = [...uses].filter(
    ([, calls]) =>
      calls.length >= TIMES_MIN && events.descendants([calls[0]!.position]).has(calls.at(-1)!.position),
  )
  if (recurrent.length === 0) return []
  const back = view.backward(step)
  if (back === null) return []
  let most: { ref: Ref; calls: FunctionCalled[]; factor: number; norms: number[] } | null = null
  for (const [ref, calls] of recurrent) {
    const norms = calls.map((call) => norm(back.of(call.position)))
    const [first, last] = [norms[0]!, norms.at(-1)!]
    if (!(last > 0) || !(first > 0)) continue
    const factor = (first / last) ** (1 / (norms.length - 1))
    if (most === null || factor > most.factor) most = { ref, calls, factor, norms }
  }
  if (most === null || !(most.factor > GROWS) || !(most.norms[0]! / most.norms.at(-1)! > GROWN)) return []
  const { ref, calls, factor, norms } = most
  const between = between2(
    view,
    events.descendants([calls[0]!.position]),
    events.ancestors([calls[1]!.position]),
    step,
  )
  const weights = recurrent
    .filter(([other]) => view.event(positionOf(other)).type === 'LeafCreated')
    .map(([other]) => other)
  return [
    finding({
      kind: 'exploding',
      level: 'cause',
      step,
      position: calls[0]!.position,
      function: calls[0]!.function,
      scope: calls[0]!.scope,
      variable: view.label(ref),
      value: factor,
      text: `step ${step}: the gradient grows ${shortNumber(factor)} times a time through ${[calls[0]!.function, ...between].join(' and ')}${calls[0]!.scope === '' ? '' : ` in ${calls[0]!.scope}`} (${norms.length} times, from ${shortNumber(norms.at(-1)!)} to ${shortNumber(norms[0]!)}): ${namesText(view, [ref, ...weights.filter((one) => one !== ref)])} explode${weights.length === 1 ? 's' : ''} on the way back`,
      evidence: [
        `norms     of what ${calls[0]!.function} gets back, first to last time: ${shownNorms(norms)}`,
        'try       clipGradNorm, smaller first weights, or a cell with gates',
      ],
    }),
  ]
}

function between2(
  view: RunView,
  after: ReadonlySet<number>,
  before: ReadonlySet<number>,
  step: number,
): string[] {
  const events = view.step(step)
  return [
    ...new Set(
      [...after]
        .filter((position) => before.has(position))
        .map((position) => (events.at(position) as FunctionCalled).function),
    ),
  ].filter((name) => /relu|tanh|sigmoid|gelu|softplus/i.test(name))
}

function shownNorms(norms: readonly number[]): string {
  return norms.length <= 6
    ? norms.map(shortNumber).join(', ')
    : [...norms.slice(0, 3).map(shortNumber), '…', ...norms.slice(-3).map(shortNumber)].join(', ')
}

function norm(array: NDArray | null): number {
  if (array === null) return 0
  let sum = 0
  for (let i = 0; i < array.size; i++) sum += array.buffer[array.offset + i]! ** 2
  return Math.sqrt(sum)
}
