/** `gradtape fork`: what if: the recorded calls of some steps again, with something changed, beside the run as it was. */
import fs from 'node:fs'
import type { Command } from 'commander'
import type { NDArray } from '../../array/ndarray.js'
import type { Fork } from '../../debug/fork.js'
import type { Change, RecordedFork } from '../../debug/fork-options.js'
import { TapeError } from '../../errors.js'
import { fromNpy } from '../../formats/npy.js'
import type { InspectedRun } from '../../inspection/inspected-run.js'
import { numberText } from '../../inspection/number-text.js'
import { type Answer, answer } from '../answer.js'
import { openRun } from '../open.js'
import { collected, examples, wholeNumber, withImports, withJson } from '../options.js'
import { checkOutput } from '../output.js'
import { FILE_AND_RUN, withRun } from '../run-argument.js'
import { table } from '../table.js'
import { indented, plural } from '../words.js'

interface Options {
  run?: string
  output?: string
  name?: string
  grad: string[]
  step: number
  steps?: number
  set: string[]
  dropRow: string[]
  import: string[]
  json?: boolean
}

/** More rows than these are thinned out. */
const ROWS_MAX = 40

export function addFork(program: Command): void {
  withImports(withRun(withJson(program.command('fork'))))
    .description(
      'what if: perform the recorded calls again with something changed, beside the run as it was; the run never changes',
    )
    .argument(...FILE_AND_RUN)
    .requiredOption('--step <step>', 'the step at whose beginning it begins', wholeNumber(1))
    .option('--steps <n>', 'this many steps (default: to the last)', wholeNumber(1))
    .option(
      '--set <name=value>',
      'a setting of calls (optimizer.lr=0.3), or a variable by name or position (fc1.weight=@120, 417=0); may be repeated',
      collected,
      [],
    )
    .option(
      '--grad <name=value>',
      'a gradient that takes the place of the one computed in the step, by name or position of its variable; may be repeated',
      collected,
      [],
    )
    .option('--drop-row <row>', 'leave this row out of batches; may be repeated', collected, [])
    .option(
      '-o, --output <path>',
      'record it: a new tape with the run and the fork, which names it as its parent',
    )
    .option('--name <name>', 'with --output: the name of the fork (default: that of the run, and -fork)')
    .addHelpText(
      'after',
      `\nA value is a number, true, false, @STEP (the one at the end of that step) or @FILE.npy. What a call made gets it in the first step alone,
right after the call; gradients go on through the call as recorded.\nBatches, branches and random keys are as recorded. Exit code 1: the fork went another way than the run.\n${examples(
        'gradtape fork runs.tape --step 120 --set optimizer.lr=0.03 --steps 20',
        'gradtape fork runs.tape --step 80 --drop-row 333',
        'gradtape fork runs.tape --step 150 --set fc1.weight=@140',
        'gradtape fork runs.tape --step 150 --set hidden=@mask.npy --grad fc2.weight=0 --steps 1',
        'gradtape fork runs.tape --step 120 --set optimizer.lr=0.03 -o lower-rate.tape',
      )}`,
    )
    .action((file: string, options: Options) =>
      answer(options, async (later) => {
        const opened = await openRun(file, { ...options, long: true }, later)
        const { past } = opened
        const { output } = options
        if (output !== undefined) checkOutput(output, file)
        else if (options.name !== undefined)
          throw new TapeError(
            'BAD_ARGUMENT',
            '--name is for --output; leave it out, or say where the fork is recorded',
          )
        const fork = past.fork({
          step: options.step,
          ...(options.steps === undefined ? {} : { steps: options.steps }),
          set: changesFrom('--set', options.set, opened),
          gradients: changesFrom('--grad', options.grad, opened) as Record<string, number | NDArray>,
          dropRows: options.dropRow.map(rowFrom),
        })
        const recorded = output === undefined ? null : await record(fork, opened, output, options.name)
        const report = recorded ?? fork.run()
        const { equal, step, steps, changes, metrics } = report
        const differing = metrics.find(({ parent, child }) => !Object.is(parent, child))
        const said =
          changes.length === 0
            ? 'nothing changed'
            : changes.map(({ what, count }) => `${what} (${plural(count, 'place')})`).join(', ')
        const first = equal
          ? `the same, bit for bit, from step ${step} in ${plural(steps, 'step')}: ${said}`
          : differing === undefined
            ? `step ${step}: another end, though no metric differs: ${said}`
            : `step ${differing.step}: ${differing.name} is ${numberText(differing.child)} instead of ${numberText(differing.parent)}: ${said}`
        return {
          no: !equal,
          json: () => ({
            run: { id: past.id, name: past.name },
            step,
            steps,
            equal,
            changes,
            recorded: recorded === null ? null : { file: output, run: recorded.run, parent: recorded.parent },
            metrics,
            state: [...report.state].map(([name, { dtype, shape }]) => ({ name, dtype, shape })),
          }),
          text: () =>
            `${first}\n${indented(tableOf(metrics))}\nbatches, branches and random keys as recorded${
              recorded === null
                ? ''
                : `\nrecorded as run ${recorded.run} of ${output}, where run ${recorded.parent} is the run as it was`
            }`,
        } satisfies Answer
      }),
    )
}

function tableOf(metrics: readonly { step: number; name: string; parent: number; child: number }[]): string {
  const every = Math.max(1, Math.ceil(metrics.length / ROWS_MAX))
  const shown = metrics.filter((_, i) => i % every === 0 || i === metrics.length - 1)
  return table(
    [
      { title: 'step', align: 'right' },
      { title: 'metric' },
      { title: 'as it was', align: 'right' },
      { title: 'forked', align: 'right' },
    ],
    shown.map(({ step, name, parent, child }) => [String(step), name, numberText(parent), numberText(child)]),
  )
}

/** Makes a tape of the run and of the fork; when that fails, there is none. */
async function record(
  fork: Fork,
  { tape, past }: InspectedRun,
  output: string,
  name: string | undefined,
): Promise<RecordedFork> {
  const { openTape } = await import('../../index.js')
  tape.split([past.id], output)
  try {
    const made = openTape(output)
    try {
      return await fork.record(made, name === undefined ? {} : { name })
    } finally {
      made.close()
    }
  } catch (error) {
    for (const suffix of ['', '-wal', '-shm']) fs.rmSync(output + suffix, { force: true })
    throw error
  }
}

/** Throws  BAD_ARGUMENT, FILE_NOT_FOUND, BAD_FILE */
function changesFrom(option: string, pairs: readonly string[], run: InspectedRun): Record<string, Change> {
  const changes: [string, Change][] = pairs.map((text) => {
    const at = text.indexOf('=')
    const value = text.slice(at + 1)
    const known = /^@\d+$/.test(value)
      ? value
      : value.startsWith('@')
        ? arrayFrom(value.slice(1))
        : value === 'true' || value === 'false'
          ? value === 'true'
          : Number(value)
    if (at < 1 || value === '' || (typeof known === 'number' && Number.isNaN(known) && value !== 'NaN'))
      throw new TapeError(
        'BAD_ARGUMENT',
        `${option} expected name=number, name=true, name=@step or name=@file.npy, got "${text}"`,
      )
    return [keyOf(text.slice(0, at), run), known]
  })
  return Object.fromEntries(changes)
}

/** Digits, `#417` and, where no variable is called so, `v417` are positions. */
function keyOf(text: string, { lookup, past }: InspectedRun): string {
  if (/^#?\d+(\.\d+)?$/.test(text)) return text.startsWith('#') ? text : `#${text}`
  if (/^v\d+$/.test(text) && lookup.bearerOf(text, 1, past.lastPosition) === null) return `#${text.slice(1)}`
  return text
}

function arrayFrom(file: string): NDArray {
  try {
    return fromNpy(fs.readFileSync(file), file)
  } catch (error) {
    if (error instanceof TapeError) throw error
    throw new TapeError('FILE_NOT_FOUND', `reading ${file}: ${(error as Error).message}`, { cause: error })
  }
}

function rowFrom(text: string): number {
  if (!/^\d+$/.test(text))
    throw new TapeError('BAD_ARGUMENT', `--drop-row expected the number of a row, got "${text}"`)
  return Number(text)
}
