/** `gradtape runs`: which runs a tape holds. */
import type { Command } from 'commander'
import { listRuns } from '../../tape/run-list.js'
import { type Answer, answer, type Later } from '../answer.js'
import { openViews } from '../open.js'
import { collected, examples, withJson } from '../options.js'
import { paint } from '../paint.js'
import { oneLine, table } from '../table.js'
import { countText, durationText, momentText, parentText } from '../words.js'

interface Options {
  tag: string[]
  json?: boolean
}

export function addRuns(program: Command): void {
  withJson(program.command('runs'))
    .description('list the runs of a tape, oldest first')
    .argument('<file>', 'the tape')
    .option('--tag <tag>', 'only runs that have this tag; may be repeated', collected, [])
    .addHelpText('after', examples('gradtape runs runs.tape', 'gradtape runs runs.tape --tag baseline'))
    .action((file: string, options: Options) => answer(options, (later) => runsOf(file, options, later)))
}

function runsOf(file: string, { tag }: Options, later: Later): Answer {
  const runs = listRuns(openViews(file, later).db, file, tag.length === 0 ? null : tag)
  return {
    json: () => ({ runs }),
    text: () => {
      if (runs.length === 0) return 'no runs'
      const right = 'right' as const
      const isTagged = runs.some(({ tags }) => tags.length > 0)
      const headings = [
        { title: 'id', align: right },
        { title: 'name' },
        { title: 'status' },
        { title: 'steps', align: right },
        { title: 'events', align: right },
        { title: 'started' },
        { title: 'duration', align: right },
        ...(isTagged ? [{ title: 'tags' }] : []),
      ]
      const rows = runs.map((run) => [
        String(run.id),
        oneLine(run.name),
        run.status,
        countText(run.steps),
        countText(run.events),
        momentText(run.startedAt),
        durationText(run.elapsedMs),
        ...(isTagged ? [run.tags.map(oneLine).join(', ')] : []),
      ])
      const errors = runs.flatMap((run) =>
        run.error === null ? [] : [paint('red', `run ${run.id}: ${oneLine(run.error)}`)],
      )
      const forks = runs.flatMap(({ id, parent }) =>
        parent === null ? [] : [`run ${id}: ${oneLine(parentText(parent))}`],
      )
      return [table(headings, rows), ...forks, ...errors].join('\n')
    },
  }
}
