/** From blocks back to events: a template's lists, with the block's place and cells filled in. */
import { TapeError } from '../../errors.js'
import { elementCount } from '../../events/dtypes.js'
import {
  ASSIGNMENT_VERSION,
  BACKWARD_VERSION,
  EVENT_VERSION,
  type FunctionCalled,
  type Ref,
  type TapeEvent,
} from '../../events/event.js'
import type { Content } from '../../events/event-kinds.js'
import type { ArrayForm } from '../../events/forms.js'
import { InlineArray } from '../../events/inline-array.js'
import { HELD } from '../../events/pack.js'
import { textToPlain } from '../../events/plain.js'
import {
  ASSIGNMENT_ENTRY,
  CALL_ENTRY,
  CLEAR_ENTRY,
  FREEZE_ENTRY,
  GRADIENT_ENTRY,
  LEAF_ENTRY,
  PASS_ENTRY,
  PASS_FLAGS,
} from '../../events/record-layout.js'
import { ScalarValue } from '../../events/scalar-value.js'
import { flagFrom } from '../../events/unpack.js'
import { CellReader } from '../format/cells.js'
import type { Connection, Statement } from '../format/connection.js'
import { eventId, POSITION_MAX, positionOfId } from '../format/ids.js'
import { decodeRef, type TemplateLists } from '../format/template.js'
import { arrayFromBytes } from '../format/value.js'
import { GradientContents } from './gradient-contents.js'
import { MeasuredAssignments } from './measured-assignments.js'
import { StoredArray, ValueRows } from './stored-array.js'
import type { TemplateColumns } from './template-columns.js'
import { TemplateReader } from './template-reader.js'
import type { TextReader } from './text-reader.js'

const NO_CONTENT: Content = { value: null, summary: null }

export interface Block {
  /** Position of its first event. */
  first: number
  step: number
  /** The id of its template: in one file, equal ids are equal templates. */
  templateId: number
  template: TemplateLists
  base: number
  cells: CellReader
}

/** A block of which only the graph is wanted. */
export interface ColumnBlock extends Omit<Block, 'template' | 'templateId' | 'step'> {
  template: TemplateColumns
}

type BlockRow = Omit<Block, 'template'>

export class BlockReader {
  private readonly range: Statement
  private readonly startOf: Statement
  private readonly lastOf: Statement
  private readonly templates: TemplateReader
  private readonly values: ValueRows
  private readonly gradients: GradientContents
  private readonly measured: MeasuredAssignments
  private readonly texts: TextReader

  constructor(db: Connection, texts: TextReader) {
    this.values = new ValueRows(db)
    this.gradients = new GradientContents(db, this.values)
    this.measured = new MeasuredAssignments(db)
    this.texts = texts
    this.range = db
      .prepare(
        'SELECT id, run_id, step, template_id, base, slots FROM _block WHERE id BETWEEN ? AND ? ORDER BY id',
      )
      .raw()
    this.startOf = db.prepare('SELECT max(id) FROM _block WHERE id BETWEEN ? AND ?').pluck()
    this.lastOf = db
      .prepare(
        'SELECT (b.id & 4294967295) + t.event_count - 1 FROM _block b JOIN _template t ON t.id = b.template_id WHERE b.id BETWEEN ? AND ? ORDER BY b.id DESC LIMIT 1',
      )
      .pluck()
    this.templates = new TemplateReader(db)
  }

  /** The last position that a block of the run holds; 0 for none. */
  lastPosition(runId: number): number {
    return Number(this.lastOf.get(eventId(runId, 1), eventId(runId, POSITION_MAX)) ?? 0)
  }

  /** The blocks that hold events `from` to `to`, in order. */
  *blocks(runId: number, from: number, to: number): Generator<Block> {
    for (const { first, step, templateId, base, cells } of this.rows(runId, from, to))
      yield { first, step, templateId, template: this.templates.lists(templateId), base, cells }
  }

  /** The same as pages of a graph have them. */
  *blocksOfColumns(runId: number, from: number, to: number): Generator<ColumnBlock> {
    for (const { first, templateId, base, cells } of this.rows(runId, from, to))
      yield { first, template: this.templates.columns(templateId), base, cells }
  }

  private *rows(runId: number, from: number, to: number): Generator<BlockRow> {
    const base = eventId(runId, 0)
    const start = (this.startOf.get(base + 1, base + from) as number | null) ?? base + from
    // Read at once and not row by row: an open statement would keep the connection from being used meanwhile.
    for (const [id, run, step, templateId, blockBase, bytes] of this.range.all(start, base + to) as [
      number,
      number,
      number,
      number,
      number,
      Buffer | null,
    ][]) {
      if (run !== runId) throw new TapeError('TAPE_CORRUPT', `block ${id} is listed under run ${run}`)
      yield { first: positionOfId(id), step, templateId, base: blockBase, cells: new CellReader(bytes) }
    }
  }

  /** Puts the events of blocks at their index from `from`. */
  readInto(found: (TapeEvent | null)[], runId: number, from: number, to: number): void {
    for (const block of this.blocks(runId, from, to)) this.expand(block, runId, from, to, found)
  }

  private expand(block: Block, runId: number, from: number, to: number, found: (TapeEvent | null)[]): void {
    const { first, step, template, base, cells } = block
    const place = (entry: readonly number[]): number => {
      const position = first + entry[CALL_ENTRY.offset]!
      if (position < from || position > to) return -1
      if (found[position - from] !== null)
        throw new TapeError('TAPE_CORRUPT', `position ${position} holds two events`)
      return position
    }
    const put = (position: number, event: object) => {
      found[position - from] = event as TapeEvent
    }
    for (const leaf of template.leaves) {
      const position = place(leaf)
      if (position < 0) continue
      const form = this.texts.leafForm(leaf[LEAF_ENTRY.form]!)
      put(position, {
        type: 'LeafCreated',
        version: EVENT_VERSION,
        position,
        step,
        role: form.role,
        requiresGrad: form.requiresGrad,
        name: form.name,
        dtype: form.dtype,
        shape: form.shape,
        source: refOrNull(leaf[LEAF_ENTRY.source]!, position, base),
        ...this.outside(cells, leaf[LEAF_ENTRY.cell]!, leaf[LEAF_ENTRY.cells]!, form),
      })
    }
    for (const call of template.calls) {
      const position = place(call)
      if (position >= 0) found[position - from] = this.call(call, position, step, base, cells)
    }
    // Who asks for one event of a block does not pay for the rows of the others.
    const rows = <R>(entries: readonly (readonly number[])[], of: { between(a: number, b: number): R }) => {
      if (entries.length === 0) return null
      const begin = Math.max(from, first + entries[0]![CALL_ENTRY.offset]!)
      const end = Math.min(to, first + entries.at(-1)![CALL_ENTRY.offset]!)
      return begin > end ? null : of.between(eventId(runId, begin), eventId(runId, end))
    }
    const kept = rows(template.gradients, this.gradients)
    for (const gradient of template.gradients) {
      const position = place(gradient)
      if (position < 0 || kept === null) continue
      const form = this.texts.arrayForm(gradient[GRADIENT_ENTRY.form]!)
      const id = eventId(runId, position)
      const contribution = this.gradients.contribution(kept, id, form)
      const accumulated = this.gradients.afterAccumulation(kept, id, form)
      put(position, {
        type: 'GradientComputed',
        version: EVENT_VERSION,
        position,
        step,
        pass: decodeRef(gradient[GRADIENT_ENTRY.pass]!, position, base),
        variable: decodeRef(gradient[GRADIENT_ENTRY.variable]!, position, base),
        dtype: form.dtype,
        shape: form.shape,
        gradient: refOrNull(gradient[GRADIENT_ENTRY.gradient]!, position, base),
        contribution: contribution.value,
        contributionSummary: contribution.summary,
        held: HELD[gradient[GRADIENT_ENTRY.held]!],
        accumulated: accumulated.value,
        accumulatedSummary: accumulated.summary,
      })
    }
    const measuredIds = rows(template.assignments, this.measured)
    for (const assignment of template.assignments) {
      const position = place(assignment)
      if (position < 0) continue
      const measured = measuredIds?.get(eventId(runId, position))
      const isMade = assignment[ASSIGNMENT_ENTRY.source] !== 0
      const form = this.texts.arrayForm(assignment[ASSIGNMENT_ENTRY.form]!)
      put(position, {
        type: 'ValueAssigned',
        version: measured === undefined ? EVENT_VERSION : ASSIGNMENT_VERSION,
        position,
        step,
        variable: decodeRef(assignment[ASSIGNMENT_ENTRY.variable]!, position, base),
        dtype: form.dtype,
        shape: form.shape,
        source: refOrNull(assignment[ASSIGNMENT_ENTRY.source]!, position, base),
        ...this.outside(cells, assignment[ASSIGNMENT_ENTRY.cell]!, assignment[ASSIGNMENT_ENTRY.cells]!, form),
        ...(measured !== undefined && isMade ? { summary: measured.summary } : {}),
        ...(measured === undefined ? {} : { updateNorm: measured.updateNorm }),
      })
    }
    for (const pass of template.passes) {
      const position = place(pass)
      if (position < 0) continue
      const [flags, roots] = [pass[PASS_ENTRY.flags]!, pass[PASS_ENTRY.rootCount]!]
      const refs = pass.slice(PASS_ENTRY.roots).map((ref) => refOrNull(ref, position, base))
      put(position, {
        type: 'BackwardStarted',
        version: BACKWARD_VERSION,
        position,
        step,
        roots: refs.slice(0, roots),
        gradients: refs.slice(roots, 2 * roots),
        targets: (flags & PASS_FLAGS.targets) === 0 ? null : refs.slice(2 * roots),
        createGraph: (flags & PASS_FLAGS.createGraph) !== 0,
        retainGrad: (flags & PASS_FLAGS.retainGrad) !== 0,
      })
    }
    for (const clear of template.clears) {
      const position = place(clear)
      if (position < 0) continue
      const variable = decodeRef(clear[CLEAR_ENTRY.variable]!, position, base)
      put(position, { type: 'GradientCleared', version: EVENT_VERSION, position, step, variable })
    }
    for (const freeze of template.freezes) {
      const position = place(freeze)
      if (position < 0) continue
      const variable = decodeRef(freeze[FREEZE_ENTRY.variable]!, position, base)
      const requiresGrad = flagFrom(freeze[FREEZE_ENTRY.requiresGrad]!)
      put(position, {
        type: 'RequiresGradSet',
        version: EVENT_VERSION,
        position,
        step,
        variable,
        requiresGrad,
      })
    }
  }

  /** A value that came from outside: one cell names or is it, several hold it. */
  outside(cells: CellReader, cell: number, taken: number, form: ArrayForm): Content {
    if (taken === 0) return NO_CONTENT
    if (taken === 1) return this.content(cells, cell, form)
    const { dtype, shape } = form
    const data = arrayFromBytes(dtype, elementCount(shape), cells.inline(cell, taken))
    return { value: new InlineArray(dtype, shape, data), summary: null }
  }

  private call(
    call: number[],
    position: number,
    step: number,
    base: number,
    cells: CellReader,
  ): FunctionCalled {
    const {
      function: name,
      scope,
      linked,
      outputs: forms,
    } = this.texts.signature(call[CALL_ENTRY.signature]!)
    const cell = call[CALL_ENTRY.cell]!
    let taken = call[CALL_ENTRY.cells]!
    let attributes: FunctionCalled['attributes']
    if (call[CALL_ENTRY.attributes] === 0) {
      taken--
      attributes = textToPlain(
        this.texts.passing(cells.textId(cell + taken)),
        `attributes of event ${position}`,
      ) as FunctionCalled['attributes']
    } else attributes = this.texts.attributes(call[CALL_ENTRY.attributes]!) as FunctionCalled['attributes']
    const inputs = new Array<Ref>(call.length - CALL_ENTRY.inputs)
    for (let i = 0; i < inputs.length; i++)
      inputs[i] = decodeRef(call[CALL_ENTRY.inputs + i]!, position, base)
    // Where nothing was kept, all calls of a signature share its outputs: there may be millions.
    const outputs =
      taken === 0
        ? forms
        : forms.map((form, i) => ({
            dtype: form.dtype,
            shape: form.shape,
            value: i < taken ? this.content(cells, cell + i, form).value : null,
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

  /** What a cell holds of an array. */
  content(cells: CellReader, cell: number, { dtype, shape }: ArrayForm): Content {
    const valueId = cells.valueId(cell)
    if (valueId > 0) return { value: new StoredArray(this.values, valueId, dtype, shape), summary: null }
    if (cells.isNothing(cell)) return NO_CONTENT
    const hashedId = cells.hashedId(cell)
    if (hashedId > 0) return { value: null, summary: this.values.summary(hashedId) }
    return { value: new ScalarValue(cells.number(cell), dtype, shape), summary: null }
  }
}

function refOrNull(encoded: number, own: number, base: number): Ref | null {
  return encoded === 0 ? null : decodeRef(encoded, own, base)
}
