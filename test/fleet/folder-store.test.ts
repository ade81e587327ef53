/** Tapes go to a folder and come back with the chain that they had, whatever happens on the way. */
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { inflateRawSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { fromFrames, toFrames } from '../../src/fleet/batch-frames.js'
import { pullTape } from '../../src/fleet/pull.js'
import { pushTape } from '../../src/fleet/push.js'
import { plainDatabase } from '../plain-database.js'
import { runChild, startChild } from '../tape/child-process.js'
import { newTapePath, openForTest, temporaryFolder } from '../tape/temporary-tape.js'
import { recordRun, richTape } from './rich-tape.js'

const headOf = (file: string): string => {
  const tape = openForTest(file, { readonly: true })
  const report = tape.verify()
  tape.close()
  expect(report.problem).toBe(null)
  return report.head
}

const rowsOf = (file: string) => {
  const db = plainDatabase(file, { readonly: true })
  const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all() as string[]
  expect(tables.length).toBeGreaterThan(10)
  // When the file was made and statistics of the planner are no part of what is recorded.
  const own = tables.filter((table) => !table.startsWith('sqlite_') && table !== '_migration')
  return Object.fromEntries(own.map((table) => [table, db.prepare(`SELECT * FROM ${table}`).all()]))
}

const batchFiles = (store: string, name: string): string[] =>
  fs
    .readdirSync(path.join(store, 'tapes', name))
    .sort()
    .map((file) => path.join(store, 'tapes', name, file))

describe('a tape that was pushed', () => {
  let file: string
  let store: string
  const pushed = async () => {
    file = await richTape()
    store = temporaryFolder()
    return pushTape(file, store, { name: 'rich' })
  }

  test('comes back with the same chain, the same head and the same rows, at every capture', async () => {
    const report = await pushed()
    expect(report.stored.head).toBe(headOf(file))
    expect(report.batches).toBe(report.stored.batches)
    const out = path.join(temporaryFolder(), 'back.tape')
    const back = await pullTape(store, out)
    expect(back).toMatchObject({ name: 'rich', head: report.stored.head, batches: report.stored.batches })
    expect(headOf(out)).toBe(report.stored.head)
    expect(rowsOf(out)).toEqual(rowsOf(file))
    expect(fs.readdirSync(path.dirname(out))).toEqual(['back.tape'])
  })

  test('lies there as batches that anybody can check: sha256(hash before ‖ payload) = hash', async () => {
    const { stored } = await pushed()
    let head = Buffer.alloc(32)
    for (const each of batchFiles(store, 'rich')) {
      const bytes = inflateRawSync(fs.readFileSync(each))
      for (let at = 0; at < bytes.length; ) {
        const payloadAt = at + 4 + bytes.readUInt32LE(at)
        const header = JSON.parse(bytes.toString('utf8', at + 4, payloadAt))
        at = payloadAt + header.payloadBytes
        head = createHash('sha256').update(head).update(bytes.subarray(payloadAt, at)).digest()
        expect(head.toString('hex')).toBe(header.hash)
      }
    }
    expect(head.toString('hex')).toBe(stored.head)
  })

  test('is not sent again; what was recorded since is', async () => {
    const { stored } = await pushed()
    expect(await pushTape(file, store, { name: 'rich' })).toMatchObject({ batches: 0, contents: 0, stored })
    const tape = openForTest(file)
    await recordRun(tape, 'later', 45)
    tape.close()
    const out = path.join(temporaryFolder(), 'back.tape')
    await pullTape(store, out)
    const more = await pushTape(file, store, { name: 'rich' })
    expect(more.batches).toBeGreaterThan(0)
    expect(more.batches).toBeLessThan(stored.batches)
    // The file has the beginning already: only the rest comes.
    const back = await pullTape(store, out, { name: 'rich' })
    expect(back.pulled).toBe(more.batches)
    expect(headOf(out)).toBe(headOf(file))
    expect((await pullTape(store, out, { name: 'rich' })).pulled).toBe(0)
  })

  test('is refused where another tape has its name, and nothing is changed there', async () => {
    const { stored } = await pushed()
    const other = newTapePath()
    const tape = openForTest(other)
    await recordRun(tape, 'other', 5)
    tape.close()
    await expect(pushTape(other, store, { name: 'rich' })).rejects.toThrow(
      /^STORE_CONFLICT: tape "rich" in .*another tape of that name/,
    )
    await expect(pullTape(store, other, { name: 'rich' })).rejects.toThrow(
      /^STORE_CONFLICT: .*not in the store/,
    )
    expect((await pushTape(file, store, { name: 'rich' })).stored).toEqual(stored)
  })

  test('is not pulled when a byte of it was changed', async () => {
    await pushed()
    const [first] = batchFiles(store, 'rich')
    const batches = fromFrames(fs.readFileSync(first!), 'it')
    const [one] = batches
    const payload = Buffer.from(one!.payload)
    payload[payload.length - 1]! ^= 1
    fs.writeFileSync(first!, toFrames([{ ...one!, payload }, ...batches.slice(1)]))
    const out = path.join(temporaryFolder(), 'back.tape')
    await expect(pullTape(store, out)).rejects.toThrow(/^TAPE_CORRUPT/)
    expect(fs.existsSync(out)).toBe(false)
    const bytes = fs.readFileSync(first!)
    bytes[bytes.length >> 1]! ^= 255
    fs.writeFileSync(first!, bytes)
    await expect(pullTape(store, out)).rejects.toThrow(/^TAPE_CORRUPT/)
  })

  test('is not pulled when a content or a file of batches is missing', async () => {
    await pushed()
    const contents = path.join(store, 'contents')
    const [folder] = fs.readdirSync(contents)
    fs.rmSync(path.join(contents, folder!), { recursive: true })
    const out = path.join(temporaryFolder(), 'back.tape')
    await expect(pullTape(store, out)).rejects.toThrow(/^STORE_FAILED: reading/)
  })
})

test('one that is being recorded is pushed as of its moment, and the rest later', async () => {
  const file = newTapePath()
  const child = startChild(
    `const run = gradtape.openTape(arg.file).startRun('live')
     const w = gradtape.parameter(2, { name: 'w' })
     for (let i = 0; i < 2000; i++) { run.step(); w.mul(w) }
     run.flush()
     say('going')
     setInterval(() => { for (let i = 0; i < 500; i++) { run.step(); w.mul(w) } run.flush() }, 20)`,
    { file },
  )
  await child.said('going')
  const store = temporaryFolder()
  const first = await pushTape(file, store, { name: 'live' })
  expect(first.stored.batches).toBeGreaterThan(0)
  child.process.kill('SIGKILL')
  await child.ended
  const last = await pushTape(file, store, { name: 'live' })
  const out = path.join(temporaryFolder(), 'back.tape')
  await pullTape(store, out)
  expect(headOf(out)).toBe(last.stored.head)
  expect(headOf(file)).toBe(last.stored.head)
})

test('pushes that are killed at any moment lose nothing that was acknowledged, and the next goes on', async () => {
  const file = newTapePath()
  const tape = openForTest(file)
  for (const name of ['a', 'b', 'c']) await recordRun(tape, name, 60, { capture: 'full' })
  tape.close()
  const store = temporaryFolder()
  let acknowledged = 0
  for (let kills = 0; kills < 8; kills++) {
    const child = startChild(
      `await gradtape.pushTape(arg.file, arg.store, { name: 't', onProgress: (batches) => say('acknowledged ' + batches) })
       say('whole')`,
      { file, store },
    )
    const patience = 60 + 40 * kills
    await Promise.race([child.ended, new Promise((resolve) => setTimeout(resolve, patience))])
    child.process.kill('SIGKILL')
    const { stdout } = await child.ended
    for (const [, batches] of stdout.matchAll(/acknowledged (\d+)/g))
      acknowledged = Math.max(acknowledged, Number(batches))
  }
  const report = await pushTape(file, store, { name: 't' })
  expect(report.stored.batches - report.batches).toBeGreaterThanOrEqual(acknowledged)
  const out = path.join(temporaryFolder(), 'back.tape')
  await pullTape(store, out)
  expect(headOf(out)).toBe(headOf(file))
})

test('a pull that is killed goes on from what it had', async () => {
  const file = await richTape()
  const store = temporaryFolder()
  const { stored } = await pushTape(file, store, { name: 't' })
  const out = path.join(temporaryFolder(), 'back.tape')
  const child = startChild(
    `await gradtape.pullTape(arg.store, arg.out, { onProgress: (n) => { if (n === 5) { say('five'); process.kill(process.pid, 'SIGKILL') } } })`,
    { store, out },
  )
  await child.said('five')
  await child.ended
  expect(fs.existsSync(out)).toBe(false)
  const back = await pullTape(store, out)
  expect(back.batches).toBe(stored.batches)
  expect(back.pulled).toBe(stored.batches - 5)
  expect(headOf(out)).toBe(stored.head)
  expect(fs.readdirSync(path.dirname(out))).toEqual(['back.tape'])
})

test('of two that push different tapes under one name at the same time one wins, and the other is told', async () => {
  const store = temporaryFolder()
  const files = await Promise.all(
    ['x', 'y'].map(async (name) => {
      const tape = openForTest(newTapePath())
      await recordRun(tape, name, 20)
      tape.close()
      return tape.path
    }),
  )
  const outcomes = await Promise.all(
    files.map((file) =>
      runChild(`await gradtape.pushTape(arg.file, arg.store, { name: 'one' }); say('done')`, { file, store }),
    ),
  )
  const winners = outcomes.map(({ stdout }) => stdout.includes('done'))
  expect(winners.filter(Boolean)).toHaveLength(1)
  expect(outcomes[winners.indexOf(false)]!.stderr).toContain('STORE_CONFLICT')
  const out = path.join(temporaryFolder(), 'back.tape')
  expect((await pullTape(store, out)).head).toBe(headOf(files[winners.indexOf(true)]!))
})

test('names and addresses that make no sense are refused before anything is written', async () => {
  const file = await richTape()
  const store = path.join(temporaryFolder(), 'none')
  for (const name of ['../up', 'a/b', '', '.hidden', 'x'.repeat(101), 'ends.', 'nul\0'])
    await expect(pushTape(file, store, { name })).rejects.toThrow(
      /^BAD_ARGUMENT: the name of a tape in a store/,
    )
  await expect(pushTape(file, 'ftp://somewhere/')).rejects.toThrow(/^BAD_ARGUMENT: expected a store/)
  await expect(pushTape(file, ' ')).rejects.toThrow(/^BAD_ARGUMENT: expected a store/)
  await expect(pushTape(`${file}-none`, store)).rejects.toThrow(/^TAPE_NOT_FOUND/)
  await expect(pushTape(`${file}-none`, `pglite:${store}`, { name: 'a' })).rejects.toThrow(/^TAPE_NOT_FOUND/)
  await expect(pullTape(store, `${file}2`)).rejects.toThrow(/^TAPE_NOT_FOUND: .*has no tapes/)
  expect(fs.existsSync(store)).toBe(false)
})
