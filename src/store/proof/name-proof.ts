/** Whether the names that variables may have are listed under the templates and places of these variables, each once and no other. */
import { positionOf, type Ref, slotOf, type TapeEvent } from '../../events/event.js'
import type { Connection, Statement } from '../format/connection.js'
import { eventId } from '../format/ids.js'
import { corrupt } from './corrupt.js'

export class NameProof {
  private readonly db: Connection
  private readonly blockOf: Statement
  private told: { ref: Ref; name: string }[] = []
  private readonly wanted = new Set<string>()

  constructor(db: Connection) {
    this.db = db
    this.blockOf = db
      .prepare('SELECT id, template_id FROM _block WHERE id BETWEEN ? AND ? ORDER BY id DESC LIMIT 1')
      .raw()
  }

  /** Must be told every event of the batch. */
  add(event: TapeEvent): void {
    if (event.type === 'LeafCreated' && event.name !== null)
      this.told.push({ ref: event.position, name: event.name })
    else if (event.type === 'VariableNamed' && event.name !== null)
      this.told.push({ ref: event.variable, name: event.name })
    else if (event.type === 'MetricLogged' && event.variable !== null)
      this.told.push({ ref: event.variable, name: event.name })
  }

  /** Takes in what was told of a batch whose blocks are known to be right. */
  batch(runId: number): void {
    for (const { ref, name } of this.told) {
      const id = eventId(runId, positionOf(ref))
      const block = this.blockOf.get(eventId(runId, 0), id) as [number, number] | undefined
      if (block !== undefined) this.wanted.add(keyOf(block[1], id - block[0], slotOf(ref), name))
    }
    this.told = []
  }

  /** After all batches. */
  finish(): void {
    const rows = this.db.prepare('SELECT template_id, place, slot, name FROM _name').raw()
    let listed = 0
    for (const row of rows.iterate() as IterableIterator<[number, number, number, string]>) {
      if (!this.wanted.has(keyOf(...row)))
        corrupt(
          `_name lists ${JSON.stringify(row[3])} for place ${row[1]} of template ${row[0]}, where nothing has that name`,
        )
      listed++
    }
    if (listed !== this.wanted.size) corrupt(`_name lists ${listed} names, events gave ${this.wanted.size}`)
  }
}

const keyOf = (template: number, place: number, slot: number, name: string) =>
  `${template} ${place} ${slot} ${name}`
