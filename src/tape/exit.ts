/**
 * Runs that are still open when the process ends get an end on the tape: `failed` after an uncaught exception,
 * `interrupted` if not. An exit handler may block, so it writes what is left, or waits for the thread that does. A signal that
 * asks for an end is heard by the tape's second thread, which waits for this as well. SIGKILL leaves no time; then the file
 * ends with the last whole batch.
 */
import fs from 'node:fs'
import process from 'node:process'
import { TapeError } from '../errors.js'
import type { Run } from './run.js'

const open = new Set<Run>()
/** Tapes that are open for writing. Closing one leaves it as one file. */
const tapes = new Set<{ close(): void }>()
let listening = false
let uncaught: unknown = null

export function endAtExit(run: Run): void {
  open.add(run)
  listen()
}

export function closeAtExit(tape: { close(): void }): void {
  tapes.add(tape)
  listen()
}

function listen(): void {
  if (listening) return
  listening = true
  process.on('uncaughtExceptionMonitor', (error) => {
    uncaught = error ?? 'unknown error'
    // A program that handles it goes on, and the error is no reason for how a run ends later. A handler that ends the
    // process does so before this is called.
    setImmediate(() => (uncaught = null)).unref()
  })
  process.on('exit', () => {
    let failure = endAll()
    for (const tape of tapes) {
      try {
        tape.close()
      } catch (error) {
        failure ??= error
      }
    }
    if (failure !== null) throw failure
  })
}

export function closedBeforeExit(tape: { close(): void }): void {
  tapes.delete(tape)
}

/** A signal asks the process to end, and waits for this. Nobody is there to catch what writing fails with; so it is printed. */
export function endBySignal(): void {
  const failure = endAll()
  if (failure !== null) fs.writeSync(process.stderr.fd, `gradtape: ${String(failure)}\n`)
}

/** Gives every open run its end, the innermost first; gives the first failure. */
function endAll(): unknown {
  let failure: unknown = null
  for (const run of [...open].reverse()) {
    const { isWritten } = run
    try {
      end(run)
    } catch {
      // There is no next call to try again, and no flush(): a thread that died can be replaced even now.
      try {
        end(run)
      } catch (error) {
        // Whoever deleted the tape wants no end in it; the other runs get theirs all the same.
        if (isWritten && error instanceof TapeError && error.code === 'TAPE_NOT_FOUND') run.abandon()
        else failure ??= error
      }
    }
  }
  return failure
}

export function endedBeforeExit(run: Run): void {
  open.delete(run)
}

function end(run: Run): void {
  if (uncaught === null) run.end('interrupted', null)
  else
    run.end('failed', uncaught instanceof Error ? `${uncaught.name}: ${uncaught.message}` : String(uncaught))
}
