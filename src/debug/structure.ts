/** What the graph of the first training step tells: targets that the prediction has seen, modules that stand in two places. */

import { callText, finding, namesText } from '../detectors/draft.js'
import type { Finding } from '../detectors/finding.js'
import type { StepEvents } from '../detectors/step-events.js'
import { type FunctionCalled, positionOf, type Ref, refOf } from '../events/event.js'
import type { RunView } from './run-view.js'

/**
 * Losses that are one call: a prediction, and a target behind it. Of those that are several calls, and of a program's own, the call where
 * the target meets the prediction is looked for (`meetingIn`). A test leaks a target into each loss there is.
 */
const LOSSES: ReadonlySet<string> = new Set([
  'softmaxCrossEntropy',
  'crossEntropy',
  'meanSquaredError',
  'binaryCrossEntropy',
  'binaryCrossEntropyWithLogits',
  'l1Loss',
  'smoothL1Loss',
  'huberLoss',
  'hingeLoss',
  'klDivergence',
])
/** Losses of labels, which no model is given on purpose. */
const OF_LABELS: ReadonlySet<string> = new Set(['softmaxCrossEntropy', 'crossEntropy', 'gather'])
/** What only rearranges a target. */
const REARRANGES: ReadonlySet<string> = new Set([
  'reshape',
  'squeeze',
  'expandDims',
  'transpose',
  'cast',
  'oneHot',
  'slice',
  'take',
])

function firstTraining(view: RunView): StepEvents | null {
  for (const { like } of view.stretches()) if (like.roots.length > 0) return like
  return null
}

/** A target that is what the model was given. */
export function targetLeak(view: RunView): Finding[] {
  const events = firstTraining(view)
  if (events === null) return []
  const walked = events.ancestors(events.roots, true)
  const { trained, behind } = walkedOf(view, events, walked)
  for (const position of walked) {
    const loss = events.at(position) as FunctionCalled
    const meeting = LOSSES.has(loss.function)
      ? { prediction: loss.inputs[0], target: loss.inputs[1] }
      : behind.has(position)
        ? meetingIn(events, loss, trained)
        : null
    if (meeting?.prediction === undefined || meeting.target === undefined) continue
    const { prediction, target } = meeting
    const seen = events.ancestors([prediction])
    const isLabels = OF_LABELS.has(loss.function)
    const among = isLabels ? amongFeatures(view, events, target, seen) : null
    if (among !== null)
      return [
        finding({
          kind: 'target-leak',
          level: 'cause',
          step: events.step,
          position: among.position,
          function: among.function,
          scope: among.scope,
          text: `step ${events.step}: ${callText(among)} puts the labels, which are the target of ${callText(loss)}, among the features that the model reads`,
          evidence: ['so        the model can copy its answer'],
        }),
      ]
    const cut = targetCall(events, target)
    if (cut === null) continue
    for (const at of [...seen].sort((a, b) => a - b)) {
      const call = events.at(at) as FunctionCalled
      const twin =
        call.position !== cut.position &&
        call.function === cut.function &&
        call.function !== 'take' &&
        alike(call, cut)
      const part = call.position !== cut.position && isFeatureOf(events, call, cut)
      // An autoencoder is given its target on purpose; labels are not.
      const own = call.position === cut.position && isLabels && call.function !== 'take'
      if (!twin && !own && !part) continue
      const reader = events.readers(call.position).find(({ position: by }) => seen.has(by))
      return [
        finding({
          kind: 'target-leak',
          level: 'cause',
          step: events.step,
          position: cut.position,
          function: cut.function,
          scope: cut.scope,
          text: part
            ? `step ${events.step}: ${callText(cut)}, the target of ${callText(loss)}, is a column of ${callText(call)}${reader === undefined ? '' : ` that ${callText(reader)} reads`}: ${JSON.stringify(cut.attributes.ranges)} lies in ${JSON.stringify(call.attributes.ranges)}`
            : twin
              ? `step ${events.step}: ${callText(cut)}, the target of ${callText(loss)}, is the same as the input ${callText(call)}${reader === undefined ? '' : ` that ${callText(reader)} reads`}: same ${cut.function}, same ${JSON.stringify(cut.attributes)}`
              : `step ${events.step}: ${callText(cut)}, the target of ${callText(loss)}, is read by the model${reader === undefined ? '' : `, in ${callText(reader)}`}`,
          evidence: ['so        the model can copy its answer'],
        }),
      ]
    }
  }
  return []
}

/** What a pass walks through, in two: the calls that a parameter leads to, and of these the ones behind the model. */
interface Walked {
  readonly trained: ReadonlySet<number>
  /** No parameter is read by them, nor by what follows: the way from the model to the root. */
  readonly behind: ReadonlySet<number>
}

function walkedOf(view: RunView, events: StepEvents, walked: ReadonlySet<number>): Walked {
  const isParameter = (ref: Ref) => events.makerOf(ref) === null && view.leafOf(ref)?.role === 'parameter'
  const upwards = [...walked].sort((a, b) => a - b)
  const trained = new Set<number>()
  const reads = new Set<number>()
  for (const position of upwards) {
    const { inputs } = events.at(position) as FunctionCalled
    if (inputs.some(isParameter)) reads.add(position)
    if (reads.has(position) || inputs.some((ref) => trained.has(positionOf(ref)))) trained.add(position)
  }
  const behind = new Set<number>()
  for (const position of upwards.reverse()) {
    if (!trained.has(position) || reads.has(position)) continue
    const { outputs } = events.at(position) as FunctionCalled
    const followers = outputs
      .flatMap((_, slot) => events.readers(refOf(position, slot)))
      .filter(({ position: by }) => walked.has(by))
    if (followers.every(({ position: by }) => behind.has(by))) behind.add(position)
  }
  return { trained, behind }
}

/**
 * Of a call behind the model, what of its operands is a prediction and what a target: what a label chooses, a difference whose size is
 * taken next, a product of a score and its target that is taken from something. Other sums and products are none: a model may scale or
 * shift by what it was given. Nor is what is true or false: masks are.
 */
function meetingIn(
  events: StepEvents,
  call: FunctionCalled,
  trained: ReadonlySet<number>,
): { prediction: Ref; target: Ref } | null {
  const isTrained = (ref: Ref) => trained.has(positionOf(ref))
  if (call.function === 'where') {
    // By a target that is compared with a number, one loss or another of the prediction.
    const compared = events.makerOf(call.inputs[0]!)
    const chosen = call.inputs.slice(1)
    const isSign = compared?.function === 'equal' && chosen.every(isTrained)
    return isSign ? { prediction: chosen[0]!, target: compared.inputs[0]! } : null
  }
  const [first, second] = call.inputs
  if (first === undefined || second === undefined) return null
  if (call.function === 'gather')
    return isTrained(first) && !isTrained(second) ? { prediction: first, target: second } : null
  if (isTrained(first) === isTrained(second)) return null
  const next = events.readers(call.position)
  const isMeeting =
    call.function === 'sub'
      ? next.some(({ function: name }) => SIZES.has(name))
      : call.function === 'mul' && next.some((by) => isTakenFrom(events, call.position, by, isTrained))
  const [prediction, target] = isTrained(first) ? [first, second] : [second, first]
  return isMeeting && !isTruth(events, target) ? { prediction, target } : null
}

/** What makes a loss of a difference. */
const SIZES: ReadonlySet<string> = new Set(['square', 'abs', 'pow', 'norm'])

/** As a loss ends: a rate or a margin less the product, which only counts above 0 where it is a margin. */
function isTakenFrom(
  events: StepEvents,
  product: number,
  by: FunctionCalled,
  isTrained: (ref: Ref) => boolean,
): boolean {
  if (by.function !== 'sub' || by.inputs[1] !== product) return false
  const isRoom = events
    .readers(by.position)
    .some(({ function: name }) => name === 'maximum' || name === 'relu')
  return isRoom || isTrained(by.inputs[0]!)
}

/** Whether something is made of what is true or false, brought to numbers. */
function isTruth(events: StepEvents, ref: Ref): boolean {
  let call = events.makerOf(ref)
  while (call !== null && REARRANGES.has(call.function)) {
    if (call.outputs[0]?.dtype === 'bool') return true
    call = events.makerOf(call.inputs[0]!)
  }
  return call?.outputs[0]?.dtype === 'bool'
}

/**
 * The call that joins labels, changed in nothing but their form, with other rows of data on the way to a prediction; null for none. Labels
 * that a model is given on purpose (a condition, a sequence whose words are masked or shifted) go another way: through a table, or
 * beside noise.
 */
function amongFeatures(
  view: RunView,
  events: StepEvents,
  target: Ref,
  seen: ReadonlySet<number>,
): FunctionCalled | null {
  let labels: FunctionCalled | null = takeBehind(view, target)
  for (
    let maker = events.makerOf(target);
    labels === null && maker !== null;
    maker = events.makerOf(maker.inputs[0]!)
  ) {
    if (!REARRANGES.has(maker.function)) return null
    labels = takeBehind(view, maker.inputs[0]!)
  }
  if (labels === null) return null
  const isOther = (ref: Ref) => {
    const taken = takeBehind(view, ref)
    return taken !== null && taken.inputs[0] !== labels.inputs[0]
  }
  const forms = new Set<number>([labels.position])
  for (const position of [...seen].sort((a, b) => a - b)) {
    const call = events.at(position) as FunctionCalled
    const others = call.inputs.filter((ref) => !forms.has(positionOf(ref)))
    if (others.length === call.inputs.length || forms.has(position)) continue
    if (call.function === 'concat') {
      const before = events.ancestors(others)
      if (others.some(isOther) || [...events.leavesRead(before)].some(isOther) || [...before].some(isOther))
        return call
    } else if (call.function !== 'take' && call.function !== 'slice' && REARRANGES.has(call.function))
      forms.add(position)
  }
  return null
}

/** The call that took a batch of rows, of this step or of the one before; null for anything else. */
function takeBehind(view: RunView, ref: Ref): FunctionCalled | null {
  const event = view.event(positionOf(ref))
  if (event.type !== 'FunctionCalled' || event.function !== 'take' || (event.attributes.axis ?? 0) !== 0)
    return null
  const data = view.leafOf(event.inputs[0]!)
  // Which rows it took may not be on the tape.
  return data !== null && data.role !== 'parameter' && !data.requiresGrad ? event : null
}

/** Whether a target is cut from the same table as the features, from columns that are among them; a sequence may hold what comes next. */
function isFeatureOf(events: StepEvents, features: FunctionCalled, target: FunctionCalled): boolean {
  if (features.function !== 'slice' || target.function !== 'slice' || features.inputs[0] !== target.inputs[0])
    return false
  const shape = features.outputs[0]?.shape ?? []
  const isTable = events
    .readers(features.position)
    .some(({ function: name, inputs }) => /^(linear|matmul)$/.test(name) && inputs[0] === features.position)
  if (shape.length !== 2 || !isTable) return false
  const [wide, narrow] = [features, target].map(({ attributes }) => columnsOf(attributes.ranges)) as [
    Cut,
    Cut,
  ]
  return wide !== null && narrow !== null && narrow.from >= wide.from && narrow.to <= wide.to
}

type Cut = { from: number; to: number } | null

/** The columns that a slice takes of a table; null where that is not said with a beginning and an end. */
function columnsOf(ranges: unknown): Cut {
  const columns = Array.isArray(ranges) && ranges.length === 2 ? (ranges[1] as unknown) : null
  if (!Array.isArray(columns)) return null
  const [from, to] = columns as unknown[]
  return typeof from === 'number' && typeof to === 'number' && from >= 0 && to > from ? { from, to } : null
}

/** What labels are where those that do not count are replaced: where(labels ≠ ignored, labels, 0). */
function unreplaced(events: StepEvents, call: FunctionCalled | null): FunctionCalled | null {
  if (call?.function !== 'where') return call
  const counts = events.makerOf(call.inputs[0]!)
  const isReplaced = counts?.function === 'notEqual' && counts.inputs[0] === call.inputs[1]
  return isReplaced ? events.makerOf(call.inputs[1]!) : call
}

/** The call that made a target, seen through what only changes its shape. */
function targetCall(events: StepEvents, target: Ref): FunctionCalled | null {
  let call = unreplaced(events, events.makerOf(target))
  while (
    call !== null &&
    REARRANGES.has(call.function) &&
    call.function !== 'slice' &&
    call.function !== 'take'
  ) {
    const before = unreplaced(events, events.makerOf(call.inputs[0]!))
    if (before === null) return call
    call = before
  }
  return call
}

function alike(a: FunctionCalled, b: FunctionCalled): boolean {
  return (
    a.inputs.length === b.inputs.length &&
    a.inputs.every((ref, i) => ref === b.inputs[i]) &&
    JSON.stringify(a.attributes) === JSON.stringify(b.attributes)
  )
}

/**
 * A module of a list (its name has a number) that one call after the other uses, each on what the one before made, with nothing new
 * from data between: the same module stands in several places of the list. A recurrent network reads new data each time, and a module
 * that is used twice on purpose has a name of its own.
 */
export function sharedWeight(view: RunView): Finding[] {
  const events = firstTraining(view)
  if (events === null) return []
  const trained = events.ancestors(events.roots, true)
  const uses = new Map<Ref, FunctionCalled[]>()
  for (const position of [...trained].sort((a, b) => a - b)) {
    const call = events.at(position) as FunctionCalled
    for (const ref of new Set(call.inputs)) {
      const leaf = events.at(positionOf(ref)) ?? view.event(positionOf(ref))
      if (leaf.type !== 'LeafCreated' || leaf.role !== 'parameter') continue
      uses.set(ref, [...(uses.get(ref) ?? []), call])
    }
  }
  const names = new Set([...uses.keys()].map((ref) => view.nameOf(ref) ?? ''))
  const shared: { ref: Ref; calls: FunctionCalled[] }[] = []
  for (const [ref, calls] of uses) {
    const name = view.nameOf(ref)
    if (calls.length < 2 || name === null || calls.some((call) => call.function !== calls[0]!.function))
      continue
    if (!isAloneInList(name, names) || !isChain(view, events, calls)) continue
    shared.push({ ref, calls })
  }
  if (shared.length === 0) return []
  const { ref, calls } = shared[0]!
  return [
    finding({
      kind: 'shared-weight',
      level: 'cause',
      step: events.step,
      position: calls[1]!.position,
      function: calls[0]!.function,
      scope: calls[0]!.scope,
      variable: view.label(ref),
      text: `step ${events.step}: ${namesText(
        view,
        shared.map((one) => one.ref),
      )} ${shared.length === 1 ? 'is' : 'are'} read by ${calls.length} calls of ${calls[0]!.function}, one after the other (${calls
        .slice(0, 4)
        .map(({ position }) => `#${position}`)
        .join(', ')}): one module stands in ${calls.length} places of a list`,
      evidence: ['if it is meant: a module under a name of its own is not told of'],
    }),
  ]
}

/** Whether a variable belongs to a module of a list (a part of its name is a number) of which there is no next one. */
function isAloneInList(name: string, names: ReadonlySet<string>): boolean {
  const parts = name.split('.')
  return parts.some((part, i) => {
    if (!/^\d+$/.test(part) || i === parts.length - 1) return false
    const next = `${[...parts.slice(0, i), Number(part) + 1].join('.')}.`
    return ![...names].some((one) => one.startsWith(next))
  })
}

/** Whether each call reads what the one before made and, on the way, nothing that is neither a parameter nor known before. */
function isChain(view: RunView, events: StepEvents, calls: readonly FunctionCalled[]): boolean {
  for (let i = 1; i < calls.length; i++) {
    const [a, b] = [calls[i - 1]!, calls[i]!]
    const before = events.ancestors([a.position])
    const after = events.descendants([a.position])
    if (!after.has(b.position)) return false
    const between = [...events.ancestors([b.position])].filter((position) => after.has(position))
    for (const position of between)
      for (const ref of (events.at(position) as FunctionCalled).inputs) {
        const maker = events.makerOf(ref)
        if (maker !== null) {
          if (!before.has(maker.position) && !after.has(maker.position)) return false
          continue
        }
        const leaf = events.at(positionOf(ref)) ?? view.event(positionOf(ref))
        const isNumber = leaf.type === 'LeafCreated' && leaf.shape.length === 0
        const isParameter = leaf.type === 'LeafCreated' && leaf.role === 'parameter'
        if (!isNumber && !isParameter) return false
      }
  }
  return true
}
