/** `FILE:RUN`, where a command takes a tape and one of its runs as one argument. */
import { existsSync } from 'node:fs'
import { TapeError } from '../errors.js'

/**
 * The path and the run of an argument. Names of files and of runs may have colons: the path is the longest beginning that is a
 * file, and the run is what follows the colon after it.
 *
 * Throws  BAD_ARGUMENT when the argument and `--run` name different runs
 */
export function fileAndRun(argument: string, option?: string): { path: string; run: string | undefined } {
  let colon = existsSync(argument) ? -1 : argument.lastIndexOf(':')
  while (colon > 1 && !existsSync(argument.slice(0, colon))) colon = argument.lastIndexOf(':', colon - 1)
  // A colon at 1 is that of a drive.
  if (colon <= 1) return { path: argument, run: option }
  const run = argument.slice(colon + 1)
  if (option !== undefined && option !== run)
    throw new TapeError(
      'BAD_ARGUMENT',
      `expected one run, got "${run}" after the file and --run "${option}"; name it once`,
    )
  return { path: argument.slice(0, colon), run }
}
