/**
 * Updates that move nothing: weights stay where they are although their gradients are as large as in the beginning. A rate that a
 * schedule has brought to nearly 0, or gradients that are cut down to nothing before they are used.
 */
import { callText, finding, shortNumber } from '../detectors/draft.js'
import type { Finding } from '../detectors/finding.js'
import { isUpdate } from '../detectors/settings-watch.js'
import type { FunctionCalled, Ref } from '../events/event.js'
import { gradientSizes, sampleSteps } from './gradient-flow.js'
import type { RunView } from './run-view.js'

/** An update below this part of a weight moves nothing (SageMaker Debugger). */
const RATIO = 1e-8
/** A run of fewer steps ends before anything can be said. */
const STEPS_MIN = 20
/** The part of the run that must be without movement: a schedule may end at 0. */
const END = 5
const LOOKED_AT = 5
/** A gradient that fell by more than this has arrived where training wanted to go. */
const FALLEN = 1e-3
/** A rate that fell by this factor is what stopped the weights. */
const RATE_FELL = 100

export function unmoved(view: RunView): Finding[] {
  const { stepCount: last } = view
  if (last < STEPS_MIN) return []
  const first = sampleSteps(view, 1)[0]
  const from = Math.max(1, Math.ceil(last - last / END))
  const looked = Array.from({ length: LOOKED_AT }, (_, i) =>
    Math.round(from + ((last - from) * i) / (LOOKED_AT - 1)),
  )
  const ratios = looked.map((step) => largestRatio(view, step))
  // Steps without an update (gradients may be added up over several) say nothing; one of three at least has one.
  const known = ratios.filter((one) => one !== null)
  if (first === undefined || known.length < 3 || known.some(({ ratio }) => ratio >= RATIO)) return []
  const size = (step: number) =>
    Math.hypot(...gradientSizes(view, step).flatMap(({ norm, shape }) => (shape.length < 2 ? [] : [norm])))
  const then = size(first)
  if (!looked.some((step) => size(step) >= FALLEN * then && size(step) > 0)) return []
  let [moving, still] = [0, from]
  while (still - moving > 1) {
    const middle = (still + moving) >> 1
    const here = largestRatio(view, middle) ?? largestRatio(view, middle + 1)
    if (here !== null && here.ratio < RATIO) still = middle
    else moving = middle
  }
  const at = largestRatio(view, still) ?? largestRatio(view, still + 1)
  return at === null ? [] : [told(view, at, largestRatio(view, first), known)]
}

interface Moved {
  readonly step: number
  readonly ratio: number
  readonly variable: Ref
}

/** How far the updates of a step move weights of two axes and more, in parts of their norm: the largest; null for none. */
function largestRatio(view: RunView, step: number): Moved | null {
  const { rows, recording, lastPosition, stepCount } = view
  if (step < 1 || step > stepCount) return null
  const { from, to } = recording.lookup.stepRange(step, lastPosition)
  let most: Moved | null = null
  for (const { ref, norm, moved } of rows.all<{ ref: Ref; norm: number; moved: number }>(
    'SELECT v.ref AS ref, a.l2_norm AS norm, a.update_norm AS moved FROM _assignment a JOIN _variable v ON v.id = a.variable_id WHERE a.id >= ? AND a.id <= ? AND a.update_norm IS NOT NULL AND a.l2_norm > 0',
    rows.base + from,
    rows.base + to,
  )) {
    const leaf = view.leafOf(ref)
    if (leaf?.role !== 'parameter' || leaf.shape.length < 2) continue
    if (most === null || moved / norm > most.ratio) most = { step, ratio: moved / norm, variable: ref }
  }
  return most
}

function told(view: RunView, at: Moved, first: Moved | null, known: readonly Moved[]): Finding {
  const update = updateOf(view, at.step, at.variable)
  const before = first === null ? null : updateOf(view, first.step, first.variable)
  const [rate, early] = [update?.attributes.lr, before?.attributes.lr]
  const hasFallen = typeof rate === 'number' && typeof early === 'number' && rate * RATE_FELL <= early
  const clip = hasFallen
    ? undefined
    : view.step(at.step).calls.find(({ function: name }) => name === 'clipGradNorm')
  const call = clip ?? update
  const most = Math.max(at.ratio, ...known.map(({ ratio }) => ratio))
  const why = hasFallen
    ? `lr of ${callText(call!)} is ${shortNumber(rate)}, ${shortNumber(early)} in step ${first!.step}: its updates move`
    : clip !== undefined
      ? `${callText(clip)} leaves gradients of norm ${shortNumber(Number(clip.attributes.maxNorm))} at most: updates move`
      : `${call === null ? 'updates' : callText(call)}${typeof rate === 'number' ? ` with lr ${shortNumber(rate)}` : ''} ${call === null ? 'move' : 'moves'}`
  return finding({
    kind: 'no-update',
    level: 'cause',
    step: at.step,
    position: call?.position ?? null,
    function: call?.function ?? null,
    scope: call?.scope ?? null,
    variable: hasFallen ? 'lr' : view.label(at.variable),
    value: hasFallen ? rate : at.ratio,
    text: `step ${at.step}: ${why} no weight by more than ${shortNumber(most)} of it from here on, though gradients are as large as before`,
    evidence: [`looked    at steps ${known.map(({ step }) => step).join(', ')}: the weights do not move`],
  })
}

/** The call that gave a parameter its new value in a step. */
function updateOf(view: RunView, step: number, variable: Ref): FunctionCalled | null {
  const events = view.step(step)
  const calls = events.calls.filter(isUpdate)
  return calls.find(({ inputs }) => inputs[0] === variable) ?? calls[0] ?? null
}
