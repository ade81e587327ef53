/** `gradtape rename` and `gradtape tag`: what a run is called, said after it began. */
import type { Command } from 'commander'
import { TapeError } from '../../errors.js'
import { runNamed } from '../../inspection/inspected-run.js'
import { answer } from '../answer.js'
import { openForReading, openForWriting } from '../open.js'
import { examples, withJson } from '../options.js'
import { FILE_AND_RUN, withRun } from '../run-argument.js'
import { oneLine } from '../table.js'

interface Options {
  run?: string
  remove?: boolean
  json?: boolean
}

const NOTHING_CHANGES = `
What the run recorded does not change, and whoever records it goes on. Names and tags are rows of their own that the hash chain
covers: verify finds an edited one, and the view label tells all that there were.`

export function addLabel(program: Command): void {
  withRun(withJson(program.command('rename')))
    .description('give a run another name, by which it is found from now on')
    .argument(...FILE_AND_RUN)
    .argument('<name>', 'the new name')
    .addHelpText(
      'after',
      `${NOTHING_CHANGES}
${examples('gradtape rename runs.tape:digits digits-baseline', 'gradtape rename runs.tape --run 3 wide')}`,
    )
    .action((file: string, name: string, options: Options) =>
      answer(options, async (later) => {
        const tape = await openForWriting(file, later)
        const before = runNamed(tape, options.run)
        const run = tape.renameRun(before.id, name)
        return {
          json: () => ({ file, run, before: before.name }),
          text: () => `run ${run.id} (${oneLine(before.name)}) is called ${oneLine(run.name)}`,
        }
      }),
    )
  withRun(withJson(program.command('tag')))
    .description('give a run tags, or take them away; without tags, say which it has')
    .argument(...FILE_AND_RUN)
    .argument('[tags...]', 'the tags')
    .option('--remove', 'take these tags away')
    .addHelpText(
      'after',
      `${NOTHING_CHANGES}
${examples('gradtape tag runs.tape:digits baseline "best lr"', 'gradtape tag runs.tape:digits baseline --remove', 'gradtape runs runs.tape --tag baseline')}`,
    )
    .action((file: string, tags: string[], options: Options) =>
      answer(options, async (later) => {
        if (tags.length === 0 && options.remove === true)
          throw new TapeError('BAD_ARGUMENT', 'expected the tags to remove: gradtape tag FILE TAG --remove')
        const open = tags.length === 0 ? openForReading : openForWriting
        const tape = await open(file, later)
        const { id } = runNamed(tape, options.run)
        if (tags.length > 0) options.remove === true ? tape.untagRun(id, tags) : tape.tagRun(id, tags)
        const run = tape.runInfo(id)
        return {
          json: () => ({ file, run }),
          text: () =>
            `run ${run.id} (${oneLine(run.name)}) has ${run.tags.length === 0 ? 'no tags' : run.tags.map(oneLine).join(', ')}`,
        }
      }),
    )
}
