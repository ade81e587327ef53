/** All questions of the cookbook, and how one is asked: `gradtape query`, docs/sql.md and the tests take them from here. */
import { TapeError } from '../../errors.js'
import { nearest } from '../../nearest.js'
import { parametersOf, withValues } from '../sql-text.js'
import type { Parameter, Views } from '../views.js'
import { CURVES } from './curves.js'
import { GRADIENTS } from './gradients.js'
import { GRAPHS } from './graphs.js'
import type { Recipe } from './recipe.js'
import { RUNS } from './runs.js'
import { VALUES } from './values.js'

export const CHAPTERS: readonly { readonly title: string; readonly recipes: readonly Recipe[] }[] = [
  { title: 'Curves', recipes: CURVES },
  { title: 'Gradients', recipes: GRADIENTS },
  { title: 'Parameters, batches and values', recipes: VALUES },
  { title: 'The graph', recipes: GRAPHS },
  { title: 'Runs and the tape', recipes: RUNS },
]

const ALL = CHAPTERS.flatMap(({ recipes }) => recipes)

/** Throws BAD_ARGUMENT with the nearest name. */
export function recipe(name: string): Recipe {
  const found = ALL.find((one) => one.name === name)
  if (found !== undefined) return found
  const near = nearest(
    name,
    ALL.map((one) => one.name),
  )
  throw new TapeError(
    'BAD_ARGUMENT',
    `the cookbook has no query "${name}"${near === null ? '.' : `; did you mean "${near}"?`} gradtape query --list names all`,
  )
}

/** The names of a recipe's parameters, `run` first. */
export function parameterNames({ sql }: Recipe): string[] {
  const names = new Set(parametersOf(sql).filter((name) => name !== null))
  return [...names].sort((a, b) => Number(b === 'run') - Number(a === 'run'))
}

/**
 * The number of a run by number or name, the newest of its name; the newest of all for null.
 *
 * Throws  RUN_NOT_FOUND
 */
export function runNumber(views: Views, run: string | null): number {
  const found = views.first<{ id: number }>(
    'SELECT id FROM run WHERE ? IS NULL OR name = ? OR CAST(id AS TEXT) = ? ORDER BY CAST(id AS TEXT) = ? DESC, id DESC LIMIT 1',
    run,
    run,
    run,
    run,
  )
  if (found !== null) return found.id
  const names = views
    .all<{ name: string }>('SELECT name FROM run ORDER BY id DESC LIMIT 10')
    .map(({ name }) => name)
  throw new TapeError(
    'RUN_NOT_FOUND',
    run === null
      ? 'the tape has no run'
      : `the tape has no run "${run}"; ${names.length === 0 ? 'it has none' : `it has ${names.join(', ')}`}`,
  )
}

/** Values for the parameters that have none: the run's number, and what the recipe has for the rest. */
export function defaultsOf(
  views: Views,
  { sql, defaults = {} }: Recipe,
  run: number,
  given: ReadonlySet<string>,
): Map<string, Parameter> {
  const values = new Map<string, Parameter>()
  for (const name of parameterNames({ sql } as Recipe)) {
    if (given.has(name)) continue
    if (name === 'run') values.set(name, run)
    const expression = defaults[name]
    if (expression === undefined) continue
    const row = views.first<{ value: Parameter }>(
      `SELECT ${expression.replaceAll(':run', String(run))} AS value`,
    )
    values.set(name, row?.value ?? null)
  }
  return values
}

interface AskedChapter {
  title: string
  questions: { question: string; note: string | null; sql: string }[]
}

/**
 * Every question as a statement without parameters about one run, with the values that `gradtape query` would take. A tape without
 * a run has them all the same, and they answer nothing.
 *
 * Throws  RUN_NOT_FOUND for a run that was named and is not there
 */
export function askedOf(views: Views, run: string | null): AskedChapter[] {
  const isEmpty = run === null && views.first('SELECT id FROM run LIMIT 1') === null
  const number = isEmpty ? 0 : runNumber(views, run)
  return CHAPTERS.map(({ title, recipes }) => ({
    title,
    questions: recipes.map((one) => ({
      question: one.question,
      note: one.note ?? null,
      sql: withValues(one.sql, defaultsOf(views, one, number, new Set())),
    })),
  }))
}
