/** What the rest of the store sees of the database driver. */
import type Database from 'better-sqlite3'

export type Connection = Database.Database
export type Statement = Database.Statement<unknown[]>
