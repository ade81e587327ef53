/** How a command is told a run: `FILE:RUN`, an argument of its own where it has one, or `--run`. */
import { existsSync } from 'node:fs'
import type { Command } from 'commander'
import { TapeError } from '../errors.js'

/** The argument of a command that takes a run. */
export const FILE_AND_RUN = ['<file>', 'the tape, or TAPE:RUN'] as const

/**
 * Lets a command take a run in each of the three ways. Its action gets the path of the tape, and the run in the option `run`.
 *
 * Throws  BAD_ARGUMENT, before the action, when two of them name different runs
 */
export function withRun(command: Command): Command {
  return command
    .option('--run <run>', 'id or name of the run (default: the newest)')
    .hook('preAction', (_, told) => {
      const { processedArgs: values } = told
      const names = told.registeredArguments.map((argument) => argument.name())
      const place = names.indexOf('file')
      const file: unknown = values[place]
      if (typeof file !== 'string') return
      const { path, run } = fileAndRun(file)
      values[place] = path
      const argument: unknown = values[names.indexOf('run')]
      told.setOptionValue('run', oneRun(run, argument, told.getOptionValue('run')))
    })
}

/** Throws  BAD_ARGUMENT when there is more than one */
function oneRun(...ways: readonly unknown[]): unknown {
  const named = [...new Set(ways.filter((run) => run !== undefined))]
  if (named.length > 1)
    throw new TapeError(
      'BAD_ARGUMENT',
      `expected one run, got ${named.map((run) => `"${run}"`).join(' and ')}; name it once: FILE:RUN, or --run RUN`,
    )
  return named[0]
}

/**
 * The path and the run of an argument. Names of files and of runs may have colons: the path is the longest beginning that is a
 * file, and the run is what follows the colon after it.
 */
export function fileAndRun(argument: string): { path: string; run: string | undefined } {
  let colon = existsSync(argument) ? -1 : argument.lastIndexOf(':')
  while (colon > 1 && !existsSync(argument.slice(0, colon))) colon = argument.lastIndexOf(':', colon - 1)
  // A colon at 1 is that of a drive.
  if (colon <= 1) return { path: argument, run: undefined }
  return { path: argument.slice(0, colon), run: argument.slice(colon + 1) }
}
