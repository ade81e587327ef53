/**
 * The variables that gradients are about, each one row of `_variable`, so that a gradient names its variable by a small number
 * and a question finds the variable's name without looking for the leaf.
 */
import { isPosition, positionOf, type Ref } from '../../events/event.js'
import { LEAF_ENTRY } from '../../events/record-layout.js'
import type { Connection, Statement } from '../format/connection.js'
import { eventId } from '../format/ids.js'

/** Leaves remembered with their forms: twice this many at most, and always more than wait to be written. */
const GENERATION_MAX = 32_768
const IDS_MAX = 65_536

export class VariableStore {
  private ids = new Map<Ref, number>()
  private youngForms = new Map<Ref, number>()
  private oldForms = new Map<Ref, number>()
  private readonly find: Statement
  private readonly insert: Statement
  private readonly formOfLeaf: Statement

  constructor(db: Connection) {
    this.find = db.prepare('SELECT id FROM _variable WHERE run_id = ? AND ref = ?').pluck()
    this.insert = db.prepare(
      'INSERT INTO _variable (run_id, ref, leaf_form_id, name) SELECT ?, ?, f.id, f.name FROM (SELECT 1) LEFT JOIN _leaf_form f ON f.id = ?',
    )
    this.formOfLeaf = db
      .prepare(
        `SELECT e.value ->> ${LEAF_ENTRY.form} FROM _block b JOIN _template t ON t.id = b.template_id JOIN json_each(t.leaves) e
         WHERE b.id = (SELECT max(id) FROM _block WHERE id BETWEEN ? AND ?) AND b.id + (e.value ->> ${LEAF_ENTRY.offset}) = ?`,
      )
      .pluck()
  }

  /** Takes note of a leaf that was made: a gradient of it is likely to come soon. */
  noteLeaf(position: number, formId: number): void {
    if (this.youngForms.size >= GENERATION_MAX) {
      this.oldForms = this.youngForms
      this.youngForms = new Map()
    }
    this.youngForms.set(position, formId)
  }

  /** The id of a variable of the run; made at first sight. */
  idOf(runId: number, ref: Ref): number {
    const known = this.ids.get(ref)
    if (known !== undefined) return known
    const found = this.find.get(runId, ref) as number | undefined
    const id = found ?? Number(this.insert.run(runId, ref, this.formOf(runId, ref)).lastInsertRowid)
    if (this.ids.size >= IDS_MAX) this.ids.clear()
    this.ids.set(ref, id)
    return id
  }

  /** After a rollback: rows made in the transaction are gone. */
  forgetIds(): void {
    this.ids.clear()
    this.youngForms.clear()
    this.oldForms.clear()
  }

  /** The form of a leaf; null for what a call made. */
  private formOf(runId: number, ref: Ref): number | null {
    if (!isPosition(ref)) return null
    const noted = this.youngForms.get(ref) ?? this.oldForms.get(ref)
    if (noted !== undefined) return noted
    const id = eventId(runId, positionOf(ref))
    return (this.formOfLeaf.get(eventId(runId, 0), id, id) as number | undefined) ?? null
  }
}
