/** What every store does, whatever it is made of: a folder, PGlite in this process, a PostgreSQL server. */
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { BatchStore } from '../../src/fleet/batch-store.js'
import { openStore } from '../../src/fleet/open-store.js'
import { pullTape } from '../../src/fleet/pull.js'
import { pushTape } from '../../src/fleet/push.js'
import { sqlClient } from '../../src/fleet/sql-client.js'
import { storeAddress } from '../../src/fleet/store-address.js'
import { openDatabase } from '../../src/store/format/database.js'
import { TapeLog } from '../../src/store/manage/batch-log.js'
import { contentsOf, type LoggedBatch, type NamedContent } from '../../src/store/manage/logged-batch.js'
import { newTapePath, openForTest, temporaryFolder } from '../tape/temporary-tape.js'
import { POSTGRES, PostgresServer } from './postgres-server.js'
import { recordRun, richTape } from './rich-tape.js'
import { KEYS, S3Server } from './s3-server.js'

const headOf = (file: string): string => {
  const tape = openForTest(file, { readonly: true })
  const { problem, head } = tape.verify()
  tape.close()
  expect(problem).toBe(null)
  return head
}

let names = 0
/** PGlite takes a second to begin, so that a store serves several tests; each has a tape of its own. */
const newName = () => `tape-${++names}`

interface Kind {
  name: string
  isHere: boolean
  begin(): Promise<string>
  end(): Promise<void>
}

let server: PostgresServer | null = null
let bucket: S3Server | null = null
let folder = ''
const newFolder = async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gradtape-store-'))
  return folder
}
const dropFolder = async () => fs.rmSync(folder, { recursive: true, force: true })

const KINDS: Kind[] = [
  { name: 'a folder', isHere: true, begin: newFolder, end: dropFolder },
  {
    name: 'a bucket',
    isHere: true,
    begin: async () => {
      for (const [name, value] of Object.entries(KEYS)) vi.stubEnv(name, value)
      bucket = await S3Server.start()
      return bucket.url('store')
    },
    end: async () => {
      vi.unstubAllEnvs()
      await bucket!.stop()
    },
  },
  { name: 'PGlite', isHere: true, begin: async () => `pglite:${await newFolder()}`, end: dropFolder },
  {
    name: POSTGRES === null ? 'PostgreSQL (skipped: none is installed here)' : 'PostgreSQL',
    isHere: POSTGRES !== null,
    begin: async () => {
      server = await PostgresServer.start()
      return server.url(await server.database())
    },
    end: async () => server?.stop(),
  },
]

describe.each(KINDS.filter(({ isHere }) => isHere))('a store that is $name', ({ name, begin, end }) => {
  let url: string
  let open: BatchStore
  /** Four runs of several captures, recorded once for all tests. */
  let rich: string
  let kept: string

  beforeAll(async () => {
    url = await begin()
    open = await openStore(url)
    kept = fs.mkdtempSync(path.join(os.tmpdir(), 'gradtape-rich-'))
    rich = await richTape(path.join(kept, 'rich.tape'))
  })
  afterAll(async () => {
    await open.close()
    await end()
    fs.rmSync(kept, { recursive: true, force: true })
  })

  /** All batches of a tape, with their contents in the store. */
  const loaded = async (file: string): Promise<LoggedBatch[]> => {
    const db = openDatabase(file, { readonly: true })
    try {
      const log = new TapeLog(db)
      const batches = [...log.batches()]
      const named = batches.flatMap(contentsOf)
      const absent = await open.missing(named)
      await open.putContents(absent.map((content) => ({ content, bytes: log.content(content) })))
      return batches
    } finally {
      db.close()
    }
  }
  const genesis = Buffer.alloc(32)

  test('gives a tape back as it was, with the head that push printed', async () => {
    const name = newName()
    const pushed = await pushTape(rich, url, { name })
    expect(pushed.stored.head).toBe(headOf(rich))
    const out = path.join(temporaryFolder(), 'back.tape')
    const pulled = await pullTape(url, out, { name })
    expect(pulled).toMatchObject({ name, head: pushed.stored.head, batches: pushed.stored.batches })
    expect(headOf(out)).toBe(pushed.stored.head)
    expect(await open.tape(name)).toEqual({ name, ...pushed.stored })
    expect((await open.tapes()).map((tape) => tape.name)).toContain(name)
  })

  test('is sent what it does not have, and nothing twice', async () => {
    const name = newName()
    const file = newTapePath()
    const tape = openForTest(file)
    await recordRun(tape, 'first', 15, { capture: 'full' })
    const first = await pushTape(file, url, { name })
    expect(await pushTape(file, url, { name })).toMatchObject({
      batches: 0,
      contents: 0,
      stored: first.stored,
    })
    await recordRun(tape, 'later', 10)
    tape.close()
    const more = await pushTape(file, url, { name })
    expect(more.stored.batches).toBe(first.batches + more.batches)
    expect(more.batches).toBeGreaterThan(0)
    const out = path.join(temporaryFolder(), 'back.tape')
    expect((await pullTape(url, out, { name })).pulled).toBe(more.stored.batches)
    expect((await pullTape(url, out, { name })).pulled).toBe(0)
  })

  test('goes on with a pull that was begun', async () => {
    const name = newName()
    const file = newTapePath()
    const tape = openForTest(file)
    await recordRun(tape, 'first', 15)
    await pushTape(file, url, { name })
    const out = path.join(temporaryFolder(), 'back.tape')
    await pullTape(url, out, { name })
    await recordRun(tape, 'later', 15)
    tape.close()
    const { batches } = await pushTape(file, url, { name })
    expect((await pullTape(url, out, { name })).pulled).toBe(batches)
    expect(headOf(out)).toBe(headOf(file))
  })

  test('takes batches one after the other, all or none of those that come together', async () => {
    const name = newName()
    const batches = await loaded(rich)
    await expect(open.append(name, batches.slice(1, 3), batches[0]!.hash)).rejects.toThrow(/^STORE_CONFLICT/)
    expect(await open.tape(name)).toBe(null)
    await open.append(name, batches.slice(0, 2), genesis)
    const payload = Buffer.from(batches[3]!.payload)
    payload[payload.length - 1]! ^= 1
    await expect(
      open.append(name, [batches[2]!, { ...batches[3]!, payload }], batches[1]!.hash),
    ).rejects.toThrow(/^TAPE_CORRUPT: .*does not have its hash/)
    expect((await open.tape(name))?.batches).toBe(2)
    await open.append(name, batches.slice(2), batches[1]!.hash)
    expect((await open.tape(name))?.head).toBe(batches.at(-1)!.hash.toString('hex'))
    expect((await open.hashAt(name, 2))?.equals(batches[1]!.hash)).toBe(true)
    expect(await open.hashAt(name, batches.length + 1)).toBe(null)
    const back: LoggedBatch[] = []
    for await (const batch of open.batches(name, 1)) back.push(batch)
    expect(back).toEqual(batches.slice(1))
  })

  test('refuses another tape of the same name, and a gap, and stays as it is', async () => {
    const name = newName()
    const { stored } = await pushTape(rich, url, { name })
    const other = newTapePath()
    const tape = openForTest(other)
    await recordRun(tape, 'other', 5)
    tape.close()
    await expect(pushTape(other, url, { name })).rejects.toThrow(
      /^STORE_CONFLICT: .*another tape of that name/,
    )
    const foreign = await loaded(other)
    await expect(open.append(name, foreign, genesis)).rejects.toThrow(/^STORE_CONFLICT/)
    const beyond = { ...foreign[0]!, n: stored.batches + 2 }
    await expect(open.append(name, [beyond], Buffer.from(stored.head, 'hex'))).rejects.toThrow(
      /^STORE_CONFLICT/,
    )
    expect(await open.tape(name)).toEqual({ name, ...stored })
    await expect(pullTape(url, other, { name })).rejects.toThrow(/^STORE_CONFLICT: .*not in the store/)
  })

  test('lets one of two win who append the same batch, and tells the other', async () => {
    const name = newName()
    const [first] = await loaded(rich)
    const other = newTapePath()
    const tape = openForTest(other)
    await recordRun(tape, 'other', 5)
    tape.close()
    const [second] = await loaded(other)
    const there = await openStore(url)
    try {
      const outcomes = await Promise.allSettled([
        open.append(name, [first!], genesis),
        there.append(name, [second!], genesis),
      ])
      expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
      const refused = outcomes.find(({ status }) => status === 'rejected') as PromiseRejectedResult
      expect(String(refused.reason)).toMatch(/STORE_CONFLICT/)
      const winner = outcomes[0]!.status === 'fulfilled' ? first! : second!
      expect((await open.tape(name))?.head).toBe(winner.hash.toString('hex'))
    } finally {
      await there.close()
    }
  })

  test('names what it does not have', async () => {
    const nowhere: NamedContent = { hash: Buffer.alloc(32, 7), dtype: 'float64', size: 2 }
    expect(await open.missing([nowhere])).toEqual([nowhere])
    expect(await open.missing([])).toEqual([])
    await expect(open.contents([nowhere])).rejects.toThrow(/^(TAPE_CORRUPT|STORE_FAILED)/)
    expect(await open.tape('nobody')).toBe(null)
    await expect(pullTape(url, newTapePath(), { name: 'nobody' })).rejects.toThrow(
      /^TAPE_NOT_FOUND: .*"nobody"/,
    )
  })

  if (name !== 'a folder' && name !== 'a bucket')
    test('does a script as a whole or not at all, and goes on after one that failed', async () => {
      const client = await sqlClient(storeAddress(url))
      try {
        await client.script('CREATE TABLE whole (x int)')
        await expect(client.script('INSERT INTO whole VALUES (1); SELECT 1/0')).rejects.toThrow(
          /division by zero/,
        )
        expect(await client.query('SELECT * FROM whole')).toEqual([])
      } finally {
        await client.close()
      }
    })

  test('refuses names that are none', async () => {
    for (const name of [
      '../up',
      "a'; DROP TABLE gradtape.tape; --",
      '',
      '.hidden',
      'x'.repeat(101),
      'nul\0',
      'ends.',
    ])
      await expect(pushTape(rich, url, { name })).rejects.toThrow(
        /^BAD_ARGUMENT: the name of a tape in a store/,
      )
    await expect(open.tape("a' OR true --")).rejects.toThrow(/^BAD_ARGUMENT/)
  })
})
