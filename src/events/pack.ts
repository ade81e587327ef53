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
 * Layouts, by kind (V is one value: tag, payload):
 *   LeafCreated       kind, form text, source, V
 *   FunctionCalled    kind, signature text, attributes text (negative: a passing one), input count, inputs…, output count, V…
 *   GradientComputed  kind, pass, variable, gradient, form text, held, V contribution, V accumulated
 *   ValueAssigned     kind, variable, source, form text, V
 *   StepStarted       kind, elapsed
 *   MetricLogged      kind, name text, value, variable
 *   CheckpointTaken   kind, count, then for each: variable, form text, V
 *   FunctionCalled    call word, inputs…: in packing 2, of one output of which nothing is kept, and at most three inputs
 *   BackwardStarted   18, flags (1 createGraph, 2 retainGrad, 4 targets), root count, roots…, gradients…, target count, targets…
 *   GradientCleared   kind, variable
 *   all others        kind, payload text
 */
import { TapeError } from '../errors.js'
import { type ArrayCapture, CAPTURE_BYTES, CAPTURE_NOTHING } from './capture.js'
import {
  type BackwardStarted,
  EVENT_KIND,
  PACKED_BACKWARD,
  type Payload,
  REF_SLOT_UNIT,
  type RecordedArray,
  type Ref,
} from './event.js'
import { arrayForm } from './forms.js'
import { plainToText } from './plain.js'
import { SummarizedArray } from './summarized-array.js'
import { TextNumbering } from './text-numbering.js'

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

/**
 * How calls are packed. Nearly all are of one output that is not kept: packing 2 has one word for all of such a call but its
 * inputs. What the hash chain covers is a third of what it was then.
 */
export type Packing = 1 | 2
export const PACKING = 2

/** A call word is this × (1 + inputs) + the next × attributes text + signature text; no kind is as large. */
export const CALL_UNIT = 2 ** 40
export const CALL_ATTRIBUTES_UNIT = 2 ** 18
const ATTRIBUTES_MAX = CALL_UNIT / CALL_ATTRIBUTES_UNIT

/** Tags of values; the tag of a larger array is its `ArrayCapture`. */
export const VALUE_NONE = CAPTURE_NOTHING
export const VALUE_SCALAR = 1

export const HELD = ['nothing', 'contribution', 'accumulated'] as const

/** What a summary takes that comes in an array's place. */
const SUMMARY_BYTES = 64

/** Whether both numbers have their place in a call word; a passing text's number, below zero, has not. */
function fitsCallWord(signature: number, attributes: number): boolean {
  return attributes >= 0 && attributes < ATTRIBUTES_MAX && signature < CALL_ATTRIBUTES_UNIT
}

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
  private values: RecordedArray[] = []
  private captures: ArrayCapture[] = []
  /** Set with each array that joins those that wait; whoever keeps them takes it back. */
  hasFreshValues = false
  /** Upper bound of the bytes of the arrays that wait. */
  valueBytes = 0

  constructor(after: { position: number; step: number } = { position: 0, step: 0 }) {
    this.position = after.position
    this.step = after.step
    this.firstPosition = after.position + 1
    this.firstStep = after.step
  }

  get waiting(): number {
    return this.count
  }

  leaf(form: number, source: Ref | null, value: RecordedArray | null, capture: Kept = CAPTURE_BYTES): number {
    this.room(8)
    const position = this.begin(EVENT_KIND.LeafCreated)
    this.words[this.used++] = form
    this.ref(source)
    this.value(value, capture)
    return position
  }

  /** First half of a FunctionCalled; `callOutput` follows once for each output. */
  call(signature: number, attributes: number, inputs: number): number {
    this.room(12 + inputs)
    const position = this.begin(EVENT_KIND.FunctionCalled)
    this.words[this.used++] = signature
    this.words[this.used++] = attributes
    this.words[this.used++] = inputs
    return position
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
    if (value === null && this.packing === 2 && fitsCallWord(signature, attributes))
      return this.shortCall(signature, attributes, inputs, a, b, c)
    const position = this.call(signature, attributes, inputs)
    if (inputs > 0) this.ref(a)
    if (inputs > 1) this.ref(b)
    if (inputs > 2) this.ref(c)
    this.callOutputs(1)
    this.value(value, capture)
    return position
  }

  private shortCall(signature: number, attributes: number, inputs: number, a: Ref, b: Ref, c: Ref): number {
    this.room(4)
    const { words } = this
    const at = this.used
    const position = this.position + 1
    words[at] = CALL_UNIT * (1 + inputs) + CALL_ATTRIBUTES_UNIT * attributes + signature
    if (inputs > 0) {
      if (!(a > 0 && a < position)) this.checkRef(a, position)
      words[at + 1] = a
      if (inputs > 1) {
        if (!(b > 0 && b < position)) this.checkRef(b, position)
        words[at + 2] = b
        if (inputs > 2) {
          if (!(c > 0 && c < position)) this.checkRef(c, position)
          words[at + 3] = c
        }
      }
    }
    this.used = at + 1 + inputs
    this.count++
    this.position = position
    return position
  }

  /** An input of the call being packed. */
  callInput(ref: Ref): void {
    this.ref(ref)
  }

  callOutputs(count: number): void {
    this.room(8 + 2 * count)
    this.words[this.used++] = count
  }

  callOutput(value: RecordedArray | null, capture: Kept = CAPTURE_BYTES): void {
    this.value(value, capture)
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
    this.room(12)
    const position = this.begin(EVENT_KIND.GradientComputed)
    this.ref(pass)
    this.ref(variable)
    this.ref(gradient)
    this.words[this.used++] = form
    this.words[this.used++] = held
    this.value(contribution, capture)
    this.value(accumulated, capture)
    return position
  }

  assigned(
    variable: Ref,
    source: Ref | null,
    form: number,
    value: RecordedArray | null,
    capture: Kept = CAPTURE_BYTES,
  ): number {
    this.room(8)
    const position = this.begin(EVENT_KIND.ValueAssigned)
    this.ref(variable)
    this.ref(source)
    this.words[this.used++] = form
    this.value(value, capture)
    return position
  }

  cleared(variable: Ref): number {
    this.room(4)
    const position = this.begin(EVENT_KIND.GradientCleared)
    this.ref(variable)
    return position
  }

  stepStarted(elapsedMs: number): number {
    this.room(4)
    const position = this.begin(EVENT_KIND.StepStarted)
    this.words[this.used++] = elapsedMs
    this.step++
    return position
  }

  metric(name: string, value: number, variable: Ref | null): number {
    this.room(6)
    const position = this.begin(EVENT_KIND.MetricLogged)
    this.words[this.used++] = this.texts.numberOf(name)
    this.words[this.used++] = canonical(value)
    this.ref(variable)
    return position
  }

  /** The variables and their values. */
  checkpoint(variables: readonly Ref[], values: readonly RecordedArray[]): number {
    this.room(4 + 4 * variables.length)
    const position = this.begin(EVENT_KIND.CheckpointTaken)
    this.words[this.used++] = variables.length
    for (let i = 0; i < variables.length; i++) {
      const value = values[i]!
      this.ref(variables[i]!)
      this.words[this.used++] = this.texts.numberOf(arrayForm(value.dtype, value.shape))
      this.value(value, CAPTURE_BYTES)
    }
    return position
  }

  backwardStarted(pass: Payload<BackwardStarted>): number {
    const { roots, gradients, targets } = pass
    this.room(6 + 2 * roots.length + (targets?.length ?? 0))
    const position = this.begin(PACKED_BACKWARD)
    this.words[this.used++] =
      (pass.createGraph ? 1 : 0) + (pass.retainGrad ? 2 : 0) + (targets === null ? 0 : 4)
    this.words[this.used++] = roots.length
    for (const root of roots) this.ref(root)
    for (const gradient of gradients) this.ref(gradient)
    this.words[this.used++] = targets?.length ?? 0
    for (const target of targets ?? []) this.ref(target)
    return position
  }

  /** Any event that has no layout of its own, as a text. */
  appendText({ type, ...rest }: Payload): number {
    const content = plainToText(rest, type)
    this.room(4)
    const position = this.begin(EVENT_KIND[type])
    this.words[this.used++] = this.texts.passing(content)
    return position
  }

  /**
   * Takes what waits; null when nothing does. `words` is a view that the next event overwrites: who keeps it, copies it.
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

  private begin(kind: number): number {
    this.words[this.used++] = kind
    this.count++
    return ++this.position
  }

  private ref(ref: Ref | null): void {
    if (ref === null) this.words[this.used++] = 0
    else {
      // Most refs are positions; only outputs past the first are larger than that.
      if (!(ref > 0 && ref < this.position)) this.checkRef(ref, this.position)
      this.words[this.used++] = ref
    }
  }

  private checkRef(ref: Ref, position: number): void {
    if (ref > 0 && ref % REF_SLOT_UNIT < position) return
    throw new TapeError(
      'BAD_EVENT',
      `event ${position} refers to ${ref}, which is not an earlier position of the run`,
    )
  }

  private value(value: RecordedArray | null, capture: Kept): void {
    const { words } = this
    if (value === null || capture === CAPTURE_NOTHING) {
      words[this.used++] = VALUE_NONE
      words[this.used++] = 0
    } else if (value.size === 1) {
      words[this.used++] = VALUE_SCALAR
      words[this.used++] = canonical((value as { item?(): number }).item?.() ?? value.data[0]!)
    } else {
      words[this.used++] = capture
      words[this.used++] = this.values.length
      this.values.push(value)
      this.captures.push(capture)
      this.hasFreshValues = true
      this.valueBytes +=
        value instanceof SummarizedArray ? SUMMARY_BYTES : value.size * (value.dtype === 'float64' ? 8 : 4) // at most
    }
  }

  private room(words: number): void {
    if (this.used + words <= this.words.length) return
    const larger = new Float64Array(Math.max(this.words.length * 2, this.used + words))
    larger.set(this.words)
    this.words = larger
  }
}

/** What is kept of an array; nothing counts as no array. */
type Kept = ArrayCapture | typeof CAPTURE_NOTHING
