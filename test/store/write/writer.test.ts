import { expect, test } from 'vitest'
import '../../../src/index.js'
import { BATCH_LIMITS } from '../../../src/events/batch-limits.js'
import type { PackedBatch } from '../../../src/events/pack.js'
import { EventStream } from '../../../src/events/stream.js'
import { openDatabase } from '../../../src/store/format/database.js'
import { Reader } from '../../../src/store/read/reader.js'
import { Writer } from '../../../src/store/write/writer.js'
import { newTapePath } from '../../tape/temporary-tape.js'

/** Three batches; the first alone has the text of the metric's name. */
function batches(): PackedBatch[] {
  const stream = new EventStream(BATCH_LIMITS)
  const taken: PackedBatch[] = []
  stream.batches$.subscribe((batch) => taken.push({ ...batch, words: batch.words.slice() }))
  for (let i = 0; i < 3; i++) {
    stream.append({ type: 'MetricLogged', name: 'loss', value: i, variable: null })
    stream.flush()
  }
  return taken
}

test('a writer goes on after a batch that another wrote and did not live to tell of', () => {
  const db = openDatabase(newTapePath(), { readonly: false })
  const [first, second, third] = batches() as [PackedBatch, PackedBatch, PackedBatch]
  const before = new Writer(db, null, 'r')
  expect(before.write([first])).toBeNull()
  const { runId, repetitions } = before.state
  // It knows of no batch yet, nor of a text.
  const after = new Writer(db, null, 'r', { runId, repetitions, texts: [] })
  after.skip(first)
  expect(after.write([second, third])).toBeNull()
  const read = [...new Reader(db).events(runId)]
  expect(read.map((event) => event.type === 'MetricLogged' && [event.name, event.value])).toEqual([
    ['loss', 0],
    ['loss', 1],
    ['loss', 2],
  ])
  db.close()
})

test('batches of one transaction are written all or none, and can be tried again', () => {
  const db = openDatabase(newTapePath(), { readonly: false })
  const [first, second, third] = batches() as [PackedBatch, PackedBatch, PackedBatch]
  const writer = new Writer(db, null, 'r')
  expect(writer.write([first])).toBeNull()
  // A kind that no schema knows: found when the rows of the second of two are made.
  const broken = { ...third, words: Float64Array.of(6, 99, 0, 0) }
  expect(writer.write([second, broken])?.code).toBeTypeOf('string')
  const runId = writer.id
  expect(new Reader(db).lastPosition(runId)).toBe(1)
  expect(writer.write([second, third])).toBeNull()
  expect([...new Reader(db).events(runId)].length).toBe(3)
  db.close()
})
