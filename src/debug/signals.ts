/** What flows through a network: units that are dead or saturated, gradients that vanish or explode on their way back. */
import type { NDArray } from '../array/ndarray.js'
import { callText, finding, namesText, shortNumber } from '../detectors/draft.js'
import type { Finding } from '../detectors/finding.js'
import { firstReaders, vanishingWeight } from '../detectors/gradient-sizes.js'
import type { StepEvents } from '../detectors/step-events.js'
import { type FunctionCalled, positionOf, type Ref } from '../events/event.js'
import { gradientSizes, sampleSteps } from './gradient-flow.js'
import type { RunView } from './run-view.js'
import { SATURATES, sameCall, UnitLooks } from './unit-activity.js'

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

export function deadUnits(view: RunView): Finding[] {
  const samples = sampleSteps(view, SAMPLES)
  if (samples.length < STEPS_MIN) return []
  const first = view.step(samples[0]!)
  const trained = first.ancestors(first.roots, true)
  const layers = first.calls.filter(
    (call) =>
      (call.function === 'relu' ||
        call.function === 'sigmoid' ||
        call.function === 'tanh' ||
        (call.function === 'softmax' && weighsTrained(view, first, call))) &&
      trained.has(call.position) &&
      LAYERS.has(first.makerOf(call.inputs[0]!)?.function ?? ''),
  )
  if (layers.length === 0) return []
  const zeros = samples.map((step) =>
    gradientSizes(view, step).some((one) => one.zeros >= SHARE * one.size && one.size > 1),
  )
  const always = zeros.filter((is) => is).length >= 0.9 * samples.length
  const inTheEnd = samples.length >= 2 * STEPS_MIN && zeros.slice(-STEPS_MIN).every((is) => is)
  // Several in a row have one cause: the first in the graph.
  const looks = new UnitLooks(view, layers)
  const few = cheapSteps(view, sampleSteps(view, STEPS_MIN))
  const last = cheapSteps(view, samples.slice(-STEPS_MIN))
  for (const layer of layers) {
    const found =
      layer.function !== 'relu'
        ? saturated(view, few, layer, looks)
        : ((always ? dead(view, few, layer, looks) : null) ??
          (inTheEnd ? died(view, last, layer, looks) : null))
    if (found !== null) return [found]
  }
  return []
}

/** Steps that stand for these and are computed again in less time: those after the checkpoints before them, as far as these differ. */
function cheapSteps(view: RunView, steps: readonly number[]): number[] {
  return steps.map((step, i) => {
    const cheap = view.afterCheckpoint(step)
    return cheap > (steps[i - 1] ?? 0) && view.step(cheap).passes.length > 0 ? cheap : step
  })
}

/** Whether what a softmax made weighs what other parameters made, as in attention and gates: what a loss reads may be sure of itself. */
function weighsTrained(view: RunView, events: StepEvents, softmax: FunctionCalled): boolean {
  const behind = events.descendants([softmax.position])
  for (const call of events.readers(softmax.position)) {
    if (!/^(mul|matmul|einsum)$/.test(call.function) || !call.linked) continue
    const others = call.inputs.filter((ref) => ref !== softmax.position && !behind.has(positionOf(ref)))
    const leaves = events.leavesRead(events.ancestors(others))
    if ([...others, ...leaves].some((ref) => view.leafOf(ref)?.role === 'parameter')) return true
  }
  return false
}

/** Steps whose columns are looked at; of the last three of them, steps are computed again. */
const SAMPLES = 7

/** Whether so many units of a layer are dead that it is no accident: in narrow healthy networks half of a layer may be. */
function isMany(off: number, count: number): boolean {
  if (count < UNITS_LEAST) return false
  return off >= (count < UNITS_MIN ? NARROW_SHARE : DEAD_SHARE) * count
}

/** Units that are dead in the end, and were not always: from which step on. */
function died(
  view: RunView,
  steps: readonly number[],
  layer: FunctionCalled,
  looks: UnitLooks,
): Finding | null {
  const end = looks.dead(layer, steps)
  if (end === null || !isMany(end.off.length, end.count)) return null
  const isDead = (step: number) => {
    if (view.step(step).passes.length === 0) return true
    const off = new Set(looks.dead(layer, [step])?.off ?? [])
    return end.off.every((unit) => off.has(unit))
  }
  let [alive, from] = [aliveByGradient(view, layer, end, steps[0]!), steps[0]!]
  // A unit without a gradient is dead as a rule: then the step after its last gradient is the one.
  if (from - alive > 1 && isDead(alive + 1)) from = alive + 1
  while (from - alive > 1) {
    const middle = (from + alive) >> 1
    const cheap = view.afterCheckpoint(middle)
    const at = cheap > alive ? cheap : middle
    if (isDead(at)) from = at
    else alive = at
  }
  const call = sameCall(view, from, layer) ?? layer
  return deadFinding(view, from, call, end, [
    `looked    at steps ${steps.join(', ')}, and back to step ${from}: the same units are 0 for every row from then on`,
    ...(alive === 0 ? [] : [`before    in step ${alive} some of them were not`]),
  ])
}

/** The last step before `step` in which one of the units that are off had a gradient, as its bias says; 0 where none says so. */
function aliveByGradient(
  view: RunView,
  layer: FunctionCalled,
  { off, count }: { off: readonly number[]; count: number },
  step: number,
): number {
  const bias = biasOf(view, layer)
  const leaf = bias === null ? null : view.leafOf(bias)
  if (bias === null || leaf === null || leaf.shape.reduce((product, one) => product * one, 1) !== count)
    return 0
  const { rows } = view
  const found = rows.get<{ id: number }>(
    `SELECT id FROM _gradient WHERE id > ? AND id < ? AND variable_id = (SELECT id FROM _variable WHERE run_id = ? AND ref = ?)
     AND zero_count < ? ORDER BY id DESC LIMIT 1`,
    rows.base,
    rows.base + view.recording.lookup.stepRange(step, view.lastPosition).from,
    ...[rows.runId, bias, off.length],
  )
  return found === undefined ? 0 : view.event(found.id - rows.base).step
}

function dead(
  view: RunView,
  steps: readonly number[],
  layer: FunctionCalled,
  looks: UnitLooks,
): Finding | null {
  const found = looks.dead(layer, steps)
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

function saturated(
  view: RunView,
  steps: readonly number[],
  layer: FunctionCalled,
  looks: UnitLooks,
): Finding | null {
  const isSoftmax = layer.function === 'softmax'
  const [low, high] = SATURATES[layer.function] ?? [0, 0]
  // What a loss reads last may be sure of itself.
  const events = view.step(layer.step)
  const feeds = events.descendants([layer.position])
  if (
    !isSoftmax &&
    ![...feeds].some((position) =>
      ['linear', 'matmul', 'conv2d'].includes((events.at(position) as FunctionCalled).function),
    )
  )
    return null
  let outside = 0
  let all = 0
  for (const step of steps) {
    const activity = looks.of(layer, step)
    if (activity === null) return null
    outside += activity.outside
    all += activity.all
    if (outside < SHARE * all) return null
  }
  const source = biasOf(view, layer)
  const share = Math.round((100 * outside) / all)
  const says = isSoftmax
    ? `in ${share} % of its rows the largest score leaves 0 to all others, and no gradient`
    : `${share} % of what it reads is below ${shortNumber(low)} or above ${shortNumber(high)}, where its slope is 0`
  return finding({
    kind: 'saturated',
    level: 'cause',
    step: steps[0]!,
    position: layer.position,
    function: layer.function,
    scope: layer.scope,
    variable: source === null ? null : view.label(source),
    value: outside / all,
    text: `step ${steps[0]}: ${callText(layer)} is saturated: ${says}${source === null ? '' : `, fed by ${view.label(source)}`}`,
    evidence: [`looked    at steps ${steps.join(', ')}`],
  })
}

export function vanishing(view: RunView): Finding[] {
  const steps = sampleSteps(view, 7)
  const [step] = steps
  if (step === undefined || steps.length < STEPS_MIN) return []
  const events = view.step(step)
  const order = firstReaders(events)
  const ratioIn = (at: number) => vanishingWeight(gradientSizes(view, at), order)
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
