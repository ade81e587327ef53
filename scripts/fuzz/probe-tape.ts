// The process that looks at tapes which the fuzzer changed: everything that reads a tape is asked of each, and may answer or throw
// one of our errors. What it does besides is told to the fuzzer, who also ends this process when it does not come back.
import fs from 'node:fs'
import process from 'node:process'
import { openTape, TapeError } from 'gradtape'
import { storeInternals } from './store-internals.js'

/** What a damaged tape may be answered with: it is damaged, it is none of ours, or what was asked for is not in it. */
const FINE = new Set([
  ...['TAPE_CORRUPT', 'NOT_A_TAPE', 'TAPE_TOO_NEW', 'TAPE_TOO_OLD', 'RUN_NOT_FOUND', 'STEP_NOT_FOUND'],
  ...['VARIABLE_NOT_FOUND', 'VALUE_NOT_CAPTURED', 'UNREGISTERED_FUNC', 'KERNEL_MISMATCH', 'REPLAY_DIVERGED'],
  ...['RUN_RECORDING'],
])
/** A walk over a past graph may also meet arrays and attributes that do not belong together. */
const FINE_COMPUTING = new Set([
  ...['SHAPE_MISMATCH', 'BAD_SHAPE', 'BAD_AXIS', 'BAD_DTYPE', 'BAD_VALUE', 'BAD_ARGUMENT', 'NOT_SCALAR'],
  ...['INDEX_OUT_OF_RANGE', 'NOT_DIFFERENTIABLE', 'BAD_GRADIENT', 'ATTRIBUTES_MISSING', 'STALE_VERSION'],
])
const VIEW_ROWS_MAX = 2_000

export interface Probed {
  intact: boolean
  /** What the views say; null when they could not be read. */
  says: string | null
  failures: string[]
}

const store = await storeInternals()

function probe(file: string): Probed {
  const probed: Probed = { intact: false, says: null, failures: [] }
  const ask = <T>(what: string, act: () => T, computing = false): T | undefined => {
    try {
      return act()
    } catch (error) {
      const known =
        error instanceof TapeError && (FINE.has(error.code) || (computing && FINE_COMPUTING.has(error.code)))
      if (!known) probed.failures.push(`${what}: ${error instanceof Error ? error.stack : String(error)}`)
      return undefined
    }
  }
  const tape = ask('openTape', () => openTape(file, { readonly: true }))
  if (tape === undefined) return probed
  const report = ask('verify', () => tape.verify())
  if (report?.problem?.includes('no check foresees')) probed.failures.push(`verify: ${report.problem}`)
  probed.intact = report?.intact === true
  for (const info of (ask('runs', () => tape.runs()) ?? []).slice(0, 3)) {
    const run = ask('run', () => tape.run(info.id))
    if (run === undefined) continue
    ask('started', () => run.started)
    ask('stepCount', () => run.stepCount)
    ask('events', () => {
      for (const _ of run.events());
    })
    ask('replay', () => run.replay(), true)
    for (const name of ['w', 'wide', 'loss', 'h'])
      for (const options of [{}, { step: 1 }]) {
        const variable = ask(`variable ${name}`, () => run.variable(name, options), true)
        if (variable === undefined) continue
        ask(`data of ${name}`, () => variable.data, true)
        ask(`grad of ${name}`, () => variable.grad?.data, true)
        if (name === 'loss') ask('backward', () => variable.backward(), true)
      }
  }
  tape.close()
  const views = ask('views', () => new store.Views(file))
  if (views === undefined) return probed
  const names = ask('viewDocs', () => store.viewDocs(views)) as { name: string }[] | undefined
  for (const { name } of names ?? [])
    ask(`view ${name}`, () => views.all(`SELECT * FROM ${name} LIMIT ${VIEW_ROWS_MAX}`))
  for (const id of [1, 2]) {
    ask('metricCourses', () => store.metricCourses(views, id))
    ask('functionCounts', () => store.functionCounts(views, id))
    ask('checkpointCount', () => store.checkpointCount(views, id))
    ask('gradientsOfStep', () => store.gradientsOfStep(views, id, 1))
    const lookup = ask('Lookup', () => new store.Lookup(views.db, id))
    ask('names', () => lookup?.names())
    ask('lastUses', () => lookup?.lastUses(1, 500))
  }
  ask('tapeStats', () => store.tapeStats(views.db, file))
  if (probed.intact)
    probed.says =
      ask('viewDigests', () =>
        store.viewDigests(views.db).map(({ name, rows, sha256 }) => `${name} ${rows} ${sha256}`),
      )?.join('\n') ?? null
  views.close()
  const output = `${file}.compacted`
  fs.rmSync(output, { force: true })
  ask('compactFile', () =>
    store.compactFile(file, {
      output,
      prove: (copy) => {
        const { problem } = store.verifyChain(copy)
        if (problem !== null) throw new TapeError('TAPE_CORRUPT', problem)
      },
    }),
  )
  return probed
}

process.on('message', (file: string) => process.send?.(probe(file)))
process.on('disconnect', () => process.exit())
