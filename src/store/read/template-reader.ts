/** Templates by id: as lists, for those who want events, and as columns, for those who want the graph. */
import { TapeError } from '../../errors.js'
import type { Connection, Statement } from '../format/connection.js'
import type { TemplateLists } from '../format/template.js'
import { TemplateColumns } from './template-columns.js'

const KEPT_MAX = 4096

type Row = { event_count: number } & Record<keyof Omit<TemplateLists, 'eventCount'>, string>

export class TemplateReader {
  private readonly row: Statement
  private readonly keptLists = new Map<number, TemplateLists>()
  private readonly keptColumns = new Map<number, TemplateColumns>()

  constructor(db: Connection) {
    this.row = db.prepare(
      'SELECT event_count, calls, leaves, gradients, assignments, clears, passes FROM _template WHERE id = ?',
    )
  }

  /** Throws TAPE_CORRUPT when it is missing or malformed. */
  lists(id: number): TemplateLists {
    return kept(this.keptLists, id, () => {
      const row = this.rowOf(id)
      return {
        calls: list(row.calls, id),
        leaves: list(row.leaves, id),
        gradients: list(row.gradients, id),
        assignments: list(row.assignments, id),
        clears: list(row.clears, id),
        passes: list(row.passes, id),
        eventCount: row.event_count,
      }
    })
  }

  /** Throws TAPE_CORRUPT when it is missing or malformed. */
  columns(id: number): TemplateColumns {
    return kept(this.keptColumns, id, () => {
      const { event_count, calls, leaves, gradients } = this.rowOf(id)
      const columns = new TemplateColumns(event_count)
      for (const leaf of list(leaves, id)) columns.addLeaf(leaf)
      for (const gradient of list(gradients, id)) columns.addGradient(gradient)
      for (const call of list(calls, id)) columns.addCall(call)
      if (columns.malformed) throw new TapeError('TAPE_CORRUPT', `template ${id} is malformed`)
      return columns
    })
  }

  private rowOf(id: number): Row {
    const row = this.row.get(id) as Row | undefined
    if (row === undefined) throw new TapeError('TAPE_CORRUPT', `template ${id} is missing`)
    return row
  }
}

function kept<T>(known: Map<number, T>, id: number, make: () => T): T {
  let thing = known.get(id)
  if (thing === undefined) {
    thing = make()
    if (known.size >= KEPT_MAX) known.clear()
    known.set(id, thing)
  }
  return thing
}

/** A list of a template. Throws TAPE_CORRUPT for what is no list of lists of numbers. */
function list(text: string, id: number): number[][] {
  try {
    const lists: unknown = JSON.parse(text)
    if (
      Array.isArray(lists) &&
      lists.every((element) => Array.isArray(element) && element.every((n) => typeof n === 'number'))
    )
      return lists
  } catch {
    // said below
  }
  throw new TapeError('TAPE_CORRUPT', `template ${id} is malformed`)
}
