/**
 * Rows handed to a function one by one, while SQLite is at them: a row that is made into a list costs four times as much, and a page
 * for the eye reads millions.
 */
import type { Cell, Connection } from '../format/connection.js'

/** Gets the cells of a row, five at most. It asks nothing of the connection, which is busy meanwhile. */
type TakeRow = (a: Cell, b: Cell, c: Cell, d: Cell, e: Cell) => void
/** The same for any number of cells, blobs among them; the list is its own. */
type TakeList = (cells: (Cell | Uint8Array)[]) => void

const NAMES = { row: 'gradtape_each_row', list: 'gradtape_each_list' } as const

interface Taker {
  row: TakeRow
  list: TakeList
  /** What the function that takes rows threw: not every driver hands it on. */
  failure: { error: unknown } | null
}

const nobody = () => {}

/** Whoever gets the rows of a connection at the moment. */
const takers = new WeakMap<Connection, Taker>()

/**
 * Prepares a query whose rows are handed over, cell by cell.
 *
 * from     what stands behind FROM; a subquery with LIMIT keeps its order
 * Returns  what runs it with some parameters
 */
export function eachRow(
  db: Connection,
  columns: string,
  from: string,
): (take: TakeRow, ...parameters: unknown[]) => void {
  const taker = takerOf(db)
  if (taker === null) {
    const statement = db.prepare<unknown[], Parameters<TakeRow>>(`SELECT ${columns} FROM ${from}`).raw()
    return (take, ...parameters) => {
      for (const cells of statement.iterate(...parameters)) take(...cells)
    }
  }
  return handingOver(db, 'row', columns, from, taker)
}

/** The same, each row as a list. */
export function eachList(
  db: Connection,
  columns: string,
  from: string,
): (take: TakeList, ...parameters: unknown[]) => void {
  const taker = takerOf(db)
  if (taker === null) {
    const statement = db.prepare<unknown[], (Cell | Uint8Array)[]>(`SELECT ${columns} FROM ${from}`).raw()
    return (take, ...parameters) => {
      for (const cells of statement.iterate(...parameters)) take(cells)
    }
  }
  return handingOver(db, 'list', columns, from, taker)
}

function handingOver<Kind extends 'row' | 'list'>(
  db: Connection,
  kind: Kind,
  columns: string,
  from: string,
  taker: Taker,
): (take: Taker[Kind], ...parameters: unknown[]) => void {
  const statement = db.prepare(`SELECT ${NAMES[kind]}(${columns}) FROM ${from}`).pluck()
  return (take, ...parameters) => {
    taker[kind] = take
    taker.failure = null
    try {
      statement.get(...parameters)
    } catch (error) {
      throw taker.failure === null ? error : (taker.failure as { error: unknown }).error
    } finally {
      taker[kind] = nobody
    }
  }
}

/** Null for a driver that has no functions of ours. */
function takerOf(db: Connection): Taker | null {
  if (db.aggregate === undefined) return null
  let taker = takers.get(db)
  if (taker === undefined) {
    const made: Taker = { row: nobody, list: nobody, failure: null }
    const common = { varargs: true, directOnly: true, start: 0, result: () => null }
    db.aggregate(NAMES.row, {
      ...common,
      // Without a list of what is left: that would be made for each row.
      step(_, a, b, c, d, e) {
        try {
          made.row(a as Cell, b as Cell, c as Cell, d as Cell, e as Cell)
        } catch (error) {
          made.failure = { error }
          throw error
        }
      },
    })
    db.aggregate(NAMES.list, {
      ...common,
      step(_, ...cells) {
        made.list(cells as (Cell | Buffer)[]) // whose blobs are Buffers; the types of the package may not name them
      },
    })
    takers.set(db, made)
    taker = made
  }
  return taker
}
