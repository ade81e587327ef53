/** `gradtape end`: writes the end of a run that nobody records any more. */
import type { Command } from 'commander'
import { runNamed } from '../../inspection/inspected-run.js'
import { answer } from '../answer.js'
import { openForWriting } from '../open.js'
import { examples, withJson } from '../options.js'
import { withRun } from '../run-argument.js'
import { oneLine } from '../table.js'
import { countText } from '../words.js'

interface Options {
  run?: string
  interrupted?: boolean
  json?: boolean
}

export function addEnd(program: Command): void {
  withRun(withJson(program.command('end')))
    .description('write the end of a run whose process was killed, here or on another machine')
    .argument('<file>', 'the tape, or TAPE:RUN')
    .requiredOption('--interrupted', 'the end that is written')
    .addHelpText(
      'after',
      `
A run without an end counts as interrupted where nobody holds its lock; from then on the tape itself says so. A run that is being
recorded, or has an end, is left as it is (exit code 1). Nothing that was recorded changes. On a network drive locks of other machines
may not be seen: make sure that the run's process is gone.
${examples('gradtape end runs.tape:digits --interrupted', 'gradtape end runs.tape --run 3 --interrupted')}`,
    )
    .action((file: string, options: Options) =>
      answer(options, async (later) => {
        const tape = await openForWriting(file, later)
        const run = tape.interruptRun(runNamed(tape, options.run).id)
        return {
          json: () => ({ file, run }),
          text: () =>
            `run ${run.id} (${oneLine(run.name)}) ended: interrupted, after ${countText(run.events)} events`,
        }
      }),
    )
}
