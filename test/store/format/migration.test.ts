// Tapes that an earlier gradtape wrote: brought to the newest schema, they say in every view what they said before.
import fs from 'node:fs'
import zlib from 'node:zlib'
import { expect, test } from 'vitest'
import '../../../src/index.js'
import { SCHEMA_VERSION } from '../../../src/store/format/migrations.js'
import { newTapePath, openForTest, plainConnection } from '../../tape/temporary-tape.js'

const fixture = (name: string) =>
  zlib.gunzipSync(fs.readFileSync(new URL(`../../fixtures/${name}`, import.meta.url)))

/** A number that is not finite is NULL now, with its name in a column of its own. */
const NUMBER =
  "CASE non_finite WHEN 'NaN' THEN 'NaN' WHEN 'Infinity' THEN 9e999 WHEN '-Infinity' THEN -9e999 ELSE value END"

type Dump = Record<string, { columns: string[]; rows: unknown[][] }>

/** As the fixture was dumped: JSON has no bytes, no −0 and no infinity. */
function dumped(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return { bytes: value.length }
  return Object.is(value, -0) ? '-0' : value === Number.POSITIVE_INFINITY ? 'Infinity' : value
}

/** Where the third schema has another column for what a column said: it is asked for in the words of before. */
const SAID_NOW: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  call: { linked: 'is_grad_enabled' },
  variable: { value: NUMBER },
  metric: { value: NUMBER },
  gradient: {
    value: NUMBER,
    accumulated_value:
      "CASE accumulated_non_finite WHEN 'NaN' THEN 'NaN' WHEN 'Infinity' THEN 9e999 WHEN '-Infinity' THEN -9e999 ELSE accumulated_value END",
    held: "CASE held WHEN 'none' THEN 'nothing' WHEN 'this' THEN 'contribution' ELSE 'accumulated' END",
  },
  edge: {
    variable_position: 'coalesce(variable_position, gradient_position)',
    variable_slot: 'coalesce(variable_slot, 0)',
  },
}

/** The rows of the views now, in the columns that they had then. */
function viewsOf(file: string, then: Dump): Dump {
  const db = plainConnection(file, { readonly: true })
  const views: Dump = {}
  for (const [view, { columns }] of Object.entries(then)) {
    const rows = db
      .prepare(
        `SELECT ${columns.map((column) => SAID_NOW[view]?.[column] ?? column).join(', ')} FROM ${view}`,
      )
      .raw()
      .all() as unknown[][]
    views[view] = { columns, rows: rows.map((row) => row.map(dumped)) }
  }
  return views
}

const sorted = (rows: unknown[][]) => rows.map((row) => JSON.stringify(row)).sort()

test('a tape of the first schema is migrated, and every view says what it said before', () => {
  const file = newTapePath()
  fs.writeFileSync(file, fixture('schema-1.tape.gz'))
  expect(() => openForTest(file, { readonly: true })).toThrow(/^TAPE_TOO_OLD: .* schema 1/)
  const tape = openForTest(file)
  const before = JSON.parse(fixture('schema-1-views.json.gz').toString()) as Dump
  expect(Object.keys(before)).toHaveLength(11)
  const now = viewsOf(file, before)
  for (const [view, { rows }] of Object.entries(before)) {
    // The first schema's `gradient` gave '' for the hash of one element, and said that it was null.
    const hash = view === 'gradient' ? now[view]!.columns.indexOf('hash') : -1
    const then = rows.map((row) => row.map((cell, i) => (i === hash && cell === '' ? null : cell)))
    expect(sorted(now[view]!.rows), view).toEqual(sorted(then))
    if (view !== 'checkpoint') expect(rows.length, view).toBeGreaterThan(0)
  }
  expect(SCHEMA_VERSION).toBeGreaterThan(1)
  expect(tape.verify()).toMatchObject({ intact: true, problem: null })
  for (const { id } of tape.runs())
    expect(tape.run(id).replay(), `run ${id}`).toMatchObject({ verdict: 'bit-exact', divergence: null })
  const digits = tape.run('digits')
  const recorded = digits.variable('layers.0.weight', { step: 7 }).grad!.data.toArray()
  digits.variable('loss', { step: 7 }).backward()
  expect(digits.variable('layers.0.weight', { step: 7 }).grad!.data.toArray()).toEqual(recorded)
})
