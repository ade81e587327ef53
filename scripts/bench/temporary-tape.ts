// A tape for the time of a measurement, in a temporary folder. Knows nothing of what is recorded.
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openTape, type Run } from 'gradtape'

export interface Recorded {
  /** From the first call to everything being in the file. */
  elapsedMs: number
  events: number
  bytes: number
  path: string
}

/** Runs `work` on a new tape, ends the run, and gives what that took; `use` may look at the file before it is removed. */
export async function recorded(
  work: (run: Run) => void,
  use: (recorded: Recorded) => void | Promise<void> = () => {},
): Promise<Recorded> {
  return inTemporaryFolder(async (folder) => {
    const path = join(folder, 'bench.tape')
    const tape = openTape(path)
    const run = tape.startRun('bench')
    const from = performance.now()
    work(run)
    await run.finish()
    const elapsedMs = performance.now() - from
    const events = run.position
    tape.close()
    const report = { elapsedMs, events, bytes: statSync(path).size, path }
    await use(report)
    return report
  })
}

/** Gives `work` a folder that is gone afterwards. */
export async function inTemporaryFolder<T>(work: (folder: string) => T | Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'gradtape-bench-'))
  try {
    return await work(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
