// why() names the planted defect in its first line, and is silent on the same program without it and on healthy programs.
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { WHY_KINDS } from '../../src/debug/why.js'
import * as g from '../../src/index.js'
import { DATA } from './planted/data.js'
import { HEALTHY } from './planted/healthy.js'
import { NUMBERS } from './planted/numbers.js'
import type { Planted } from './planted/planted.js'
import { SIGNALS } from './planted/signals.js'
import { UPDATES } from './planted/updates.js'

const PLANTED: readonly Planted[] = [...NUMBERS, ...UPDATES, ...SIGNALS, ...DATA]

async function whyOf(program: Planted['program'], planted: boolean, capture: g.Capture = 'replayable') {
  // In memory: a thread and a file for each of a hundred programs would be most of the time.
  const tape = g.openTape(':memory:')
  await program({
    g,
    tape,
    planted,
    start: (name, options = {}) => tape.startRun(name, { ...options, capture }),
  })
  try {
    const { findings, skipped, looked } = tape.run(tape.runs().at(-1)!.id).why()
    return { told: findings.filter(({ level }) => level !== 'note'), skipped, looked }
  } finally {
    tape.close()
  }
}

describe.each(PLANTED.map((one) => [one.name, one] as const))('%s', (_, { kind, says, program, needs }) => {
  test('is named in the first line', async () => {
    const { told } = await whyOf(program, true)
    for (const pattern of says) expect(told[0]?.text).toMatch(pattern)
    expect([kind].flat()).toContain(told[0]?.kind)
  })

  test('the clean twin is silent', async () => {
    expect((await whyOf(program, false)).told).toEqual([])
  })

  test('at capture structure, what cannot be looked at is said, and no other cause is named', async () => {
    const { told, skipped } = await whyOf(program, true, 'structure')
    if (needs === 'replay' && told.length === 0) expect(skipped.length).toBeGreaterThan(0)
    else if (needs !== 'replay') for (const pattern of says) expect(told[0]?.text).toMatch(pattern)
    else expect(told[0]?.level === 'symptom' || [kind].flat().includes(told[0]!.kind)).toBe(true)
  })
})

test.each(HEALTHY.map((one) => [one.name, one] as const))('healthy: %s', async (_, { program }) => {
  const { told, looked } = await whyOf(program, false)
  expect(told).toEqual([])
  expect(looked).toMatch(/step/)
})

test('docs/debugging.md describes each kind that why() can find, and no other', () => {
  const page = readFileSync(new URL('../../docs/debugging.md', import.meta.url), 'utf8')
  const described = [...page.matchAll(/^\| (`.*?`) \|/gm)].flatMap(([, cell]) =>
    [...cell!.matchAll(/`([^`]+)`/g)].map(([, kind]) => kind!),
  )
  expect(described.sort()).toEqual([...WHY_KINDS].sort())
})
