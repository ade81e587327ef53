/** `gradtape materialize`: computes steps again and writes what they did not capture into the tape, where SQL reads it. */
import type { Command } from 'commander'
import { TapeError } from '../../errors.js'
import type { InspectedRun } from '../../inspection/inspected-run.js'
import { type Answer, answer } from '../answer.js'
import { openRun } from '../open.js'
import { examples, type Steps, stepsFrom, withImports, withJson } from '../options.js'
import { paint } from '../paint.js'
import { Progress } from '../progress.js'
import { FILE_AND_RUN, withRun } from '../run-argument.js'
import { bytesText, durationText, plural } from '../words.js'

interface Options {
  run?: string
  steps: Steps
  import: string[]
  json?: boolean
}

export function addMaterialize(program: Command): void {
  withImports(withRun(withJson(program.command('materialize'))))
    .description(
      'compute steps again and write the values that were not captured into the tape, for SQL to read',
    )
    .argument(...FILE_AND_RUN)
    .argument('[run]', 'id or name of the run (default: the newest)')
    .requiredOption('--steps <steps>', 'which: 412, or 400..420 with both ends included', stepsFrom)
    .addHelpText(
      'after',
      `
The run itself does not change: the values are marked as materialized in the views variable and gradient, each was computed
by a replay that agreed with everything the run did capture, and the hash chain covers them.
${examples('gradtape materialize runs.tape --steps 412', 'gradtape materialize runs.tape digits --steps 400..420')}`,
    )
    .action((file: string, _run: string | undefined, options: Options) =>
      answer(options, async (later) =>
        materialized(await openRun(file, { ...options, write: true }, later), options.steps),
      ),
    )
}

/** Throws  RUN_RECORDING, STEP_NOT_FOUND, VALUE_NOT_CAPTURED, REPLAY_DIVERGED, KERNEL_MISMATCH, UNREGISTERED_FUNC */
function materialized({ tape, past, info, lookup }: InspectedRun, { from, to }: Steps): Answer {
  if (info.status === 'recording')
    throw new TapeError(
      'RUN_RECORDING',
      `run ${past.id} ("${past.name}") is still being recorded by process ${past.started.pid} on ${past.started.host}; materialize it when it has ended`,
    )
  lookup.stepRange(from, past.lastPosition)
  const progress = new Progress(`materialize "${past.name}":`, lookup.stepRange(to, past.lastPosition).to)
  past.onRecompute = (position) => progress.at(position)
  const startedMs = performance.now()
  const { values, bytes } = past.materialize(from, to)
  progress.end()
  const elapsedMs = performance.now() - startedMs
  const sql = `SELECT g.step, g.variable_name, v.bytes FROM gradient g JOIN value v ON v.id = g.value_id WHERE g.run_id = ${past.id} AND g.step BETWEEN ${from} AND ${to} AND g.is_materialized`
  return {
    json: () => ({
      run: { id: past.id, name: past.name },
      steps: { from, to },
      values,
      bytes,
      elapsedMs: Math.round(elapsedMs),
      sql,
    }),
    text: () => {
      const of = `${past.name}, run ${past.id}, ${from === to ? `step ${from}` : `steps ${from} to ${to}`}`
      if (values === 0) return `${of}: nothing to write, every value is on the tape`
      return [
        `${of}: ${paint('green', plural(values, 'value'))} written, ${bytesText(bytes)}, in ${durationText(elapsedMs)}`,
        'They agree with all that was captured, and stand in the views variable and gradient, for example:',
        `  gradtape sql ${tape.path} "${sql}"`,
      ].join('\n')
    },
  }
}
