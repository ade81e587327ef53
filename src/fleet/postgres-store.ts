/**
 * PostgreSQL as a store. The database itself holds each batch to the chain (schema.ts); this side only asks. One who appends
 * has a lease, which ends with its connection, or when nothing came for a while; each lease has a number, the epoch, and who
 * comes with an old one is refused.
 */
import { randomBytes } from 'node:crypto'
import os from 'node:os'
import process from 'node:process'
import { TapeError } from '../errors.js'
import { hashOf } from '../events/content.js'
import { contentsOf, type LoggedBatch, type NamedContent } from '../store/manage/logged-batch.js'
import { headerBytes, headerFrom } from './batch-frames.js'
import {
  type BatchStore,
  type ContentBytes,
  checkTapeName,
  conflict,
  type StoredTape,
} from './batch-store.js'
import type { ObjectStore } from './object-store.js'
import { openObjects } from './open-objects.js'
import { prepareSchema } from './schema.js'
import { ROLES_WORDS, type SqlClient, sqlClient, sqlState, storedText } from './sql-client.js'
import type { StoreAddress } from './store-address.js'

/** How long a writer that says nothing keeps a tape, when the server cannot see that it is gone. */
const LEASE_SECONDS = 15
/** Rows are read in pages; a batch is some ten kilobytes as a rule. */
const PAGE = 64

interface Lease {
  readonly epoch: number
  readonly session: number
}

export class PostgresStore implements BatchStore {
  readonly url: string
  private readonly client: SqlClient
  private readonly holder = `${os.hostname()} ${process.pid} ${randomBytes(6).toString('hex')}`
  private readonly leases = new Map<string, Lease>()

  private constructor(client: SqlClient) {
    this.client = client
    this.url = client.place
  }

  /** Throws STORE_FAILED when the database cannot be reached, or holds no store and this role may not make one. */
  static async open(address: StoreAddress): Promise<PostgresStore> {
    const client = await sqlClient(address).catch((error: unknown) => {
      throw failed(address.place, error)
    })
    const store = new PostgresStore(client)
    try {
      await store.trying(() => prepareSchema(client))
    } catch (error) {
      await client.close()
      throw error
    }
    return store
  }

  async tapes(): Promise<StoredTape[]> {
    const rows = await this.ask<{ name: string; batches: number; head: Buffer }>(
      'SELECT name, batches, head FROM gradtape.tape WHERE batches > 0 ORDER BY name COLLATE "C"',
    )
    return rows.map(({ name, batches, head }) => ({ name, batches, head: head.toString('hex') }))
  }

  async tape(name: string): Promise<StoredTape | null> {
    checkTapeName(name)
    const [row] = await this.ask<{ now_batches: number; now_head: Buffer }>(
      'SELECT now_batches, now_head FROM gradtape.state($1)',
      [name],
    )
    return row === undefined ? null : { name, batches: row.now_batches, head: row.now_head.toString('hex') }
  }

  async tapesWithRun(run: string): Promise<string[]> {
    const rows = await this.ask<{ tape: string }>(
      'SELECT DISTINCT tape FROM gradtape.run WHERE name = $1 ORDER BY 1',
      [storedText(run)],
    )
    return rows.map(({ tape }) => tape)
  }

  async hashAt(name: string, n: number): Promise<Buffer | null> {
    checkTapeName(name)
    const [row] = await this.ask<{ hash: Buffer | null }>('SELECT gradtape.hash_at($1, $2) AS hash', [
      name,
      n,
    ])
    if (row?.hash != null) return row.hash
    const sealed = await this.sealed(name)
    return sealed !== null && n <= sealed.upTo ? sealed.archive.hashAt(name, n) : null
  }

  async missing(contents: readonly NamedContent[]): Promise<NamedContent[]> {
    if (contents.length === 0) return []
    const rows = await this.ask<{ hash: Buffer }>('SELECT hash FROM gradtape.missing($1)', [
      Buffer.concat(contents.map(({ hash }) => hash)),
    ])
    const absent = new Set(rows.map(({ hash }) => hash.toString('hex')))
    return contents.filter(({ hash }) => absent.has(hash.toString('hex')))
  }

  async putContents(given: readonly ContentBytes[]): Promise<void> {
    if (given.length === 0) return
    // Two who bring the same ones in one order wait for each other; in two orders both would wait for ever.
    const contents = [...given].sort((a, b) => Buffer.compare(a.content.hash, b.content.hash))
    await this.ask('SELECT gradtape.put_values($1::text::text[], $2::text::int[], $3)', [
      list(contents.map(({ content }) => content.dtype)),
      list(contents.map(({ bytes }) => bytes.length)),
      Buffer.concat(contents.map(({ bytes }) => bytes)),
    ])
  }

  async append(name: string, batches: readonly LoggedBatch[], head: Buffer): Promise<void> {
    const first = batches[0]
    if (first === undefined) return
    checkTapeName(name)
    const lease = await this.lease(name, first, head)
    const headers = batches.map(headerBytes)
    const contents = batches.map((batch) => contentsOf(batch).map(({ hash }) => hash))
    try {
      await this.ask(
        `SELECT now_batches FROM gradtape.append($1, $2, $3, $4, $5, $6::text::int[], $7, $8::text::int[], $9::text::int[], $10, $11::text::int[], $12)`,
        [
          ...[name, lease.epoch, first.n],
          Buffer.concat(batches.map(({ hash }) => hash)),
          Buffer.concat(batches.map(({ payload }) => payload)),
          list(batches.map(({ payload }) => payload.length)),
          Buffer.concat(headers),
          list(headers.map((header) => header.length)),
          list(batches.map(eventCount)),
          Buffer.concat(contents.flat()),
          list(contents.map(({ length }) => length)),
          LEASE_SECONDS,
        ],
        name,
      )
    } catch (error) {
      if (error instanceof TapeError && error.code === 'STORE_CONFLICT') this.leases.delete(name)
      throw error
    }
  }

  async *batches(name: string, after: number): AsyncGenerator<LoggedBatch> {
    checkTapeName(name)
    let last = after
    const sealed = await this.sealed(name)
    if (sealed !== null && last < sealed.upTo)
      for await (const batch of sealed.archive.batches(name, last)) {
        if (batch.n > sealed.upTo) break
        yield batch
        last = batch.n
      }
    for (;;) {
      const rows = await this.ask<{ n: number; hash: Buffer; header: Buffer; payload: Buffer }>(
        `SELECT b.n, b.hash, b.header, b.payload FROM gradtape.batch b JOIN gradtape.tape t ON t.id = b.tape_id
         WHERE t.name = $1 AND b.n > $2 ORDER BY b.n LIMIT ${PAGE}`,
        [name, last],
      )
      for (const { n, hash, header, payload } of rows) {
        if (n !== last + 1)
          throw new TapeError(
            'TAPE_CORRUPT',
            `the tape "${name}" in ${this.url} expected batch ${last + 1}, has batch ${n}`,
          )
        yield { ...headerFrom(header, `batch ${n} of "${name}" in ${this.url}`), n, hash, payload }
        last = n
      }
      if (rows.length < PAGE) return
    }
  }

  async contents(wanted: readonly NamedContent[]): Promise<Buffer[]> {
    if (wanted.length === 0) return []
    const rows = await this.ask<{ hash: Buffer; bytes: Buffer }>(
      `SELECT hash, bytes FROM gradtape.value
       WHERE hash IN (SELECT substring($1::bytea FROM 1 + 32 * k FOR 32) FROM generate_series(0, length($1::bytea) / 32 - 1) k)`,
      [Buffer.concat(wanted.map(({ hash }) => hash))],
    )
    const found = new Map(rows.map(({ hash, bytes }) => [hash.toString('hex'), bytes]))
    const absent = wanted.filter(({ hash }) => !found.has(hash.toString('hex')))
    for (const content of absent) {
      const bytes = await this.sealedContent(content)
      if (bytes !== null) found.set(content.hash.toString('hex'), bytes)
    }
    return wanted.map(({ hash, dtype }) => {
      const bytes = found.get(hash.toString('hex'))
      if (bytes !== undefined && hashOf(dtype, bytes).equals(hash)) return bytes
      throw new TapeError(
        'TAPE_CORRUPT',
        `the content ${hash.toString('hex')} in ${this.url} ${bytes === undefined ? 'is not there' : 'was changed there'}`,
      )
    })
  }

  async close(): Promise<void> {
    const { session } = this.client
    for (const [name, lease] of this.leases) {
      if (lease.session !== session) continue
      // Whoever cannot say that it ends lets its lease run out.
      await this.client.query('SELECT gradtape.release($1, $2)', [name, lease.epoch]).catch(() => {})
    }
    this.leases.clear()
    await this.client.close()
  }

  /** Where the batches of a tape are that the database does not have any more; null when it has all, or this role may not know. */
  private async sealed(name: string): Promise<{ upTo: number; archive: ObjectStore } | null> {
    const rows = await this.client
      .query<{ sealed: number; sealed_to: string }>(
        'SELECT sealed, sealed_to FROM gradtape.tape WHERE name = $1 AND sealed > 0',
        [name],
      )
      .catch((error: unknown) => {
        if (sqlState(error) === '42501') return []
        throw failed(this.url, error)
      })
    const [row] = rows
    return row === undefined ? null : { upTo: row.sealed, archive: openObjects(row.sealed_to) }
  }

  /** A content that is in one of the places that tapes were sealed to; null when it is in none. */
  private async sealedContent(content: NamedContent): Promise<Buffer | null> {
    const places = await this.ask<{ place: string }>(
      'SELECT DISTINCT sealed_to AS place FROM gradtape.tape WHERE sealed > 0 ORDER BY 1',
    )
    for (const { place } of places) {
      const archive = openObjects(place)
      if ((await archive.missing([content])).length === 0) return (await archive.contents([content]))[0]!
    }
    return null
  }

  /** The lease of a tape, held already or taken. Throws STORE_CONFLICT when another has it, or the tape is not as expected. */
  private async lease(name: string, first: LoggedBatch, head: Buffer): Promise<Lease> {
    const held = this.leases.get(name)
    if (held !== undefined && held.session === this.client.session) return held
    const [row] = await this.ask<{ now_epoch: number; now_batches: number; now_head: Buffer }>(
      'SELECT now_epoch, now_batches, now_head FROM gradtape.claim($1, $2, $3)',
      [name, this.holder, LEASE_SECONDS],
      name,
    )
    const { now_epoch: epoch, now_batches: batches, now_head: theirs } = row!
    const lease = { epoch, session: this.client.session }
    this.leases.set(name, lease)
    if (batches < first.n - 1 || (batches === first.n - 1 && first.n > 1 && !theirs.equals(head)))
      throw conflict(
        this.url,
        name,
        `expected batch ${batches + 1} on its head, got batch ${first.n}; somebody else pushes to it`,
      )
    return lease
  }

  private ask<Row>(
    text: string,
    parameters: Parameters<SqlClient['query']>[1] = [],
    tape?: string,
  ): Promise<Row[]> {
    return this.trying(() => this.client.query<Row>(text, parameters), tape)
  }

  private async trying<T>(act: () => Promise<T>, tape?: string): Promise<T> {
    try {
      return await act()
    } catch (error) {
      throw failed(this.url, error, tape)
    }
  }
}

/** What the database refused, or that it cannot be reached, in our words. */
export function failed(place: string, error: unknown, tape = ''): TapeError {
  if (error instanceof TapeError) return error
  const { message } = error as Error
  const state = sqlState(error)
  switch (state) {
    case 'GT001':
    case 'GT007':
      return conflict(
        place,
        tape,
        `somebody else pushes to it (${message}); what you have is on your tape: push again when it is done, or give this one another name (--name)`,
        error,
      )
    case 'GT002':
    case 'GT003':
    case 'GT006':
      return conflict(place, tape, `${message}; give this one another name (--name)`, error)
    case 'GT004':
      return new TapeError('TAPE_CORRUPT', `${place} refused a batch: ${message}`, { cause: error })
    case '23514':
      return new TapeError('BAD_ARGUMENT', `${place} refused what it got: ${message}`, { cause: error })
  }
  const advice =
    state === '42501'
      ? ROLES_WORDS
      : message.includes('that one may have')
        ? 'its owner sets limits in gradtape.setting'
        : 'what the store acknowledged is there; try again when it can be reached and has room'
  return new TapeError('STORE_FAILED', `${place}: ${message || String(error)}; ${advice}`, { cause: error })
}

function eventCount({ kind, payload }: LoggedBatch): number {
  return kind === 'events' ? payload.readDoubleLE(24) : 0
}

/** A list as PostgreSQL writes it, of numbers and of words that need no marks. */
function list(entries: readonly (number | string)[]): string {
  return `{${entries.join(',')}}`
}
