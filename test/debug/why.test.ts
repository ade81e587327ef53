// why() names the planted defect in its first line, and is silent on the same program without it and on healthy programs.
import { readFileSync } from 'node:fs'
import { from, lastValueFrom, toArray } from 'rxjs'
import { describe, expect, test } from 'vitest'
import { WHY_KINDS } from '../../src/debug/why.js'
import * as g from '../../src/index.js'
import { DATA } from './planted/data.js'
import { HEALTHY } from './planted/healthy.js'
import { NUMBERS } from './planted/numbers.js'
import { OTHERS } from './planted/others.js'
import type { Planted } from './planted/planted.js'
import { SIGNALS } from './planted/signals.js'
import { STRANGERS } from './planted/strangers.js'
import { UPDATES } from './planted/updates.js'

const PLANTED: readonly Planted[] = [...NUMBERS, ...UPDATES, ...SIGNALS, ...DATA, ...OTHERS, ...STRANGERS]

async function recorded(program: Planted['program'], planted: boolean, capture: g.Capture = 'replayable') {
  // In memory: a thread and a file for each of a hundred programs would be most of the time.
  const tape = g.openTape(':memory:')
  let live: g.Finding[] = []
  await program({
    g,
    tape,
    planted,
    start: (name, options = {}) => {
      const run = tape.startRun(name, { ...options, capture })
      const own: g.Finding[] = []
      run.watch(g.allDetectors(), { on: (finding) => own.push(finding) })
      live = own
      return run
    },
  })
  return { tape, past: tape.run(tape.runs().at(-1)!.id), live }
}

async function whyOf(
  program: Planted['program'],
  planted: boolean,
  capture: g.Capture = 'replayable',
  operators = false,
) {
  const { tape, past, live } = await recorded(program, planted, capture)
  try {
    const { findings, skipped, looked } = past.why()
    return {
      told: findings.filter(isTold),
      skipped,
      looked,
      past,
      live,
      columns: past.watch(),
      operators: operators ? await byOperators([...past.events()]) : [],
    }
  } finally {
    tape.close()
  }
}

function isTold({ level }: g.Finding): boolean {
  return level !== 'note'
}

/** Without what only the file knows: where in the user's code. */
function bare({ site: _site, text, ...rest }: g.Finding) {
  return { ...rest, text: text.replace(/(\(#\d+), [^ )]+:\d+:\d+/g, '$1') }
}

async function byOperators(events: readonly g.TapeEvent[]) {
  const found: g.Finding[] = []
  for (const detector of g.allDetectors())
    found.push(...(await lastValueFrom(from(events).pipe(detector, toArray()))))
  return sorted(found.map(bare))
}

function sorted(all: readonly ReturnType<typeof bare>[]) {
  const key = ({ kind, step, text }: ReturnType<typeof bare>) => `${kind} ${step} ${text}`
  return [...all].sort((a, b) => (key(a) < key(b) ? -1 : 1))
}

describe.each(PLANTED.map((one) => [one.name, one] as const))('%s', (_, { kind, says, program, needs }) => {
  test('is named in the first line; detectors find the same live, in the file and in the events', async () => {
    const { told, live, columns, operators } = await whyOf(program, true, 'replayable', true)
    for (const pattern of says) expect(told[0]?.text).toMatch(pattern)
    expect([kind].flat()).toContain(told[0]?.kind)
    expect(live).toEqual(columns)
    expect(sorted(columns.map(bare))).toEqual(operators)
  })

  test('the clean twin is silent', async () => {
    const { told, live, columns } = await whyOf(program, false)
    expect(told).toEqual([])
    expect(live).toEqual(columns)
    expect(live.filter(isTold)).toEqual([])
  })

  test('at capture structure, what cannot be looked at is said, and no other cause is named', async () => {
    const { told, skipped } = await whyOf(program, true, 'structure')
    if (needs === 'replay' && told.length === 0) expect(skipped.length).toBeGreaterThan(0)
    else if (needs !== 'replay') for (const pattern of says) expect(told[0]?.text).toMatch(pattern)
    else expect(told[0]?.level === 'symptom' || [kind].flat().includes(told[0]!.kind)).toBe(true)
  })
})

test.each(HEALTHY.map((one) => [one.name, one] as const))('healthy: %s', async (_, { program }) => {
  const { told, looked, live } = await whyOf(program, false)
  expect(told).toEqual([])
  expect(live.filter(isTold)).toEqual([])
  expect(looked).toMatch(/step/)
})

test('docs/debugging.md describes each kind that why() can find, and no other', () => {
  const page = readFileSync(new URL('../../docs/debugging.md', import.meta.url), 'utf8')
  const described = [...page.matchAll(/^\| (`.*?`) \|/gm)].flatMap(([, cell]) =>
    [...cell!.matchAll(/`([^`]+)`/g)].map(([, kind]) => kind!),
  )
  expect(described.sort()).toEqual([...WHY_KINDS].sort())
})
