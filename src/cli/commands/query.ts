/** `gradtape query`: the questions of the cookbook by name. */
import process from 'node:process'
import { type Command, InvalidArgumentError } from 'commander'
import { CHAPTERS, defaultsOf, parameterNames, recipe, runNumber } from '../../queries/cookbook/cookbook.js'
import type { Recipe } from '../../queries/cookbook/recipe.js'
import type { Cell } from '../../queries/sql.js'
import { Views } from '../../queries/views.js'
import { type Answer, answer } from '../answer.js'
import { collected, examples } from '../options.js'
import { paint } from '../paint.js'
import { FILE_AND_RUN, withRun } from '../run-argument.js'
import { parametersFrom } from '../sql-arguments.js'
import { table } from '../table.js'
import { indented } from '../words.js'
import { formatOf, printQuestion, type RowOptions, withRows } from './sql.js'

interface Options extends RowOptions {
  run?: string
  param: string[]
  list?: boolean
  explain?: boolean
}

export function addQuery(program: Command): void {
  const command = withRun(withRows(program.command('query')))
  command
    .description('answer a question of the cookbook (docs/sql.md) by its name')
    .argument('[name]', 'of the question; --list names all')
    .argument('[file]', FILE_AND_RUN[1])
    .option('--param <name=value>', 'value of a parameter; may be repeated', collected, [])
    .option('--list', 'list the questions and their parameters')
    .option('--explain', 'print the query and how it would be run, and do not run it')
    .addHelpText(
      'after',
      examples(
        'gradtape query --list',
        'gradtape query gradient-norms runs.tape',
        'gradtape query best-step runs.tape --run mlp --param metric=accuracy',
        'gradtape query batch-rows runs.tape --param step=30 --csv',
        'gradtape query ancestors runs.tape --explain',
      ),
    )
    .action((name: string | undefined, file: string | undefined, options: Options) => {
      if (options.list === true) return answer(options, () => listed())
      if (name === undefined || file === undefined)
        throw new InvalidArgumentError('Expected the name of a question and a tape, or --list.')
      const asked = { ...options, json: formatOf(options) === 'json' }
      return answer(asked, async () => {
        const found = recipe(name)
        const parameters = values(found, file, options)
        if (options.explain !== true) {
          await printQuestion({ file, sql: found.sql, parameters }, asked)
          return null
        }
        // What a program reads is the plan and nothing else.
        if (formatOf(options) === 'table') process.stdout.write(`${explained(found, parameters)}\n\n`)
        await printQuestion({ file, sql: `EXPLAIN QUERY PLAN ${found.sql}`, parameters }, asked)
        return null
      })
    })
}

function values(found: Recipe, file: string, options: Options): Map<string, Cell> {
  const given = parametersFrom(options.param)
  const views = new Views(file)
  try {
    const run = runNumber(views, options.run ?? null)
    for (const [name, value] of defaultsOf(views, found, run, new Set(given.keys())))
      given.set(name, typeof value === 'number' && Number.isInteger(value) ? BigInt(value) : value)
  } finally {
    views.close()
  }
  return given
}

function explained({ question, sql, note }: Recipe, parameters: ReadonlyMap<string, Cell>): string {
  const lines = [paint('bold', question), sql, ...(note === undefined ? [] : [note])]
  for (const [name, value] of parameters) lines.push(`  :${name} = ${String(value ?? 'NULL')}`)
  return lines.join('\n')
}

function listed(): Answer {
  return {
    json: () => ({
      questions: CHAPTERS.flatMap(({ title, recipes }) =>
        recipes.map((one) => ({
          name: one.name,
          chapter: title,
          question: one.question,
          parameters: parameterNames(one),
          note: one.note ?? null,
          sql: one.sql,
        })),
      ),
    }),
    text: () =>
      CHAPTERS.map(({ title, recipes }) => {
        const rows = recipes.map((one) => [one.name, one.question, parameterNames(one).join(', ')])
        const heads = [{ title: 'name' }, { title: 'question' }, { title: 'parameters' }]
        return `${paint('bold', title)}\n${indented(table(heads, rows))}`
      }).join('\n\n'),
  }
}
