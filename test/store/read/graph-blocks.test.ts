/** A past graph in columns: references come out as the template's numbers say, and a damaged one is refused. */
import { randomInt } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { positionOf, refOf } from '../../../src/events/event.js'
import { mul } from '../../../src/functions/arithmetic.js'
import { Variable } from '../../../src/graph/variable.js'
import { CellReader } from '../../../src/store/format/cells.js'
import { decodeRef } from '../../../src/store/format/template.js'
import { GraphBlock } from '../../../src/store/read/graph-blocks.js'
import { TemplateColumns } from '../../../src/store/read/template-columns.js'
import { plainDatabase } from '../../plain-database.js'
import { newTapePath, openForTest } from '../../tape/temporary-tape.js'
import { withoutTriggers } from '../schema.js'

const far = fc.integer({ min: 0, max: 3 }).map((slot) => refOf(0, slot))
/** Numbers as templates have them: near, absolute, counted from the block's base, each also of a further output. */
const encoded = fc.oneof(
  fc.integer({ min: -2, max: 40 }),
  fc.integer({ min: -60, max: 3 }),
  fc.tuple(fc.integer({ min: 1, max: 40 }), far).map(([near, slot]) => near + slot),
  fc.tuple(fc.integer({ min: 1, max: 60 }), far).map(([position, slot]) => -(position + slot)),
  fc.integer({ min: -30, max: 30 }).map((index) => index + 0.5),
)

test('every reference comes out as its number says, and a block with one to what was not made before is refused', () => {
  const seed = Number(process.env.GRADTAPE_SEED ?? randomInt(2 ** 31))
  process.stderr.write(`graph blocks: GRADTAPE_SEED=${seed}\n`)
  const seen = { read: 0, refused: 0 }
  fc.assert(
    fc.property(
      fc.array(fc.array(encoded, { maxLength: 4 }), { minLength: 1, maxLength: 6 }),
      fc.integer({ min: 1, max: 100 }),
      fc.integer({ min: 0, max: 60 }),
      (calls, first, base) => {
        const template = new TemplateColumns(calls.length)
        for (const [offset, inputs] of calls.entries()) template.addCall([offset, 0, 0, 1, 1, ...inputs])
        const expected = calls.map((inputs, offset) => inputs.map((n) => decodeRef(n, first + offset, base)))
        const bad = expected.findIndex((refs, offset) =>
          refs.some((ref) => !(ref > 0 && positionOf(ref) > 0 && positionOf(ref) < first + offset)),
        )
        const make = () => new GraphBlock({ first, template, base, cells: new CellReader(null) })
        if (bad >= 0) {
          seen.refused++
          expect(make).toThrow(`TAPE_CORRUPT: event ${first + bad} reads what was not made before it`)
          return
        }
        seen.read++
        const block = make()
        for (const [offset, refs] of expected.entries()) {
          const position = first + offset
          const begin = block.inputsAt(position)
          expect(block.inputCount(position)).toBe(refs.length)
          expect(refs.map((_, i) => block.input(begin + i, position))).toEqual(refs)
        }
      },
    ),
    { numRuns: 2000, seed },
  )
  expect(seen.read).toBeGreaterThan(50)
  expect(seen.refused).toBeGreaterThan(50)
})

test('backward from a file whose graph was made to read itself says where, instead of walking round and round', async () => {
  const file = newTapePath()
  const tape = openForTest(file)
  const run = tape.startRun('r')
  let y = new Variable(2, { name: 'x' })
  for (let i = 0; i < 10; i++) y = mul(y, y)
  y.name = 'y'
  await run.finish()
  tape.close()
  const db = plainDatabase(file)
  const { id, calls } = db.prepare('SELECT id, calls FROM _template ORDER BY length(calls) DESC').get() as {
    id: number
    calls: string
  }
  const lists = JSON.parse(calls) as number[][]
  lists.at(-1)![5] = 0
  withoutTriggers(db, () =>
    db.prepare('UPDATE _template SET calls = ? WHERE id = ?').run(JSON.stringify(lists), id),
  )
  db.close()
  const past = openForTest(file, { readonly: true }).run('r')
  expect(() => past.variable('y').backward()).toThrow(
    /TAPE_CORRUPT: event \d+ reads what was not made before it/,
  )
})
