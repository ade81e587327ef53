/**
 * Where NaN and infinity are born: in the call, among those that the first bad number was computed from, that made one of inputs
 * which had none. An infinity that came from outside (a mask's −∞) is meant, and no birth; the call that makes NaN of it is.
 */
import type { NDArray } from '../array/ndarray.js'
import { callText, elementText, finding, rowsText, shortNumber, unravel } from '../detectors/draft.js'
import type { Finding } from '../detectors/finding.js'
import { type FunctionCalled, positionOf, type Ref, refOf } from '../events/event.js'
import { adviceFor } from './advice.js'
import { type BackwardValues, givenBack } from './backward-values.js'
import { type Operand, operandsAt, rowsOfElement } from './operands.js'
import { takenRows } from './rows.js'
import type { RunView } from './run-view.js'
import { firstNonFiniteMetric, type NonFinite, oddGradients, Series } from './series.js'
import type { StepValues } from './step-values.js'

/** The first NaN and the first infinity of an array; −1 for none. */
interface Flags {
  readonly nan: number
  readonly infinite: number
}

const CLEAN: Flags = { nan: -1, infinite: -1 }

function flagsOf(array: NDArray | null): Flags {
  if (array === null || (array.dtype !== 'float64' && array.dtype !== 'float32')) return CLEAN
  const { buffer, offset, size } = array
  let [nan, infinite] = [-1, -1]
  for (let i = 0; i < size; i++) {
    const value = buffer[offset + i]!
    if (value - value === 0) continue
    if (value !== value) {
      nan = i
      break
    }
    if (infinite < 0) infinite = i
  }
  return { nan, infinite }
}

/** The first number of a run that is not finite; null when all that was recorded is. */
function firstSymptom(view: RunView): NonFinite | null {
  const metric = firstNonFiniteMetric(view, false)
  const [gradient = null] = oddGradients(view, Number.POSITIVE_INFINITY, 1)
  const plain = firstNonFiniteMetric(view, true)
  const computed =
    [metric, gradient].filter((one) => one !== null).sort((a, b) => a.position - b.position)[0] ?? null
  // A number that the program computed beside the tape says least: only where nothing else is bad.
  return computed ?? plain
}

export function nonFinite(view: RunView): Finding[] {
  const symptom = firstSymptom(view)
  if (symptom === null) return []
  return [bornIn(view, symptom) ?? untraced(view, symptom)]
}

function what(symptom: NonFinite, view: RunView): string {
  return symptom.metric === null ? `the gradient of ${view.label(symptom.variable)}` : symptom.metric
}

function untraced(view: RunView, symptom: NonFinite): Finding {
  return finding({
    kind: 'non-finite',
    level: 'symptom',
    step: symptom.step,
    position: symptom.position,
    variable: symptom.variable === 0 ? null : view.label(symptom.variable),
    value: symptom.value,
    text: `step ${symptom.step}: ${what(symptom, view)} is ${symptom.metric === null ? 'not finite' : shortNumber(symptom.value)} for the first time (#${symptom.position}); where it was born is unknown`,
  })
}

function bornIn(view: RunView, symptom: NonFinite): Finding | null {
  const values = view.values(symptom.step)
  if (values === null) return null
  const roots = rootsOf(view, symptom)
  // What training itself made bad (a parameter, an optimizer's state) was made in the step before.
  return (
    view.attempt('the births of numbers that are not finite', () => {
      const forward = forwardBirth(view, values, roots)
      if (forward?.kind === 'inherited' && symptom.step > 0) {
        const before = view.values(symptom.step - 1)
        return before === null ? null : ofStepBefore(view, before)
      }
      if (forward !== null) return describeBirth(view, values, forward, symptom)
      return backwardBirth(view, values, roots, symptom)
    }) ?? null
  )
}

/** The refs from whose ancestry the symptom came: the metric's variable, or what the pass began from. */
function rootsOf(view: RunView, symptom: NonFinite): Ref[] {
  if (symptom.metric !== null && symptom.variable !== 0) return [symptom.variable]
  const { events, passes, gradients, roots } = view.step(symptom.step)
  if (symptom.metric === null) {
    const pass = gradients.find(({ position }) => position === symptom.position)?.pass
    const begun = passes.find(({ position }) => position === pass)
    if (begun !== undefined) return [...begun.roots]
  }
  if (roots.length > 0) return roots
  return events.filter((event) => event.type === 'FunctionCalled').map(({ position }) => position)
}

type Birth =
  | { kind: 'call'; call: FunctionCalled; slot: number; index: number; nan: boolean }
  | { kind: 'leaf'; leaf: Ref; call: FunctionCalled; slot: number; index: number; nan: boolean }
  | { kind: 'inherited'; ref: Ref; call: FunctionCalled }

/** The first birth among the ancestors of `roots` in a step, in the order of the calls. */
function forwardBirth(view: RunView, values: StepValues, roots: readonly Ref[], all = false): Birth | null {
  const events = view.step(values.step)
  const wanted = all ? null : events.ancestors(roots)
  const flags = new Map<Ref, Flags>()
  const meant = new Set<Ref>()
  const calls = [...batchCalls(view, events.calls, values), ...events.calls]
  let infinite: Birth | null = null
  /** The first call that reads an infinity from data, which is meant unless the end of it all is not finite. */
  let read: Birth | null = null
  for (const call of calls) {
    if (wanted !== null && !wanted.has(call.position) && call.step === values.step) continue
    const inputs = call.inputs.map((ref) => {
      let known = flags.get(ref)
      if (known === undefined) {
        known = flagsOf(values.read(ref, call))
        flags.set(ref, known)
        if (known.infinite >= 0) meant.add(ref)
      }
      return known
    })
    const badInput = call.inputs.find((_, i) => inputs[i]!.nan >= 0)
    for (let slot = 0; slot < call.outputs.length; slot++) {
      const ref = refOf(call.position, slot)
      const own = flagsOf(values.of(ref) ?? view.valueRead(ref, view.lastPosition + 1))
      flags.set(ref, own)
      if (own.nan >= 0) {
        if (badInput !== undefined && slot === 0) {
          const leaf = leafOrigin(view, badInput)
          if (leaf === null) return { kind: 'inherited', ref: badInput, call }
          return { kind: 'leaf', leaf, call, slot, index: own.nan, nan: true }
        }
        if (infinite !== null) return infinite
        return { kind: 'call', call, slot, index: own.nan, nan: true }
      }
      if (own.infinite < 0) continue
      const fromOutside = call.inputs.some((input, i) => inputs[i]!.infinite >= 0 && meant.has(input))
      if (fromOutside) {
        meant.add(ref)
        const from = call.inputs.find((_, i) => inputs[i]!.infinite >= 0)!
        const leaf: Ref | null = read === null ? leafOrigin(view, from) : null
        if (leaf !== null) read = { kind: 'leaf', leaf, call, slot, index: own.infinite, nan: false }
      } else if (infinite === null && inputs.every((one) => one.infinite < 0))
        infinite = { kind: 'call', call, slot, index: own.infinite, nan: false }
    }
  }
  if (infinite !== null) return infinite
  const ends = roots.map((ref) => flags.get(ref) ?? CLEAN)
  return ends.some(({ nan, infinite: at }) => nan >= 0 || at >= 0) ? read : null
}

/** Calls of the step before that made what this step reads: its batch. */
function batchCalls(view: RunView, calls: readonly FunctionCalled[], values: StepValues): FunctionCalled[] {
  if (calls.length === 0 || values.step === 0) return []
  const { from } = view.recording.lookup.stepRange(values.step, view.lastPosition)
  const before = view.step(values.step - 1)
  const refs = new Set(calls.flatMap(({ inputs }) => inputs).filter((ref) => positionOf(ref) < from))
  return before.calls.filter(({ position, function: name }) => refs.has(position) && name === 'take')
}

/** The leaf from outside that `ref` is or was taken from, when that is data; null for a parameter and what the run computed. */
function leafOrigin(view: RunView, ref: Ref): Ref | null {
  const event = view.event(positionOf(ref))
  if (event.type !== 'LeafCreated' || event.source !== null) return null
  return view.recording.lookup.versions.isAssigned(ref) ? null : ref
}

function describeBirth(view: RunView, values: StepValues, birth: Birth, symptom: NonFinite): Finding | null {
  if (birth.kind === 'inherited') return null
  const { call, slot, index, nan } = birth
  const shape = call.outputs[slot]!.shape
  const element = unravel(index, shape)
  const rows = rowsOfElement(view, refOf(call.position, slot), shape, element)
  const made =
    values.of(refOf(call.position, slot)) ?? view.valueRead(refOf(call.position, slot), view.lastPosition + 1)
  const value = made.buffer[made.offset + index]!
  const row = rowsText(rows)
  const then = thenText(view, symptom)
  if (birth.kind === 'leaf') return dataFinding(view, values, birth, symptom)
  const operands = operandsAt(values, call, element, shape)
  const begin = firstLine(call, nan, value, element, operands)
  return finding({
    kind: 'non-finite-birth',
    level: 'cause',
    step: symptom.step,
    position: call.position,
    function: call.function,
    scope: call.scope,
    variable: view.nameOf(refOf(call.position, slot)),
    element,
    rows,
    value,
    text: `step ${symptom.step}: ${begin}${row === null ? '' : `; ${row}`}`,
    evidence: [
      ...operands.map(({ text }) => `reads     ${text}`),
      ...then,
      ...adviceFor(call.function).map((text) => `try       ${text}`),
    ],
  })
}

/** `log (#17480) makes the first −∞, at [1]: its input is 0`. */
function firstLine(
  call: FunctionCalled,
  nan: boolean,
  value: number,
  element: readonly number[],
  operands: readonly Operand[],
): string {
  const at = element.length === 0 ? '' : `, at ${elementText(element)}`
  const said = operands.length === 0 ? '' : `: ${operands.map(({ short }) => short).join(', ')}`
  return `${callText(call)} makes the first ${nan ? 'NaN' : shortNumber(value)}${at}${said}`
}

function thenText(view: RunView, symptom: NonFinite): string[] {
  const at =
    symptom.metric === null
      ? `the gradient of ${view.label(symptom.variable)} is not finite`
      : `${symptom.metric} is ${shortNumber(symptom.value)}`
  const lines = [`then      ${at} (step ${symptom.step})`]
  if (symptom.metric !== null) {
    const { steps, values } = new Series(view, symptom.metric)
    const first = steps.indexOf(symptom.step)
    const before = values.slice(Math.max(0, first - 5), first)
    if (before.length > 0) lines.push(`before    ${symptom.metric} ${before.map(shortNumber).join(', ')}`)
  }
  return lines
}

/** Data that is not finite when it comes from outside. */
function dataFinding(
  view: RunView,
  values: StepValues,
  birth: Birth & { kind: 'leaf' },
  symptom: NonFinite,
): Finding {
  const { call, leaf } = birth
  const array = view.valueRead(leaf, call.position)
  const taken = takenRows(view, call)
  const all = everyBad(array)
  const rows =
    taken === null
      ? null
      : [...new Set(taken.rows.filter((row) => all.some((at) => unravel(at, array.shape)[0] === row)))]
  const index =
    rows === null || rows.length === 0 ? all[0]! : all.find((at) => unravel(at, array.shape)[0] === rows[0])!
  const element = unravel(index, array.shape)
  const inBatch = taken === null || rows === null ? -1 : taken.rows.indexOf(rows[0]!)
  const reader = view.step(values.step).readers(call.position)[0]
  const bad = array.buffer[array.offset + index]!
  const into = inBatch < 0 ? '' : `, in the batch at ${elementText([inBatch, ...element.slice(1)])}`
  return finding({
    kind: 'non-finite-data',
    level: 'cause',
    step: symptom.step,
    position: call.position,
    function: call.function,
    scope: call.scope,
    variable: view.label(leaf),
    element,
    rows: rows ?? [element.at(0)!],
    value: bad,
    text: `step ${symptom.step}: ${callText(call)} reads data with ${shortNumber(bad)}: ${view.label(leaf)} is ${shortNumber(bad)} at ${elementText(element)}; ${rowsText(rows ?? (element.length > 0 ? [element.at(0)!] : null)) ?? 'no row'}${into}${reader === undefined || reader.position === call.position ? '' : `, read by ${callText(reader)}`}`,
    evidence: [
      `data      ${all.length} of ${array.size} elements of ${view.label(leaf)} are not finite`,
      ...thenText(view, symptom),
    ],
  })
}

function everyBad({ buffer, offset, size }: NDArray): number[] {
  const found: number[] = []
  for (let i = 0; i < size; i++) if (!Number.isFinite(buffer[offset + i]!)) found.push(i)
  return found
}

/** A parameter or a state was bad when the step began: the step before made it so. */
function ofStepBefore(view: RunView, values: StepValues): Finding | null {
  const birth = forwardBirth(view, values, [], true)
  const symptom: NonFinite = { position: 0, step: values.step, metric: null, variable: 0, value: Number.NaN }
  if (birth === null || birth.kind === 'inherited') return null
  const { call, slot, index } = birth
  const element = unravel(index, call.outputs[slot]!.shape)
  const operands = birth.kind === 'call' ? operandsAt(values, call, element, call.outputs[slot]!.shape) : []
  const made = values.of(refOf(call.position, slot))
  const value = made === null ? Number.NaN : made.buffer[made.offset + index]!
  const variable = view
    .step(values.step)
    .assignments.find(({ source }) => source === refOf(call.position, slot))?.variable
  const whose = variable === undefined ? '' : ` for ${view.label(variable)}`
  return finding({
    kind: 'non-finite-birth',
    level: 'cause',
    step: values.step,
    position: call.position,
    function: call.function,
    scope: call.scope,
    variable: variable === undefined ? null : view.label(variable),
    element,
    value,
    text: `step ${symptom.step}: ${firstLine(call, birth.nan, value, element, operands)}${whose}`,
    evidence: adviceFor(call.function).map((text) => `try       ${text}`),
  })
}

/** The call whose backward turned a finite gradient into one that is not. */
function backwardBirth(
  view: RunView,
  values: StepValues,
  roots: readonly Ref[],
  symptom: NonFinite,
): Finding | null {
  const events = view.step(symptom.step)
  const pass = events.passes.find((one) => one.roots.some((ref) => roots.includes(ref)))
  if (pass === undefined) return null
  const back = view.backward(symptom.step, pass.position)
  if (back === null) return null
  for (const call of back.calls) {
    const { position } = call
    const found = turnsBad(view, values, back, call)
    if (found === null) continue
    const input = call.inputs[found.input]!
    const array = values.read(input, call)
    const element = unravel(found.index, array.shape)
    const value = array.buffer[array.offset + found.index]!
    const rows = rowsOfElement(view, input, array.shape, element)
    const row = rowsText(rows)
    return finding({
      kind: 'non-finite-birth',
      level: 'cause',
      step: symptom.step,
      position,
      function: call.function,
      scope: call.scope,
      variable: view.nameOf(input),
      element,
      rows,
      value: found.value,
      text: `step ${symptom.step}, backward: ${callText(call)} turns a gradient of ${shortNumber(found.before)} into ${shortNumber(found.value)}${element.length === 0 ? '' : `, at ${elementText(element)}`}: its input is ${shortNumber(value)}${row === null ? '' : `; ${row}`}`,
      evidence: [
        'forward   every number that the pass walked back through is finite',
        ...thenText(view, symptom),
        ...adviceFor(call.function).map((text) => `try       ${text}`),
      ],
    })
  }
  return null
}

/** Whether the gradients of what the call made are finite and what it gives back to an input is not. */
function turnsBad(
  view: RunView,
  values: StepValues,
  back: BackwardValues,
  call: FunctionCalled,
): { input: number; index: number; value: number; before: number } | null {
  const gys = call.outputs.map((_, slot) => back.of(refOf(call.position, slot)))
  if (gys.some((gy) => gy !== null && badAt(gy) >= 0) || gys.every((gy) => gy === null)) return null
  const gxs = call.inputs.map((ref) => back.of(ref))
  if (gxs.every((gx) => gx === null || badAt(gx) < 0)) return null
  const events = view.step(values.step)
  const isShared = call.inputs.some((ref) => events.readers(ref).length > 1)
  // What another call gave to the same variable is not this one's.
  const own = !isShared
    ? gxs
    : (view.attempt(`what ${callText(call)} alone gives back`, () =>
        givenBack(
          call,
          call.inputs.map((ref) => values.read(ref, call)),
          gys,
        ),
      ) ?? gxs)
  for (const [input, gx] of own.entries()) {
    const index = gx === null ? -1 : badAt(gx)
    if (gx === null || index < 0) continue
    const gy = gys.find((one) => one !== null)!
    const before = gy.size === gx.size ? gy.buffer[gy.offset + index]! : gy.buffer[gy.offset]!
    return { input, index, value: gx.buffer[gx.offset + index]!, before }
  }
  return null
}

function badAt(array: NDArray): number {
  const { nan, infinite } = flagsOf(array)
  return nan >= 0 && infinite >= 0 ? Math.min(nan, infinite) : Math.max(nan, infinite)
}
