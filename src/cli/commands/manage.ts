/** `gradtape copy`, `split`, `prune`, `merge` and `salvage`: new tapes from others, which stay as they are. */
import type { Command } from 'commander'
import { runNamed } from '../../inspection/inspected-run.js'
import type { NewTapeReport } from '../../store/manage/copy-runs.js'
import type { Tape } from '../../tape/tape.js'
import { type Answer, answer } from '../answer.js'
import { openForReading } from '../open.js'
import { examples, withJson } from '../options.js'
import { Progress } from '../progress.js'
import { oneLine, table } from '../table.js'
import { countText } from '../words.js'

interface Options {
  output: string
  json?: boolean
  run?: string[]
  dropRuns?: string[]
}

const OUTPUT = ['-o, --output <file>', 'where the new tape goes; there must be no file yet'] as const
const collected = (value: string, before: string[] = []): string[] => [...before, ...value.split(',')]

export function addManage(program: Command): void {
  withJson(program.command('copy'))
    .description('copy a tape as of this moment, also while it is being recorded; the copy is verified')
    .argument('<file>', 'the tape')
    .argument('<output>', OUTPUT[1])
    .addHelpText('after', examples('gradtape copy runs.tape backup.tape'))
    .action((file: string, output: string, options: { json?: boolean }) =>
      answer(options, async (later) => {
        const progress = new Progress('verifying the copy:', null)
        const report = (await openForReading(file, later)).copy(output, (events) => progress.at(events))
        return {
          json: () => ({ path: output, ...report }),
          text: () =>
            `${output} holds what ${file} held: ${countText(report.events)} events in ${countText(report.batches)} batches, verified\nhead ${report.head}`,
        }
      }),
    )

  withJson(program.command('split'))
    .description('copy some runs to a new tape')
    .argument('<file>', 'the tape')
    .requiredOption('--run <run>', 'number or name; more with commas, or given again', collected)
    .requiredOption(...OUTPUT)
    .addHelpText('after', examples('gradtape split runs.tape --run digits -o digits.tape'))
    .action((file: string, options: Options) =>
      answer(options, async (later) => {
        const tape = await openForReading(file, later)
        return told(options.output, tape.split(numbersOf(tape, options.run), options.output, progressOf()))
      }),
    )

  withJson(program.command('prune'))
    .description('copy all runs but some to a new tape')
    .argument('<file>', 'the tape')
    .requiredOption('--drop-runs <runs>', 'numbers or names; more with commas, or given again', collected)
    .requiredOption(...OUTPUT)
    .addHelpText('after', examples('gradtape prune runs.tape --drop-runs 3,7 -o smaller.tape'))
    .action((file: string, options: Options) =>
      answer(options, async (later) => {
        const tape = await openForReading(file, later)
        return told(
          options.output,
          tape.prune(numbersOf(tape, options.dropRuns), options.output, progressOf()),
        )
      }),
    )

  withJson(program.command('merge'))
    .description('copy the runs of several tapes to a new one')
    .argument('<files...>', 'the tapes')
    .requiredOption(...OUTPUT)
    .addHelpText('after', examples('gradtape merge monday.tape tuesday.tape -o week.tape'))
    .action((files: string[], options: Options) =>
      answer(options, async () => {
        const { mergeTapes } = await import('../../index.js')
        return told(options.output, mergeTapes(files, options.output, progressOf()))
      }),
    )

  withJson(program.command('salvage'))
    .description('copy what is whole in a damaged tape to a new one, and say what is lost')
    .argument('<file>', 'the damaged tape; it is only read')
    .requiredOption(...OUTPUT)
    .addHelpText('after', examples('gradtape salvage broken.tape -o whole.tape'))
    .action((file: string, options: Options) =>
      answer(options, async () => {
        const { salvageTape } = await import('../../index.js')
        return told(options.output, salvageTape(file, options.output, progressOf()))
      }),
    )
}

function numbersOf(tape: Tape, runs: readonly string[] = []): number[] {
  return runs.map((run) => runNamed(tape, run).id)
}

function progressOf(): (events: number) => void {
  const progress = new Progress('copied', null)
  return (events) => progress.at(events)
}

function told(output: string, report: NewTapeReport): Answer {
  const lost = report.runs.filter((run) => run.lost !== null)
  const right = 'right' as const
  return {
    json: () => report,
    no: lost.length > 0,
    text: () =>
      [
        table(
          [
            { title: 'id', align: right },
            { title: 'name' },
            { title: 'events', align: right },
            { title: 'from' },
            { title: 'fingerprint' },
          ],
          report.runs
            .filter(({ events }) => events > 0)
            .map((run) => [
              String(run.id),
              oneLine(run.name),
              countText(run.events),
              `${oneLine(run.from.path)} run ${run.from.id}`,
              run.fingerprint,
            ]),
        ),
        ...lost.map(
          (run) =>
            `run ${run.from.id}: ${run.events === 0 ? 'nothing of it is whole' : `whole up to event ${run.events}`}; ${oneLine(run.lost!.why)}`,
        ),
        `${output} verifies; head ${report.head}`,
      ].join('\n'),
  }
}
