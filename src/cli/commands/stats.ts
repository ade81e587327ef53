/** `gradtape stats`: where the bytes of a tape are. */

import type { Command } from 'commander'
import { type Plain, type RunStarted, refOf } from '../../events/event.js'
import { Describer, positionText } from '../../inspection/describer.js'
import { numberText } from '../../inspection/number-text.js'
import { Lookup } from '../../store/read/lookup.js'
import { Reader } from '../../store/read/reader.js'
import { type LargeValue, type RunStats, type TapeStats, tapeStats } from '../../store/read/stats.js'
import type { Tape } from '../../tape/tape.js'
import { type Answer, answer, type Later } from '../answer.js'
import { openSnapshot } from '../open.js'
import { examples, wholeNumber, withJson } from '../options.js'
import { paint } from '../paint.js'
import { oneLine, table } from '../table.js'
import { bytesText, captureText, countText, plural, shapeText } from '../words.js'

interface Options {
  largest: number
  json?: boolean
}

/** What a content is, in words. */
interface Described extends LargeValue {
  run: string
  step: number
  what: string
}

interface NamedRun extends RunStats {
  name: string
  status: string
  capture: Plain
}

export function addStats(program: Command): void {
  withJson(program.command('stats'))
    .description('say where the bytes of a tape are: by kind, by run, and which values are the largest')
    .argument('<file>', 'the tape')
    .option('--largest <count>', 'how many of the largest values', wholeNumber(0, 1_000), 5)
    .addHelpText(
      'after',
      `
A value is stored once, however many events and runs name it. It counts for a run when no other run names it; what several
name is said apart. "a step" and "a call" are what it costs to go on: rows, graph templates, and values of steps, without
checkpoints, materialized values, and what was there before step 1.
${examples('gradtape stats runs.tape', 'gradtape stats runs.tape --largest 20 --json')}`,
    )
    .action((file: string, options: Options) => answer(options, (later) => stats(file, options, later)))
}

async function stats(file: string, options: Options, later: Later): Promise<Answer> {
  const { tape, views } = await openSnapshot(file, later)
  const found = tapeStats(views.db, file, options.largest)
  const infos = new Map(tape.runs().map((info) => [info.id, info]))
  const reader = new Reader(views.db)
  const runs = found.runs.map((run): NamedRun => {
    const { name, status } = infos.get(run.id)!
    return { ...run, name, status, capture: (reader.event(run.id, 1) as RunStarted).capture }
  })
  const largest = describe(found.largest, tape, (runId) => new Lookup(views.db, runId))
  return {
    json: () => ({ file, ...found, runs, largest }),
    text: () =>
      [
        fileText(file, found),
        placeTable(found),
        runTable(runs),
        savedText(found),
        ...(largest.length === 0 ? [] : [largestTable(largest)]),
      ].join('\n\n'),
  }
}

function describe(
  largest: readonly LargeValue[],
  tape: Tape,
  lookup: (runId: number) => Lookup,
): Described[] {
  const say = new Map<number, Describer>()
  return largest.map((value) => {
    const { runId, position, part, by } = value
    const past = tape.run(runId)
    let describer = say.get(runId)
    if (describer === undefined) {
      describer = new Describer(past, lookup(runId))
      say.set(runId, describer)
    }
    const event = describer.event(position)
    return { ...value, run: past.name, step: event.step, what: whatText(describer, position, part, by) }
  })
}

function whatText(say: Describer, position: number, part: number, by: LargeValue['by']): string {
  const event = say.event(position)
  const again = by === 'materialized' ? 'materialized: ' : ''
  switch (event.type) {
    case 'LeafCreated':
      return `${event.role} ${event.name ?? positionText(position)} ${shapeText(event.shape)}`
    case 'FunctionCalled': {
      const name = say.nameOf(refOf(position, part))
      const shape = shapeText(event.outputs[part]?.shape ?? [])
      return `${again}${name === null ? '' : `${name}, `}output of ${event.function} ${shape}`
    }
    case 'GradientComputed':
      return `${again}gradient of ${say.label(event.variable)} ${shapeText(event.shape)}${part === 1 ? ', accumulated' : ''}`
    case 'ValueAssigned':
      return `value given to ${say.label(event.variable)} ${shapeText(event.shape)}`
    case 'CheckpointTaken': {
      const shape = shapeText(event.values[part]?.shape ?? [])
      return `checkpoint of ${say.label(event.variables[part] ?? position)} ${shape}`
    }
    default:
      return event.type
  }
}

function fileText(file: string, { fileBytes, walBytes, pageBytes, places }: TapeStats): string {
  const wal =
    walBytes === 0
      ? ''
      : `, and ${bytesText(walBytes)} in its WAL, of which a part may not be in the file yet`
  const all = places.reduce((sum, { bytes }) => sum + bytes, 0)
  const pages = all === fileBytes ? '' : `; ${bytesText(all)} of pages with it`
  return `${paint('bold', file)}: ${bytesText(fileBytes)} in pages of ${countText(pageBytes)} bytes${wal}${walBytes === 0 ? '' : pages}`
}

const right = 'right' as const

function placeTable({ places }: TapeStats): string {
  const all = places.reduce((sum, { bytes }) => sum + bytes, 0)
  return table(
    [{ title: 'where' }, { title: 'size', align: right }, { title: 'share', align: right }],
    places
      .filter(({ bytes }) => bytes > 0)
      .sort((a, b) => b.bytes - a.bytes)
      .map(({ place, bytes }) => [place, bytesText(bytes), `${((100 * bytes) / all).toFixed(1)} %`]),
  )
}

function runTable(runs: readonly NamedRun[]): string {
  const titles = ['steps', 'events', 'calls', 'rows', 'templates', 'values', 'checkpoints', 'materialized']
  const headings = [
    { title: 'run', align: right },
    { title: 'name' },
    { title: 'capture' },
    ...[...titles, 'a step', 'a call'].map((title) => ({ title, align: right })),
  ]
  const rate = (bytes: number | null) =>
    bytes === null ? '–' : `${numberText(Number(bytes.toPrecision(3)))} B`
  return table(
    headings,
    runs.map((run) => [
      String(run.id),
      oneLine(run.name),
      captureText(run.capture),
      countText(run.steps),
      countText(run.events),
      countText(run.calls),
      bytesText(run.rowBytes),
      bytesText(run.templateBytes),
      bytesText(run.valueBytes),
      bytesText(run.checkpointBytes),
      bytesText(run.materializedBytes),
      rate(run.bytesPerStep),
      rate(run.bytesPerCall),
    ]),
  )
}

function savedText({ values, calls, runs }: TapeStats): string {
  const times = (shown: number, stored: number) =>
    shown > stored && stored > 0 ? `, ${numberText(Number((shown / stored).toPrecision(3)))} × as many` : ''
  const lines = [
    `values    ${plural(values.count, 'content')} of ${bytesText(values.bytes)}, named ${plural(values.named, 'time')}${values.named > values.count ? `, which would be ${bytesText(values.namedBytes)}` : ''}`,
    `graphs    ${plural(calls.shown, 'call')} in the views from ${plural(calls.stored, 'record')} in ${plural(calls.templates, 'template')}${times(calls.shown, calls.stored)}`,
  ]
  if (runs.length > 1)
    lines.push(`runs      ${bytesText(values.sharedByRuns)} of values are named by several runs`)
  return [paint('bold', 'stored once'), ...lines].join('\n')
}

function largestTable(largest: readonly Described[]): string {
  return table(
    [
      { title: 'largest value', align: right },
      { title: 'size', align: right },
      { title: 'named', align: right },
      { title: 'run', align: right },
      { title: 'step', align: right },
      { title: 'first as' },
    ],
    largest.map((value) => [
      String(value.id),
      bytesText(value.bytes),
      countText(value.named),
      String(value.runId),
      String(value.step),
      `${oneLine(value.what)} ${value.dtype}`,
    ]),
  )
}
