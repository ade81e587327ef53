// The schema of a file is compared as a whole when the file is opened: nothing that somebody else put there is executed.
import { describe, expect, test } from 'vitest'
import { SCHEMA_VERSION } from '../../../src/store/format/migrations.js'
import { expectedSchema, SCHEMA_DIGESTS, schemaDigest } from '../../../src/store/format/schema-check.js'
import { openTape } from '../../../src/tape/open-tape.js'
import { openForTest, plainConnection, recordedTape } from '../../tape/temporary-tape.js'

const ENDLESS =
  'WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) AS id FROM c'

test('the digests are those of the schemas that the migrations make', () => {
  const digests = Object.fromEntries(
    Array.from({ length: SCHEMA_VERSION }, (_, i) => [
      i + 1,
      schemaDigest([...expectedSchema(i + 1).values()]),
    ]),
  )
  expect(SCHEMA_DIGESTS).toEqual(digests)
})

describe('a tape is refused', () => {
  test.each([
    [
      'a trigger whose name looks like one of SQLite',
      'CREATE TRIGGER sqlitexdrop BEFORE INSERT ON _metric BEGIN SELECT raise(IGNORE); END',
      'trigger sqlitexdrop',
    ],
    ['an index', 'CREATE INDEX sqlitex ON _fact (step)', 'index sqlitex'],
    ['a table', 'CREATE TABLE sqlitey (x)', 'table sqlitey'],
    ['a view', `CREATE VIEW sqlitez AS ${ENDLESS}`, 'view sqlitez'],
    ['an endless view in the place of ours', `DROP VIEW run; CREATE VIEW run AS ${ENDLESS}`, 'view run'],
    ['a table in the place of a view', 'DROP VIEW run; CREATE TABLE run (id)', 'run'],
    ['no trigger where there was one', 'DROP TRIGGER _fact_no_update', 'trigger _fact_no_update'],
  ])('that has %s: to record into it, and to read it; verify says why', async (_, sql, name) => {
    const file = await recordedTape((run) => run.note('x'))
    plainConnection(file).exec(sql)
    expect(() => openTape(file)).toThrow(new RegExp(`^TAPE_CORRUPT: .*${name}`))
    const tape = openForTest(file, { readonly: true })
    expect(() => tape.runs()).toThrow(new RegExp(`^TAPE_CORRUPT: .*${name}`))
    expect(() => tape.run(1)).toThrow(/^TAPE_CORRUPT/)
    expect(tape.verify()).toMatchObject({ intact: false, problem: expect.stringContaining(name) })
  })

  test('not for what ANALYZE leaves in it', async () => {
    const file = await recordedTape((run) => run.note('x'))
    const db = plainConnection(file)
    db.exec('ANALYZE') // numbers for its planner, which say nothing of the tape
    expect(openForTest(file).verify()).toMatchObject({ intact: true })
    expect(openForTest(file).runs()).toHaveLength(1)
  })
})
