// `gradtape dump`: what it prints is what the tables and the hash chain hold.
import path from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { PACKED_BACKWARD, PACKED_MEASURED_ASSIGNMENT, PACKED_SITED_CALL } from '../../src/events/event.js'
import { typeOfKind } from '../../src/events/event-kinds.js'
import { inputsOfCallWord, isCallWord } from '../../src/events/record-layout.js'
import { mul, openTape, square, Variable } from '../../src/index.js'
import { plainConnection } from '../tape/temporary-tape.js'
import { gradtape, gradtapeJson, lines, temporaryFolder, writeTape } from './gradtape.js'

interface Dump {
  run: number
  from: number
  to: number
  commits: { id: number; firstPosition: number; eventCount: number; hash: string; texts: string[] }[]
  blocks: {
    id: number
    firstPosition: number
    step: number
    templateId: number
    cells: { holds: string; value: number | null }[]
  }[]
  templates: { id: number; eventCount: number; calls: number[][]; leaves: number[][] }[]
  events: { position: number; type: string; step: number; words: number[] }[]
}

const file = path.join(temporaryFolder(), 'runs.tape')
beforeAll(async () => {
  await writeTape(file)
  const tape = openTape(file)
  const run = tape.startRun('nothing kept', {
    capture: { values: 'structure', gradients: 'structure', sites: false },
  })
  square(mul(new Variable([1, 2]), 3))
  await run.finish()
  tape.close()
})

describe('gradtape dump', () => {
  test('gives all commits, blocks, cells and templates of a run, as the tables have them', async () => {
    const dump = await gradtapeJson<Dump>('dump', file, '--run', 'train')
    const db = plainConnection(file, { readonly: true })
    const all = (sql: string) => db.prepare(sql).raw().all()
    expect(dump.commits.map(({ id, hash }) => [id, hash])).toEqual(
      all('SELECT id, lower(hex(hash)) FROM _commit WHERE run_id = 2 AND event_count > 0 ORDER BY id'),
    )
    expect(
      dump.blocks.map(({ id, step, templateId, cells }) => [id, step, templateId, cells.length]),
    ).toEqual(
      all(
        'SELECT id, step, template_id, coalesce(length(slots), 0) / 8 FROM _block WHERE run_id = 2 ORDER BY id',
      ),
    )
    const templates = new Map(dump.templates.map((template) => [template.id, template]))
    for (const { templateId } of dump.blocks) {
      const [calls] = all(`SELECT calls FROM _template WHERE id = ${templateId}`)[0] as [string]
      expect(templates.get(templateId)?.calls).toEqual(JSON.parse(calls))
    }
    const kinds = new Set(dump.blocks.flatMap(({ cells }) => cells.map(({ holds }) => holds)))
    expect([...kinds]).toEqual(expect.arrayContaining(['number', 'value']))
  })

  test('gives the words of each event, which begin with its kind or are a call in one word', async () => {
    let short = 0
    for (const run of ['train', 'nothing kept']) {
      const { events, from, to } = await gradtapeJson<Dump>('dump', file, '--run', run)
      expect(events.map(({ position }) => position)).toEqual(
        Array.from({ length: to - from + 1 }, (_, i) => from + i),
      )
      for (const { type, words } of events) {
        if (isCallWord(words[0]!)) {
          short++
          expect([type, words.length]).toEqual(['FunctionCalled', 1 + inputsOfCallWord(words[0]!)])
        } else if (words[0] === PACKED_SITED_CALL) expect(type).toBe('FunctionCalled')
        else if (words[0] === PACKED_MEASURED_ASSIGNMENT) expect(type).toBe('ValueAssigned')
        else expect(words[0] === PACKED_BACKWARD ? 'BackwardStarted' : typeOfKind(words[0]!)).toBe(type)
      }
    }
    expect(short).toBe(2)
  })

  test('gives a part, with the block in which it begins', async () => {
    const part = await gradtapeJson<Dump>('dump', file, '--run', 'train', '--from', '5', '--to', '9')
    expect(part.events.map(({ position }) => position)).toEqual([5, 6, 7, 8, 9])
    expect(part.blocks[0]!.firstPosition).toBeLessThanOrEqual(5)
    expect(part.blocks.at(-1)!.firstPosition).toBeLessThanOrEqual(9)
  })

  test('prints it for people', async () => {
    const printed = await lines('dump', file, '--run', 'chain')
    expect(printed[0]).toMatch(/^commit 1 {2}events 1 to \d+ {2}\S+Z {2}[0-9a-f]{64}$/)
    expect(printed).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^ {2}text 0 {2}"/),
        expect.stringMatching(/^template \d+ {2}\d+ events? {2}[0-9a-f]{64}$/),
        expect.stringMatching(/^ {2}calls {2}\[/),
        expect.stringMatching(/^block 4294967297 {2}from event 1 {2}step 0/),
        expect.stringMatching(/^ {2}#1 {2}RunStarted {2}1 0$/),
      ]),
    )
  })

  test('refuses a part that the run does not have', async () => {
    const { status, stderr } = await gradtape('dump', file, '--run', 'chain', '--from', '9999')
    expect(status).toBe(1)
    expect(stderr).toMatch(
      /^BAD_ARGUMENT: run "chain" has events 1 to \d+; expected --from 9999 not to be after/,
    )
  })
})
