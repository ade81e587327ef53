/** `gradtape watch`: looks at a run while it is recorded, beside the program that records it, and tells what detectors find. */
import process from 'node:process'
import type { Command } from 'commander'
import { allDetectors } from '../../detectors/all.js'
import type { Detector } from '../../detectors/detector.js'
import type { Finding } from '../../detectors/finding.js'
import { TapeError } from '../../errors.js'
import type { RunStatus } from '../../tape/run-info.js'
import { type Answer, answer, print } from '../answer.js'
import { toJson } from '../json.js'
import { openRun } from '../open.js'
import { examples, wholeNumber, withJson } from '../options.js'
import { paint } from '../paint.js'
import { FILE_AND_RUN, withRun } from '../run-argument.js'
import { plural } from '../words.js'

interface Options {
  run?: string
  only?: string
  metric?: string
  every?: number
  from?: number
  once?: boolean
  ndjson?: boolean
  json?: boolean
}

export function addWatch(program: Command): void {
  withRun(withJson(program.command('watch')))
    .description('look at a run while it is recorded, and tell at once what goes wrong; ends with the run')
    .argument(...FILE_AND_RUN)
    .option('--only <detectors>', 'only these detectors, separated by commas: nonFinite,lossSpike')
    .option('--metric <name>', 'the metric that training makes smaller (default: loss)')
    .option('--every <ms>', 'look so often', wholeNumber(10, 3_600_000))
    .option(
      '--from <step>',
      'begin with this step (default: the first; of a long run where the last two million events begin)',
      wholeNumber(1, 2 ** 31),
    )
    .option('--once', 'look at what there is, and end')
    .option('--ndjson', 'print each finding as a line of JSON when it is found')
    .addHelpText(
      'after',
      examples('gradtape watch runs.tape', 'gradtape watch runs.tape:2 --only nonFinite,lossSpike --ndjson'),
    )
    .action((file: string, options: Options) =>
      answer(options, async (later) => {
        const detectors = chosen(options)
        const { tape, past } = await openRun(file, { ...options, long: true }, later)
        const stopping = new AbortController()
        const stop = () => stopping.abort()
        process.once('SIGINT', stop)
        process.once('SIGTERM', stop)
        later(() => process.off('SIGINT', stop).off('SIGTERM', stop))
        if (options.once === true) stop()
        const findings: Finding[] = []
        let [steps, first] = [0, 1]
        for await (const finding of past.follow(detectors, {
          signal: stopping.signal,
          from: options.from ?? 'recent',
          onLook: (step, from) => {
            steps = step
            first = from
          },
          ...(options.every === undefined ? {} : { everyMs: options.every }),
        })) {
          findings.push(finding)
          if (options.ndjson === true) process.stdout.write(`${toJson(finding).replace(/\n\s*/g, ' ')}\n`)
          else if (options.json !== true) print(findingText(finding))
        }
        const status = tape.runInfo(past.id).status
        return watched(
          { id: past.id, name: past.name, status },
          { from: first, to: steps },
          findings,
          options,
        )
      }),
    )
}

function chosen({ only, metric }: Options): Detector[] {
  const all = allDetectors(metric === undefined ? {} : { metric })
  if (only === undefined) return all
  const names = only.split(',').map((name) => name.trim())
  const unknown = names.find((name) => !all.some(({ detector }) => detector === name))
  if (unknown !== undefined)
    throw new TapeError(
      'BAD_ARGUMENT',
      `watch expected detectors of ${all.map(({ detector }) => detector).join(', ')}, got "${unknown}"`,
    )
  return all.filter(({ detector }) => names.includes(detector))
}

function watched(
  run: { id: number; name: string; status: RunStatus },
  { from, to }: { from: number; to: number },
  findings: readonly Finding[],
  { ndjson }: Options,
): Answer | null {
  const told = findings.filter(({ level }) => level !== 'note')
  if (ndjson === true) {
    if (told.length > 0) process.exitCode = 1
    return null
  }
  const how = run.status === 'recording' ? 'is still recorded' : `is ${run.status}`
  const notes = findings.length - told.length
  const what =
    told.length === 0 ? 'nothing found' : `${plural(told.length, 'finding')}; gradtape why computes the cause`
  return {
    no: told.length > 0,
    json: () => ({ run, from, steps: to, findings }),
    text: () =>
      paint(
        'dim',
        `watched ${plural(Math.max(0, to - from + 1), 'step')} of run "${run.name}", which ${how}: ${what}${notes === 0 ? '' : ` (${plural(notes, 'note')})`}${from === 1 ? '' : `; steps 1 to ${from - 1} were not looked at (--from 1)`}`,
      ),
  }
}

function findingText({ text, evidence, level }: Finding): string {
  const head = level === 'note' ? `note      ${text}` : paint('bold', text)
  return [head, ...evidence.map((line) => `  ${line}`)].join('\n')
}
