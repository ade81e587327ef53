/** What all commands have in common, asked of the commands themselves. */
import { fileURLToPath } from 'node:url'
import type { Command } from 'commander'
import { describe, expect, test } from 'vitest'
import { makeProgram } from '../../src/cli/program.js'

/** `query` begins with the question, each side of `diff` is a tape or TAPE:RUN, and what asks a fleet begins with where it is. */
const OTHER_FIRST: Record<string, string[]> = { query: ['name'], diff: ['a'] }
const TAPE_OR_FLEET = ['file', 'files', 'url']

const program = await makeProgram(undefined)

describe.each(program.commands.map((command) => [command.name(), command] as const))('%s', (_, command) => {
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
})

/** These ask about whole tapes, or about several runs. */
const WITHOUT_RUN =
  'runs sql ui mcp schema diff seal stats compact copy split prune merge salvage push pull worker fleet migrate'.split(
    ' ',
  )

describe('a run', () => {
  // Any file that is there: no action is called.
  const file = fileURLToPath(import.meta.url)

  /** What the action of a command is told, when it is called with these arguments and whatever else it must have. */
  async function told(name: string, tape: string, ...more: string[]) {
    const program = await makeProgram(name)
    const command = program.commands.find((one) => one.name() === name) as Command
    let seen: { file: unknown; run: unknown } | null = null
    const place = command.registeredArguments.findIndex((argument) => argument.name() === 'file')
    command.action((...args: unknown[]) => {
      const options = args[command.registeredArguments.length] as { run?: string }
      seen = { file: args[place], run: options.run }
    })
    const needed = command.options
      .filter(({ mandatory }) => mandatory)
      .flatMap(({ long, required, argChoices }) => [
        long as string,
        ...(required ? [argChoices?.[0] ?? '1'] : []),
      ])
    const names = command.registeredArguments.filter(({ required }, i) => required || i <= place)
    const positional = names.map((argument) => (argument.name() === 'file' ? tape : 'x'))
    await program.parseAsync(['node', 'gradtape', name, ...needed, ...positional, ...more])
    return seen
  }

  const commands = program.commands.filter((command) =>
    command.options.some(({ long, mandatory }) => long === '--run' && !mandatory),
  )

  test('is taken by every command that asks about one', () => {
    const without = program.commands.filter((command) => !commands.includes(command))
    expect(without.map((command) => command.name()).sort()).toEqual([...WITHOUT_RUN].sort())
  })

  test.each(commands.map((command) => command.name()))('of %s is FILE:RUN or --run RUN', async (name) => {
    expect(await told(name, file)).toEqual({ file, run: undefined })
    expect(await told(name, `${file}:a:b`)).toEqual({ file, run: 'a:b' })
    expect(await told(name, file, '--run', '3')).toEqual({ file, run: '3' })
    expect(await told(name, `${file}:3`, '--run', '3')).toEqual({ file, run: '3' })
    await expect(told(name, `${file}:3`, '--run', '4')).rejects.toThrow(
      'BAD_ARGUMENT: expected one run, got "3" and "4"; name it once: FILE:RUN, or --run RUN',
    )
  })

  const withArgument = commands.filter((one) =>
    one.registeredArguments.some((argument) => argument.name() === 'run'),
  )
  test.each(withArgument.map((command) => command.name()))('of %s may be an argument, too', async (name) => {
    expect(await told(name, file, 'mlp')).toEqual({ file, run: 'mlp' })
    expect(await told(name, `${file}:mlp`, 'mlp', '--run', 'mlp')).toEqual({ file, run: 'mlp' })
    await expect(told(name, file, 'mlp', '--run', '4')).rejects.toThrow('expected one run, got "mlp" and "4"')
  })
})
