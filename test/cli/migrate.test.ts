/** What migrate answers, what an old tape is met with elsewhere, and that no output goes over a tape. */
import crypto from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import zlib from 'node:zlib'
import { expect, test } from 'vitest'
import { SCHEMA_VERSION } from '../../src/store/format/migrations.js'
import { gradtape, gradtapeJson, temporaryFolder, writeTape } from './gradtape.js'

const folder = temporaryFolder()
const FIXTURE = new URL('../fixtures/schema-1.tape.gz', import.meta.url)

function oldTape(name: string): string {
  const file = path.join(folder, name)
  fs.writeFileSync(file, zlib.gunzipSync(fs.readFileSync(FIXTURE)))
  return file
}

const sumOf = (file: string) => crypto.createHash('sha256').update(fs.readFileSync(file)).digest('hex')

test('an old tape is named with the command that migrates it, and migrated once', async () => {
  const file = oldTape('old.tape')
  expect((await gradtape('runs', file)).stderr).toMatch(/^TAPE_TOO_OLD: .*gradtape migrate/)
  const first = await gradtapeJson('migrate', file)
  expect(first).toMatchObject({ from: 1, to: SCHEMA_VERSION, migrated: true, verified: { intact: true } })
  expect(await gradtapeJson('verify', file)).toMatchObject({ intact: true })
  expect(await gradtapeJson('migrate', file)).toMatchObject({
    from: SCHEMA_VERSION,
    migrated: false,
    verified: null,
  })
  expect((await gradtape('migrate', file)).stdout).toMatch(/ is the newest; it was left as it is\n$/)
  expect((await gradtape('migrate', path.join(folder, 'none.tape'))).stderr).toMatch(/^TAPE_NOT_FOUND/)
})

test('compact --output leaves an old tape as it is and writes one of the newest schema', async () => {
  const file = oldTape('source.tape')
  const before = sumOf(file)
  const output = path.join(folder, 'small.tape')
  expect(await gradtapeJson('compact', file, '--output', output)).toMatchObject({
    written: true,
    verified: { intact: true },
  })
  expect(sumOf(file)).toBe(before)
  expect(await gradtapeJson('verify', output)).toMatchObject({ intact: true })
})

test('graph writes over no part of the tape, under whatever name', async () => {
  const file = path.join(folder, 'runs.tape')
  await writeTape(file)
  const link = path.join(folder, 'link.svg')
  fs.symlinkSync(file, link)
  const hard = path.join(folder, 'hard.svg')
  fs.linkSync(file, hard)
  const before = sumOf(file)
  for (const output of [file, link, hard, `${file}-wal`, `${file}-shm`]) {
    const { status, stderr } = await gradtape('graph', file, '--output', output)
    expect([status, stderr], output).toEqual([1, expect.stringMatching(/^BAD_ARGUMENT: --output expected/)])
  }
  expect(sumOf(file)).toBe(before)
})
