/** `gradtape probe`: values and gradients of anything over steps, as a table: what nobody logged at the time. */
import type { Command } from 'commander'
import { TapeError } from '../../errors.js'
import { csvFields } from '../../formats/csv-text.js'
import { numberText } from '../../inspection/number-text.js'
import { type Answer, answer } from '../answer.js'
import { openRun } from '../open.js'
import { examples, type Steps, stepsFrom, wholeNumber, withImports, withJson } from '../options.js'
import { FILE_AND_RUN, withRun } from '../run-argument.js'
import { table } from '../table.js'

interface Options {
  run?: string
  steps?: Steps
  every?: number
  csv?: boolean
  import: string[]
  json?: boolean
}

export function addProbe(program: Command): void {
  withImports(withRun(withJson(program.command('probe'))))
    .description(
      'a number for each step of values and gradients, which are computed again where they were not stored',
    )
    .argument(...FILE_AND_RUN)
    .argument(
      '<expressions...>',
      'names, #function@scope:n, grad(of, by), and norm rms mean min max sum std abs … of them',
    )
    .option('--steps <steps>', 'which: 412, or 400..420 with both ends included (default: all)', stepsFrom)
    .option('--every <n>', 'one step in this many', wholeNumber(1))
    .option('--csv', 'print comma-separated values')
    .addHelpText(
      'after',
      examples(
        "gradtape probe runs.tape --steps 400..420 'norm(grad(loss, fc1.weight))'",
        "gradtape probe runs.tape:2 --every 10 'max(abs(#relu@layers.0))' 'zeros(#relu)' --csv",
      ),
    )
    .action((file: string, expressions: string[], options: Options) =>
      answer(options, async (later) => {
        const { past } = await openRun(file, { ...options, long: true }, later)
        if (options.csv === true && options.json === true)
          throw new TapeError('BAD_ARGUMENT', 'probe expected --csv or --json, got both')
        const { columns, rows } = past.probe(expressions, {
          ...(options.steps === undefined ? {} : { steps: [options.steps.from, options.steps.to] }),
          ...(options.every === undefined ? {} : { every: options.every }),
        })
        return {
          json: () => ({ run: { id: past.id, name: past.name }, columns, rows }),
          text: () =>
            options.csv === true
              ? [
                  csvFields(['step', ...columns]),
                  ...rows.map(({ step, values }) => [step, ...values].join(',')),
                ].join('\n')
              : table(
                  ['step', ...columns].map((title) => ({ title, align: 'right' as const })),
                  rows.map(({ step, values }) => [String(step), ...values.map(numberText)]),
                ),
        } satisfies Answer
      }),
    )
}
