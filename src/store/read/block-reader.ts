/** From blocks back to events: a template's lists, with the block's place and slots filled in. */
import { TapeError } from '../../errors.js'
import {
  type ArraySummary,
  BACKWARD_VERSION,
  EVENT_VERSION,
  type FunctionCalled,
  type RecordedArray,
  type Ref,
  type TapeEvent,
} from '../../events/event.js'
import { InlineArray } from '../../events/inline-array.js'
import { HELD } from '../../events/pack.js'
import { textToPlain } from '../../events/plain.js'
import { ScalarValue } from '../../events/scalar-value.js'
import type { Connection, Statement } from '../format/connection.js'
import { RUN_UNIT } from '../format/ids.js'
import { SlotReader } from '../format/slots.js'
import { decodeRef, type TemplateLists } from '../format/template.js'
import { arrayFromBytes, SUMMARY_SLOTS } from '../format/value.js'
import { StoredArray, ValueRows } from './stored-array.js'
import type { TemplateColumns } from './template-columns.js'
import { TemplateReader } from './template-reader.js'
import type { TextReader } from './text-reader.js'

interface Content {
  value: RecordedArray | null
  summary: ArraySummary | null
}
const NO_CONTENT: Content = { value: null, summary: null }

export interface Block {
  /** Position of its first event. */
  first: number
  step: number
  template: TemplateLists
  base: number
  slots: SlotReader
}

/** A block of which only the graph is wanted. */
export interface ColumnBlock extends Omit<Block, 'template' | 'step'> {
  template: TemplateColumns
}

interface BlockRow extends Omit<Block, 'template'> {
  templateId: number
}

export class BlockReader {
  private readonly range: Statement
  private readonly startOf: Statement
  private readonly templates: TemplateReader
  private readonly values: ValueRows
  private readonly texts: TextReader

  constructor(db: Connection, texts: TextReader) {
    this.values = new ValueRows(db)
    this.texts = texts
    this.range = db
      .prepare(
        'SELECT id, run_id, step, template_id, base, slots FROM _block WHERE id BETWEEN ? AND ? ORDER BY id',
      )
      .raw()
    this.startOf = db.prepare('SELECT max(id) FROM _block WHERE id BETWEEN ? AND ?').pluck()
    this.templates = new TemplateReader(db)
  }

  /** The blocks that hold events `from` to `to`, in order. */
  *blocks(runId: number, from: number, to: number): Generator<Block> {
    for (const { first, step, templateId, base, slots } of this.rows(runId, from, to))
      yield { first, step, template: this.templates.lists(templateId), base, slots }
  }

  /** The same as pages of a graph have them. */
  *blocksOfColumns(runId: number, from: number, to: number): Generator<ColumnBlock> {
    for (const { first, templateId, base, slots } of this.rows(runId, from, to))
      yield { first, template: this.templates.columns(templateId), base, slots }
  }

  private *rows(runId: number, from: number, to: number): Generator<BlockRow> {
    const base = runId * RUN_UNIT
    const start = (this.startOf.get(base + 1, base + from) as number | null) ?? base + from
    // Read at once and not row by row: an open statement would keep the connection from being used meanwhile.
    for (const [id, run, step, templateId, blockBase, slots] of this.range.all(start, base + to) as [
      number,
      number,
      number,
      number,
      number,
      Buffer | null,
    ][]) {
      if (run !== runId) throw new TapeError('TAPE_CORRUPT', `block ${id} is listed under run ${run}`)
      // Cut out of the bits, a position is a small integer to V8; a difference of large numbers would be a double for ever.
      yield { first: (id - base) >>> 0, step, templateId, base: blockBase, slots: new SlotReader(slots) }
    }
  }

  /** Puts the events of blocks at their index from `from`. */
  readInto(found: (TapeEvent | null)[], runId: number, from: number, to: number): void {
    for (const block of this.blocks(runId, from, to)) this.expand(block, from, to, found)
  }

  private expand(block: Block, from: number, to: number, found: (TapeEvent | null)[]): void {
    const { first, step, template, base, slots } = block
    const place = (offset: number): number => {
      const position = first + offset
      if (position < from || position > to) return -1
      if (found[position - from] !== null)
        throw new TapeError('TAPE_CORRUPT', `position ${position} holds two events`)
      return position
    }
    for (const leaf of template.leaves) {
      const position = place(leaf[0]!)
      if (position < 0) continue
      const { role, requiresGrad, name, dtype, shape } = this.texts.leafForm(leaf[3]!)
      const content = this.outside(slots, leaf[1]!, leaf[2]!, dtype, shape)
      found[position - from] = {
        type: 'LeafCreated',
        version: EVENT_VERSION,
        position,
        step,
        role,
        requiresGrad,
        name,
        dtype,
        shape,
        source: refOrNull(leaf[4]!, position, base),
        ...content,
      } as TapeEvent
    }
    for (const call of template.calls) {
      const position = place(call[0]!)
      if (position >= 0) found[position - from] = this.call(call, position, step, base, slots)
    }
    for (const gradient of template.gradients) {
      const position = place(gradient[0]!)
      if (position < 0) continue
      const [, slot, taken, form, held, pass, variable, maker] = gradient as [
        number,
        number,
        number,
        number,
        number,
        number,
        number,
        number,
      ]
      const { dtype, shape } = this.texts.arrayForm(form)
      const width = taken < SUMMARY_SLOTS ? 1 : SUMMARY_SLOTS
      const read = (part: number): Content => {
        if (taken <= part * width) return NO_CONTENT
        if (width === 1) return this.content(slots, slot + part, dtype, shape)
        return { value: null, summary: { ...slots.summary(slot + part * width), hash: null } }
      }
      const contribution = read(0)
      const accumulated = read(1)
      found[position - from] = {
        type: 'GradientComputed',
        version: EVENT_VERSION,
        position,
        step,
        pass: decodeRef(pass, position, base),
        variable: decodeRef(variable, position, base),
        dtype,
        shape,
        gradient: refOrNull(maker, position, base),
        contribution: contribution.value,
        contributionSummary: contribution.summary,
        held: HELD[held],
        accumulated: accumulated.value,
        accumulatedSummary: accumulated.summary,
      } as TapeEvent
    }
    for (const assignment of template.assignments) {
      const position = place(assignment[0]!)
      if (position < 0) continue
      const [, slot, taken, form, variable, source] = assignment as [
        number,
        number,
        number,
        number,
        number,
        number,
      ]
      const { dtype, shape } = this.texts.arrayForm(form)
      found[position - from] = {
        type: 'ValueAssigned',
        version: EVENT_VERSION,
        position,
        step,
        variable: decodeRef(variable, position, base),
        dtype,
        shape,
        source: refOrNull(source, position, base),
        ...this.outside(slots, slot, taken, dtype, shape),
      }
    }
    for (const [offset, flags, roots, ...refs] of template.passes as [
      number,
      number,
      number,
      ...number[],
    ][]) {
      const position = place(offset)
      if (position < 0) continue
      const decoded = refs.map((ref) => refOrNull(ref, position, base))
      found[position - from] = {
        type: 'BackwardStarted',
        version: BACKWARD_VERSION,
        position,
        step,
        roots: decoded.slice(0, roots),
        gradients: decoded.slice(roots, 2 * roots),
        targets: (flags & 4) === 0 ? null : decoded.slice(2 * roots),
        createGraph: (flags & 1) !== 0,
        retainGrad: (flags & 2) !== 0,
      } as TapeEvent
    }
    for (const clear of template.clears) {
      const position = place(clear[0]!)
      if (position >= 0)
        found[position - from] = {
          type: 'GradientCleared',
          version: EVENT_VERSION,
          position,
          step,
          variable: decodeRef(clear[1]!, position, base),
        }
    }
  }

  /** A value that came from outside: one slot names or is it, several hold it. */
  outside(slots: SlotReader, slot: number, taken: number, dtype: string, shape: readonly number[]): Content {
    if (taken === 0) return NO_CONTENT
    if (taken === 1) return this.content(slots, slot, dtype, shape)
    const size = shape.reduce((product, extent) => product * extent, 1)
    const data = arrayFromBytes(dtype, size, slots.inline(slot, taken))
    return { value: new InlineArray(dtype, shape, data), summary: null }
  }

  private call(
    call: number[],
    position: number,
    step: number,
    base: number,
    slots: SlotReader,
  ): FunctionCalled {
    const { function: name, scope, linked, outputs: forms } = this.texts.signature(call[3]!)
    const slot = call[1]!
    let taken = call[2]!
    let attributes: FunctionCalled['attributes']
    if (call[4] === 0) {
      taken--
      attributes = textToPlain(
        this.texts.passing(slots.textId(slot + taken)),
        `attributes of event ${position}`,
      ) as FunctionCalled['attributes']
    } else attributes = this.texts.attributes(call[4]!) as FunctionCalled['attributes']
    const inputs = new Array<Ref>(call.length - 5)
    for (let i = 5; i < call.length; i++) inputs[i - 5] = decodeRef(call[i]!, position, base)
    // Where nothing was kept, all calls of a signature share its outputs: there may be millions.
    const outputs =
      taken === 0
        ? forms
        : forms.map(({ dtype, shape }, i) => ({
            dtype,
            shape,
            value: i < taken ? this.content(slots, slot + i, dtype, shape).value : null,
          }))
    return {
      type: 'FunctionCalled',
      version: EVENT_VERSION,
      position,
      step,
      function: name,
      attributes,
      inputs,
      outputs,
      scope,
      linked,
    }
  }

  /** What a slot holds of an array. */
  content(slots: SlotReader, slot: number, dtype: string, shape: readonly number[]): Content {
    const valueId = slots.valueId(slot)
    if (valueId > 0) return { value: new StoredArray(this.values, valueId, dtype, shape), summary: null }
    if (slots.isNothing(slot)) return NO_CONTENT
    const hashedId = slots.hashedId(slot)
    if (hashedId > 0) return { value: null, summary: this.values.summary(hashedId) }
    return { value: new ScalarValue(slots.number(slot), dtype, shape), summary: null }
  }
}

function refOrNull(encoded: number, own: number, base: number): Ref | null {
  return encoded === 0 ? null : decodeRef(encoded, own, base)
}
