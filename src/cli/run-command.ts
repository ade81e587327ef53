/** What the command line does with its arguments: the command is found, it prints its answer, and `process.exitCode` says how it went. */
import process from 'node:process'
import { CommanderError } from 'commander'
import { EXIT, printJson, reportFailure } from './answer.js'
import { makeProgram } from './program.js'

/** `argv` as Node has it: its own name, that of the program, and then what was written behind it. */
export async function runCommand(argv: readonly string[]): Promise<void> {
  const wantsJson = argv.includes('--json')
  try {
    if (process.env.GRADTAPE_KERNEL !== undefined)
      (await import('../array/kernel-choice.js')).setKernelFromEnvironment()
    await (await makeProgram(argv[2])).parseAsync(argv)
  } catch (error) {
    if (!(error instanceof CommanderError)) reportFailure(error, wantsJson)
    else if (error.exitCode !== 0) {
      // Commander has said it on stderr already; the exit code and the JSON are ours.
      if (wantsJson) printJson({ error: { code: 'USAGE', message: error.message } })
      process.exitCode = EXIT.usage
    }
  }
}
