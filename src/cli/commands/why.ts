/** `gradtape why`: what went wrong in a recorded run, and where. */
import type { Command } from 'commander'
import type { Finding, Findings } from '../../detectors/finding.js'
import { runNamed } from '../../inspection/inspected-run.js'
import { type Answer, answer } from '../answer.js'
import { openRun } from '../open.js'
import { examples, wholeNumber, withImports, withJson } from '../options.js'
import { paint } from '../paint.js'
import { FILE_AND_RUN, withRun } from '../run-argument.js'
import { plural } from '../words.js'

interface Options {
  run?: string
  step?: number
  metric?: string
  only?: string
  like?: string
  import: string[]
  json?: boolean
}

export function addWhy(program: Command): void {
  withImports(withRun(withJson(program.command('why'))))
    .description('find out what went wrong in a run, and where: the first line is the answer')
    .argument(...FILE_AND_RUN)
    .option('--step <step>', 'the step in which lost digits (precision) are looked for', wholeNumber(0))
    .option('--metric <name>', 'the metric that training makes smaller (default: loss)')
    .option('--only <kinds>', 'only these kinds of findings, separated by commas')
    .option('--like <run>', 'a run of the same tape that went well: what it has, too, is a note')
    .addHelpText(
      'after',
      examples(
        'gradtape why runs.tape',
        'gradtape why runs.tape:2 --only loss-spike,settings',
        'gradtape why runs.tape:2 --like 1',
      ),
    )
    .action((file: string, options: Options) =>
      answer(options, async (later) => {
        const opened = await openRun(file, { ...options, long: true }, later)
        const findings = opened.past.why({
          ...(options.step === undefined ? {} : { step: options.step }),
          ...(options.metric === undefined ? {} : { metric: options.metric }),
          ...(options.like === undefined ? {} : { like: runNamed(opened.tape, options.like) }),
          ...(options.only === undefined ? {} : { only: options.only.split(',').map((kind) => kind.trim()) }),
        })
        return whyAnswer({ id: opened.past.id, name: opened.past.name }, findings)
      }),
    )
}

function whyAnswer(run: { id: number; name: string }, { findings, looked, skipped }: Findings): Answer {
  return {
    no: findings.some(({ level }) => level !== 'note'),
    json: () => ({ run, findings, looked, skipped }),
    text: () => {
      const told = findings.filter(({ level }) => level !== 'note')
      const notes = findings.filter(({ level }) => level === 'note')
      const lines = told.flatMap(findingLines)
      if (told.length === 0)
        lines.push(
          `nothing found in run "${run.name}"${notes.length === 0 ? '' : ` but ${plural(notes.length, 'note')}`}`,
        )
      lines.push(...notes.map(({ text }) => `note      ${text}`))
      const missed = skipped.map(({ what, why }) => `${what}: ${why}`).join('; ')
      lines.push(
        paint(
          'dim',
          `looked at ${looked}; ${missed === '' ? 'nothing was left out' : `not looked at: ${missed}`}`,
        ),
      )
      return lines.join('\n')
    },
  }
}

function findingLines({ text, evidence, level }: Finding, i: number): string[] {
  const head = i === 0 ? paint('bold', text) : level === 'cause' ? `also      ${text}` : `symptom   ${text}`
  return [head, ...evidence.map((line) => `  ${line}`)]
}
