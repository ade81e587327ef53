// A batch in parts says what it says as a whole: any program, parted after any event, gives the same events on an intact tape.
import { randomInt } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CapturePolicy } from '../../../src/events/capture.js'
import type { PackedBatch } from '../../../src/events/pack.js'
import { EventStream } from '../../../src/events/stream.js'
import { mode } from '../../../src/graph/mode.js'
import {
  Adam,
  constant,
  dropout,
  matmul,
  mean,
  mul,
  noGrad,
  parameter,
  square,
  sub,
  take,
} from '../../../src/index.js'
import { StreamRecorder } from '../../../src/recorder/stream-recorder.js'
import { openDatabase } from '../../../src/store/format/database.js'
import { verifyChain } from '../../../src/store/proof/verify.js'
import { Reader } from '../../../src/store/read/reader.js'
import { between, endOf, NOTHING, partUpTo, unwrittenOf } from '../../../src/store/write/batch-part.js'
import { Writer } from '../../../src/store/write/writer.js'
import { newTapePath } from '../../tape/temporary-tape.js'

const seed = Number(process.env.GRADTAPE_SEED ?? randomInt(2 ** 31))

/** Everything that stands beside words: texts that pass, arrays of all kinds, gradients, checkpoints, notes. */
function batches(capture: 'full' | 'replayable', eventsMax: number): PackedBatch[] {
  const stream = new EventStream({ eventsMax, bytesMax: 2 ** 25, ageMaxMs: 1e6 })
  const all: PackedBatch[] = []
  stream.batches$.subscribe((batch) => all.push({ ...batch, words: batch.words.slice() }))
  const recorder = new StreamRecorder(stream, new CapturePolicy(capture))
  stream.append({
    type: 'RunStarted',
    name: 'r',
    seed: 0,
    config: {},
    capture,
    kernel: 'portable-1',
    engine: '0',
    node: '0',
    v8: '0',
    platform: 'p',
    host: 'h',
    pid: 1,
    startedAt: new Date(0).toISOString(),
    parent: null,
    packing: 2,
  })
  mode.recorder = recorder
  try {
    const w = parameter(
      Array.from({ length: 12 }, (_, i) => Array.from({ length: 12 }, (_, j) => Math.sin(i * 12 + j))),
      { name: 'w' },
    )
    const data = constant(
      Array.from({ length: 9 }, (_, i) => Array.from({ length: 12 }, (_, j) => Math.cos(i + j))),
    )
    const optimizer = new Adam([w], { lr: 0.01 })
    for (let step = 1; step <= 14; step++) {
      stream.append({ type: 'StepStarted', elapsedMs: step })
      const x = take(data, [step % 9, (2 * step) % 9], { axis: 0 })
      const loss = mean(square(sub(dropout(matmul(x, w), { p: 0.2 }), step)))
      w.clearGrad()
      loss.backward()
      optimizer.step()
      noGrad(() => {
        w.data = mul(w, 0.999).data
      })
      stream.append({ type: 'NoteAdded', text: `remark ${step} ${'ä𝄞'.repeat(step)}` })
      stream.append({ type: 'MetricLogged', name: 'loss', value: loss.item(), variable: null })
      if (step % 4 === 0) recorder.takeCheckpoint()
    }
  } finally {
    mode.recorder = null
  }
  stream.complete()
  return all
}

test('a batch that is parted after any event says the same, and its tape is intact', {
  timeout: 120_000,
}, () => {
  const wholes = { full: batches('full', 97), replayable: batches('replayable', 97) }
  const plain = (events: Iterable<unknown>) =>
    [...events].map((event) => JSON.stringify(event, (_, value) => value?.data ?? value))
  fc.assert(
    fc.property(
      fc.constantFrom('full' as const, 'replayable' as const),
      fc.infiniteStream(fc.nat(97)),
      fc.boolean(),
      (capture, cuts, byPosition) => {
        const read = (write: (writer: Writer, batch: PackedBatch) => void) => {
          const db = openDatabase(newTapePath(), { readonly: false })
          const writer = new Writer(db, null, 'r')
          for (const batch of wholes[capture]) write(writer, batch)
          const reader = new Reader(db)
          const found = { events: plain(reader.events(writer.id)), problem: verifyChain(db).problem }
          db.close()
          return found
        }
        const whole = read((writer, batch) => expect(writer.write([batch])).toBeNull())
        const parted = read((writer, batch) => {
          const events = Math.min(cuts.next().value!, batch.count)
          const cut = partUpTo(batch, { events })
          expect(partUpTo(batch, { words: cut.words })).toEqual(cut)
          if (cut.events > 0)
            expect(writer.write([between(batch, NOTHING, cut, batch.texts, batch.values)])).toBeNull()
          const rest = byPosition
            ? unwrittenOf(batch, batch.firstPosition + events, writer)
            : between(batch, cut, endOf(batch), batch.texts, batch.values)
          if (rest !== null && rest.count > 0) expect(writer.write([rest])).toBeNull()
        })
        expect(parted).toEqual(whole)
        expect(whole.problem).toBeNull()
      },
    ),
    { seed, numRuns: 12 },
  )
})
