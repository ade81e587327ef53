/**
 * Whether the blocks of a batch are cut where gradtape cuts them, and whether each of their cells holds what its template
 * has a place for, in the one way in which it is written.
 */

import { bytesOf } from '../../events/content.js'
import type { TapeEvent } from '../../events/event.js'
import { idInCell, inlineCells, TAG } from '../format/cells.js'
import type { Connection, Statement } from '../format/connection.js'
import { eventId } from '../format/ids.js'
import { arrayFromBytes } from '../format/value.js'
import { BLOCK_EVENTS_MAX, SHORT_EVENTS_MAX } from '../write/block-cutter.js'
import { checkScalar, corrupt } from './corrupt.js'
import type { GradientProof } from './gradient-proof.js'
import type { NamedValues, Naming } from './named-values.js'
import { CELL, type Form, type TemplateProof, type TemplateUse } from './template-proof.js'
import type { UsedTexts } from './used-texts.js'

/** Where a block of a batch begins, and in which step. */
export interface Cut {
  readonly first: number
  readonly step: number
}

/**
 * Where the events of a batch are cut: told event by event. The writer cuts by the same rule (block-cutter.ts): before a step,
 * before a backward pass, and after BLOCK_EVENTS_MAX events. What precedes a pass in a step stays with it when it is short;
 * that was added later, so runs of the first packing may be cut without it.
 */
export class Cuts {
  private rules = [new Rule(SHORT_EVENTS_MAX)]

  add(event: TapeEvent): void {
    if (event.type === 'RunStarted')
      this.rules =
        (event.packing ?? 1) > 1 ? [new Rule(SHORT_EVENTS_MAX)] : [new Rule(SHORT_EVENTS_MAX), new Rule(0)]
    for (const rule of this.rules) rule.add(event)
  }

  /** Where blocks should begin, given where they do; a rule that was broken once is not the run's. */
  take(begun: readonly number[]): readonly Cut[] {
    const taken = this.rules.map((rule) => ({ rule, cuts: rule.take() }))
    const kept = taken.filter(
      ({ cuts }) => cuts.length === begun.length && cuts.every(({ first }, i) => first === begun[i]),
    )
    if (kept.length > 0) this.rules = kept.map(({ rule }) => rule)
    return (kept[0] ?? taken[0]!).cuts
  }
}

class Rule {
  private readonly shortMax: number
  private cuts: Cut[] = []
  private count = 0

  constructor(shortMax: number) {
    this.shortMax = shortMax
  }

  add({ type, position, step }: TapeEvent): void {
    const cutsHere =
      this.cuts.length === 0 ||
      type === 'StepStarted' ||
      (type === 'BackwardStarted' && (step === 0 || this.count >= this.shortMax)) ||
      this.count === BLOCK_EVENTS_MAX
    if (cutsHere) {
      this.cuts.push({ first: position, step })
      this.count = 0
    }
    this.count++
  }

  take(): Cut[] {
    const { cuts } = this
    this.cuts = []
    this.count = 0
    return cuts
  }
}

type BlockRow = [
  id: number,
  runId: number,
  step: number,
  templateId: number,
  base: number,
  cells: Buffer | null,
]
type HeldRow = {
  id: number
  ordinal: number
  form_id: number
  value_id: number | null
  scalar: unknown
  kind: string
}

export class BlockProof {
  private readonly templates: TemplateProof
  private readonly used: UsedTexts
  private readonly gradients: GradientProof
  private readonly values: NamedValues
  private readonly blocks: Statement
  private readonly checkpoints: Statement
  private readonly arrayForm: (id: number) => Form

  constructor(
    db: Connection,
    templates: TemplateProof,
    used: UsedTexts,
    gradients: GradientProof,
    values: NamedValues,
    arrayForm: (id: number) => Form,
  ) {
    this.templates = templates
    this.used = used
    this.gradients = gradients
    this.values = values
    this.arrayForm = arrayForm
    this.blocks = db
      .prepare(
        'SELECT id, run_id, step, template_id, base, slots FROM _block WHERE id BETWEEN ? AND ? ORDER BY id',
      )
      .raw()
    this.checkpoints = db.prepare(
      'SELECT id, ordinal, form_id, value_id, scalar, typeof(scalar) AS kind FROM _checkpoint_value WHERE id BETWEEN ? AND ? ORDER BY id, ordinal',
    )
  }

  /** Checks the blocks of events `first` to `last`, of which `events` was told. */
  batch(runId: number, first: number, last: number, events: Cuts): void {
    const base = eventId(runId, 0)
    const rows = this.blocks.all(base + first, base + last) as BlockRow[]
    const cuts = events.take(rows.map(([id]) => id - base))
    const names: Naming[] = []
    for (const [i, row] of rows.entries()) {
      const cut = cuts[i]
      const position = row[0] - base
      const where = `the block at event ${position} of run ${runId}`
      if (cut?.first !== position) corrupt(`${where} expected to begin at event ${cut?.first ?? last + 1}`)
      if (row[1] !== runId) corrupt(`${where} is listed under run ${row[1]}`)
      if (row[2] !== cut.step) corrupt(`${where} says step ${row[2]}, it is in step ${cut.step}`)
      const template = this.templates.use(row[3])
      this.templates.named(row[3])
      const next = cuts[i + 1]?.first ?? last + 1
      if (template.eventCount !== next - position)
        corrupt(`${where} holds ${next - position} events, its template has ${template.eventCount}`)
      if (template.usesBase ? row[4] < 1 : row[4] !== 0)
        corrupt(`${where} says base ${row[4]}, which its template does not use so`)
      this.checkCells(row[5], template, position, where, names)
    }
    if (rows.length < cuts.length)
      corrupt(`the block at event ${cuts[rows.length]?.first} of run ${runId} is missing`)
    this.checkpointed(base, first, last, names)
    for (const name of this.gradients.batch(runId, first, last)) names.push(name)
    names.sort((a, b) => a.position - b.position)
    for (const { id, form, withBytes } of names) this.values.name(id, form, withBytes)
  }

  private checkCells(
    cells: Buffer | null,
    template: TemplateUse,
    first: number,
    where: string,
    names: Naming[],
  ): void {
    const { may, forms, formOf, offsets, inline } = template
    if (cells === null ? may.length > 0 : cells.length !== 8 * may.length || may.length === 0)
      corrupt(`${where} has ${(cells?.length ?? 0) / 8} cells, its template takes ${may.length}`)
    if (cells === null) return
    for (let cell = 0; cell < may.length; cell++) {
      const bits = may[cell]!
      if ((bits & CELL.inline) !== 0) {
        const taken = inline.get(cell)!
        this.checkInline(cells.subarray(8 * cell, 8 * (cell + taken)), forms[formOf[cell]!]!, where)
        cell += taken - 1
        continue
      }
      const high = cells.readUInt32BE(8 * cell)
      const low = cells.readUInt32BE(8 * cell + 4)
      const tag = high >>> 16
      const id = idInCell(high, low)
      const kind =
        tag === TAG.value
          ? CELL.bytes
          : tag === TAG.hashed
            ? CELL.hashed
            : tag === TAG.text
              ? CELL.text
              : tag === TAG.nothing
                ? CELL.nothing
                : CELL.number
      if ((bits & kind) === 0) corrupt(`cell ${cell} of ${where} holds what its template has no place for`)
      const notANumber = (high & 0x7ff00000) === 0x7ff00000 && ((high & 0xfffff) !== 0 || low !== 0)
      if (
        kind === CELL.number
          ? notANumber && (high !== 0x7ff80000 || low !== 0)
          : kind === CELL.nothing && id !== 0
      )
        corrupt(`cell ${cell} of ${where} is written in another way`)
      if (kind === CELL.text) this.used._text.add(id)
      else if (kind === CELL.bytes || kind === CELL.hashed)
        names.push({
          position: first + offsets[cell]!,
          id,
          form: forms[formOf[cell]!]!,
          withBytes: kind === CELL.bytes,
        })
    }
  }

  /** An array in cells: their number of bytes, the bytes, zeros up to the end. */
  private checkInline(cells: Buffer, { dtype, size }: Form, where: string): void {
    const count = cells.readUInt32BE(4)
    const changed = () => corrupt(`an array in the cells of ${where} is written in another way`)
    if (cells.readUInt32BE(0) !== 0 || 8 * inlineCells(count) !== cells.length) changed()
    const bytes = cells.subarray(8, 8 + count)
    if (!bytesOf(arrayFromBytes(dtype, size, bytes), true).equals(bytes)) changed()
    for (const byte of cells.subarray(8 + count)) if (byte !== 0) changed()
  }

  /** The values of checkpoints, among those of other events. */
  private checkpointed(base: number, first: number, last: number, names: Naming[]): void {
    const rows = this.checkpoints.all(base + first, base + last) as HeldRow[]
    if (rows.length === 0) return
    for (const { id, ordinal, form_id, value_id, scalar, kind } of rows) {
      const form = this.arrayForm(form_id)
      this.used._array_form.add(form_id)
      const where = `value ${ordinal} of the checkpoint at event ${id - base}`
      if ((value_id === null) !== (form.size === 1)) corrupt(`${where} does not have the form that it says`)
      if (value_id === null) checkScalar(scalar, kind, where)
      else names.push({ position: id - base, id: value_id, form, withBytes: true })
    }
  }
}
