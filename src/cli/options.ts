/** Options that several commands share, and how their arguments are read. */
import { type Command, InvalidArgumentError } from 'commander'

/** Marks an example for --help; each line is a command without its prompt. */
export function examples(...commands: readonly string[]): string {
  return `\n${commands.length === 1 ? 'Example' : 'Examples'}:\n${commands.map((command) => `  $ ${command}\n`).join('')}`
}

export function withJson(command: Command): Command {
  return command.option('--json', 'print one JSON document')
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

/** Steps of a run, both ends included. */
export interface Steps {
  from: number
  to: number
}

/** `412`, or `400..420`. */
export function stepsFrom(text: string): Steps {
  const found = /^(\d+)(?:\.\.(\d+))?$/.exec(text)
  const from = Number(found?.[1])
  const to = Number(found?.[2] ?? found?.[1])
  if (found === null || !Number.isSafeInteger(to) || to < from)
    throw new InvalidArgumentError('Expected a step, or the first and the last: 412, 400..420.')
  return { from, to }
}
