/** The rows of one run: statements prepared once, errors told with the run. Knows nothing of what is looked for. */

import type { Connection, Statement } from '../format/connection.js'
import { sqliteError } from '../format/database.js'
import { eventId } from '../format/ids.js'
import { type Block, BlockReader } from './block-reader.js'
import { letOthersIn } from './one-moment.js'
import { TextReader } from './text-reader.js'

/** Positions read at once; no block is longer. */
export const PAGE = 8192

export class RunRows {
  readonly db: Connection
  readonly runId: number
  /** `id` of an event is this + position. */
  readonly base: number
  readonly texts: TextReader
  private readonly blockReader: BlockReader
  private readonly statements = new Map<string, Statement>()

  constructor(db: Connection, runId: number) {
    this.db = db
    this.runId = runId
    this.base = eventId(runId, 0)
    this.texts = new TextReader(db)
    this.blockReader = new BlockReader(db, this.texts)
  }

  /** The blocks that hold events of the range. */
  blocks(from: number, to: number): Block[] {
    return this.reading(() => [...this.blockReader.blocks(this.runId, from, to)])
  }

  /** Ids of the templates that have a tag. */
  tagged(kind: string, key: string | number): number[] {
    return this.all<{ id: number }>(
      'SELECT template_id AS id FROM _mark WHERE kind = ? AND key = ?',
      kind,
      key,
    ).map((row) => row.id)
  }

  get<R>(sql: string, ...parameters: unknown[]): R | undefined {
    return this.all<R>(sql, ...parameters)[0]
  }

  all<R>(sql: string, ...parameters: unknown[]): R[] {
    try {
      letOthersIn(this.db)
      // better-sqlite3 takes a repeated ?1 only as a named parameter.
      const numbered = sql.includes('?1')
      const bound = numbered ? [Object.fromEntries(parameters.map((value, i) => [i + 1, value]))] : parameters
      let statement = this.statements.get(sql)
      if (statement === undefined) {
        statement = this.db.prepare(sql)
        this.statements.set(sql, statement)
      }
      return statement.all(...bound) as R[]
    } catch (error) {
      throw sqliteError(error, `reading run ${this.runId}`)
    }
  }

  reading<T>(read: () => T): T {
    try {
      letOthersIn(this.db)
      return read()
    } catch (error) {
      throw sqliteError(error, `reading run ${this.runId}`)
    }
  }
}
