/**
 * Splits the events of a block into what repeats (the key of its template) and what does not (its cells). Events that are few and
 * looked up by themselves get rows of their own, see event-rows.ts. Where blocks begin and end is block-cutter.ts's business.
 */
import { CAPTURE_BYTES, CAPTURE_HASH, CAPTURE_INLINE } from '../../events/capture.js'
import { EVENT_KIND, isPosition, PACKED_BACKWARD, positionOf, type Ref } from '../../events/event.js'
import { arrayFormOf } from '../../events/forms.js'
import { grown } from '../../events/grown.js'
import { type PackedBatch, VALUE_NONE, VALUE_SCALAR } from '../../events/pack.js'
import {
  ASSIGNMENT_KEY,
  CALL_KEY,
  CLEAR_KEY,
  FREEZE_KEY,
  GRADIENT_KEY,
  LEAF_KEY,
  PASS_KEY,
  ROW_KEY,
  SUMMARY_SIZE,
  VALUE_WORDS,
} from '../../events/record-layout.js'
import type { RecordVisitor } from '../../events/visit-words.js'
import { CellBuffer } from '../format/cells.js'
import { eventId } from '../format/ids.js'
import { addAssignment } from './assignment-rows.js'
import { EventRows, type Rows } from './event-rows.js'
import { GradientRows } from './gradient-rows.js'
import type { NameStore } from './name-store.js'
import type { RowBuffer } from './row-buffer.js'
import type { TextNumbers } from './text-numbers.js'
import type { StoredValue } from './value-store.js'
import type { VariableStore } from './variable-store.js'

/** Nothing further back than this is referred to relatively. */
const RELATIVE_MAX = 16_384
/** A gradient this far from its variable refers to it by the block's base: a long pass walks down as it goes on. */
const BASE_DISTANCE_MIN = 512

export class BlockParts implements RecordVisitor {
  /** The template's key of the block under way, as far as `keyLength`. */
  key = new Float64Array(4096)
  keyLength = 0
  readonly cells = new CellBuffer()
  /** The position that gradients far from their variables count from; 0 while there is none. */
  base = 0
  /** Of the block under way: places of calls whose site is known, each followed by the site's id. */
  sites: number[] = []
  /** The position of the first event of the block under way. */
  blockFirst = 0
  /** The position of the event under way, its place in the block, and its step. */
  own = 0
  place = 0
  stepNumber = 0
  /** Where the repetition before the present one began: what lies before is referred to by its own position. */
  previous = 1
  private words: PackedBatch['words'] = new Float64Array(0)
  private stored: readonly StoredValue[] = []
  private runId = 0
  private runBase = 0
  private readonly texts: TextNumbers
  private readonly eventRows: EventRows
  private readonly gradientRows: GradientRows
  private readonly variables: VariableStore
  private readonly names: NameStore
  private readonly assignments: RowBuffer
  /** Of the assignment under way: whether it says what it changed, and by how much; NaN for no such number. */
  private isMeasured = false
  private updateNorm = Number.NaN

  constructor(texts: TextNumbers, variables: VariableStore, names: NameStore, rows: Rows) {
    this.names = names
    this.assignments = rows._assignment
    this.texts = texts
    this.eventRows = new EventRows(texts, rows)
    this.gradientRows = new GradientRows(rows)
    this.variables = variables
  }

  /** The events that follow are of this batch. */
  beginBatch(words: PackedBatch['words'], runId: number, stored: readonly StoredValue[]): void {
    this.words = words
    this.runId = runId
    this.runBase = eventId(runId, 0)
    this.stored = stored
    this.sites = [] // of a batch that failed
  }

  beginBlock(): void {
    this.keyLength = 0
    this.base = 0
    this.cells.clear()
  }

  // One for each kind of record, see RecordVisitor.

  call(
    signature: number,
    attributes: number,
    inputsAt: number,
    inputs: number,
    outputsAt: number,
    outputs: number,
  ): void {
    const at = this.room(CALL_KEY.inputs + inputs)
    const { key, words } = this
    key[at + CALL_KEY.kind] = EVENT_KIND.FunctionCalled
    key[at + CALL_KEY.signature] = this.texts.signatureId(signature)
    key[at + CALL_KEY.attributes] = attributes < 0 ? 0 : this.texts.textId(attributes)
    key[at + CALL_KEY.inputCount] = inputs
    const inputsTo = at + CALL_KEY.inputs
    for (let i = 0; i < inputs; i++) key[inputsTo + i] = this.encoded(words[inputsAt + i]!)
    let cells = outputs === 0 ? 0 : this.values(outputsAt, outputs)
    if (attributes < 0) {
      this.cells.addText(this.texts.textId(-1 - attributes))
      cells++
    }
    key[at + CALL_KEY.cells] = cells
  }

  site(site: number): void {
    this.sites.push(this.place, this.texts.siteId(site))
  }

  gradient(pass: number, variable: Ref, gradient: Ref, form: number, held: number, valuesAt: number): void {
    const at = this.room(GRADIENT_KEY.size)
    const { key } = this
    const formId = this.texts.arrayFormId(form)
    key[at + GRADIENT_KEY.kind] = EVENT_KIND.GradientComputed
    key[at + GRADIENT_KEY.form] = formId
    key[at + GRADIENT_KEY.held] = held
    key[at + GRADIENT_KEY.pass] = this.encoded(pass)
    key[at + GRADIENT_KEY.variable] = this.encodedVariable(variable)
    key[at + GRADIENT_KEY.gradient] = this.encodedOrNone(gradient)
    key[at + GRADIENT_KEY.cells] = 0
    this.gradientRows.add(
      this.runBase + this.own,
      this.variables.idOf(this.runId, variable),
      pass,
      formId,
      held,
      this.words,
      valuesAt,
      this.stored,
    )
  }

  leaf(form: number, source: Ref, valueAt: number): void {
    const at = this.room(LEAF_KEY.size)
    const { key } = this
    key[at + LEAF_KEY.kind] = EVENT_KIND.LeafCreated
    const formId = this.texts.leafFormId(form)
    this.variables.noteLeaf(this.own, formId)
    key[at + LEAF_KEY.form] = formId
    key[at + LEAF_KEY.source] = this.encodedOrNone(source)
    key[at + LEAF_KEY.cells] = this.values(valueAt, 1)
  }

  measured(updateNorm: number): void {
    this.isMeasured = true
    this.updateNorm = updateNorm
  }

  assignment(variable: Ref, source: Ref, form: number, valueAt: number): void {
    const at = this.room(ASSIGNMENT_KEY.size)
    const { key, isMeasured, updateNorm } = this
    this.isMeasured = false
    key[at + ASSIGNMENT_KEY.kind] = EVENT_KIND.ValueAssigned
    key[at + ASSIGNMENT_KEY.form] = this.texts.arrayFormId(form)
    key[at + ASSIGNMENT_KEY.variable] = this.encoded(variable)
    key[at + ASSIGNMENT_KEY.source] = this.encodedOrNone(source)
    // The summary of what the run made itself stands in the row.
    key[at + ASSIGNMENT_KEY.cells] = isMeasured && source !== 0 ? 0 : this.values(valueAt, 1)
    if (!isMeasured) return
    addAssignment(
      this.assignments,
      this.runBase + this.own,
      this.variables.idOf(this.runId, variable),
      updateNorm === updateNorm ? updateNorm : null,
      this.words,
      valueAt,
      this.stored,
      () => arrayFormOf(this.texts.content(form), 'the form of an assignment'),
    )
  }

  clear(variable: Ref): void {
    const at = this.room(CLEAR_KEY.size)
    this.key[at + CLEAR_KEY.kind] = EVENT_KIND.GradientCleared
    this.key[at + CLEAR_KEY.variable] = this.encoded(variable)
  }

  freeze(variable: Ref, requiresGrad: number): void {
    const at = this.room(FREEZE_KEY.size)
    this.key[at + FREEZE_KEY.kind] = EVENT_KIND.RequiresGradSet
    this.key[at + FREEZE_KEY.requiresGrad] = requiresGrad
    this.key[at + FREEZE_KEY.variable] = this.encoded(variable)
  }

  pass(flags: number, rootsAt: number, roots: number, targetsAt: number, targets: number): void {
    const at = this.room(PASS_KEY.roots + 2 * roots + 1 + targets)
    const { key, words } = this
    key[at + PASS_KEY.kind] = PACKED_BACKWARD
    key[at + PASS_KEY.flags] = flags
    key[at + PASS_KEY.rootCount] = roots
    let to = at + PASS_KEY.roots
    for (let i = 0; i < 2 * roots; i++) key[to++] = this.encodedOrNone(words[rootsAt + i]!)
    key[to++] = targets
    for (let i = 0; i < targets; i++) key[to++] = this.encoded(words[targetsAt + i]!)
  }

  step(elapsedMs: number): void {
    this.eventRows.step(this.ownRow(EVENT_KIND.StepStarted), this.stepNumber, elapsedMs)
  }

  metric(name: number, value: number, variable: Ref): void {
    if (variable !== 0) this.names.note(this.runId, variable, this.texts.content(name), this.blockFirst)
    this.eventRows.metric(this.ownRow(EVENT_KIND.MetricLogged), this.stepNumber, name, value, variable)
  }

  checkpoint(entriesAt: number, count: number): void {
    const id = this.ownRow(EVENT_KIND.CheckpointTaken)
    this.eventRows.checkpoint(id, this.stepNumber, this.words, entriesAt, count, this.stored)
  }

  other(kind: number, text: number): void {
    if (kind === EVENT_KIND.VariableNamed) {
      const { variable, name } = JSON.parse(this.texts.content(text)) as {
        variable: Ref
        name: string | null
      }
      if (name !== null) this.names.note(this.runId, variable, name, this.blockFirst)
    }
    this.eventRows.other(this.ownRow(kind), this.stepNumber, kind, text)
  }

  /** In the block an event with a row of its own only takes its place. Gives the id of its row. */
  private ownRow(kind: number): number {
    const at = this.room(ROW_KEY.size)
    this.key[at + ROW_KEY.kind] = kind
    return this.runBase + this.own
  }

  /** A reference as templates hold it: how many positions back, or minus the ref itself when it lies far back. */
  private encoded(ref: Ref): number {
    const { own } = this
    const position = positionOf(ref)
    if (position >= this.previous && own - position <= RELATIVE_MAX) return own - position + (ref - position)
    return -ref
  }

  private encodedOrNone(ref: Ref): number {
    return ref === 0 ? 0 : this.encoded(ref)
  }

  /** The variable of a gradient: by the block's base when it is far away but in the graph the pass walks down. */
  private encodedVariable(ref: Ref): number {
    if (!isPosition(ref) || this.own - ref < BASE_DISTANCE_MIN || ref < this.previous)
      return this.encoded(ref)
    if (this.base === 0) this.base = ref
    return Math.abs(this.base - ref) <= RELATIVE_MAX ? this.base - ref + 0.5 : this.encoded(ref)
  }

  /**
   * The cells of `count` values that stand at `at`; trailing values that were not captured take none, and summaries take six each
   * (then all of the values are summaries). Gives how many cells were taken.
   */
  private values(at: number, count: number): number {
    const { words, stored, cells } = this
    let taken = 0
    let width = 1
    for (let i = 0; i < count; i++) {
      const tag = words[at + i * VALUE_WORDS.size + VALUE_WORDS.tag]!
      const payload = words[at + i * VALUE_WORDS.size + VALUE_WORDS.payload]!
      if (tag === VALUE_NONE) continue
      for (; taken < i; taken++) cells.addNothing()
      if (tag === VALUE_SCALAR) cells.addNumber(payload)
      else if (tag === CAPTURE_BYTES) cells.addValue(stored[payload]!.id)
      else if (tag === CAPTURE_INLINE)
        return cells.addInline(stored[payload]!.inline!) // always the only one
      else if (tag === CAPTURE_HASH) cells.addHashed(stored[payload]!.id)
      else {
        cells.addSummary(stored[payload]!.summary!)
        width = SUMMARY_SIZE
      }
      taken = i + 1
    }
    return taken * width
  }

  /** Takes this many numbers of the key; gives where they begin. */
  private room(size: number): number {
    const at = this.keyLength
    this.keyLength = at + size
    if (this.keyLength > this.key.length) this.key = grown(this.key, this.keyLength)
    return at
  }
}
