/** `gradtape dump`: the private tables as they are, for people who work on the format; docs/format.md says what it all means. */
import type { Command } from 'commander'
import { TapeError } from '../../errors.js'
import { FIRST_REF } from '../../events/record-layout.js'
import { type RawBlock, type RawPart, rawPart } from '../../store/read/raw-tables.js'
import { type Answer, answer, type Later } from '../answer.js'
import { openRun } from '../open.js'
import { examples, wholeNumber, withJson } from '../options.js'
import { paint } from '../paint.js'
import { FILE_AND_RUN, withRun } from '../run-argument.js'
import { plural } from '../words.js'

interface Options {
  run?: string
  from: number
  to?: number
  json?: boolean
}

export function addDump(program: Command): void {
  withJson(withRun(program.command('dump')))
    .description('print commits, blocks, templates, cells and packed events as they are stored')
    .argument(...FILE_AND_RUN)
    .option('--from <position>', 'the first event', wholeNumber(1), 1)
    .option('--to <position>', 'the last event (default: the last of the run)', wholeNumber(1))
    .addHelpText('after', examples('gradtape dump runs.tape --run digits --from 1 --to 40'))
    .action((file: string, options: Options) => answer(options, (later) => dumped(file, options, later)))
}

async function dumped(file: string, options: Options, later: Later): Promise<Answer> {
  const { past, views } = await openRun(file, options, later)
  const to = Math.min(options.to ?? past.lastPosition, past.lastPosition)
  if (options.from > to)
    throw new TapeError(
      'BAD_ARGUMENT',
      `run "${past.name}" has events 1 to ${past.lastPosition}; expected --from ${options.from} not to be after --to ${to}`,
    )
  const part = rawPart(views.db, past.id, options.from, to)
  return {
    json: () => ({ run: past.id, name: past.name, from: options.from, to, ...part }),
    text: () => partText(part).join('\n'),
  }
}

function partText({ commits, blocks, templates, events }: RawPart): string[] {
  const lines: string[] = []
  for (const commit of commits) {
    const last = commit.firstPosition + commit.eventCount - 1
    lines.push(
      `${paint('bold', `commit ${commit.id}`)}  events ${commit.firstPosition} to ${last}  ${commit.committedAt}  ${commit.hash}`,
    )
    for (const [i, text] of commit.texts.entries())
      lines.push(`  text ${commit.firstText + i}  ${JSON.stringify(text)}`)
  }
  for (const template of templates) {
    lines.push(
      `${paint('bold', `template ${template.id}`)}  ${plural(template.eventCount, 'event')}  ${template.hash}`,
    )
    for (const list of Object.keys(FIRST_REF) as (keyof typeof FIRST_REF)[])
      for (const entry of template[list]) lines.push(`  ${list}  ${JSON.stringify(entry)}`)
  }
  const unseen = [...blocks]
  for (const event of events) {
    for (
      let block = unseen[0];
      block !== undefined && block.firstPosition <= event.position;
      block = unseen[0]
    ) {
      lines.push(...blockText(block))
      unseen.shift()
    }
    lines.push(`  #${event.position}  ${event.type}  ${event.words.map(wordText).join(' ')}`)
  }
  return lines
}

function blockText(block: RawBlock): string[] {
  const head = `${paint('bold', `block ${block.id}`)}  from event ${block.firstPosition}  step ${block.step}  template ${block.templateId}  base ${block.base}`
  return [
    head,
    ...block.cells.map(
      ({ holds, value }, i) => `  cell ${i}  ${holds}${value === null ? '' : ` ${wordText(value)}`}`,
    ),
  ]
}

function wordText(word: number): string {
  return Object.is(word, -0) ? '-0' : String(word)
}
