/** `gradtape fork`: what if: the recorded calls of some steps again, with something changed, beside the run as it was. */
import type { Command } from 'commander'
import { TapeError } from '../../errors.js'
import { numberText } from '../../inspection/number-text.js'
import { type Answer, answer } from '../answer.js'
import { openRun } from '../open.js'
import { collected, examples, wholeNumber, withImports, withJson } from '../options.js'
import { FILE_AND_RUN, withRun } from '../run-argument.js'
import { table } from '../table.js'
import { indented, plural } from '../words.js'

interface Options {
  run?: string
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
      'what if: perform the recorded calls again with something changed, beside the run as it was; nothing is written',
    )
    .argument(...FILE_AND_RUN)
    .requiredOption('--step <step>', 'the step at whose beginning it begins', wholeNumber(1))
    .option('--steps <n>', 'this many steps (default: to the last)', wholeNumber(1))
    .option(
      '--set <name=value>',
      'a setting of calls (optimizer.lr=0.3) or a variable (fc1.weight=@120); may be repeated',
      collected,
      [],
    )
    .option('--drop-row <row>', 'leave this row out of batches; may be repeated', collected, [])
    .addHelpText(
      'after',
      `\nBatches, branches and random keys are as recorded. Exit code 1: the fork went another way than the run.\n${examples(
        'gradtape fork runs.tape --step 120 --set optimizer.lr=0.03 --steps 20',
        'gradtape fork runs.tape --step 80 --drop-row 333',
        'gradtape fork runs.tape --step 150 --set fc1.weight=@140',
      )}`,
    )
    .action((file: string, options: Options) =>
      answer(options, async (later) => {
        const { past } = await openRun(file, { ...options, long: true }, later)
        const report = past
          .fork({
            step: options.step,
            ...(options.steps === undefined ? {} : { steps: options.steps }),
            set: Object.fromEntries(options.set.map(changeFrom)),
            dropRows: options.dropRow.map(rowFrom),
          })
          .run()
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
            metrics,
            state: [...report.state].map(([name, { dtype, shape }]) => ({ name, dtype, shape })),
          }),
          text: () =>
            `${first}\n${indented(tableOf(metrics))}\nbatches, branches and random keys as recorded`,
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

function changeFrom(text: string): [string, number | boolean | string] {
  const at = text.indexOf('=')
  const value = text.slice(at + 1)
  const known =
    value === 'true' ? true : value === 'false' ? false : /^@\d+$/.test(value) ? value : Number(value)
  if (at < 1 || value === '' || Number.isNaN(known))
    throw new TapeError('BAD_ARGUMENT', `--set expected name=number, name=true, or name=@step, got "${text}"`)
  return [text.slice(0, at), known]
}

function rowFrom(text: string): number {
  if (!/^\d+$/.test(text))
    throw new TapeError('BAD_ARGUMENT', `--drop-row expected the number of a row, got "${text}"`)
  return Number(text)
}
