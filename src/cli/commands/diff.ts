/** `gradtape diff`: in what two runs differ, the first difference that was made before those that follow from it. */
import path from 'node:path'
import type { Command } from 'commander'
import type { ArrayDistance, DiffOptions, Growth, RunDiff } from '../../debug/run-diff.js'
import { TapeError } from '../../errors.js'
import { inspectedRun } from '../../inspection/inspected-run.js'
import type { PastRun } from '../../tape/past-run.js'
import type { Tape } from '../../tape/tape.js'
import { type Answer, answer, type Later } from '../answer.js'
import { importModules } from '../imports.js'
import { openForReading } from '../open.js'
import { examples, withImports, withJson } from '../options.js'
import { fileAndRun } from '../run-argument.js'
import { indented } from '../words.js'

interface Options {
  ignoreStructure?: boolean
  tolerance?: number
  resume?: boolean
  import: string[]
  json?: boolean
}

const EVIDENCE_MAX = 12

export function addDiff(program: Command): void {
  withImports(withJson(program.command('diff')))
    .description(
      'in what two runs differ: the first difference that was made, before those that follow from it',
    )
    .argument('<a>', 'a tape, or TAPE:RUN')
    .argument('<b...>', 'the other TAPE or TAPE:RUN; or one or two runs of the first tape, by id or name')
    .option('--ignore-structure', 'compare data, first values, settings, rows and results only')
    .option('--tolerance <share>', 'count results within this share of each other as equal', share)
    .option(
      '--resume',
      'compare the end of the first run with the beginning of the second, which goes on from it',
    )
    .addHelpText(
      'after',
      examples(
        'gradtape diff good.tape bad.tape',
        'gradtape diff runs.tape:1 runs.tape:2',
        'gradtape diff runs.tape 1 2',
        'gradtape diff before.tape after.tape --resume',
      ),
    )
    .action((a: string, b: string[], options: Options) =>
      answer(options, async (later) => {
        const [x, y] = await openBoth(a, b, later)
        await importModules(options.import)
        const { diffRuns } = await import('../../index.js')
        const sameFile = x.file === y.file
        const asked: DiffOptions = {
          ...(options.ignoreStructure === true ? { ignoreStructure: true } : {}),
          ...(options.resume === true ? { resume: true } : {}),
          ...(options.tolerance === undefined ? {} : { tolerance: options.tolerance }),
          ...(sameFile ? {} : { names: namesOf(x, y) }),
        }
        return answered(diffRuns(x.past, y.past, asked), [x, y])
      }),
    )
}

interface Opened {
  readonly file: string
  readonly past: PastRun
}

/** Throws  BAD_ARGUMENT for another number of runs than two; TAPE_NOT_FOUND, RUN_NOT_FOUND */
async function openBoth(a: string, rest: readonly string[], later: Later): Promise<[Opened, Opened]> {
  const tapes = new Map<string, Tape>()
  const open = async (file: string, run: string | undefined): Promise<Opened> => {
    const key = path.resolve(file)
    const tape = tapes.get(key) ?? (await openForReading(file, later))
    tapes.set(key, tape)
    return { file: key, past: inspectedRun(tape, run).past }
  }
  const first = fileAndRun(a)
  if (rest.length === 1) {
    const second = fileAndRun(rest[0]!)
    return [await open(first.path, first.run), await open(second.path, second.run)]
  }
  // TAPE RUN1 RUN2, or TAPE RUN1 TAPE RUN2.
  if (first.run === undefined && rest.length === 2) {
    return [await open(first.path, rest[0]), await open(first.path, rest[1])]
  }
  if (first.run === undefined && rest.length === 3)
    return [await open(first.path, rest[0]), await open(rest[1]!, rest[2])]
  throw new TapeError(
    'BAD_ARGUMENT',
    `diff expected two runs (A.tape B.tape, A.tape:1 B.tape:2, A.tape 1 2, or A.tape 1 B.tape 2), got ${[a, ...rest].join(' ')}`,
  )
}

/** By the files' names where these tell them apart. */
function namesOf(x: Opened, y: Opened): readonly [string, string] {
  const [p, q] = [path.basename(x.file), path.basename(y.file)]
  return p === q ? ['A', 'B'] : [p, q]
}

function answered(diff: RunDiff, [x, y]: readonly [Opened, Opened]): Answer {
  return {
    no: !diff.equal,
    json: () => ({
      runs: [x, y].map(({ file, past }) => ({ file, id: past.id, name: past.name })),
      ...diff,
    }),
    text: () => textOf(diff, [x, y]),
  }
}

function textOf(diff: RunDiff, opened: readonly [Opened, Opened]): string {
  const { first, differences, said, values, growth, same, looked, skipped, names } = diff
  const lines: string[] = [diff.text]
  const row = (title: string, text: string) => lines.push(`  ${title.padEnd(8)} ${text}`)
  if (first !== null) {
    const shown = first.evidence.slice(0, EVIDENCE_MAX)
    for (const text of shown) lines.push(indented(text, '    '))
    if (first.evidence.length > shown.length)
      lines.push(`    … ${first.evidence.length - shown.length} more; --json prints all`)
    if (first.furtherSteps > 0) row('again', `in ${first.furtherSteps} further steps`)
  }
  for (const difference of differences)
    if (difference !== first)
      row(
        'also',
        `${difference.text}${difference.furtherSteps > 0 ? `; and in ${difference.furtherSteps} further steps` : ''}`,
      )
  for (const { what, values: of } of said) row('said', `${what}: ${of[0]} | ${of[1]}`)
  if (values !== null)
    row(
      'values',
      `${values.function} (#${values.positions[0]}, #${values.positions[1]}) of step ${values.step} is the first call that makes something else: ${distanceText(values.distance)}; ${values.equalBefore} calls before it are equal`,
    )
  for (const course of growth) row('grows', growthText(course))
  if (same.length > 0) row('same', same.join(', '))
  const [x, y] = opened
  if (x.file !== y.file && names[0] === 'A') row('where', `A is ${x.file}, B is ${y.file}`)
  const left =
    skipped.length === 0
      ? ''
      : `; not looked at: ${skipped.map(({ what, why }) => `${what} (${why})`).join('; ')}`
  lines.push(`looked at ${looked}${left}`)
  return lines.join('\n')
}

function distanceText({ different, elements, ulps, first, values }: ArrayDistance): string {
  const where = first.length === 0 ? '' : `, first at [${first.join(', ')}]`
  const apart =
    ulps === null || ulps > 1e6 ? '' : `, by at most ${Number(ulps.toPrecision(2))} ulp of the largest`
  return `${different} of ${elements} elements${where}: ${values[0]} | ${values[1]}${apart}`
}

function share(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !(value >= 0 && value < 1))
    throw new TapeError('BAD_ARGUMENT', `--tolerance expected a share from 0 to below 1, got ${text}`)
  return value
}

/** `2e-16 at 8, 4e-16 at 109`: as a share of the larger. */
function growthText({ metric, points }: Growth): string {
  const parts = points.map(({ step, values: [x, y] }) => {
    const apart = Math.abs(x - y) / Math.max(Math.abs(x), Math.abs(y))
    return Number.isFinite(apart) ? `${Number(apart.toPrecision(3))} at ${step}` : `${x} | ${y} at ${step}`
  })
  return `${metric} ${parts.join(', ')}`
}
