/** The cookbook: every question is answered, as docs/sql.md says and as the live program knows it. */
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import Database from 'better-sqlite3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { mul, openTape, parameter, registerFunctions, square, sum } from '../../src/index.js'
import { askedOf, CHAPTERS, defaultsOf, parameterNames, recipe } from '../../src/queries/cookbook/cookbook.js'
import { withValues } from '../../src/queries/sql-text.js'
import { Views } from '../../src/queries/views.js'
import { gradtape, gradtapeJson } from '../cli/gradtape.js'
import { type Asked, askAll, cookbookPage } from './cookbook-page.js'
import { recordCookbook, type Seen } from './cookbook-program.js'

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gradtape-cookbook-'))
const file = path.join(folder, 'cookbook.tape')
let live: Seen[]
let answers: Map<string, Asked>

beforeAll(async () => {
  live = await recordCookbook(file)
  answers = askAll(file)
}, 60_000)
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))

/** A column of an answer. */
function column(question: string, name: string): unknown[] {
  const asked = answers.get(question)
  if (asked === undefined) throw new Error(`no question ${question}`)
  const at = asked.columns.indexOf(name)
  if (at < 0) throw new Error(`${question} has no column ${name}, it has ${asked.columns.join(', ')}`)
  return asked.rows.map((row) => (typeof row[at] === 'bigint' ? Number(row[at]) : row[at]))
}

function near(found: unknown[], expected: readonly number[]): void {
  expect(found).toHaveLength(expected.length)
  for (const [i, value] of expected.entries())
    expect(
      Math.abs((found[i] as number) - value),
      `place ${i}: ${found[i]} against ${value}`,
    ).toBeLessThanOrEqual(1e-9 * Math.max(1, Math.abs(value)))
}

const norm = (values: readonly number[]) => Math.sqrt(values.reduce((total, x) => total + x * x, 0))
const average = (values: readonly number[]) => values.reduce((total, x) => total + x, 0) / values.length
const dot = (a: readonly number[], b: readonly number[]) => a.reduce((total, x, i) => total + x * b[i]!, 0)
const minus = (a: readonly number[], b: readonly number[]) => a.map((x, i) => x - b[i]!)

test('docs/sql.md is what the questions answer', async () => {
  await expect(cookbookPage(answers)).toMatchFileSnapshot('../../docs/sql.md')
})

test('there are the 46 questions and more, and each has an answer', () => {
  expect(answers.size).toBeGreaterThanOrEqual(46)
  const empty = [...answers].filter(([, { rows }]) => rows.length === 0).map(([name]) => name)
  expect(empty).toEqual([])
})

describe('the live program knows the answer', () => {
  const second = () => live[1]!

  test('curves, means, smoothing, the best and the first that differs', () => {
    const { loss, accuracy } = second()
    near(column('curve', 'value'), loss)
    const smoothed: number[] = []
    for (const value of loss) smoothed.push(0.3 * value + 0.7 * (smoothed.at(-1) ?? value))
    near(column('smoothed-curve', 'smoothed'), smoothed)
    const epochs = [0, 1, 2, 3].map((epoch) => loss.slice(epoch * 3, epoch * 3 + 3))
    near(column('value-not-stored', 'value'), loss)
    near(column('mean-by-epoch', 'mean'), epochs.map(average))
    expect(column('mean-by-epoch', 'epoch')).toEqual([0, 1, 2, 3])
    near(column('mean-by-logged-epoch', 'mean'), epochs.map(average))
    near(
      column('mean-by-steps', 'mean'),
      [0, 4, 8].map((from) => average(loss.slice(from, from + 4))),
    )
    near(column('train-against-test', 'test'), accuracy)
    near(column('train-against-test', 'train'), epochs.map(average))
    near(column('best-step', 'value'), [Math.min(...loss)])
    near(column('best-step', 'step'), [loss.indexOf(Math.min(...loss)) + 1])
    near(column('curves-side-by-side', 'difference'), minus(loss, live[0]!.loss))
    near(column('first-different-metric', 'step'), [
      loss.findIndex((value, i) => value !== live[0]!.loss[i]) + 1,
    ])
    near(
      column('mean-and-nan', 'mean').slice(0, 2),
      live.map((run) => average(run.loss)),
    )
  })

  test('gradients: norms, the global norm, shares, cosines, quantiles', () => {
    const { gradients, loss } = second()
    const steps = loss.map((_, i) => [...gradients.values()].map((all) => all[i]!))
    near(
      column('global-gradient-norm', 'gradient_norm'),
      steps.map((all) => norm(all.map(norm))),
    )
    const [name] = [...gradients.keys()]
    const curve = gradients.get(name!)!
    near(column('gradient-curve', 'l2_norm'), curve.map(norm))
    const largest = [...gradients.values()]
      .flat()
      .map(norm)
      .sort((a, b) => b - a)
    near(column('largest-gradients', 'l2_norm'), largest.slice(0, 10))
    expect(column('gradient-cosine', 'cosine')[0]).toBeNull()
    near(
      column('gradient-cosine', 'cosine').slice(1),
      curve.slice(1).map((g, i) => dot(g, curve[i]!) / norm(g) / norm(curve[i]!)),
    )
    const zeros = [...gradients].map(([of, all]) => ({
      of,
      share: average(all.flat().map((x) => (x === 0 ? 1 : 0))),
    }))
    for (const [i, of] of column('gradient-zero-share', 'variable_name').entries())
      near([column('gradient-zero-share', 'zero_share')[i]], [zeros.find((one) => one.of === of)!.share])
    expect(column('gradient-histogram', 'count').reduce((total: number, n) => total + (n as number), 0)).toBe(
      curve[0]!.length,
    )
    const norms = steps.map((all) => norm(all.map(norm)))
    const [mx, my] = [average(norms), average(loss)]
    const [dx, dy] = [norms.map((x) => x - mx), loss.map((y) => y - my)]
    near(column('gradient-loss-correlation', 'correlation'), [dot(dx, dy) / norm(dx) / norm(dy)])
    expect(column('first-non-finite-gradient', 'step')).toEqual([2])
  })

  test('weights: norms, updates, one element', () => {
    const { weights } = second()
    const names = [...weights.keys()]
    const after = second().loss.map((_, i) => names.map((name) => weights.get(name)![i + 1]!))
    near(column('weight-norms', 'l2_norm'), after.flat().map(norm))
    const before = second().loss.map((_, i) => names.map((name) => weights.get(name)![i]!))
    const updates = after.map((step, i) => step.map((w, k) => norm(minus(w, before[i]![k]!))))
    near(column('update-ratios', 'update_norm'), updates.flat())
    near(
      column('update-ratios', 'update_ratio'),
      after.flatMap((step, i) => step.map((w, k) => updates[i]![k]! / norm(w))),
    )
    near(column('step-norms', 'update_norm'), updates.map(norm))
    near(
      column('step-norms', 'parameter_norm'),
      after.map((step) => norm(step.map(norm))),
    )
    const state = column('optimizer-state', 'variable_name') as string[]
    const first = state.indexOf(`optimizer.${names[0]}.m`)
    const gradient = second().gradients.get(names[0]!)![0]!
    near([column('optimizer-state', 'l2_norm')[first]], [0.1 * norm(gradient)])
    near(
      column('element-through-time', 'value'),
      after.map(([first]) => first![0]!),
    )
    expect(column('parameter-count', 'elements')).toEqual([
      names.reduce((n, name) => n + weights.get(name)![0]!.length, 0),
    ])
    near(
      column('optimizer-settings', 'lr'),
      second().loss.map(() => 0.1),
    )
  })

  test('batches: rows and labels', () => {
    const rows = column('batch-rows', 'row') as number[]
    expect(rows.map((row) => row % 3)).toEqual(second().labels.at(-1))
    expect(column('batches-of-row', 'step')).toHaveLength(4) // once an epoch
    const counts = [0, 1, 2].map(
      (label) =>
        second()
          .labels.at(-1)!
          .filter((one) => one === label).length,
    )
    expect(column('batch-labels', 'rows')).toEqual(counts.filter((count) => count > 0))
  })
})

test('questions that join views decode them once, and not for each row: a step of a thousand calls, eight hundred steps', async () => {
  const long = path.join(folder, 'long.tape')
  const tape = openTape(long)
  const run = tape.startRun('long')
  const parameters = Array.from({ length: 10 }, (_, i) => parameter([i, 0, 1], { name: `p${i}` }))
  for (let i = 0; i < 800; i++) {
    run.step()
    for (const one of parameters) {
      one.clearGrad()
      sum(square(one)).backward()
    }
  }
  run.step()
  let y = sum(square(parameters[0]!))
  for (let i = 0; i < 1_000; i++) y = mul(y, 1)
  run.log({ y })
  run.end('finished', null)
  tape.close()
  const begun = performance.now()
  const db = new Database(long, { readonly: true })
  registerFunctions(db)
  const values: Record<string, number> = { run: 1, step: 801, position: y.position ?? 0 }
  const asked = (name: string) => {
    const one = recipe(name)
    const given = Object.fromEntries(parameterNames(one).map((parameter) => [parameter, values[parameter]]))
    return db.prepare(one.sql).all(given) as Record<string, unknown>[]
  }
  expect(asked('graph-of-step')).toHaveLength(1_002)
  expect(asked('graph-of-step').at(-1)).toMatchObject({
    function: 'mul',
    inputs: expect.stringMatching(/^\d+, \d+$/),
  })
  expect(asked('gradient-zero-share').map(({ zero_share }) => zero_share)).toEqual([
    2 / 3,
    ...new Array(9).fill(1 / 3),
  ])
  expect(asked('ancestors').filter(({ kind }) => kind === 'call')).toHaveLength(1_002)
  // As they were before, they took minutes together; now half a second.
  expect(performance.now() - begun).toBeLessThan(20_000)
  db.close()
}, 40_000)

describe('gradtape query', () => {
  test('asks by name, of the run and with the parameters that it is told', async () => {
    const rows = await gradtapeJson<{ step: number; value: number }[]>(
      'query',
      'curve',
      file,
      '--run',
      '1',
      '--param',
      'metric=accuracy',
    )
    near(
      rows.map(({ value }) => value),
      live[0]!.accuracy,
    )
    const { stdout } = await gradtape('query', 'notes', file, '--csv')
    expect(stdout).toBe('step,text\r\n5,the learning rate was a slip\r\n')
  })

  test('lists the questions, explains one, and finds a misspelled one', async () => {
    const { questions } = await gradtapeJson<{ questions: { name: string; sql: string }[] }>(
      'query',
      '--list',
    )
    expect(questions.map(({ name }) => name)).toEqual([...answers.keys()])
    const { stdout } = await gradtape('query', 'best-step', file, '--explain')
    expect(stdout).toMatch(
      /^In which step was the loss lowest\?\nSELECT step, value\n[\s\S]*:metric = loss\n[\s\S]*QUERY PLAN\n/,
    )
    // A program reads the plan alone.
    const plan = await gradtape('query', 'best-step', file, '--explain', '--csv')
    expect(plan.stdout).toMatch(/^id,parent,notused,detail\r\n/)
    const wrong = await gradtape('query', 'curf', file)
    expect([wrong.status, wrong.stderr]).toEqual([
      1,
      'BAD_ARGUMENT: the cookbook has no query "curf"; did you mean "curve"? gradtape query --list names all\n',
    ])
    expect((await gradtape('query', 'curve')).status).toBe(2)
    expect((await gradtape('query', 'curve', file, '--run', 'nobody')).stderr).toMatch(
      /^RUN_NOT_FOUND: the tape has no run "nobody"; it has diverged, classifier/,
    )
  })

  test('has every question as a statement without parameters, which answers the same', () => {
    const views = new Views(file)
    const read = new Database(file, { readonly: true })
    registerFunctions(read)
    const texts = askedOf(views, '2').flatMap(({ questions }) => questions)
    const recipes = CHAPTERS.flatMap(({ recipes }) => recipes)
    expect(texts.map(({ question }) => question)).toEqual(recipes.map(({ question }) => question))
    for (const [i, found] of recipes.entries()) {
      const bound = Object.fromEntries(
        [...defaultsOf(views, found, 2, new Set())].map(([name, value]) => [
          name,
          Number.isInteger(value) ? BigInt(value as number) : value,
        ]),
      )
      const statement = read.prepare(found.sql).raw()
      const rows = statement.all(...(Object.keys(bound).length === 0 ? [] : [bound]))
      expect(
        read
          .prepare(texts[i]?.sql ?? '')
          .raw()
          .all(),
        found.name,
      ).toEqual(rows)
    }
    read.close()
    views.close()
  })

  test('puts a value into a statement as what it is, whatever is in it', () => {
    const db = new Database(':memory:')
    const values = ["it's; --", 'a\0b', '', ':b', 'NaN', 1, -2.5, 1e300, Number.POSITIVE_INFINITY, null]
    for (const value of values) {
      const sql = withValues("SELECT :a -- :a\n AS x, ':a' AS y", new Map([['a', value]]))
      expect(db.prepare(sql).raw().get(), String(value)).toEqual([value, ':a'])
    }
    db.close()
  })
})
