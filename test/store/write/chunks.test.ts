// Values too large for one row: kept in pieces, read back bit for bit, and every piece is covered by verify().
import { describe, expect, test } from 'vitest'
import { ndarray } from '../../../src/array/make-array.js'
import { sum } from '../../../src/functions/reductions.js'
import { constant } from '../../../src/graph/leaves.js'
import { CHUNK_BYTES } from '../../../src/store/write/value-store.js'
import { openForTest, plainConnection, recordedTape } from '../../tape/temporary-tape.js'
import { withoutTriggers } from '../schema.js'

const SIZE = (20 * 2 ** 20) / 8
const values = Float64Array.from({ length: SIZE }, (_, i) => Math.sqrt(i) - 700)

/** One run with a leaf of 20 MiB, and another run with the same. */
async function largeTape(): Promise<string> {
  const file = await recordedTape((run) => {
    run.log({ total: sum(constant(ndarray(values.slice()), { name: 'large' })) })
  })
  return recordedTape(
    (run) => {
      run.log({ total: sum(constant(ndarray(values.slice()), { name: 'large' })) })
    },
    {},
    file,
  )
}

describe('a leaf of 20 MiB', () => {
  test('is kept in two chunks, once for two runs, and comes back bit for bit', async () => {
    const file = await largeTape()
    const db = plainConnection(file, { readonly: true })
    expect(db.prepare('SELECT size, byte_count, chunk_count, bytes FROM value').all()).toEqual([
      { size: SIZE, byte_count: SIZE * 8, chunk_count: 2, bytes: null },
    ])
    expect(db.prepare('SELECT length(bytes) FROM _chunk ORDER BY ordinal').pluck().all()).toEqual([
      CHUNK_BYTES,
      SIZE * 8 - CHUNK_BYTES,
    ])
    const tape = openForTest(file, { readonly: true })
    const read = tape.run(2).variable('large').data.data
    expect(
      Buffer.from(read.buffer, read.byteOffset, read.byteLength).equals(Buffer.from(values.buffer)),
    ).toBe(true)
    expect(tape.run(1).replay()).toMatchObject({ verdict: 'bit-exact' })
    expect(tape.verify()).toMatchObject({ intact: true, problem: null, values: 1 })
  })

  test.each([
    [
      'a changed byte of the second chunk',
      "UPDATE _chunk SET bytes = CAST(x'01' || substr(bytes, 2) AS BLOB) WHERE ordinal = 1",
    ],
    ['a second chunk that is gone', 'DELETE FROM _chunk WHERE ordinal = 1'],
    [
      'chunks that changed places',
      'UPDATE _chunk SET ordinal = -1 WHERE ordinal = 1; UPDATE _chunk SET ordinal = 1 WHERE ordinal = 0; UPDATE _chunk SET ordinal = 0 WHERE ordinal = -1',
    ],
    ['a chunk too many', "INSERT INTO _chunk (value_id, ordinal, bytes) VALUES (1, 2, x'00')"],
  ])('is found changed by verify(): %s', async (_, sql) => {
    const file = await largeTape()
    const db = plainConnection(file)
    withoutTriggers(db, () => db.exec(sql))
    db.close()
    const tape = openForTest(file, { readonly: true })
    expect(tape.verify()).toMatchObject({
      intact: false,
      problem: expect.stringMatching(/^TAPE_CORRUPT: .*value 1\b/),
    })
    expect(() => tape.run(1).variable('large').data).toThrow(/^TAPE_CORRUPT/)
  })
})
