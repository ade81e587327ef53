// The record layout is said once, and every number in the file is taken apart in one place.
import { readdirSync, readFileSync } from 'node:fs'
import { relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bytesPerElement, DTYPES } from '../../src/array/dtype.js'
import { elementBytes, RECORDED_DTYPES } from '../../src/events/dtypes.js'
import { EVENT_KIND, isPosition, PACKED_BACKWARD, positionOf, refOf, slotOf } from '../../src/events/event.js'
import {
  attributesOfCallWord,
  callWord,
  fitsCallWord,
  inputsOfCallWord,
  isCallWord,
  layoutProblem,
  signatureOfCallWord,
} from '../../src/events/record-layout.js'
import { eventId, POSITION_MAX, positionOfId, runOfId } from '../../src/store/format/ids.js'

describe('a layout', () => {
  test('is a list of consecutive places, and says where it is not', () => {
    expect(layoutProblem({ kind: 0, form: 1, value: 2, size: 4 }, { value: 2 })).toBeNull()
    expect(layoutProblem({ kind: 0, form: 2 })).toBe('form expected at 1, stands at 2')
    expect(layoutProblem({ kind: 0, value: 1, size: 2 }, { value: 2 })).toBe(
      'size expected at 3, stands at 2',
    )
    expect(layoutProblem({ form: 1, kind: 0 })).toBe('form expected at 0, stands at 1')
  })

  test('of a call word gives back what went in, and no kind is taken for one', () => {
    const parts = fc.tuple(fc.nat(2 ** 18 - 1), fc.nat(2 ** 22 - 1), fc.nat(3))
    fc.assert(
      fc.property(parts, ([signature, attributes, inputs]) => {
        expect(fitsCallWord(signature, attributes)).toBe(true)
        const word = callWord(signature, attributes, inputs)
        expect(isCallWord(word)).toBe(true)
        expect([signatureOfCallWord(word), attributesOfCallWord(word), inputsOfCallWord(word)]).toEqual([
          signature,
          attributes,
          inputs,
        ])
      }),
    )
    for (const [signature, attributes] of [
      [2 ** 18, 0],
      [0, 2 ** 22],
      [0, -1],
    ] as const)
      expect(fitsCallWord(signature, attributes)).toBe(false)
    for (const kind of [...Object.values(EVENT_KIND), PACKED_BACKWARD]) expect(isCallWord(kind)).toBe(false)
  })
})

test('refs and ids of events give back what they were made of', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: POSITION_MAX }),
      fc.nat(4095),
      fc.nat(2 ** 21 - 1),
      (at, slot, run) => {
        const ref = refOf(at, slot)
        expect([positionOf(ref), slotOf(ref), isPosition(ref)]).toEqual([at, slot, slot === 0])
        const id = eventId(run, at)
        expect([runOfId(id), positionOfId(id)]).toEqual([run, at])
        expect(Number.isSafeInteger(id)).toBe(true)
      },
    ),
  )
})

test('the dtypes of recorded arrays are those that arrays have, of the same sizes', () => {
  expect([...RECORDED_DTYPES].sort()).toEqual([...DTYPES].sort())
  for (const dtype of DTYPES) expect(elementBytes(dtype), dtype).toBe(bytesPerElement(dtype))
  expect(() => elementBytes('complex64')).toThrow(/^BAD_DTYPE: .*"complex64"/)
})

describe('in src/', () => {
  const folder = fileURLToPath(new URL('../../src', import.meta.url))
  const sources = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(folder, `${entry.parentPath}/${entry.name}`).split(sep).join('/'))
    .filter((path) => !path.startsWith('array/'))
    .map((path) => ({ path, text: readFileSync(`${folder}/${path}`, 'utf8') }))
  const filesWith = (pattern: RegExp) =>
    sources.filter(({ text }) => pattern.test(text)).map(({ path }) => path)

  test('nobody packs a ref or an id by hand', () => {
    // A graph may import no events, so a Variable knows the unit of its own ref; the test below holds the two to each other.
    expect(filesWith(/2 ?\*\* ?40|1099511627776|0x10000000000\b/)).toEqual([
      'events/event.ts',
      'events/record-layout.ts',
      'graph/variable.ts',
    ])
    expect(filesWith(/\b(id|eventId|runId)\b[^\n]*(\* ?2 ?\*\* ?32|% ?2 ?\*\* ?32)/)).toEqual([
      'store/format/cells.ts',
    ])
    expect(filesWith(/RUN_UNIT/)).toEqual(['store/format/ids.ts'])
  })

  test("a Variable's position is that of its ref", () => {
    const text = sources.find(({ path }) => path === 'graph/variable.ts')!.text
    expect(text.match(/SLOT_UNIT = (.*)$/m)?.[1]).toBe('2 ** 40')
    expect(refOf(0, 1)).toBe(2 ** 40)
  })

  test('no field of an entry, a key or a record is a number', () => {
    const entries = /\b(call|leaf|gradient|assignment|clear|pass|entry|element|candidate)\[\d+\]/
    expect(filesWith(entries)).toEqual([])
    expect(filesWith(/\b(key|words)\[(at|to) \+ \d/)).toEqual(['events/pack.ts'])
  })
})
