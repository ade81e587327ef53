/**
 * One connection to PostgreSQL: a server by `pg`, or PGlite in this process. Neither package is a dependency: whoever has no
 * fleet installs none of them, and whoever has one is told which is missing.
 */
import fs from 'node:fs'
import path from 'node:path'
import { TapeError } from '../errors.js'
import type { Connection } from '../store/format/connection.js'
import { sqlite } from '../store/format/sqlite.js'
import { packageOf } from './optional-package.js'
import { type StoreAddress, withoutPassword } from './store-address.js'

/** A statement's parameters: texts, numbers, bytes, null. Lists are texts (`{1,2}`) that the statement casts. */
export type SqlParameter = string | number | boolean | Uint8Array | null

export interface SqlClient {
  /** For messages; without a password. */
  readonly place: string
  /** Another number after each new connection: what the server knew of the one before is gone. */
  readonly session: number
  query<Row = Record<string, unknown>>(text: string, parameters?: readonly SqlParameter[]): Promise<Row[]>
  /** Several statements, without parameters, sent as one query: PostgreSQL does all of them in one transaction, or none. */
  script(text: string): Promise<void>
  close(): Promise<void>
}

/** A connection that says nothing for so long is given up: the acknowledgement of what was sent is asked for again. */
const ANSWER_MAX_MS = 120_000
const CONNECT_MAX_MS = 15_000

/** Opens the database of an address. Nothing is asked of it yet. */
export async function sqlClient(address: StoreAddress): Promise<SqlClient> {
  return address.kind === 'pglite' ? openPglite(address.place) : new ServerClient(address.place)
}

/** A failure as the database tells it, with its five letters; null for any other. */
export function sqlState(error: unknown): string | null {
  const { code } = error as { code?: unknown }
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : null
}

interface PgClient {
  connect(): Promise<unknown>
  query(text: string, values?: unknown[]): Promise<{ rows: unknown[] }>
  on(event: 'error' | 'end', listener: () => void): unknown
  end(): Promise<void>
}

class ServerClient implements SqlClient {
  readonly place: string
  session = 0
  private readonly url: string
  private connected: Promise<PgClient> | null = null

  constructor(url: string) {
    this.url = url
    this.place = withoutPassword(url)
  }

  /** One after the other: a connection answers one at a time. */
  query<Row>(text: string, parameters: readonly SqlParameter[] = []): Promise<Row[]> {
    const answer = this.last.then(() => this.ask<Row>(text, parameters))
    this.last = answer.catch(() => {}) // who asked is told
    return answer
  }

  private last: Promise<unknown> = Promise.resolve()

  private async ask<Row>(text: string, parameters: readonly SqlParameter[]): Promise<Row[]> {
    const client = await this.client()
    try {
      return (await client.query(text, [...parameters])).rows as Row[]
    } catch (error) {
      // What is no answer of the database says nothing of the connection that one may still trust.
      if (sqlState(error) === null || /^(57P|08|XX)/.test(sqlState(error)!)) this.drop(client)
      throw error
    }
  }

  async script(text: string): Promise<void> {
    await this.query(text)
  }

  async close(): Promise<void> {
    const connected = this.connected
    this.connected = null
    if (connected === null) return
    try {
      await (await connected).end()
    } catch {
      // It was never open, or is gone: that is what was wanted.
    }
  }

  private client(): Promise<PgClient> {
    this.connected ??= this.connect()
    return this.connected
  }

  private async connect(): Promise<PgClient> {
    const { Client } = await packageOf('pg', async () => (await import('pg')).default)
    const client = new Client({
      connectionString: this.url,
      connectionTimeoutMillis: CONNECT_MAX_MS,
      query_timeout: ANSWER_MAX_MS,
      keepAlive: true,
      application_name: 'gradtape',
    }) as unknown as PgClient
    client.on('error', () => this.drop(client))
    client.on('end', () => this.drop(client))
    try {
      await client.connect()
    } catch (error) {
      this.connected = null
      throw error
    }
    this.session++
    this.current = client
    return client
  }

  private current: PgClient | null = null

  private drop(client: PgClient): void {
    if (this.current !== client) return
    this.current = null
    this.connected = null
    client.end().catch(() => {}) // gone already, as a rule
  }
}

interface Pglite {
  query(text: string, parameters?: unknown[]): Promise<{ rows: unknown[] }>
  exec(text: string): Promise<unknown>
  close(): Promise<void>
}

/** PGlite's folders that are open in this process: it takes one connection, so all who want it share it. */
const openFolders = new Map<
  string,
  { users: number; readonly pglite: Promise<Pglite>; readonly lock: Connection }
>()

async function openPglite(folder: string): Promise<SqlClient> {
  const resolved = path.resolve(folder)
  let shared = openFolders.get(resolved)
  if (shared === undefined) {
    const lock = lockFolder(resolved)
    shared = { users: 0, lock, pglite: startPglite(resolved) }
    openFolders.set(resolved, shared)
  }
  shared.users++
  const mine = shared
  let isOpen = true
  const close = async () => {
    if (!isOpen) return
    isOpen = false
    if (--mine.users > 0) return
    openFolders.delete(resolved)
    try {
      await (await mine.pglite).close()
    } finally {
      mine.lock.close()
    }
  }
  try {
    const pglite = await mine.pglite
    return {
      place: `pglite:${folder}`,
      session: 1,
      query: async <Row>(text: string, parameters: readonly SqlParameter[] = []) => {
        const { rows } = await pglite.query(text, [...parameters])
        return rows.map((row) => withBuffers(row as Record<string, unknown>)) as Row[]
      },
      script: async (text) => {
        await pglite.exec(text)
      },
      close,
    }
  } catch (error) {
    await close().catch(() => {})
    throw error
  }
}

async function startPglite(folder: string): Promise<Pglite> {
  const { PGlite } = await packageOf('@electric-sql/pglite', () => import('@electric-sql/pglite'))
  return PGlite.create(path.join(folder, 'data'))
}

/** Two processes in one folder of PGlite would destroy it, and it does not look. */
function lockFolder(folder: string): Connection {
  fs.mkdirSync(folder, { recursive: true })
  const lock = sqlite().open(path.join(folder, 'lock'), { readonly: false, timeoutMs: 0 })
  try {
    lock.pragma('journal_mode = MEMORY')
    lock.exec('BEGIN EXCLUSIVE')
    return lock
  } catch (error) {
    lock.close()
    throw new TapeError(
      'STORE_FAILED',
      `pglite:${folder} is open in another process, and PGlite takes one; wait for its end, or use a PostgreSQL server`,
      { cause: error },
    )
  }
}

function withBuffers(row: Record<string, unknown>): Record<string, unknown> {
  for (const [key, value] of Object.entries(row))
    if (value instanceof Uint8Array && !Buffer.isBuffer(value))
      row[key] = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  return row
}

/** What a role that lacks rights needs. */
export const ROLES_WORDS =
  'GRANT gradtape_recorder (to push), gradtape_reader (to look and pull) or gradtape_worker (to work and ask for work) TO the role'

/** PostgreSQL's texts have no NUL and no half of a pair; what has one gets a mark in its place. */
export function storedText(text: string): string {
  return text.replace(/\0|[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g, '\uFFFD')
}
