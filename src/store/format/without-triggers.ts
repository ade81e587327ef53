/** What a migration needs to change rows that nobody else may change. */
import { TapeError } from '../../errors.js'
import type { Connection } from './connection.js'

/** Takes triggers away for the time of `work`, and puts them back to the letter. */
export function withoutTriggers(db: Connection, names: readonly string[], work: () => void): void {
  const texts = names.map((name) => {
    const sql = db
      .prepare("SELECT sql FROM sqlite_schema WHERE type = 'trigger' AND name = ?")
      .pluck()
      .get(name)
    if (typeof sql !== 'string') throw new TapeError('TAPE_CORRUPT', `the trigger ${name} is missing`)
    return sql
  })
  for (const name of names) db.exec(`DROP TRIGGER ${name}`)
  work()
  for (const sql of texts) db.exec(sql)
}
