/**
 * Whether the row of each gradient, and of each assignment that says what it changed, says what its event says, and the numbers that follow from what is kept of it; and whether the
 * variables that gradients are about are listed as they should be.
 */

import { numberOf } from '../../events/append.js'
import { CAPTURE_BYTES, CAPTURE_HASH, CAPTURE_NOTHING, CAPTURE_SUMMARY } from '../../events/capture.js'
import { summaryOf } from '../../events/content.js'
import {
  type GradientComputed,
  isPosition,
  type Ref,
  type TapeEvent,
  type ValueAssigned,
} from '../../events/event.js'
import type { ArrayForm } from '../../events/forms.js'
import { HELD, VALUE_SCALAR } from '../../events/pack.js'
import { LEAF_ENTRY } from '../../events/record-layout.js'
import type { Connection, Statement } from '../format/connection.js'
import { eventId, positionOfId } from '../format/ids.js'
import { fromScalar } from '../format/value.js'
import { BlockReader } from '../read/block-reader.js'
import { StoredArray } from '../read/stored-array.js'
import type { TextReader } from '../read/text-reader.js'
import { summaryColumns } from '../write/value-store.js'
import { checkScalar, corrupt } from './corrupt.js'
import type { Naming } from './named-values.js'
import { formFrom } from './template-proof.js'
import type { UsedTexts } from './used-texts.js'

interface ContentRow {
  id: number
  kept: number
  value_id: number | null
  scalar: number | string | null
  scalar_type: string
  l2_norm: number | null
  mean: number | null
  min: number | null
  max: number | null
  zero_count: number | null
  non_finite_count: number | null
  nan_count: number | null
}

interface GradientRow extends ContentRow {
  variable_id: number
  pass: number
  form_id: number
  held: number
}

interface AssignmentRow extends Numbers {
  id: number
  variable_id: number
}

interface VariableRow {
  run_id: number
  ref: number
  leaf_form_id: number | null
  name: string | null
}

const CONTENT =
  'id, kept, value_id, scalar, typeof(scalar) AS scalar_type, l2_norm, mean, min, max, zero_count, non_finite_count, nan_count'

export class GradientProof {
  private readonly db: Connection
  private readonly texts: TextReader
  private readonly used: UsedTexts
  private readonly blocks: BlockReader
  private readonly rows: Statement
  private readonly accumulated: Statement
  private readonly assigned: Statement
  private readonly variable: Statement
  private readonly summary: Statement
  private told: (GradientComputed | ValueAssigned)[] = []
  /** Variables are numbered in the order in which gradients are first about them. */
  private variables = 0

  constructor(db: Connection, texts: TextReader, used: UsedTexts) {
    this.db = db
    this.texts = texts
    this.used = used
    this.blocks = new BlockReader(db, texts)
    this.rows = db.prepare(
      `SELECT ${CONTENT}, variable_id, pass, form_id, held FROM _gradient WHERE id BETWEEN ? AND ? ORDER BY id`,
    )
    this.accumulated = db.prepare(`SELECT ${CONTENT} FROM _accumulated WHERE id BETWEEN ? AND ? ORDER BY id`)
    this.assigned = db.prepare(
      'SELECT id, variable_id, l2_norm, mean, min, max, zero_count, non_finite_count, nan_count FROM _assignment WHERE id BETWEEN ? AND ? ORDER BY id',
    )
    this.variable = db.prepare('SELECT run_id, ref, leaf_form_id, name FROM _variable WHERE id = ?')
    this.summary = db.prepare(
      'SELECT l2_norm, mean, min, max, zero_count, non_finite_count, nan_count FROM _value WHERE id = ?',
    )
  }

  /** Must be told every event of the batch, in order. */
  add(event: TapeEvent): void {
    if (
      event.type === 'GradientComputed' ||
      (event.type === 'ValueAssigned' && event.updateNorm !== undefined)
    )
      this.told.push(event)
  }

  /** Checks the rows of events `first` to `last`, which were told; gives the values that they name. */
  batch(runId: number, first: number, last: number): Naming[] {
    const { told } = this
    this.told = []
    const names: Naming[] = []
    const from = eventId(runId, first)
    const to = eventId(runId, last)
    const rows = this.rows.all(from, to) as GradientRow[]
    const sums = this.accumulated.all(from, to) as ContentRow[]
    const assigned = this.assigned.all(from, to) as AssignmentRow[]
    let [next, sum, assignment] = [0, 0, 0]
    for (const event of told) {
      if (event.type === 'ValueAssigned') {
        this.checkAssignment(runId, event, assigned[assignment++])
        continue
      }
      const where = `the gradient at event ${event.position} of run ${runId}`
      const row = rows[next++]
      if (row === undefined || positionOfId(row.id) !== event.position)
        return corrupt(`${where} has no row, or a row stands where there is no gradient`)
      const form = this.texts.arrayForm(row.form_id)
      this.used._array_form.add(row.form_id)
      const same =
        row.pass === event.pass &&
        row.held === HELD.indexOf(event.held) &&
        form.dtype === event.dtype &&
        JSON.stringify(form.shape) === JSON.stringify(event.shape)
      if (!same) corrupt(`the row of ${where} does not say what the event does`)
      this.checkVariable(runId, row.variable_id, event.variable, where)
      this.checkContent(row, form, event.position, where, names)
      const following = sums[sum]
      if (following !== undefined && following.id === row.id) {
        if (following.kept === CAPTURE_NOTHING) corrupt(`${where} has a sum of which nothing is kept`)
        this.checkContent(following, form, event.position, `the sum of ${where}`, names)
        sum++
      }
    }
    if (rows.length > next)
      corrupt(`there is a row of a gradient at event ${positionOfId(rows[next]!.id)}, which is none`)
    if (assigned.length > assignment)
      corrupt(
        `there is a row of an assignment at event ${positionOfId(assigned[assignment]!.id)}, which is none that has one`,
      )
    if (sum < sums.length)
      corrupt(`there is a sum for event ${positionOfId(sums[sum]!.id)}, which is no gradient`)
    return names
  }

  /** After all batches. */
  finish(): void {
    const all = this.db.prepare('SELECT count(*) FROM _variable').pluck().get() as number
    if (all !== this.variables)
      corrupt(`_variable lists ${all} variables, gradients and assignments are about ${this.variables}`)
  }

  private checkVariable(runId: number, id: number, ref: Ref, where: string): void {
    const row =
      (this.variable.get(id) as VariableRow | undefined) ??
      corrupt(`${where} is about variable ${id}, which is not listed`)
    if (row.run_id !== runId || row.ref !== ref)
      corrupt(`${where} is about another variable than its row says`)
    if (id <= this.variables) return
    if (id !== this.variables + 1)
      corrupt(`variable ${id} is listed where variable ${this.variables + 1} was expected`)
    this.variables = id
    const formId = isPosition(ref) ? this.leafFormAt(runId, ref) : null
    if (
      row.leaf_form_id !== formId ||
      row.name !== (formId === null ? null : this.texts.leafForm(formId).name)
    )
      corrupt(`variable ${id} is not listed as it was made`)
  }

  private leafFormAt(runId: number, position: number): number | null {
    for (const { first, template } of this.blocks.blocks(runId, position, position)) {
      const leaf = template.leaves.find((entry) => first + entry[LEAF_ENTRY.offset]! === position)
      if (leaf !== undefined) return leaf[LEAF_ENTRY.form]!
    }
    return null
  }

  /** The events were read from these rows; what is checked here is what an event does not say. */
  private checkAssignment(runId: number, event: ValueAssigned, row: AssignmentRow | undefined): void {
    const where = `the assignment at event ${event.position} of run ${runId}`
    if (row === undefined || positionOfId(row.id) !== event.position)
      return corrupt(`${where} has no row, or a row stands where there is no assignment`)
    this.checkVariable(runId, row.variable_id, event.variable, where)
    const { size } = formFrom(event)
    const have = numbersOf(row)
    const isMade = event.source !== null
    let want: readonly (number | null)[] | null = null
    if (isMade && event.summary !== null && size === 1)
      want = summaryColumns(summaryOf(Float64Array.of(numberOf(event.summary))))
    else if (isMade && event.summary !== null) checkCounts(row, size, where)
    else if (event.value instanceof StoredArray) want = this.numbersOfValue(event.value.valueId)
    else if (event.value !== null) want = summaryColumns(summaryOf(event.value.data))
    else if (event.summary !== null) want = summaryColumns(event.summary)
    else want = NO_NUMBERS
    if (want !== null && !have.every((number, i) => Object.is(number, want[i])))
      corrupt(`the numbers of ${where} are not those of the new value`)
    // The norm itself is in the words that the hash chain covers; they have no −0, and none below 0.
    if (event.updateNorm != null && !(event.updateNorm >= 0))
      corrupt(`${where} changed by ${event.updateNorm}`)
  }

  private numbersOfValue(id: number): readonly (number | null)[] {
    return numbersOf((this.summary.get(id) as ContentRow | undefined) ?? corrupt(`value ${id} is missing`))
  }

  private checkContent(
    row: ContentRow,
    form: ArrayForm,
    position: number,
    where: string,
    names: Naming[],
  ): void {
    const { kept, value_id: valueId, scalar } = row
    const { size } = formFrom(form)
    const isNumber = kept === VALUE_SCALAR
    const isValue = kept === CAPTURE_BYTES || kept === CAPTURE_HASH
    const isRight =
      (valueId !== null) === isValue &&
      (scalar !== null) === isNumber &&
      (kept === CAPTURE_NOTHING || kept === CAPTURE_SUMMARY || isNumber || isValue) &&
      (kept === CAPTURE_NOTHING || (size === 1) === isNumber)
    if (!isRight) corrupt(`${where} is kept in a way that there is not`)
    let want: readonly (number | null)[]
    if (isNumber) {
      checkScalar(scalar, row.scalar_type, where)
      want = summaryColumns(summaryOf(Float64Array.of(fromScalar(scalar!))))
    } else if (isValue) {
      names.push({ position, id: valueId!, form: formFrom(form), withBytes: kept === CAPTURE_BYTES })
      want = this.numbersOfValue(valueId!)
    } else if (kept === CAPTURE_SUMMARY) {
      checkCounts(row, size, where)
      return
    } else want = NO_NUMBERS
    const have = numbersOf(row)
    if (!have.every((number, i) => Object.is(number, want[i])))
      corrupt(`the numbers of ${where} are not those of what is kept of it`)
  }
}

const NO_NUMBERS = [null, null, null, null, null, null, null] as const

type Numbers = Pick<
  ContentRow,
  'l2_norm' | 'mean' | 'min' | 'max' | 'zero_count' | 'non_finite_count' | 'nan_count'
>

function numbersOf(row: Numbers): (number | null)[] {
  return [row.l2_norm, row.mean, row.min, row.max, row.zero_count, row.non_finite_count, row.nan_count]
}

/** Counts are covered by the hash chain; this is that they are counts. */
function checkCounts(
  { zero_count, non_finite_count, nan_count }: Numbers,
  size: number,
  where: string,
): void {
  for (const count of [zero_count, non_finite_count])
    if (count === null || !(count >= 0 && count <= size)) corrupt(`${where} has a summary that cannot be`)
  if (nan_count !== null && !(nan_count >= 0 && nan_count <= non_finite_count! && non_finite_count! > 0))
    corrupt(`${where} has a summary that cannot be`)
}
