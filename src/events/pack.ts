/**
 * Events as numbers. The hot path of recording writes a few float64 words a call into one growing buffer; objects are
 * made only for those who listen. The bytes of a packed batch are also what the file's hash chain covers, so packing
 * is canonical: the same events in the same batches give the same bytes.
 *
 *   word      one float64 holds every field: positions (below 2⁵³), counts, and the value of a scalar, exactly
 *   text      names, shapes and attributes repeat; each distinct text of a run gets a number at first sight and the
 *             batch in which it was first seen carries it
 *   value     an array of one element stands in the words; larger arrays stand beside them, by index, and the tag says
 *             what is kept of them: bytes, a summary, or a summary and a hash
 *
 * What stands where is said by record-layout.ts; visit-words.ts is the way back.
 */
import { TapeError } from '../errors.js'
import { type ArrayCapture, CAPTURE_BYTES, CAPTURE_NOTHING } from './capture.js'
import { dtypeCode, ELEMENT_BYTES } from './dtypes.js'
import {
  type BackwardStarted,
  EVENT_KIND,
  PACKED_BACKWARD,
  PACKED_MEASURED_ASSIGNMENT,
  PACKED_SITED_CALL,
  type Payload,
  positionOf,
  type RecordedArray,
  type Ref,
} from './event.js'
import { arrayFormText } from './forms.js'
import { grown } from './grown.js'
import type { Packing } from './packing.js'
import { ownToText } from './plain.js'
import {
  ASSIGNMENT_WORDS,
  CALL_WORDS,
  CHECKPOINT_ENTRY_WORDS,
  CHECKPOINT_WORDS,
  CLEAR_WORDS,
  callWord,
  FREEZE_WORDS,
  fitsCallWord,
  GRADIENT_WORDS,
  LEAF_WORDS,
  MEASURED_ASSIGNMENT_WORDS,
  METRIC_WORDS,
  PASS_FLAGS,
  PASS_WORDS,
  SHORT_CALL_WORDS,
  SITED_CALL_WORDS,
  STEP_WORDS,
  SUMMARY_SIZE,
  TEXT_WORDS,
  VALUE_WORDS,
} from './record-layout.js'
import { SummarizedArray } from './summarized-array.js'
import { TextNumbering } from './text-numbering.js'

/** Where a batch begins. */
export type Begun = Pick<PackedBatch, 'firstPosition' | 'firstStep' | 'firstText'>

/** A run of events on their way to the file. */
export interface PackedBatch {
  readonly firstPosition: number
  /** The step that the first event stands in, before any StepStarted of this batch. */
  readonly firstStep: number
  readonly count: number
  readonly words: Float64Array
  /** Texts first seen in this batch; numbered on from `firstText`. */
  readonly texts: readonly string[]
  /** 0 when the numbering began anew with this batch. */
  readonly firstText: number
  readonly values: readonly RecordedArray[]
  /** What is kept of each value. */
  readonly captures: readonly ArrayCapture[]
}

/** Tags of values; the tag of a larger array is its `ArrayCapture`. */
export const VALUE_NONE = CAPTURE_NOTHING
export const VALUE_SCALAR = 1

export const HELD = ['nothing', 'contribution', 'accumulated'] as const

/** What a summary takes that comes in an array's place, with what stands before it. */
const SUMMARY_BYTES = 8 * (SUMMARY_SIZE + 2)

const canonical = (x: number) => (x !== x ? Number.NaN : x)

export class Packer {
  /** Positions given so far. */
  position: number
  step: number
  private words: Float64Array = new Float64Array(4096)
  private used = 0
  private count = 0
  private firstPosition: number
  private firstStep: number
  readonly texts = new TextNumbering()
  /** How calls are packed: as the run's first event says. */
  packing: Packing = 1
  /** The text of the place in the user's code that the next call is made at, where it is known. */
  site: string | null = null
  private values: RecordedArray[] = []
  private captures: ArrayCapture[] = []
  /** Set with each array and text that joins those that wait; whoever keeps them takes it back. */
  hasFresh = false
  /** The bytes of the arrays that wait, at most. */
  valueBytes = 0

  constructor(after: { position: number; step: number } = { position: 0, step: 0 }) {
    this.position = after.position
    this.step = after.step
    this.firstPosition = after.position + 1
    this.firstStep = after.step
    this.texts.onFresh = () => (this.hasFresh = true)
  }

  /** Where the batch stands that the next event goes into. */
  get begun(): Begun {
    const { firstPosition, firstStep, texts } = this
    return { firstPosition, firstStep, firstText: texts.firstWaiting }
  }

  get waiting(): number {
    return this.count
  }

  leaf(form: number, source: Ref | null, value: RecordedArray | null, capture: Kept = CAPTURE_BYTES): number {
    const at = this.begin(EVENT_KIND.LeafCreated, LEAF_WORDS.size)
    const { words } = this
    words[at + LEAF_WORDS.form] = form
    words[at + LEAF_WORDS.source] = this.checked(source)
    this.value(at + LEAF_WORDS.value, value, capture)
    return this.position
  }

  /** First half of a FunctionCalled; its inputs, `callOutputs` and `callOutput` once for each output follow. */
  call(signature: number, attributes: number, inputs: number): number {
    if (this.site !== null) return this.sitedCall(signature, attributes, inputs, this.site)
    const at = this.begin(EVENT_KIND.FunctionCalled, CALL_WORDS.inputs + inputs)
    const { words } = this
    words[at + CALL_WORDS.signature] = signature
    words[at + CALL_WORDS.attributes] = attributes
    words[at + CALL_WORDS.inputCount] = inputs
    this.used = at + CALL_WORDS.inputs
    return this.position
  }

  private sitedCall(signature: number, attributes: number, inputs: number, site: string): number {
    this.site = null
    const number = this.texts.numberOf(site)
    const at = this.begin(PACKED_SITED_CALL, SITED_CALL_WORDS.inputs + inputs)
    const { words } = this
    words[at + SITED_CALL_WORDS.site] = number
    words[at + SITED_CALL_WORDS.signature] = signature
    words[at + SITED_CALL_WORDS.attributes] = attributes
    words[at + SITED_CALL_WORDS.inputCount] = inputs
    this.used = at + SITED_CALL_WORDS.inputs
    return this.position
  }

  /**
   * A whole FunctionCalled of one output and at most three inputs (0 for those it does not have), which nearly all are.
   * `value` null: nothing is kept of the output.
   */
  call1(
    signature: number,
    attributes: number,
    inputs: number,
    a: Ref,
    b: Ref,
    c: Ref,
    value: RecordedArray | null,
    capture: Kept,
  ): number {
    if (value === null && this.packing > 1 && this.site === null && fitsCallWord(signature, attributes))
      return this.shortCall(signature, attributes, inputs, a, b, c)
    const position = this.call(signature, attributes, inputs)
    if (inputs > 0) this.callInput(a)
    if (inputs > 1) this.callInput(b)
    if (inputs > 2) this.callInput(c)
    this.callOutputs(1)
    this.callOutput(value, capture)
    return position
  }

  private shortCall(signature: number, attributes: number, inputs: number, a: Ref, b: Ref, c: Ref): number {
    this.room(4)
    const { words } = this
    const at = this.used + SHORT_CALL_WORDS.inputs
    const position = this.position + 1
    words[this.used] = callWord(signature, attributes, inputs)
    if (inputs > 0) {
      if (!(a > 0 && a < position)) this.checkRef(a, position)
      words[at] = a
      if (inputs > 1) {
        if (!(b > 0 && b < position)) this.checkRef(b, position)
        words[at + 1] = b
        if (inputs > 2) {
          if (!(c > 0 && c < position)) this.checkRef(c, position)
          words[at + 2] = c
        }
      }
    }
    this.used = at + inputs
    this.count++
    this.position = position
    return position
  }

  /** An input of the call being packed. */
  callInput(ref: Ref): void {
    this.words[this.used++] = this.checked(ref)
  }

  callOutputs(count: number): void {
    this.room(1 + VALUE_WORDS.size * count)
    this.words[this.used++] = count
  }

  callOutput(value: RecordedArray | null, capture: Kept = CAPTURE_BYTES): void {
    this.value(this.used, value, capture)
    this.used += VALUE_WORDS.size
  }

  gradient(
    pass: number,
    variable: Ref,
    gradient: Ref | null,
    form: number,
    held: 0 | 1 | 2,
    contribution: RecordedArray | null,
    accumulated: RecordedArray | null,
    capture: Kept = CAPTURE_BYTES,
  ): number {
    const at = this.begin(EVENT_KIND.GradientComputed, GRADIENT_WORDS.size)
    const { words } = this
    words[at + GRADIENT_WORDS.pass] = this.checked(pass)
    words[at + GRADIENT_WORDS.variable] = this.checked(variable)
    words[at + GRADIENT_WORDS.gradient] = this.checked(gradient)
    words[at + GRADIENT_WORDS.form] = form
    words[at + GRADIENT_WORDS.held] = held
    this.value(at + GRADIENT_WORDS.contribution, contribution, capture)
    this.value(at + GRADIENT_WORDS.accumulated, accumulated, capture)
    return this.position
  }

  assigned(
    variable: Ref,
    source: Ref | null,
    form: number,
    value: RecordedArray | null,
    capture: Kept = CAPTURE_BYTES,
  ): number {
    const at = this.begin(EVENT_KIND.ValueAssigned, ASSIGNMENT_WORDS.size)
    const { words } = this
    words[at + ASSIGNMENT_WORDS.variable] = this.checked(variable)
    words[at + ASSIGNMENT_WORDS.source] = this.checked(source)
    words[at + ASSIGNMENT_WORDS.form] = form
    this.value(at + ASSIGNMENT_WORDS.value, value, capture)
    return this.position
  }

  /**
   * An assignment with the norm of what it changed (null for none), and what is kept of the new value; of one that the run made
   * (`source`) that is a summary.
   */
  measuredAssignment(
    variable: Ref,
    source: Ref | null,
    form: number,
    updateNorm: number | null,
    value: RecordedArray | null,
    capture: Kept,
  ): number {
    const at = this.begin(PACKED_MEASURED_ASSIGNMENT, MEASURED_ASSIGNMENT_WORDS.size)
    const { words } = this
    words[at + MEASURED_ASSIGNMENT_WORDS.variable] = this.checked(variable)
    words[at + MEASURED_ASSIGNMENT_WORDS.source] = this.checked(source)
    words[at + MEASURED_ASSIGNMENT_WORDS.form] = form
    words[at + MEASURED_ASSIGNMENT_WORDS.updateNorm] = updateNorm ?? Number.NaN
    this.value(at + MEASURED_ASSIGNMENT_WORDS.value, value, capture)
    // A summary keeps no −0, and what is read back must pack to the same word.
    const payload = at + MEASURED_ASSIGNMENT_WORDS.value + VALUE_WORDS.payload
    if (source !== null && words[payload] === 0) words[payload] = 0
    return this.position
  }

  cleared(variable: Ref): number {
    const at = this.begin(EVENT_KIND.GradientCleared, CLEAR_WORDS.size)
    this.words[at + CLEAR_WORDS.variable] = this.checked(variable)
    return this.position
  }

  frozen(variable: Ref, requiresGrad: boolean): number {
    const at = this.begin(EVENT_KIND.RequiresGradSet, FREEZE_WORDS.size)
    this.words[at + FREEZE_WORDS.variable] = this.checked(variable)
    this.words[at + FREEZE_WORDS.requiresGrad] = requiresGrad ? 1 : 0
    return this.position
  }

  stepStarted(elapsedMs: number): number {
    const at = this.begin(EVENT_KIND.StepStarted, STEP_WORDS.size)
    this.words[at + STEP_WORDS.elapsedMs] = elapsedMs
    this.step++
    return this.position
  }

  metric(name: string, value: number, variable: Ref | null): number {
    const text = this.texts.numberOf(name)
    const at = this.begin(EVENT_KIND.MetricLogged, METRIC_WORDS.size)
    const { words } = this
    words[at + METRIC_WORDS.name] = text
    words[at + METRIC_WORDS.value] = canonical(value)
    words[at + METRIC_WORDS.variable] = this.checked(variable)
    return this.position
  }

  /** The variables and their values. */
  checkpoint(variables: readonly Ref[], values: readonly RecordedArray[]): number {
    const entries = variables.length * CHECKPOINT_ENTRY_WORDS.size
    const at = this.begin(EVENT_KIND.CheckpointTaken, CHECKPOINT_WORDS.entries + entries)
    const { words } = this
    words[at + CHECKPOINT_WORDS.count] = variables.length
    for (let i = 0; i < variables.length; i++) {
      const entry = at + CHECKPOINT_WORDS.entries + i * CHECKPOINT_ENTRY_WORDS.size
      words[entry + CHECKPOINT_ENTRY_WORDS.variable] = this.checked(variables[i]!)
      words[entry + CHECKPOINT_ENTRY_WORDS.form] = this.texts.numberOf(arrayFormText(values[i]!))
      this.value(entry + CHECKPOINT_ENTRY_WORDS.value, values[i]!, CAPTURE_BYTES)
    }
    return this.position
  }

  backwardStarted({ roots, gradients, targets, createGraph, retainGrad }: Payload<BackwardStarted>): number {
    const wanted = targets ?? []
    const at = this.begin(PACKED_BACKWARD, PASS_WORDS.roots + 2 * roots.length + 1 + wanted.length)
    const { words } = this
    words[at + PASS_WORDS.flags] =
      (createGraph ? PASS_FLAGS.createGraph : 0) +
      (retainGrad ? PASS_FLAGS.retainGrad : 0) +
      (targets === null ? 0 : PASS_FLAGS.targets)
    words[at + PASS_WORDS.rootCount] = roots.length
    let to = at + PASS_WORDS.roots
    for (const root of roots) words[to++] = this.checked(root)
    for (const gradient of gradients) words[to++] = this.checked(gradient)
    words[to++] = wanted.length
    for (const target of wanted) words[to++] = this.checked(target)
    return this.position
  }

  /** Any event that has no layout of its own, as a text. */
  appendText({ type, ...rest }: Payload): number {
    const content = ownToText(rest, type)
    const at = this.begin(EVENT_KIND[type], TEXT_WORDS.size)
    this.words[at + TEXT_WORDS.text] = this.texts.passing(content)
    return this.position
  }

  /**
   * Takes what waits; null when nothing does. `words` is a view that the next event overwrites: whoever keeps it copies it.
   */
  take(): PackedBatch | null {
    if (this.count === 0) return null
    const batch: PackedBatch = {
      firstPosition: this.firstPosition,
      firstStep: this.firstStep,
      count: this.count,
      words: this.words.subarray(0, this.used),
      ...this.texts.take(),
      values: this.values,
      captures: this.captures,
    }
    this.used = 0
    this.count = 0
    this.firstPosition = this.position + 1
    this.firstStep = this.step
    this.values = []
    this.captures = []
    this.valueBytes = 0
    return batch
  }

  /** The next events go into `words`; only while nothing waits. A buffer that becomes too small is left for another. */
  packInto(words: Float64Array): void {
    this.words = words
  }

  /** The words packed since the last `take`; the rest of the buffer is garbage. */
  get packedWords(): Float64Array {
    return this.words
  }

  /** @internal Where the next event will begin in the words. */
  get cursor(): number {
    return this.used
  }

  get waitingValues(): RecordedArray[] {
    return this.values
  }

  /** Takes the words of a record, and writes its kind; gives where it stands. */
  private begin(kind: number, size: number): number {
    this.room(size)
    const at = this.used
    this.words[at] = kind
    this.used = at + size
    this.count++
    this.position++
    return at
  }

  /** A ref as a word: one of an earlier event, or 0 for none. */
  private checked(ref: Ref | null): number {
    if (ref === null) return 0
    // Most refs are positions; only outputs past the first are larger than that.
    if (!(ref > 0 && ref < this.position)) this.checkRef(ref, this.position)
    return ref
  }

  private checkRef(ref: Ref, position: number): void {
    if (ref > 0 && positionOf(ref) < position) return
    throw new TapeError(
      'BAD_EVENT',
      `event ${position} refers to ${ref}, which is not an earlier position of the run`,
    )
  }

  private value(at: number, value: RecordedArray | null, capture: Kept): void {
    const { words } = this
    if (value === null || capture === CAPTURE_NOTHING) {
      words[at + VALUE_WORDS.tag] = VALUE_NONE
      words[at + VALUE_WORDS.payload] = 0
    } else if (value.size === 1) {
      words[at + VALUE_WORDS.tag] = VALUE_SCALAR
      words[at + VALUE_WORDS.payload] = canonical((value as { item?(): number }).item?.() ?? value.data[0]!)
    } else {
      words[at + VALUE_WORDS.tag] = capture
      words[at + VALUE_WORDS.payload] = this.values.length
      this.values.push(value)
      this.captures.push(capture)
      this.hasFresh = true
      this.valueBytes +=
        value instanceof SummarizedArray ? SUMMARY_BYTES : value.size * ELEMENT_BYTES[dtypeCode(value.dtype)]!
    }
  }

  private room(words: number): void {
    if (this.used + words <= this.words.length) return
    this.words = grown(this.words, this.used + words)
    this.hasFresh = true // whoever looks at the words finds them elsewhere
  }
}

/** What is kept of an array; nothing counts as no array. */
type Kept = ArrayCapture | typeof CAPTURE_NOTHING
