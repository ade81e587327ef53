/** What all commands have in common, asked of the commands themselves. */
import { describe, expect, test } from 'vitest'
import { oneRun } from '../../src/cli/options.js'
import { makeProgram } from '../../src/cli/program.js'
import { messageOf } from '../array/thrown.js'

/** `query` begins with the question, each side of `diff` is a tape or TAPE:RUN, and what asks a fleet begins with where it is. */
const OTHER_FIRST: Record<string, string[]> = { query: ['name'], diff: ['a'] }
const TAPE_OR_FLEET = ['file', 'files', 'url']

describe.each((await makeProgram(undefined)).commands.map((command) => [command.name(), command] as const))(
  '%s',
  (_, command) => {
    const flags = command.options.map(({ long }) => long)
    const names = command.registeredArguments.map((argument) => argument.name())

    test('takes --json and --help, and has a description and an example', () => {
      expect(flags).toContain('--json')
      let help = ''
      command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp()
      expect(help).toContain('--help')
      expect(command.description()).not.toBe('')
      expect(help).toMatch(new RegExp(`Examples?:\\n {2}\\$ gradtape ${command.name()} `))
    })

    test('takes the tape or the fleet first, but for a question by name, and two runs', () => {
      expect([...TAPE_OR_FLEET, ...(OTHER_FIRST[command.name()] ?? [])]).toContain(names[0])
    })

    test('takes --run wherever it takes a run', () => {
      if (names.includes('run')) expect(flags).toContain('--run')
    })
  },
)

test('a run is named as an argument or as --run; two different ones are refused', () => {
  expect(oneRun('a', undefined)).toBe('a')
  expect(oneRun(undefined, 'b')).toBe('b')
  expect(oneRun('a', 'a')).toBe('a')
  expect(oneRun(undefined, undefined)).toBeUndefined()
  expect(messageOf(() => oneRun('a', 'b'))).toContain('BAD_ARGUMENT: expected one run, got "a" and --run "b"')
})
