/**
 * Many small questions to SQLite in a row. Each of them alone takes the lock on the file, looks whether it has changed, and gives the
 * lock back, which takes ten times as long as the answer. Inside one read transaction that happens once.
 *
 * Whoever reads for long lets others in now and then: a tape that nobody records into is not in WAL mode, so a reader keeps out who
 * wants to begin a run; and in WAL mode the log grows as long as one moment of the tape is being looked at.
 */
import type { Connection, Statement } from '../format/connection.js'
import { sqliteError } from '../format/database.js'

/** How long one moment may last, at most. */
const MOMENT_MS = 100

interface Moment {
  readonly begin: Statement
  readonly commit: Statement
  readonly rollback: Statement
  /** When the moment began that is being looked at; null while none is. */
  since: number | null
}

const moments = new WeakMap<Connection, Moment>()

/** Asks what `ask` asks in one read transaction, which `letOthersIn` may renew. Inside another transaction it is a part of that one. */
export function asOfOneMoment<T>(db: Connection, ask: () => T): T {
  // Of a tape that was closed the question itself says so.
  if (db.inTransaction || !db.open) return ask()
  const moment = momentOf(db)
  run(moment.begin)
  moment.since = performance.now()
  let answer: T
  try {
    answer = ask()
  } catch (error) {
    moment.since = null
    // What failed is what to tell; of a damaged file a failure may have ended the transaction.
    if (db.inTransaction) withoutFailure(moment.rollback)
    throw sqliteError(error, 'reading the tape')
  }
  moment.since = null
  if (db.inTransaction) run(moment.commit)
  return answer
}

/** Where a long question stands between two small ones: ends a moment that has lasted, and begins the next. */
export function letOthersIn(db: Connection): void {
  const moment = moments.get(db)
  if (moment === undefined || moment.since === null) return
  const now = performance.now()
  if (now - moment.since < MOMENT_MS) return
  try {
    moment.commit.run()
  } catch (error) {
    // Rows of another statement are being read one by one: the moment lasts until they are.
    if (error instanceof TypeError) return
    throw sqliteError(error, 'reading the tape')
  }
  run(moment.begin)
  moment.since = now
}

function momentOf(db: Connection): Moment {
  let moment = moments.get(db)
  if (moment === undefined) {
    moment = {
      begin: db.prepare('BEGIN'),
      commit: db.prepare('COMMIT'),
      rollback: db.prepare('ROLLBACK'),
      since: null,
    }
    moments.set(db, moment)
  }
  return moment
}

function run(statement: Statement): void {
  try {
    statement.run()
  } catch (error) {
    throw sqliteError(error, 'reading the tape')
  }
}

function withoutFailure(statement: Statement): void {
  try {
    statement.run()
  } catch {
    // Another error is on its way, and says what is wrong with the file.
  }
}
