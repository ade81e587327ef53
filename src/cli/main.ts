#!/usr/bin/env node
/** The command line `gradtape`: from the arguments to an exit code. What the commands do stands in commands/. */
import process from 'node:process'
import { CommanderError } from 'commander'
import { EXIT, printJson, reportFailure } from './answer.js'
import { makeProgram } from './program.js'

// A reader that has seen enough (`| head`) is no failure.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT.fine)
    throw error
  })
}

const wantsJson = process.argv.includes('--json')
try {
  if (process.env.GRADTAPE_KERNEL !== undefined)
    (await import('../array/kernel-choice.js')).setKernelFromEnvironment()
  await makeProgram().parseAsync(process.argv)
} catch (error) {
  if (!(error instanceof CommanderError)) reportFailure(error, wantsJson)
  else if (error.exitCode !== 0) {
    // Commander has said it on stderr already; the exit code and the JSON are ours.
    if (wantsJson) printJson({ error: { code: 'USAGE', message: error.message } })
    process.exitCode = EXIT.usage
  }
}
