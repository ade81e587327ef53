#!/usr/bin/env node
/** The command line `gradtape` as a process. What the commands do stands in commands/. */
import process from 'node:process'

/** Commands that ask in SQL: the process that answers starts while this one still loads. */
const ASKING = new Set(['sql', 'query'])
const sqlProcess = ASKING.has(process.argv[2] ?? '') ? await import('../queries/sql-process.js') : null
sqlProcess?.startEarly()

const { EXIT, printError } = await import('./answer.js')
const { runCommand } = await import('./run-command.js')

// A reader that has seen enough (`| head`) is no failure.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT.fine)
    // A full disk behind `>`: the answer is lost, and whoever reads standard error is told.
    if (stream === process.stdout) printError(`WRITE_FAILED: printing the answer: ${error.message}`)
    process.exit(EXIT.no)
  })
}

try {
  await runCommand(process.argv)
} finally {
  sqlProcess?.endUnasked()
}
