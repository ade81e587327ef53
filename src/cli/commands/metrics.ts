/** `gradtape metrics`: what a run logged, a row a step and a column a metric. */
import type { Command } from 'commander'
import { runNumber } from '../../queries/cookbook/cookbook.js'
import type { Cell } from '../../queries/sql.js'
import { metricTable } from '../../store/read/metric-table.js'
import { answer, printError } from '../answer.js'
import { openViews } from '../open.js'
import { examples } from '../options.js'
import { checkFormat, printRows } from '../rows.js'
import { FILE_AND_RUN, withRun } from '../run-argument.js'
import { formatOf, type RowOptions, withPrinted } from './sql.js'

export function addMetrics(program: Command): void {
  withRun(withPrinted(program.command('metrics')))
    .description('list what a run logged: a row a step, a column a metric')
    .argument(...FILE_AND_RUN)
    .argument('[names...]', 'of metrics (default: all)')
    .addHelpText(
      'after',
      `
A step in which a metric was not logged has NULL there; of several values in one step the last is listed.
${examples('gradtape metrics runs.tape', 'gradtape metrics runs.tape loss lr --run mlp --csv > curves.csv')}`,
    )
    .action((file: string, names: string[], options: RowOptions & { run?: string }) => {
      const asked = { ...options, json: formatOf(options) === 'json' }
      return answer(asked, async (later) => {
        const format = formatOf(options)
        checkFormat(format)
        const views = openViews(file, later)
        const run = runNumber(views, options.run ?? null)
        const { steps, columns } = metricTable(views.db, run, names.length === 0 ? undefined : names)
        const { limit, exact } = options
        const result = { columns: ['step', ...columns.keys()], rows: rowsOf(steps, [...columns.values()]) }
        const printed = await printRows(result, { format, limit, exact })
        if (printed.cut)
          printError(`cut after ${printed.rows} ${printed.rows === 1 ? 'row' : 'rows'}; --limit prints more`)
        return null
      })
    })
}

async function* rowsOf(
  steps: readonly number[],
  columns: readonly (readonly (number | null)[])[],
): AsyncGenerator<Cell[], void, undefined> {
  for (const [i, step] of steps.entries()) yield [BigInt(step), ...columns.map((column) => column[i] ?? null)]
}
