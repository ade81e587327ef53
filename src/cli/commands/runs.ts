/** `gradtape runs`: which runs a tape holds. */
import type { Command } from 'commander'
import { type Answer, answer, type Later } from '../answer.js'
import { openForReading } from '../open.js'
import { examples, withJson } from '../options.js'
import { paint } from '../paint.js'
import { oneLine, table } from '../table.js'
import { countText, durationText, momentText, parentText } from '../words.js'

export function addRuns(program: Command): void {
  withJson(program.command('runs'))
    .description('list the runs of a tape, oldest first')
    .argument('<file>', 'the tape')
    .addHelpText('after', examples('gradtape runs runs.tape'))
    .action((file: string, options: { json?: boolean }) => answer(options, (later) => listRuns(file, later)))
}

async function listRuns(file: string, later: Later): Promise<Answer> {
  const runs = (await openForReading(file, later)).runs()
  return {
    json: () => ({ runs }),
    text: () => {
      if (runs.length === 0) return 'no runs'
      const right = 'right' as const
      const headings = [
        { title: 'id', align: right },
        { title: 'name' },
        { title: 'status' },
        { title: 'steps', align: right },
        { title: 'events', align: right },
        { title: 'started' },
        { title: 'duration', align: right },
      ]
      const rows = runs.map((run) => [
        String(run.id),
        oneLine(run.name),
        run.status,
        countText(run.steps),
        countText(run.events),
        momentText(run.startedAt),
        durationText(run.elapsedMs),
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
