/**
 * Rows handed to a function one by one, while SQLite is at them: a row that is made into a list costs four times as much, and a page
 * for the eye reads millions.
 */
import type { Cell, Connection } from '../format/connection.js'

/** Gets the cells of a row, five at most. It asks nothing of the connection, which is busy meanwhile. */
type TakeRow = (a: Cell, b: Cell, c: Cell, d: Cell, e: Cell) => void

const NAME = 'gradtape_each_row'

const NOBODY: TakeRow = () => {}

/** Whoever gets the rows of a connection at the moment. */
const takers = new WeakMap<Connection, { take: TakeRow }>()

/**
 * Prepares a query whose rows are handed over.
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
  const statement = db.prepare(`SELECT ${NAME}(${columns}) FROM ${from}`).pluck()
  return (take, ...parameters) => {
    taker.take = take
    try {
      statement.get(...parameters)
    } finally {
      taker.take = NOBODY
    }
  }
}

/** Null for a driver that has no functions of ours. */
function takerOf(db: Connection): { take: TakeRow } | null {
  if (db.aggregate === undefined) return null
  let taker = takers.get(db)
  if (taker === undefined) {
    const made: { take: TakeRow } = { take: NOBODY }
    db.aggregate(NAME, {
      varargs: true,
      directOnly: true,
      start: 0,
      // Without a list of what is left: that would be made for each row.
      step(_, a, b, c, d, e) {
        made.take(a!, b!, c!, d!, e!)
        return 0
      },
      result: () => null,
    })
    takers.set(db, made)
    taker = made
  }
  return taker
}
