/** One step in float32, computed again in float64: where digits are lost that its inputs still had. */
import type { NDArray } from '../array/ndarray.js'
import { callText, elementText, finding, rowsText, shortNumber, unravel } from '../detectors/draft.js'
import type { Finding } from '../detectors/finding.js'
import { type FunctionCalled, type Ref, refOf } from '../events/event.js'
import type { Attributes } from '../graph/attributes.js'
import { unrecorded } from '../graph/mode.js'
import { recreateFunc } from '../graph/registry.js'
import { sampleSteps } from './gradient-flow.js'
import { operandsAt, rowsOfElement } from './operands.js'
import type { RunView } from './run-view.js'
import type { StepValues } from './step-values.js'

/** Inputs are right up to √ε of float32, by the rms of the array. */
const RIGHT = 2 ** -11.5
const WRONG = 0.1
const CALLS_MAX = 4_096

/** Steps that are looked at, unless they are large: digits may be lost only once weights have grown. */
const STEPS = 3
const ELEMENTS_MAX = 500_000

export function precision(view: RunView, step: number | null): Finding[] {
  for (const one of step === null ? sampleSteps(view, STEPS) : [step]) {
    const found = precisionIn(view, one)
    if (found.length > 0 || elementsOf(view, one) > ELEMENTS_MAX) return found
  }
  return []
}

function elementsOf(view: RunView, step: number): number {
  let sum = 0
  for (const { outputs } of view.step(step).calls)
    for (const { shape } of outputs) sum += shape.reduce((product, size) => product * size, 1)
  return sum
}

function precisionIn(view: RunView, first: number): Finding[] {
  const events = view.step(first)
  const isWide = events.calls.every(({ outputs }) => outputs.every(({ dtype }) => dtype !== 'float32'))
  if (isWide) return []
  const values = view.values(first)
  if (values === null) return []
  const wanted = events.ancestors(events.roots)
  const shadows = new Map<Ref, NDArray>()
  let lost: Lost | null = null
  const seen = events.calls.filter(({ position }) => wanted.has(position)).slice(0, CALLS_MAX)
  for (const call of seen) {
    const inputs = call.inputs.map((ref) => shadows.get(ref) ?? widened(values.read(ref, call)))
    const made = view.attempt(`precision of ${call.function}`, () =>
      unrecorded(() => recreateFunc(call.function, call.attributes as Attributes).forwardList(inputs)),
    )
    if (made === null) continue
    const list = (Array.isArray(made) ? made : [made]) as NDArray[]
    for (const [slot, right] of list.entries()) {
      const ref = refOf(call.position, slot)
      const got = values.of(ref)
      shadows.set(ref, right)
      if (got === null || got.dtype !== 'float32') continue
      const over = lost === null ? overflowIn(got, right) : -1
      if (over >= 0) return [overflowFinding(view, { call, slot, got, right }, over, values)]
      const error = errorOf(got, right)
      const inputsRight = call.inputs.every((input, i) => {
        const own = values.of(input)
        return own === null || !shadows.has(input) || errorOf(own, inputs[i]!) < RIGHT
      })
      if (error > WRONG && inputsRight && lost === null) lost = { call, slot, error, got, right }
    }
  }
  if (lost === null) return []
  const { call, slot, error, got, right } = lost
  const at = worst(got, right)
  const element = unravel(at, got.shape)
  const rows = rowsOfElement(view, refOf(call.position, slot), got.shape, element)
  const row = rowsText(rows)
  const [own, wide] = [got.buffer[got.offset + at]!, right.buffer[right.offset + at]!]
  return [
    finding({
      kind: 'precision',
      level: 'cause',
      step: first,
      position: call.position,
      function: call.function,
      scope: call.scope,
      element,
      rows,
      value: own,
      text: `step ${first}: ${callText(call)} loses its digits in float32: ${shortNumber(own)} at [${element.join(', ')}] is ${shortNumber(wide)} in float64, of inputs (${call.inputs.map((ref) => events.makerOf(ref)?.function ?? view.label(ref)).join(', ')}) that are right${row === null ? '' : `; ${row}`}`,
      evidence: [
        `error     ${shortNumber(error)} of the array's rms; inputs are right to ${shortNumber(RIGHT)}`,
        'try       subtract before squaring (mean of (x − mean)²), or compute this part in float64',
      ],
    }),
  ]
}

interface Made {
  readonly call: FunctionCalled
  readonly slot: number
  /** In float32, as it was, and in float64. */
  readonly got: NDArray
  readonly right: NDArray
}

interface Lost extends Made {
  readonly error: number
}

/** The first element that is an infinity in float32 and a number in float64; −1 for none. */
function overflowIn(got: NDArray, right: NDArray): number {
  for (let i = 0; i < got.size; i++)
    if (Math.abs(got.buffer[got.offset + i]!) === Number.POSITIVE_INFINITY)
      if (Number.isFinite(right.buffer[right.offset + i]!)) return i
  return -1
}

/** An infinity need not end in NaN: what is divided by it is 0, and no metric tells of it. */
function overflowFinding(
  view: RunView,
  { call, slot, got, right }: Made,
  at: number,
  values: StepValues,
): Finding {
  const element = unravel(at, got.shape)
  const [own, wide] = [got.buffer[got.offset + at]!, right.buffer[right.offset + at]!]
  const rows = rowsOfElement(view, refOf(call.position, slot), got.shape, element)
  const row = rowsText(rows)
  const place = element.length === 0 ? '' : `, at ${elementText(element)}`
  const operands = operandsAt(values, call, element, got.shape)
  const said = operands.length === 0 ? '' : `: ${operands.map(({ short }) => short).join(', ')}`
  return finding({
    kind: 'precision',
    level: 'cause',
    step: call.step,
    position: call.position,
    function: call.function,
    scope: call.scope,
    element,
    rows,
    value: own,
    text: `step ${call.step}: ${callText(call)} overflows float32 and makes ${shortNumber(own)}${place}, which is ${shortNumber(wide)} in float64${said}${row === null ? '' : `; ${row}`}`,
    evidence: [
      'so        what is divided by it is 0, and what is multiplied with 0 becomes NaN',
      'try       smaller numbers (scale the data), or this part in float64',
    ],
  })
}

function widened(array: NDArray): NDArray {
  return array.dtype === 'float32' ? array.astype('float64') : array
}

function errorOf(got: NDArray, right: NDArray): number {
  let [squares, errors] = [0, 0]
  for (let i = 0; i < got.size; i++) {
    const [a, b] = [got.buffer[got.offset + i]!, right.buffer[right.offset + i]!]
    if (!Number.isFinite(a) || !Number.isFinite(b)) continue
    squares += b * b
    errors += (a - b) ** 2
  }
  return errors === 0 ? 0 : Math.sqrt(errors / squares)
}

function worst(got: NDArray, right: NDArray): number {
  let [at, most] = [0, -1]
  for (let i = 0; i < got.size; i++) {
    const error = Math.abs(got.buffer[got.offset + i]! - right.buffer[right.offset + i]!)
    if (error > most) {
      at = i
      most = error
    }
  }
  return at
}
