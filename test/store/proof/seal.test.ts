// The seal of a tape: it holds for what was sealed and for nothing else, and each kind of tampering has its code.
import { execFileSync } from 'node:child_process'
import { createPublicKey, generateKeyPairSync, verify as verifySignature } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { mul, newSealKey, openTape, parameter, type SealCode, type SealReport } from '../../../src/index.js'
import { gradtape, gradtapeJson, temporaryFolder } from '../../cli/gradtape.js'
import { plainConnection } from '../../tape/temporary-tape.js'
import { forge } from '../forge.js'
import { withoutTriggers } from '../schema.js'

const folder = temporaryFolder()
const alice = newSealKey()
const bob = newSealKey()
const sealed = path.join(folder, 'sealed.tape')

async function record(file: string, name: string, factor: number): Promise<void> {
  const tape = openTape(file)
  const run = tape.startRun(name, { batch: { eventsMax: 16, bytesMax: 2 ** 25, ageMaxMs: 1e6 } } as object)
  const w = parameter([1, 2, 3], { name: 'w' })
  for (let i = 0; i < 3; i++) {
    run.step()
    const loss = mul(w, factor * (i + 1)).sum()
    w.clearGrad()
    loss.backward()
    run.log({ loss })
  }
  await run.finish()
  tape.close()
}

function seal(file: string, key = alice): void {
  const tape = openTape(file, { readonly: true })
  tape.seal(key.privateKey)
  tape.close()
}

function check(file: string, key = alice.publicKey): SealReport {
  const tape = openTape(file, { readonly: true })
  try {
    return tape.checkSeal(key)
  } finally {
    tape.close()
  }
}

beforeAll(async () => {
  await record(sealed, 'first', 1)
  await record(sealed, 'second', 2)
  seal(sealed)
})

/** A copy of the sealed tape and of its seal. */
function copy(name: string): string {
  const file = path.join(folder, `${name}.tape`)
  fs.copyFileSync(sealed, file)
  fs.copyFileSync(`${sealed}.seal`, `${file}.seal`)
  return file
}

interface SealFile {
  seals: { statement: string; publicKey: string; signature: string }[]
}
const sealsOf = (file: string) => JSON.parse(fs.readFileSync(`${file}.seal`, 'utf8')) as SealFile
const writeSeals = (file: string, seals: unknown) => fs.writeFileSync(`${file}.seal`, JSON.stringify(seals))

test('a sealed tape is as it was, to the byte, and so is the seal of a copy', () => {
  const file = copy('fine')
  const before = fs.readFileSync(file)
  const report = check(file)
  expect(report).toMatchObject({ holds: true, code: null, batchesSince: 0, runsAsSealed: [1, 2] })
  expect(report.statement!.runs).toMatchObject([
    { id: 1, name: 'first', status: 'finished' },
    { id: 2, name: 'second', status: 'finished' },
  ])
  seal(file, bob)
  expect(fs.readFileSync(file).equals(before)).toBe(true)
  // A second seal takes nothing from the first.
  expect([check(file).holds, check(file, bob.publicKey).holds]).toEqual([true, true])
  expect(check(file, alice.privateKey).holds).toBe(true)
})

test('what is signed can be checked with nothing but a library for signatures', () => {
  const { statement, publicKey, signature } = sealsOf(sealed).seals[0]!
  const key = createPublicKey({ key: Buffer.from(publicKey, 'base64'), format: 'der', type: 'spki' })
  const bytes = Buffer.from(`gradtape seal 1\n${statement}`)
  expect(verifySignature(null, bytes, key, Buffer.from(signature, 'base64'))).toBe(true)
  const db = plainConnection(sealed, { readonly: true })
  const head = db.prepare('SELECT lower(hex(hash)) FROM _commit ORDER BY id DESC LIMIT 1').pluck().get()
  expect((JSON.parse(statement) as { head: string }).head).toBe(head)
})

describe('tampering has a code:', () => {
  const tampered: [string, SealCode, string, (file: string) => void | Promise<void>][] = [
    [
      'an edited value',
      'TAPE_CORRUPT',
      'broken',
      (file) => {
        const db = plainConnection(file)
        withoutTriggers(db, () => db.exec('UPDATE _metric SET scalar = scalar + 1 WHERE step = 2'))
      },
    ],
    [
      'an edited value, with all hashes written anew',
      'SEAL_CHANGED',
      'only run 1 "first" is as sealed',
      (file) =>
        forge(file, (db) =>
          db.exec('UPDATE _metric SET scalar = 0.5 WHERE id = (SELECT max(id) FROM _metric)'),
        ),
    ],
    [
      'the same in the first run',
      'SEAL_CHANGED',
      'no run is as sealed',
      (file) =>
        forge(file, (db) =>
          db.exec('UPDATE _metric SET scalar = 0.5 WHERE id = (SELECT min(id) FROM _metric)'),
        ),
    ],
    [
      'a run that was dropped at the end',
      'SEAL_CUT_OFF',
      'and with them (the end of) run 2 "second"',
      (file) => pruned(file, [2]),
    ],
    [
      'a run that was dropped at the beginning',
      'SEAL_OTHER_TAPE',
      'another tape',
      (file) => pruned(file, [1]),
    ],
    [
      'commits in another order',
      'TAPE_CORRUPT',
      'broken',
      (file) => {
        const db = plainConnection(file)
        withoutTriggers(db, () =>
          db.exec(
            'UPDATE _commit SET id = -1 WHERE id = 3; UPDATE _commit SET id = 3 WHERE id = 4; UPDATE _commit SET id = 4 WHERE id = -1',
          ),
        )
      },
    ],
    ['an end that was cut off', 'SEAL_CUT_OFF', 'of the', (file) => cutOff(file)],
    ['a run that came later', 'SEAL_GROWN', 'commits after the seal', (file) => record(file, 'third', 3)],
    [
      'a signature from another seal of the same key',
      'SEAL_FORGED',
      'is not the one',
      async (file) => {
        const other = path.join(folder, 'other-for-signature.tape')
        await record(other, 'other', 5)
        seal(other)
        const seals = sealsOf(file)
        seals.seals[0]!.signature = sealsOf(other).seals[0]!.signature
        writeSeals(file, seals)
      },
    ],
    [
      'a statement that was edited',
      'SEAL_FORGED',
      'is not the one',
      (file) => {
        const seals = sealsOf(file)
        seals.seals[0]!.statement = seals.seals[0]!.statement.replace('"second"', '"better"')
        writeSeals(file, seals)
      },
    ],
    [
      'the name of the key on a seal by another',
      'SEAL_FORGED',
      'is not the one',
      (file) => {
        const seals = sealsOf(file)
        fs.rmSync(`${file}.seal`)
        seal(file, bob)
        const forged = sealsOf(file)
        forged.seals[0]!.publicKey = seals.seals[0]!.publicKey
        writeSeals(file, forged)
      },
    ],
    [
      'a seal by another key',
      'SEAL_OTHER_KEY',
      'another key',
      (file) => {
        fs.rmSync(`${file}.seal`)
        seal(file, bob)
      },
    ],
    [
      'a seal of another tape',
      'SEAL_OTHER_TAPE',
      'another tape (of run 1 "other")',
      async (file) => {
        const other = path.join(folder, 'other.tape')
        await record(other, 'other', 5)
        seal(other)
        fs.copyFileSync(`${other}.seal`, `${file}.seal`)
      },
    ],
    ['a seal that is gone', 'SEAL_MISSING', 'no seal', (file) => fs.rmSync(`${file}.seal`)],
    [
      'a seal file without seals',
      'SEAL_MISSING',
      'no seal',
      (file) => writeSeals(file, { gradtape: 'seal', version: 1, seals: [] }),
    ],
    [
      'a seal file that is none',
      'SEAL_MALFORMED',
      'no seal file',
      (file) => fs.writeFileSync(`${file}.seal`, '{"seals": ['),
    ],
    [
      'seals of another form',
      'SEAL_MALFORMED',
      'no seal file',
      (file) => writeSeals(file, { gradtape: 'seal', version: 1, seals: [{ statement: 1 }] }),
    ],
    [
      'an older seal in the place of a newer one that the tape no longer fits',
      'SEAL_CUT_OFF',
      'missing at the end',
      async (file) => {
        const before = fs.readFileSync(file)
        await record(file, 'third', 3)
        seal(file)
        for (const suffix of ['-wal', '-shm']) fs.rmSync(file + suffix, { force: true })
        fs.writeFileSync(file, before)
      },
    ],
  ]

  test.each(tampered)('%s', async (what, code, words, tamper) => {
    const file = copy(what.replaceAll(/\W+/g, '-'))
    await tamper(file)
    const report = check(file)
    expect(report).toMatchObject({ holds: false, code })
    expect(report.text).toContain(words)
  })

  function pruned(file: string, drop: number[]): void {
    const tape = openTape(file, { readonly: true })
    const output = `${file}.pruned`
    tape.prune(drop, output)
    tape.close()
    fs.renameSync(output, file)
  }

  /** The file as it was before its last batches, made by the same record being written less far: here by a copy of the rows. */
  function cutOff(file: string): void {
    const db = plainConnection(file)
    const run = 2 * 2 ** 32
    withoutTriggers(db, () => {
      const last = db.prepare('SELECT max(id) AS id FROM _commit').get() as { id: number }
      db.prepare('DELETE FROM _commit WHERE id = ?').run(last.id)
      const end = db
        .prepare('SELECT max(first_position + event_count) AS n FROM _commit WHERE run_id = 2')
        .get() as { n: number }
      for (const table of ['_block', '_step', '_metric', '_fact', '_gradient', '_accumulated', '_call_site'])
        db.prepare(`DELETE FROM ${table} WHERE id >= ?`).run(run + end.n)
    })
  }
})

test('"N commits after the seal" counts them, and a new seal holds', async () => {
  const file = copy('appended')
  const before = check(file).statement!.batches
  await record(file, 'third', 3)
  const report = check(file)
  const db = plainConnection(file, { readonly: true })
  const now = db.prepare('SELECT count(*) FROM _commit').pluck().get() as number
  expect(report).toMatchObject({ code: 'SEAL_GROWN', batchesSince: now - before, runsAsSealed: [1, 2] })
  expect(report.text).toContain(`${now - before} commits after the seal`)
  seal(file)
  expect(check(file)).toMatchObject({ holds: true, runsAsSealed: [1, 2, 3] })
})

test('what cannot be sealed is refused, and nothing is written', async () => {
  const empty = path.join(folder, 'empty.tape')
  openTape(empty).close()
  expect(() => seal(empty)).toThrow(/^BAD_ARGUMENT/)
  const open = path.join(folder, 'open.tape')
  const tape = openTape(open)
  const run = tape.startRun('going on')
  expect(() => tape.seal(alice.privateKey)).toThrow(/^RUN_RECORDING: run 1 "going on"/)
  await run.finish()
  tape.close()
  const broken = copy('broken')
  fs.rmSync(`${broken}.seal`)
  const db = plainConnection(broken)
  withoutTriggers(db, () => db.exec('UPDATE _metric SET scalar = 7.5'))
  expect(() => seal(broken)).toThrow(/^TAPE_CORRUPT/)
  const occupied = copy('occupied')
  fs.writeFileSync(`${occupied}.seal`, 'my notes')
  expect(() => seal(occupied)).toThrow(/^BAD_FILE/)
  expect(fs.readFileSync(`${occupied}.seal`, 'utf8')).toBe('my notes')
  for (const file of [empty, open, broken]) expect(fs.existsSync(`${file}.seal`)).toBe(false)
  const rsa = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  })
  for (const key of [alice.publicKey, rsa.privateKey, 'no key', '', 7 as unknown as string])
    expect(() => seal(copy('keys'), { privateKey: key, publicKey: '' })).toThrow(/^BAD_KEY/)
  for (const key of [rsa.publicKey, 'no key', null as unknown as string])
    expect(() => check(sealed, key)).toThrow(/^BAD_KEY/)
})

describe('the command line', () => {
  test('makes a key, seals, and checks with the public half', async () => {
    const file = copy('cli')
    fs.rmSync(`${file}.seal`)
    const key = path.join(folder, 'carol')
    const made = await gradtape('seal', file, '--new-key', key)
    expect(made.stdout).toMatch(
      /: sealed in .*cli\.tape\.seal\n {2}\d+ batches and 2 runs, head [0-9a-f]{64}\n {2}key [0-9a-f]{64}\n/,
    )
    expect(made.status).toBe(0)
    if (process.platform !== 'win32') expect(fs.statSync(key).mode & 0o077).toBe(0)
    const checked = await gradtape('verify', file, '--key', `${key}.pub`)
    expect(checked.stdout).toMatch(
      /: intact\n.*\n.*\n {2}sealed \d{4}-.* with key [0-9a-f]{16}…, and as it was then\n/,
    )
    expect(checked.status).toBe(0)
    expect((await gradtape('seal', file, '--key', key)).status).toBe(0)
    // Neither is made twice, nor written over.
    expect((await gradtape('seal', file, '--new-key', key)).stderr).toMatch(
      /^BAD_ARGUMENT: .*carol, which is there/,
    )
    expect((await gradtape('seal', file)).stderr).toMatch(/^BAD_ARGUMENT: expected either/)
    expect((await gradtape('seal', file, '--key', `${key}.no`)).stderr).toMatch(/^FILE_NOT_FOUND/)
    expect((await gradtape('seal', file, '--key', `${key}.pub`)).stderr).toMatch(/^BAD_KEY/)
  })

  test('answers no with the code, and says it in JSON', async () => {
    const file = copy('cli-grown')
    await record(file, 'third', 3)
    const key = path.join(folder, 'alice.pub')
    fs.writeFileSync(key, alice.publicKey)
    const { status, stdout } = await gradtape('verify', file, '--key', key)
    expect(stdout).toMatch(/SEAL_GROWN: \d+ commits after the seal of/)
    expect(status).toBe(1)
    expect(await gradtapeJson('verify', file, '--key', key)).toMatchObject({
      intact: true,
      seal: { holds: false, code: 'SEAL_GROWN', runsAsSealed: [1, 2] },
    })
  })

  test('tells who sealed a tape, also without a key, and what a seal says that nobody can read', async () => {
    const file = copy('cli-told')
    const { stdout, status } = await gradtape('verify', file)
    expect(stdout).toMatch(/ {2}sealed \d{4}-.* with key [0-9a-f]{16}…, and as it was then \(--key FILE/)
    expect(status).toBe(0)
    const seals = sealsOf(file)
    seals.seals.push({ ...seals.seals[0]!, publicKey: 'no key' })
    writeSeals(file, { gradtape: 'seal', version: 1, ...seals })
    expect(await gradtapeJson('verify', file)).toMatchObject({
      seals: [{ code: null }, { code: 'SEAL_MALFORMED' }],
    })
  })

  test('takes a key of openssl, where there is one', async () => {
    const key = path.join(folder, 'openssl.pem')
    try {
      execFileSync('openssl', ['genpkey', '-algorithm', 'ed25519', '-out', key], { stdio: 'ignore' })
    } catch {
      fs.writeFileSync(key, newSealKey().privateKey)
    }
    const file = copy('openssl')
    expect((await gradtape('seal', file, '--key', key)).status).toBe(0)
    expect((await gradtape('verify', file, '--key', key)).status).toBe(0)
  })
})
