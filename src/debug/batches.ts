/** All batches that a run took from its data sets, in order: read from the blocks, without events. */
import type { TapeEvent } from '../events/event.js'
import { CALL_ENTRY, LEAF_ENTRY } from '../events/record-layout.js'
import { decodeRef, type TemplateLists } from '../store/format/template.js'
import { pagedBlocks } from '../store/read/block-pages.js'
import type { Block } from '../store/read/block-reader.js'
import type { RunRows } from '../store/read/run-rows.js'
import { PAGE } from '../store/read/run-rows.js'
import { StoredArray, ValueRows } from '../store/read/stored-array.js'
import { TemplateReader } from '../store/read/template-reader.js'
import { takenRows } from './rows.js'
import type { RunView } from './run-view.js'

/** A batch: rows of a data set. */
export interface Taken {
  readonly position: number
  /** The step in which it was taken; a loop that makes its next batch at the end of a step takes it in the step before. */
  readonly step: number
  readonly data: number
  /** The leaf of the indices: batches of one leaf have the same rows. */
  readonly indices: number
  readonly scope: string
  readonly rows: readonly number[]
  /** Whether a call of the same step reads it. */
  readonly isReadHere: boolean
}

/** More batches than this are not read. */
const BATCHES_MAX = 50_000

/** Templates of which it is remembered whether they take rows. */
const TEMPLATES_MAX = 1 << 16

/** Where a template takes rows. */
type Spec = { call: number[]; scope: string; reads: boolean }

/** What batches are read from. */
export interface BatchSource {
  readonly rows: RunRows
  event(position: number): TapeEvent
}

export function batchesOf(view: RunView): Taken[] {
  const known = KEPT.get(view)
  if (known !== undefined) return known
  const found: Taken[] = []
  const templates = new TemplateReader(view.rows.db)
  // Most blocks take nothing: of these only the template is looked at, once.
  const takes = new Map<number, boolean>()
  const isTaking = (id: number) => {
    let known = takes.get(id)
    if (known === undefined) {
      known = specsOf(view, { template: templates.lists(id) }).length > 0
      if (takes.size >= TEMPLATES_MAX) takes.clear()
      takes.set(id, known)
    }
    return known
  }
  let isCut = false
  for (const block of hasTakes(view)
    ? pagedBlocks(view.rows.db, view.rows.runId, 1, view.lastPosition)
    : []) {
    if (!isTaking(block.templateId)) continue
    isCut = found.length >= BATCHES_MAX
    if (isCut) break
    const { first, step, templateId, base, cells, from, to } = block
    cells.seek(from, to)
    found.push(
      ...takenIn(view, { first, step, templateId, base, cells, template: templates.lists(templateId) }),
    )
    if (!view.isReplayable) view.skipped.set('rows', "the capture 'structure' keeps no indices")
  }
  if (isCut) view.skipped.set('rows', `batches after step ${found.at(-1)!.step}: ${BATCHES_MAX} were read`)
  KEPT.set(view, found)
  return found
}

/** Whether anything on the tape takes rows. */
function hasTakes({ rows }: RunView): boolean {
  return rows.get('SELECT 1 FROM _signature WHERE function = ? LIMIT 1', 'take') !== undefined
}

const KEPT = new WeakMap<RunView, Taken[]>()
const SPECS = new WeakMap<TemplateLists, Spec[]>()

/** The batches that a block takes. */
export function takenIn(source: BatchSource, block: Block): Taken[] {
  return specsOf(source, block).flatMap((spec) => taken(source, block, spec) ?? [])
}

function specsOf({ rows: { texts } }: BatchSource, { template }: Pick<Block, 'template'>): Spec[] {
  let specs = SPECS.get(template)
  if (specs === undefined) {
    specs = template.calls.flatMap((call) => {
      const { function: name, scope } = texts.signature(call[CALL_ENTRY.signature]!)
      if (name !== 'take' || call.length !== CALL_ENTRY.inputs + 2) return []
      const attributes = call[CALL_ENTRY.attributes]!
      const { axis = 0 } = attributes === 0 ? {} : (texts.attributes(attributes) as { axis?: number })
      if (axis !== 0) return []
      const offset = call[CALL_ENTRY.offset]!
      const reads = template.calls.some((other) =>
        other
          .slice(CALL_ENTRY.inputs)
          .some((ref) => ref > 0 && Number.isInteger(ref) && other[CALL_ENTRY.offset]! - ref === offset),
      )
      return [{ call, scope, reads }]
    })
    SPECS.set(template, specs)
  }
  return specs
}

function taken(source: BatchSource, block: Block, { call, scope, reads }: Spec): Taken | null {
  const position = block.first + call[CALL_ENTRY.offset]!
  const data = decodeRef(call[CALL_ENTRY.inputs]!, position, block.base)
  const indices = decodeRef(call[CALL_ENTRY.inputs + 1]!, position, block.base)
  const { step } = block
  const rows = rowsInBlock(source, block, indices) ?? rowsByEvent(source, position)
  if (rows === null || !isData(source, data)) return null
  return { position, step, data, indices, scope, rows, isReadHere: reads }
}

const IS_DATA = new WeakMap<BatchSource, Map<number, boolean>>()

/** Whether a ref is a leaf that training does not change. */
function isData(view: BatchSource, ref: number): boolean {
  let known = IS_DATA.get(view)
  if (known === undefined) {
    known = new Map()
    IS_DATA.set(view, known)
  }
  let is = known.get(ref)
  if (is === undefined) {
    const event = view.event(ref)
    is = event.type === 'LeafCreated' && !event.requiresGrad
    known.set(ref, is)
  }
  return is
}

/** Indices of which the leaf stands in the same block: in its cells, or as a value that a cell names. */
function rowsInBlock(source: BatchSource, block: Block, position: number): readonly number[] | null {
  const { first, template, cells, base } = block
  const leaf = template.leaves.find((one) => first + one[LEAF_ENTRY.offset]! === position)
  if (leaf === undefined) return null
  // Indices that two calls are given as one array are a leaf each, of which the second has the value of the first.
  const from = leaf[LEAF_ENTRY.source]!
  if (from !== 0) return rowsInBlock(source, block, decodeRef(from, position, base))
  const form = source.rows.texts.leafForm(leaf[LEAF_ENTRY.form]!)
  if (form.dtype !== 'int32' || form.shape.length !== 1) return null
  const [cell, count] = [leaf[LEAF_ENTRY.cell]!, leaf[LEAF_ENTRY.cells]!]
  if (count === 1) {
    const id = cells.valueId(cell)
    return id === 0 ? null : rowsOfValue(source, id, form.shape)
  }
  if (count < 2) return null
  const bytes = cells.inline(cell, count)
  return Array.from({ length: form.shape[0]! }, (_, i) => bytes.readInt32LE(4 * i))
}

/** Rows that are remembered: most runs take the same batches epoch after epoch. */
const KEPT_ROWS_MAX = 1 << 20

class RowValues {
  private readonly values: ValueRows
  private readonly known = new Map<number, readonly number[]>()
  private count = 0

  constructor(source: BatchSource) {
    this.values = new ValueRows(source.rows.db)
  }

  of(id: number, shape: readonly number[]): readonly number[] {
    let rows = this.known.get(id)
    if (rows === undefined) {
      rows = [...new StoredArray(this.values, id, 'int32', shape).data]
      this.count += rows.length
      if (this.count > KEPT_ROWS_MAX) {
        this.known.clear()
        this.count = rows.length
      }
      this.known.set(id, rows)
    }
    return rows
  }
}

const ROW_VALUES = new WeakMap<BatchSource, RowValues>()

function rowsOfValue(source: BatchSource, id: number, shape: readonly number[]): readonly number[] {
  let values = ROW_VALUES.get(source)
  if (values === undefined) {
    values = new RowValues(source)
    ROW_VALUES.set(source, values)
  }
  return values.of(id, shape)
}

function rowsByEvent(view: BatchSource, position: number): number[] | null {
  const call = view.event(position)
  return call.type === 'FunctionCalled' ? (takenRows(view, call)?.rows ?? null) : null
}

/** The step that a batch belongs to: the one that reads it first. */
export function stepOfBatch(view: RunView, batch: Taken): number {
  if (batch.isReadHere) return batch.step
  const reader = view.recording.lookup.firstReader(
    batch.position,
    batch.position,
    Math.min(view.lastPosition, batch.position + PAGE),
  )
  return reader === null ? batch.step : view.event(reader).step
}
