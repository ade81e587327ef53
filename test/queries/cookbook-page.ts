/** docs/sql.md: the questions of the cookbook, each with its query and what it answers of the tape of cookbook-program.ts. */
import Database from 'better-sqlite3'
import { markdownText } from '../../src/cli/rows.js'
import { registerFunctions } from '../../src/index.js'
import { CHAPTERS, defaultsOf, parameterNames } from '../../src/queries/cookbook/cookbook.js'
import type { Recipe } from '../../src/queries/cookbook/recipe.js'
import type { Cell } from '../../src/queries/sql.js'
import { Views } from '../../src/queries/views.js'

/** The run that is asked, unless the question is about another. */
const RUN = 2
const OTHERS: Readonly<Record<string, number>> = {
  'first-non-finite-metric': 3,
  'first-non-finite-gradient': 3,
  notes: 3,
  spikes: 3,
}
/** What is asked for where the page asks for something else than a recipe does by itself. */
const GIVEN: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  'mean-by-steps': { every: 4 },
  spikes: { times: 1.1 },
}
const ROWS_MAX = 6

const HEAD = `# Questions in SQL

Each question here is asked of one small tape: a classifier of 24 rows trained twice with everything captured (runs 1 and 2), and a run that
goes NaN (run 3). Below each query stands what it answers; a test asks them all again and holds the answers to the letter, and to what the
program itself knew. \`test/queries/cookbook-program.ts\` is the program.

\`\`\`
gradtape query --list
gradtape query gradient-norms runs.tape --run classifier
gradtape query best-step runs.tape --param metric=accuracy --format markdown
gradtape query ancestors runs.tape --explain
\`\`\`

The queries are plain SQL on the views of the tape (\`gradtape schema FILE\`), so any SQLite program can ask them. Those with \`tensor_…\`, \`value_of\`, \`ancestors\`, \`corr\` or \`ema\` need
gradtape's functions: \`gradtape sql\`, or \`registerFunctions(db)\` on a connection of better-sqlite3, or of node:sqlite, which has all but
those that give rows (\`tensor_elements\`, \`ancestors\`). \`:run\` is the number of a run.

## What to know of the views

- A gradient row is what one pass computed. Where several passes add to one variable (\`held\` is 'sum'), its norm, mean and counts are those
  of the part; the sum that \`grad\` holds is in \`accumulated_value\`, \`accumulated_l2_norm\` and \`accumulated_value_id\`. \`gradient_norm\` of
  \`step_summary\`, and the questions below, are of the parts too. The inspector's heat map shows the sums.
- \`template_ids\` of \`step_summary\` are equal only for steps of one graph whose events were cut into the same blocks. A block ends where a
  batch was written, so two steps that computed the same may have different lists. To compare what steps called, ask as \`unusual-steps\`
  does.
- What has a \`block_id\` is found by its position at once, and otherwise by a walk over the run:
  \`SELECT * FROM event WHERE run_id = 1 AND position = 5000000 AND block_id = (SELECT max(id) FROM block WHERE id <= (1 << 32) + 5000000)\`. A \`name\` is looked up
  in an index.
- The graph of a step is one view: \`SELECT call_position, call_function, slot, variable_position FROM call_input WHERE run_id = 1 AND step = 1500\`, a hundredth of a second among three
  million calls. Views are decoded anew for each row that they are joined with: a step of a thousand calls joined with its inputs takes half a minute. So make one side
  once, as \`WITH i AS MATERIALIZED (SELECT … FROM call_input WHERE run_id = 1 AND step = 1500)\`, and join with that: a fiftieth of a second. See \`graph-of-step\` and \`gradient-zero-share\`.
- Nothing records the mode of a module; its calls show it. Dropout, also that of attention, is called in training alone, and \`batchNorm\` reads running statistics in use alone: see \`module_mode\`, and
  \`is_training\` of \`step_summary\`, which is NULL where no call of a step tells, or where some were in training and some not. \`random_draw\` has the seed and the counter of each draw.
- How many calls a run made is in \`run.call_count\`, how many each function in \`function_profile\`: they are counted by repeated graphs, in
  milliseconds. \`count(*) FROM call\` walks over all of them, ten million in a second.
- \`NULL\`, not 0, stands for what was not recorded. A number that is NaN or infinite
  is NULL in its column, and the column \`non_finite\` names it.
- Every column has a type, which \`PRAGMA table_info\` knows from SQLite 3.41 on; only \`run_config.value\` is what the program gave.
`

export interface Asked {
  readonly recipe: Recipe
  readonly parameters: ReadonlyMap<string, unknown>
  readonly columns: readonly string[]
  readonly rows: readonly (readonly Cell[])[]
}

/** Every question with its answer, by name. */
export function askAll(file: string): Map<string, Asked> {
  const db = new Database(file, { readonly: true })
  const views = new Views(file)
  try {
    registerFunctions(db)
    const asked = CHAPTERS.flatMap(({ recipes }) => recipes).map((recipe): [string, Asked] => {
      const given = GIVEN[recipe.name] ?? {}
      const defaults = defaultsOf(views, recipe, OTHERS[recipe.name] ?? RUN, new Set(Object.keys(given)))
      const parameters = new Map<string, unknown>([...defaults, ...Object.entries(given)])
      const statement = db.prepare(recipe.sql).raw().safeIntegers()
      const bound = [...parameters].map(([name, value]) => [
        name,
        Number.isInteger(value) ? BigInt(value as number) : value,
      ])
      const rows = statement.all(...(bound.length === 0 ? [] : [Object.fromEntries(bound)])) as Cell[][]
      return [recipe.name, { recipe, parameters, columns: statement.columns().map(({ name }) => name), rows }]
    })
    return new Map(asked)
  } finally {
    views.close()
    db.close()
  }
}

export function cookbookPage(answers: ReadonlyMap<string, Asked>): string {
  const parts = [HEAD]
  for (const { title, recipes } of CHAPTERS) {
    parts.push(`## ${title}\n`)
    for (const recipe of recipes) parts.push(section(recipe, answers.get(recipe.name)))
  }
  return `${parts.join('\n').trimEnd()}\n`
}

function section(recipe: Recipe, asked: Asked | undefined): string {
  const names = parameterNames(recipe)
  const given = names.map((name) => `\`:${name}\` = ${shown(asked?.parameters.get(name))}`)
  return [
    `### ${recipe.question}`,
    `\`gradtape query ${recipe.name}\`${given.length === 0 ? '' : `; here ${given.join(', ')}`}`,
    `\`\`\`sql\n${recipe.sql}\n\`\`\``,
    ...(recipe.note === undefined ? [] : [recipe.note]),
    recipe.isVarying === true ? 'The answer differs from one recording to the next.' : answer(asked),
  ]
    .join('\n\n')
    .concat('\n')
}

function answer(asked: Asked | undefined): string {
  if (asked === undefined || asked.rows.length === 0) return 'No rows.'
  const { columns, rows } = asked
  const rest = rows.length - ROWS_MAX
  const text = markdownText(columns, rows.slice(0, ROWS_MAX))
  return rest > 0 ? `${text}\n\n… and ${rest} more ${rest === 1 ? 'row' : 'rows'}.` : text
}

function shown(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : String(value ?? 'NULL')
}
