/** `gradtape replay`: recomputes a run and says `bit-exact`, or where it first differs. */
import type { Command } from 'commander'
import { TapeError } from '../../errors.js'
import type { InspectedRun } from '../../inspection/inspected-run.js'
import { type Answer, answer } from '../answer.js'
import { openRun } from '../open.js'
import { examples, wholeNumber, withImports, withJson } from '../options.js'
import { paint } from '../paint.js'
import { Progress } from '../progress.js'
import { FILE_AND_RUN, withRun } from '../run-argument.js'
import { durationText, indented, plural } from '../words.js'

interface Options {
  run?: string
  from?: number
  to?: number
  import: string[]
  json?: boolean
}

export function addReplay(program: Command): void {
  withImports(withRun(withJson(program.command('replay'))))
    .description('recompute a run event by event, and compare it bit for bit with the tape')
    .argument(...FILE_AND_RUN)
    .argument('[run]', 'id or name of the run (default: the newest)')
    .option('--from <step>', 'begin at the last checkpoint before this step', wholeNumber(0))
    .option('--to <step>', 'stop after this step', wholeNumber(0))
    .addHelpText(
      'after',
      examples(
        'gradtape replay runs.tape digits',
        'gradtape replay runs.tape digits --from 400 --to 420',
        'gradtape replay runs.tape 3 --to 100 --import ./my-functions.js',
      ),
    )
    .action((file: string, _run: string | undefined, options: Options) =>
      answer(options, async (later) =>
        replayed(await openRun(file, { ...options, long: true }, later), options),
      ),
    )
}

/** Throws  BAD_ARGUMENT, KERNEL_MISMATCH, UNREGISTERED_FUNC, STEP_NOT_FOUND */
function replayed({ past, lookup }: InspectedRun, { from, to }: Options): Answer {
  if (from !== undefined && to !== undefined && from > to)
    throw new TapeError('BAD_ARGUMENT', `expected --from before --to, got ${from} and ${to}`)
  const last = to === undefined ? past.lastPosition : lookup.stepRange(to, past.lastPosition).to
  const progress = new Progress(`replay of "${past.name}":`, last)
  const startedMs = performance.now()
  const report = past.replay({
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    probe: ({ position }) => progress.at(position),
  })
  progress.end()
  const elapsedMs = performance.now() - startedMs
  const { verdict, events, kernel, divergence } = report
  return {
    no: verdict !== 'bit-exact',
    json: () => ({
      run: { id: past.id, name: past.name },
      to: to ?? null,
      elapsedMs: Math.round(elapsedMs),
      ...report,
    }),
    text: () => {
      const range = [
        ...(report.from === 0 && from === undefined ? [] : [`from ${originText(report.from)}`]),
        ...(to === undefined ? [] : [`to step ${to}`]),
      ].join(' ')
      const of = `${past.name}, run ${past.id}${range === '' ? '' : `, ${range}`}`
      const work = `${plural(events, 'event')} recomputed in ${durationText(elapsedMs)}, kernel ${kernel}`
      if (divergence === null) return `${of}: ${paint('green', verdict)}\n${indented(work)}`
      const { position, step, what, expected, got } = divergence
      const where = [
        `first difference at position ${position}, step ${step}: ${what}`,
        `expected  ${expected}`,
        `got       ${got}`,
        work,
      ]
      return `${of}: ${paint('red', verdict)}\n${indented(where.join('\n'))}`
    },
  }
}

/** Where a replay began: a checkpoint stands at the beginning of its step. */
function originText(step: number): string {
  return step === 0 ? 'the start (no later checkpoint suffices)' : `the checkpoint at step ${step}`
}
