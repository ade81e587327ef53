/** `FILE:RUN`, where a command takes a tape and one of its runs as one argument. */
import { existsSync } from 'node:fs'
import { TapeError } from '../errors.js'

/**
 * The path and the run of an argument. A file whose name has a colon is itself; what follows the last colon is a run only where
 * no file has the whole name.
 *
 * Throws  BAD_ARGUMENT when the argument and `--run` name different runs
 */
export function fileAndRun(argument: string, option?: string): { path: string; run: string | undefined } {
  const colon = argument.lastIndexOf(':')
  if (existsSync(argument) || colon <= 1 || !existsSync(argument.slice(0, colon)))
    return { path: argument, run: option }
  const run = argument.slice(colon + 1)
  if (option !== undefined && option !== run)
    throw new TapeError(
      'BAD_ARGUMENT',
      `expected one run, got "${run}" after the file and --run "${option}"; name it once`,
    )
  return { path: argument.slice(0, colon), run }
}
