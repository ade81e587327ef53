// docs/format.md is true: somebody who has only that page and Python verifies a tape, and finds what was changed in it.
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { fileURLToPath } from 'node:url'
import zlib from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { EVENT_KIND, PACKED_BACKWARD } from '../../../src/events/event.js'
import { EVENT_TYPES, kindOf } from '../../../src/events/event-kinds.js'
import { HOSTILE_NAMES } from '../../hostile-names.js'
import { newTapePath, openForTest, plainConnection } from '../../tape/temporary-tape.js'
import { recordEverything } from '../rich-run.js'

const file = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url))
const page = fs.readFileSync(file('docs/format.md'), 'utf8')
const hasPython = spawnSync('python3', ['-c', 'import sqlite3']).status === 0

function verify(tape: string): { status: number | null; said: string } {
  const { status, stdout, stderr } = spawnSync('python3', [file('docs/verify-chain.py'), tape], {
    encoding: 'utf8',
  })
  return { status, said: `${stdout}${stderr}`.trim() }
}

/** A tape with every kind of event, every kind of cell, and awkward texts. Gives its head. */
function write(path: string): string {
  const tape = openForTest(path)
  for (const capture of ['full', 'replayable', 'structure'] as const) {
    const run = tape.startRun(`rich ${capture}`, { capture, checkpointEvery: 1, config: { 'a"\u2028': -0 } })
    recordEverything(run)
    for (const name of HOSTILE_NAMES) {
      run.note(name)
      run.log({ [name]: Number.NaN })
    }
    run.end('finished', null)
  }
  const { head } = tape.verify()
  tape.close()
  return head
}

describe.skipIf(!hasPython)('docs/verify-chain.py', () => {
  test('prints the head that gradtape prints', () => {
    const path = newTapePath()
    const head = write(path)
    expect(verify(path)).toEqual({ status: 0, said: head })
  })

  test('reads a tape of the first schema that was migrated', () => {
    const path = newTapePath()
    fs.writeFileSync(path, zlib.gunzipSync(fs.readFileSync(file('test/fixtures/schema-1.tape.gz'))))
    const tape = openForTest(path)
    const { head } = tape.verify()
    tape.close()
    expect(verify(path)).toEqual({ status: 0, said: head })
  })

  test('names the commit whose events were changed', () => {
    const path = newTapePath()
    write(path)
    const db = plainConnection(path)
    db.exec('DROP TRIGGER _metric_no_update')
    db.exec('UPDATE _metric SET scalar = 0.25 WHERE id = (SELECT max(id) FROM _metric)')
    db.close()
    expect(verify(path)).toMatchObject({
      status: 1,
      said: expect.stringMatching(/^commit \d+ .* does not have its hash$/),
    })
  })
})

test('the page lists every kind of event, and where it is stored', () => {
  const rows = new Map(
    [...page.slice(0, page.indexOf('## Blocks')).matchAll(/^\| (\d+) \| (.+?) \| (.+?) \|$/gm)].map(
      ([, kind, ...rest]) => [Number(kind), rest.join(' ')],
    ),
  )
  for (const type of EVENT_TYPES) {
    const { kind, stored } = kindOf(type)
    const row = rows.get(type === 'BackwardStarted' ? PACKED_BACKWARD : kind)
    expect(row, type).toContain(type)
    expect(row, type).toContain(stored)
  }
  expect(rows.get(EVENT_KIND.BackwardStarted)).toContain('version 1')
})

test('the page names every private table', () => {
  const path = newTapePath()
  openForTest(path).close()
  const tables = plainConnection(path, { readonly: true })
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    .pluck()
    .all() as string[]
  expect(tables.length).toBeGreaterThan(10)
  for (const table of tables) expect(page, table).toContain(`\`${table}\``)
})
