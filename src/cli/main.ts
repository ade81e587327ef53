#!/usr/bin/env node
/** The command line `gradtape`: from the arguments to an exit code. What the commands do stands in commands/. */
import process from 'node:process'

/** Commands that ask in SQL: the process that answers starts while this one still loads. */
const ASKING = new Set(['sql', 'query'])
const sqlProcess = ASKING.has(process.argv[2] ?? '') ? await import('../queries/sql-process.js') : null
sqlProcess?.startEarly()

const { CommanderError } = await import('commander')
const { EXIT, printError, printJson, reportFailure } = await import('./answer.js')
const { makeProgram } = await import('./program.js')

// A reader that has seen enough (`| head`) is no failure.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT.fine)
    // A full disk behind `>`: the answer is lost, and whoever reads standard error is told.
    if (stream === process.stdout) printError(`WRITE_FAILED: printing the answer: ${error.message}`)
    process.exit(EXIT.no)
  })
}

const wantsJson = process.argv.includes('--json')
try {
  if (process.env.GRADTAPE_KERNEL !== undefined)
    (await import('../array/kernel-choice.js')).setKernelFromEnvironment()
  await (await makeProgram(process.argv[2])).parseAsync(process.argv)
} catch (error) {
  if (!(error instanceof CommanderError)) reportFailure(error, wantsJson)
  else if (error.exitCode !== 0) {
    // Commander has said it on stderr already; the exit code and the JSON are ours.
    if (wantsJson) printJson({ error: { code: 'USAGE', message: error.message } })
    process.exitCode = EXIT.usage
  }
} finally {
  sqlProcess?.endUnasked()
}
