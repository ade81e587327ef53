/** `gradtape bisect`: the first step that is bad by a test of the user's own. */
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Command } from 'commander'
import type { Moment } from '../../debug/moment.js'
import { TapeError, valueText } from '../../errors.js'
import { type Answer, answer } from '../answer.js'
import { openRun } from '../open.js'
import { examples, wholeNumber, withImports, withJson } from '../options.js'
import { FILE_AND_RUN, withRun } from '../run-argument.js'

interface Options {
  run?: string
  test: string
  from?: number
  to?: number
  seed?: number
  import: string[]
  json?: boolean
}

export function addBisect(program: Command): void {
  withImports(withRun(withJson(program.command('bisect'))))
    .description('the first step that is bad by a test of your own, by halving')
    .argument(...FILE_AND_RUN)
    .requiredOption(
      '--test <module>',
      'a module whose default export is given a moment and says true for bad',
    )
    .option('--from <step>', 'the first step looked at (default: 1)', wholeNumber(0))
    .option('--to <step>', 'the last step looked at (default: the last of the run)', wholeNumber(0))
    .option(
      '--seed <seed>',
      'where it is checked that bad stays bad follows from it (default: 0)',
      wholeNumber(0),
    )
    .addHelpText(
      'after',
      `\nThe module: export default (moment) => moment.value('fc1.weight').data.some(Number.isNaN)\n${examples('gradtape bisect runs.tape --test ./bad.mjs --from 1 --to 400')}`,
    )
    .action((file: string, options: Options) =>
      answer(options, async (later) => {
        const { past } = await openRun(file, { ...options, long: true }, later)
        const test = await testFrom(options.test)
        const { from, to, seed } = options
        const found = past.bisect(test, {
          ...(from === undefined ? {} : { from }),
          ...(to === undefined ? {} : { to }),
          ...(seed === undefined ? {} : { seed }),
        })
        const looked = found.looked.map(({ step, bad }) => `${step} ${bad ? 'bad' : 'good'}`).join(', ')
        return {
          no: found.step !== null,
          json: () => ({ run: { id: past.id, name: past.name }, ...found }),
          text: () => `${found.text}\n  ${looked}`,
        } satisfies Answer
      }),
    )
}

/** Throws  MODULE_FAILED when there is no such module, or it exports no function */
async function testFrom(file: string): Promise<(moment: Moment) => boolean> {
  let loaded: { default?: unknown }
  try {
    loaded = (await import(pathToFileURL(path.resolve(file)).href)) as { default?: unknown }
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new TapeError(
      'MODULE_FAILED',
      `--test ${file} expected a JavaScript module that loads, got: ${why}`,
      { cause },
    )
  }
  if (typeof loaded.default !== 'function')
    throw new TapeError(
      'MODULE_FAILED',
      `--test ${file} expected a function as its default export, got ${valueText(loaded.default)}`,
    )
  return loaded.default as (moment: Moment) => boolean
}
