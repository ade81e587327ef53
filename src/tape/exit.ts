/**
 * Runs that are still open when the process ends get an end on the tape: `failed` after an uncaught exception,
 * `interrupted` otherwise. SQLite writes synchronously, so an exit handler can do it. A signal that kills leaves no time;
 * then the file ends with the last whole batch.
 */
import process from 'node:process'
import type { Run } from './run.js'

const open = new Set<Run>()
let listening = false
let uncaught: unknown = null

export function endAtExit(run: Run): void {
  open.add(run)
  if (listening) return
  listening = true
  process.on('uncaughtExceptionMonitor', (error) => {
    uncaught ??= error ?? 'unknown error'
  })
  process.on('exit', () => {
    for (const run of [...open].reverse()) {
      if (uncaught === null) run.end('interrupted', null)
      else
        run.end(
          'failed',
          uncaught instanceof Error ? `${uncaught.name}: ${uncaught.message}` : String(uncaught),
        )
    }
  })
}

export function endedBeforeExit(run: Run): void {
  open.delete(run)
}
