/** Options that several commands share, and how their arguments are read. */
import { type Command, InvalidArgumentError } from 'commander'
import { TapeError } from '../errors.js'

/** Marks an example for --help; each line is a command without its prompt. */
export function examples(...commands: readonly string[]): string {
  return `\n${commands.length === 1 ? 'Example' : 'Examples'}:\n${commands.map((command) => `  $ ${command}\n`).join('')}`
}

export function withJson(command: Command): Command {
  return command.option('--json', 'print one JSON document')
}

export function withRun(command: Command): Command {
  return command.option('--run <run>', 'id or name of the run (default: the newest)')
}

/**
 * The run that a command was told, as an argument or as --run: both are understood everywhere that has the argument.
 *
 * Throws  BAD_ARGUMENT when the two name different runs
 */
export function oneRun(argument: string | undefined, option: string | undefined): string | undefined {
  if (argument !== undefined && option !== undefined && argument !== option)
    throw new TapeError(
      'BAD_ARGUMENT',
      `expected one run, got "${argument}" and --run "${option}"; name it once`,
    )
  return argument ?? option
}

export function withImports(command: Command): Command {
  return command.option(
    '--import <module>',
    'load a module that registers functions of its own; may be repeated',
    collected,
    [],
  )
}

export function collected(value: string, before: readonly string[]): string[] {
  return [...before, value]
}

export function wholeNumber(min: number, max = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (!/^\d+$/.test(text) || value < min || value > max) {
      const range = max === Number.MAX_SAFE_INTEGER ? `from ${min} on` : `from ${min} to ${max}`
      throw new InvalidArgumentError(`Expected a whole number ${range}.`)
    }
    return value
  }
}

export function positiveNumber(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value) || value <= 0)
    throw new InvalidArgumentError('Expected a number above 0.')
  return value
}
