/** Templates by id: as lists, for those who want events, and as columns, for those who want the graph. */
import { TapeError } from '../../errors.js'
import {
  ASSIGNMENT_ENTRY,
  CALL_ENTRY,
  CLEAR_ENTRY,
  FREEZE_ENTRY,
  GRADIENT_ENTRY,
  LEAF_ENTRY,
  PASS_ENTRY,
} from '../../events/record-layout.js'
import type { Connection, Statement } from '../format/connection.js'
import { BLOCK_EVENTS_LIMIT, type TemplateLists } from '../format/template.js'
import { TemplateColumns } from './template-columns.js'

const KEPT_MAX = 4096

type Row = { event_count: number } & Record<keyof Omit<TemplateLists, 'eventCount'>, string>

export class TemplateReader {
  private readonly row: Statement
  private readonly keptLists = new Map<number, TemplateLists>()
  private readonly keptColumns = new Map<number, TemplateColumns>()

  constructor(db: Connection) {
    this.row = db.prepare(
      'SELECT event_count, calls, leaves, gradients, assignments, clears, passes, freezes FROM _template WHERE id = ?',
    )
  }

  /** Throws TAPE_CORRUPT when it is missing or malformed. */
  lists(id: number): TemplateLists {
    return kept(this.keptLists, id, () => listsFrom(this.rowOf(id), id))
  }

  /** Throws TAPE_CORRUPT when it is missing or malformed. */
  columns(id: number): TemplateColumns {
    return kept(this.keptColumns, id, () => {
      const { event_count, calls, leaves, gradients } = this.rowOf(id)
      const columns = new TemplateColumns(event_count)
      for (const leaf of list(leaves, id, LEAF_ENTRY.size, LEAF_ENTRY.source)) columns.addLeaf(leaf)
      for (const gradient of list(gradients, id, GRADIENT_ENTRY.size, GRADIENT_ENTRY.pass))
        columns.addGradient(gradient)
      for (const call of list(calls, id, CALL_ENTRY.inputs, CALL_ENTRY.inputs)) columns.addCall(call)
      if (columns.malformed) throw new TapeError('TAPE_CORRUPT', `template ${id} is malformed`)
      return columns
    })
  }

  private rowOf(id: number): Row {
    const row = this.row.get(id) as Row | undefined
    if (row === undefined) throw new TapeError('TAPE_CORRUPT', `template ${id} is missing`)
    if (!(row.event_count >= 1 && row.event_count <= BLOCK_EVENTS_LIMIT))
      throw new TapeError(
        'TAPE_CORRUPT',
        `template ${id} has ${row.event_count} events, no block has as many`,
      )
    return row
  }
}

/** The lists of a row of `_template`. Throws TAPE_CORRUPT when one is malformed. */
export function listsFrom(row: Row, id: number): TemplateLists {
  return {
    calls: list(row.calls, id, CALL_ENTRY.inputs, CALL_ENTRY.inputs),
    leaves: list(row.leaves, id, LEAF_ENTRY.size, LEAF_ENTRY.source),
    gradients: list(row.gradients, id, GRADIENT_ENTRY.size, GRADIENT_ENTRY.pass),
    assignments: list(row.assignments, id, ASSIGNMENT_ENTRY.size, ASSIGNMENT_ENTRY.variable),
    clears: list(row.clears, id, CLEAR_ENTRY.size, CLEAR_ENTRY.variable),
    passes: list(row.passes, id, PASS_ENTRY.roots, PASS_ENTRY.roots),
    freezes: list(row.freezes, id, FREEZE_ENTRY.size, FREEZE_ENTRY.variable),
    eventCount: row.event_count,
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

/**
 * A list of a template. Throws TAPE_CORRUPT for what is no list of lists of at least this many numbers, of which the first ones
 * count something (all but references do), and the very first is a place in a block.
 */
function list(text: string, id: number, atLeast: number, counts: number): number[][] {
  try {
    const lists: unknown = JSON.parse(text)
    if (Array.isArray(lists) && lists.every((element) => isElement(element, atLeast, counts))) return lists
  } catch {
    // said below
  }
  throw new TapeError('TAPE_CORRUPT', `template ${id} is malformed`)
}

function isElement(element: unknown, atLeast: number, counts: number): boolean {
  if (!Array.isArray(element) || element.length < atLeast) return false
  for (let i = 0; i < element.length; i++) {
    const number: unknown = element[i]
    if (i < counts ? !(Number.isSafeInteger(number) && (number as number) >= 0) : !Number.isFinite(number))
      return false
  }
  return (element as number[])[0]! < BLOCK_EVENTS_LIMIT
}
