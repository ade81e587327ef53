/** What the database refuses by itself, whatever a recorder's program does: it may append what continues its own tape, and nothing else. */
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { pullTape } from '../../src/fleet/pull.js'
import { pushTape } from '../../src/fleet/push.js'
import { newTapePath, openForTest } from '../tape/temporary-tape.js'
import { describeWithPostgres } from './postgres-server.js'
import { recordRun } from './rich-tape.js'

describeWithPostgres('a recorder', (server) => {
  /** A database with a store, one tape "honest" of role alice, and role mallory, who is a recorder as well. */
  const store = async () => {
    const database = await server().database()
    const suffix = database.replace('fleet_', '')
    const [alice, mallory, reader] = ['alice', 'mallory', 'reader'].map((name) => `${name}_${suffix}`)
    const file = newTapePath()
    const tape = openForTest(file)
    await recordRun(tape, 'first', 12, { capture: 'full' })
    // The owner sets the store up; afterwards the roles are there.
    await pushTape(file, server().url(database), { name: 'of-the-owner' })
    await server().sql(
      database,
      `CREATE ROLE ${alice} LOGIN IN ROLE gradtape_recorder; CREATE ROLE ${mallory} LOGIN IN ROLE gradtape_recorder;
       CREATE ROLE ${reader} LOGIN IN ROLE gradtape_reader`,
    )
    const pushed = await pushTape(file, server().url(database, alice), { name: 'honest' })
    const as = async (role: string) => {
      const client = new pg.Client({ connectionString: server().url(database, role) })
      client.on('error', () => {})
      await client.connect()
      onTestFinished(() => client.end())
      return (text: string, values: unknown[] = []) => client.query(text, values)
    }
    return { database, alice: alice!, mallory: mallory!, reader: reader!, file, tape, pushed, as }
  }

  const GENESIS = Buffer.alloc(32)
  const hashOn = (before: Buffer, payload: Buffer) =>
    createHash('sha256').update(before).update(payload).digest()
  /** One batch by the function itself. */
  const append = (
    query: (text: string, values: unknown[]) => Promise<pg.QueryResult>,
    name: string,
    epoch: number,
    n: number,
    hash: Buffer,
    payload: Buffer,
  ) =>
    query('SELECT * FROM gradtape.append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 15)', [
      ...[name, epoch, n, hash, payload, [payload.length]],
      ...[Buffer.from('{}'), [2], [0], Buffer.alloc(0), [0]],
    ])
  const claim = async (query: (text: string, values: unknown[]) => Promise<pg.QueryResult>, name: string) =>
    (await query('SELECT * FROM gradtape.claim($1, $2, 15)', [name, 'test'])).rows[0] as { now_epoch: number }

  test('may push, and by its role read, change, delete or drop nothing', async () => {
    const { database, alice, pushed, as, file, reader } = await store()
    expect(pushed.batches).toBe(pushed.stored.batches)
    const query = await as(alice)
    for (const statement of [
      'SELECT * FROM gradtape.tape',
      'SELECT * FROM gradtape.batch',
      'SELECT * FROM gradtape.value',
      'SELECT * FROM gradtape.setting',
      "UPDATE gradtape.tape SET head = ''",
      "UPDATE gradtape.tape SET owner = 'me'",
      'UPDATE gradtape.batch SET payload = payload',
      'DELETE FROM gradtape.batch',
      'DELETE FROM gradtape.value_ref',
      'TRUNCATE gradtape.batch',
      'TRUNCATE gradtape.tape CASCADE',
      'DROP TABLE gradtape.batch',
      'DROP SCHEMA gradtape CASCADE',
      'ALTER TABLE gradtape.tape DISABLE TRIGGER ALL',
      "INSERT INTO gradtape.batch VALUES (1, 99, '', '', '', 0)",
      "INSERT INTO gradtape.value VALUES ('', 'float64', '')",
      'INSERT INTO gradtape.migration VALUES (99, $$x$$)',
      'CREATE FUNCTION gradtape.sha256(bytea) RETURNS bytea LANGUAGE sql AS $$ SELECT $1 $$',
      'CREATE TABLE gradtape.mine (x int)',
      "SELECT gradtape.setting('batch_bytes_max')",
    ])
      await expect(query(statement), statement).rejects.toMatchObject({ code: '42501' })
    await expect(pullTape(server().url(database, alice), newTapePath(), { name: 'honest' })).rejects.toThrow(
      /^STORE_FAILED: .*GRANT gradtape_recorder \(to push\), gradtape_reader \(to look and pull\)/,
    )
    const back = newTapePath()
    expect((await pullTape(server().url(database, reader), back, { name: 'honest' })).head).toBe(
      pushed.stored.head,
    )
    await expect(pushTape(file, server().url(database, reader), { name: 'of-reader' })).rejects.toThrow(
      /^STORE_FAILED/,
    )
  })

  test('cannot append to the tape of another, nor take it over', async () => {
    const { database, mallory, as, pushed, file } = await store()
    const query = await as(mallory)
    await expect(claim(query, 'honest')).rejects.toMatchObject({ code: 'GT006' })
    const payload = Buffer.from('forged')
    const head = Buffer.from(pushed.stored.head, 'hex')
    for (const epoch of [0, 1, 2, 99])
      await expect(
        append(query, 'honest', epoch, pushed.stored.batches + 1, hashOn(head, payload), payload),
      ).rejects.toMatchObject({ code: 'GT006' })
    await expect(pushTape(file, server().url(database, mallory), { name: 'honest' })).resolves.toMatchObject({
      batches: 0,
    })
    const other = newTapePath()
    const tape = openForTest(other)
    await recordRun(tape, 'other', 3)
    tape.close()
    await expect(pushTape(other, server().url(database, mallory), { name: 'honest' })).rejects.toThrow(
      /^STORE_CONFLICT/,
    )
  })

  test('is held to the chain: forks, gaps, wrong hashes and parts that do not fit are refused', async () => {
    const { alice, as, pushed } = await store()
    const query = await as(alice)
    const { now_epoch: epoch } = await claim(query, 'honest')
    const { batches } = pushed.stored
    const head = Buffer.from(pushed.stored.head, 'hex')
    const payload = Buffer.from('next')
    const good = hashOn(head, payload)
    await expect(
      append(query, 'honest', epoch, batches + 1, hashOn(GENESIS, payload), payload),
    ).rejects.toMatchObject({ code: 'GT004' })
    await expect(
      append(query, 'honest', epoch, batches + 1, good, Buffer.from('nexu')),
    ).rejects.toMatchObject({ code: 'GT004' })
    await expect(append(query, 'honest', epoch, batches + 2, good, payload)).rejects.toMatchObject({
      code: 'GT003',
    })
    await expect(append(query, 'honest', epoch, batches, good, payload)).rejects.toMatchObject({
      code: 'GT002',
    })
    await expect(append(query, 'honest', epoch - 1, batches + 1, good, payload)).rejects.toMatchObject({
      code: 'GT001',
    })
    await expect(append(query, 'honest', epoch, 0, good, payload)).rejects.toMatchObject({ code: 'GT005' })
    await expect(
      append(query, 'honest', epoch, batches + 1, Buffer.alloc(31), payload),
    ).rejects.toMatchObject({ code: 'GT005' })
    const call = 'SELECT * FROM gradtape.append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)'
    const parts = [
      'honest',
      epoch,
      batches + 1,
      good,
      payload,
      [4],
      Buffer.from('{}'),
      [2],
      [0],
      Buffer.alloc(0),
      [0],
      15,
    ]
    for (const [place, wrong] of [
      [5, [5]],
      [5, [-1]],
      [5, [null]],
      [5, []],
      [6, null],
      [7, [1]],
      [8, [0, 0]],
      [10, [1]],
      [11, 0],
      [11, 1e6],
      [0, null],
    ] as const) {
      const values: unknown[] = [...parts]
      values[place] = wrong
      await expect(query(call, values), JSON.stringify([place, wrong])).rejects.toMatchObject({
        code: 'GT005',
      })
    }
    const named = [...parts]
    named[9] = Buffer.alloc(32, 9)
    named[10] = [1]
    await expect(query(call, named)).rejects.toMatchObject({ code: 'GT008' })
    // The last batch again, with its hash: it is known, and nothing is added. Then the next one.
    const { rows } = await append(query, 'honest', epoch, batches, head, payload)
    expect(rows[0]).toMatchObject({ now_batches: batches })
    expect((await append(query, 'honest', epoch, batches + 1, good, payload)).rows[0]).toMatchObject({
      now_batches: batches + 1,
    })
  })

  test('is refused when a later writer has the tape, and while another has the lease', async () => {
    const { alice, as } = await store()
    const [first, second] = [await as(alice), await as(alice)]
    const mine = await claim(first, 'new')
    await expect(
      second('SELECT * FROM gradtape.claim($1, $2, 15)', ['new', 'another']),
    ).rejects.toMatchObject({ code: 'GT007' })
    const payload = Buffer.from('a')
    await append(first, 'new', mine.now_epoch, 1, hashOn(GENESIS, payload), payload)
    await first('SELECT gradtape.release($1, $2)', ['new', mine.now_epoch])
    const theirs = (await second('SELECT * FROM gradtape.claim($1, $2, 15)', ['new', 'another'])).rows[0]
    expect(theirs.now_epoch).toBe(mine.now_epoch + 1)
    const late = Buffer.from('late')
    await expect(
      append(first, 'new', mine.now_epoch, 2, hashOn(hashOn(GENESIS, payload), late), late),
    ).rejects.toMatchObject({ code: 'GT001' })
    // An old writer cannot end the lease of a new one.
    await first('SELECT gradtape.release($1, $2)', ['new', mine.now_epoch])
    await expect(first('SELECT * FROM gradtape.claim($1, $2, 15)', ['new', 'test'])).rejects.toMatchObject({
      code: 'GT007',
    })
  })

  test('takes a tape over at once when the other one died, and after its lease when nobody can tell', async () => {
    const { alice, as, database } = await store()
    const dying = new pg.Client({ connectionString: server().url(database, alice) })
    dying.on('error', () => {})
    await dying.connect()
    await dying.query('SELECT * FROM gradtape.claim($1, $2, 300)', ['new', 'dying'])
    const next = await as(alice)
    await expect(claim(next, 'new')).rejects.toMatchObject({ code: 'GT007' })
    ;(dying as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy()
    await expect
      .poll(
        () =>
          claim(next, 'new').then(
            ({ now_epoch }) => now_epoch,
            () => 0,
          ),
        { timeout: 5000 },
      )
      .toBe(2)
    // One that is there and says nothing, and whose lease is over; and one whose lease ends absurdly late, by a clock that leapt.
    const silent = await as(alice)
    for (const until of ["'-1 s'", "'1 year'"]) {
      await server().sql(database, "UPDATE gradtape.tape SET holder = NULL WHERE name = 'new'")
      await silent('SELECT * FROM gradtape.claim($1, $2, 300)', ['new', 'silent'])
      await expect(claim(next, 'new')).rejects.toMatchObject({ code: 'GT007' })
      await server().sql(
        database,
        `UPDATE gradtape.tape SET lease_until = clock_timestamp() + interval ${until} WHERE name = 'new'`,
      )
      expect((await claim(next, 'new')).now_epoch).toBeGreaterThan(2)
    }
  })

  test('cannot fill more than it is given: batches, arrays and tapes have limits', async () => {
    const { alice, as, database } = await store()
    const query = await as(alice)
    await server().sql(
      database,
      "UPDATE gradtape.setting SET value = CASE name WHEN 'tape_bytes_max' THEN 1500 ELSE 1000 END",
    )
    const { now_epoch: epoch } = await claim(query, 'big')
    const huge = Buffer.alloc(1001)
    await expect(append(query, 'big', epoch, 1, hashOn(GENESIS, huge), huge)).rejects.toThrow(
      /has 1001 bytes, of 1000/,
    )
    await expect(
      query('SELECT gradtape.put_values($1, $2, $3)', [['float64'], [1001], huge]),
    ).rejects.toThrow(/has 1001 bytes, of 1000/)
    const fair = Buffer.alloc(1000)
    const first = hashOn(GENESIS, fair)
    await append(query, 'big', epoch, 1, first, fair)
    await expect(append(query, 'big', epoch, 2, hashOn(first, fair), fair)).rejects.toThrow(
      /more than the 1500 bytes/,
    )
  })

  test('finds no way into SQL by names and dtypes, and no false content gets in', async () => {
    const { alice, as, database } = await store()
    const query = await as(alice)
    for (const name of [
      "x'; DROP TABLE gradtape.batch; --",
      '$$',
      '',
      '../x',
      'a b',
      'x'.repeat(200),
      'a\nb',
    ])
      await expect(claim(query, name), name).rejects.toMatchObject({ code: '23514' })
    await expect(query('SELECT gradtape.claim($1, $2, 15)', ['x', 'h'.repeat(201)])).rejects.toMatchObject({
      code: 'GT005',
    })
    await expect(
      query('SELECT gradtape.put_values($1, $2, $3)', [["float64'); --"], [1], Buffer.alloc(1)]),
    ).rejects.toMatchObject({ code: 'GT005' })
    // A content has the name that its bytes give it, whatever somebody would like it to have.
    const bytes = Buffer.from('01234567')
    await query('SELECT gradtape.put_values($1, $2, $3)', [['float64'], [8], bytes])
    const [row] = await server().sql(
      database,
      "SELECT hash FROM gradtape.value WHERE bytes = '01234567'::bytea",
    )
    expect(row!.hash).toEqual(createHash('sha256').update('float64\0').update(bytes).digest())
    // A function of that name in a schema of one's own is not called by ours.
    await server().sql(database, `CREATE SCHEMA evil AUTHORIZATION ${alice}`)
    await query(
      "CREATE FUNCTION evil.sha256(bytea) RETURNS bytea LANGUAGE sql AS $$ SELECT '\\x00'::bytea $$",
    )
    await query('SET search_path = evil, gradtape, pg_catalog')
    const { now_epoch: epoch } = await claim(query, 'path')
    await expect(append(query, 'path', epoch, 1, Buffer.alloc(32), Buffer.from('a'))).rejects.toMatchObject({
      code: 'GT004',
    })
  })

  test('that appends what nobody can read, though its hashes are right, is refused when it is pulled, and nobody else has to suffer', async () => {
    const { mallory, as, database, pushed } = await store()
    const query = await as(mallory)
    const [{ header, payload }] = (await server().sql(
      database,
      "SELECT b.header, b.payload FROM gradtape.batch b JOIN gradtape.tape t ON t.id = b.tape_id WHERE t.name = 'honest' AND n = 1",
    )) as [{ header: Buffer; payload: Buffer }]
    const said = JSON.parse(String(header)) as object
    const headers = [
      '{',
      'null',
      '{}',
      '['.repeat(50_000),
      { wordsBytes: 1e12 },
      { payloadBytes: -1, wordsBytes: -5 },
      { kind: 'evil' },
      { arrays: [{ hash: 'zz', dtype: 'float64', size: 1e12 }] },
    ]
    for (const [i, forged] of headers.entries()) {
      const { now_epoch: epoch } = await claim(query, `forged-${i}`)
      const bytes = Buffer.from(typeof forged === 'string' ? forged : JSON.stringify({ ...said, ...forged }))
      await query('SELECT * FROM gradtape.append($1, $2, 1, $3, $4, $5, $6, $7, $8, $9, $10, 15)', [
        ...[`forged-${i}`, epoch, hashOn(GENESIS, payload), payload, [payload.length], bytes, [bytes.length]],
        ...[[0], Buffer.alloc(0), [0]],
      ])
      const out = newTapePath()
      await expect(
        pullTape(server().url(database), out, { name: `forged-${i}` }),
        String(bytes).slice(0, 80),
      ).rejects.toThrow(/^TAPE_CORRUPT/)
      expect(fs.existsSync(out)).toBe(false)
    }
    const back = newTapePath()
    expect((await pullTape(server().url(database), back, { name: 'honest' })).head).toBe(pushed.stored.head)
  })

  test('is told what to do where it may not set a store up, or a newer gradtape has', async () => {
    const { alice, file, database } = await store()
    const empty = await server().database()
    await expect(pushTape(file, server().url(empty, alice), { name: 'x' })).rejects.toThrow(
      /^STORE_FAILED: .*has no store yet, and this role may not make it: let the owner/,
    )
    await server().sql(database, "INSERT INTO gradtape.migration VALUES (99, 'of the future')")
    await expect(pushTape(file, server().url(database, alice), { name: 'x' })).rejects.toThrow(
      /^STORE_FAILED: .*has schema 99, this gradtape knows \d+: update gradtape here/,
    )
    await expect(pushTape(file, 'postgres://nobody@127.0.0.1:1/none', { name: 'x' })).rejects.toThrow(
      /^STORE_FAILED: .*ECONNREFUSED.*what the store acknowledged is there/,
    )
    const secret = await pushTape(file, 'postgres://u:hidden@127.0.0.1:1/none', { name: 'x' }).catch(String)
    expect(secret).not.toContain('hidden')
  })
})
