/** Opens what a command reads: the tape, one of its runs, and the views; it is closed when the answer is printed. */
import { existsSync, statSync } from 'node:fs'
import { TapeError } from '../errors.js'
import { refOf } from '../events/event.js'
import { type InspectedRun, inspectedRun } from '../inspection/inspected-run.js'
import { Views } from '../queries/views.js'
import { isInLogMode, type LogState, logState } from '../store/format/write-ahead-log.js'
import type { PastRun } from '../tape/past-run.js'
import type { Tape } from '../tape/tape.js'
import { type Later, noteTape, printError } from './answer.js'
import { importModules } from './imports.js'
import { Progress } from './progress.js'

const RECOMPUTE_QUIET_MS = 300

/** The engine is loaded here and not before: commands that only ask the views start twice as fast without it. */
export async function openForReading(file: string, later: Later): Promise<Tape> {
  const { openTape } = await import('../index.js') // registers the functions that gradtape brings, too
  later(noteTape(file))
  const log = logState(file)
  const tape = openTape(file, { readonly: true })
  later(() => tape.close())
  tellOfMissingLog(file, log, tape.isInLogMode)
  return tape
}

/** The same, as of one moment: for commands that ask more than once, while others may go on recording. */
export async function openSnapshot(file: string, later: Later): Promise<{ tape: Tape; views: Views }> {
  const tape = await openForReading(file, later)
  tape.holdStill()
  return { tape, views: new Views(file, tape.connection) }
}

/** For commands that add to a tape: one that is not there is not made. */
export async function openForWriting(file: string, later: Later): Promise<Tape> {
  if (!existsSync(file))
    throw new TapeError('TAPE_NOT_FOUND', `expected a tape at ${file}, found no file; check the path`)
  if (statSync(file).size === 0)
    throw new TapeError('NOT_A_TAPE', `expected a tape at ${file}, found an empty file`)
  const { openTape } = await import('../index.js')
  later(noteTape(file))
  const tape = openTape(file)
  later(() => tape.close())
  return tape
}

export function openViews(file: string, later: Later): Views {
  later(noteTape(file))
  const log = logState(file)
  const views = new Views(file)
  later(() => views.close())
  tellOfMissingLog(file, log, isInLogMode(views.db))
  return views
}

/**
 * A tape that is being recorded is two files, and whoever closes it makes it one. So one in WAL mode without its log may be a copy of the
 * first file alone, which looks like a whole tape of fewer events.
 */
function tellOfMissingLog(file: string, log: LogState, isInLog: boolean): void {
  if (log === 'none' && isInLog)
    printError(
      `note: ${file} is in WAL mode and has no ${file}-wal beside it: if it was copied while it was being recorded, its newest events are missing (copy both files, or use gradtape copy)`,
    )
}

/**
 * Opens a run by its id or name, the newest when not said. It is as of one moment, unless the tape is written to or the work
 * is long.
 *
 * Throws  RUN_NOT_FOUND, MODULE_FAILED, and what opening a tape throws
 */
export async function openRun(
  file: string,
  options: { run?: string | undefined; import?: readonly string[]; write?: boolean; long?: boolean },
  later: Later,
): Promise<InspectedRun> {
  const tape = await (options.write === true ? openForWriting : openForReading)(file, later)
  // What is held still keeps a recorder from using its WAL again, so work that takes long does without.
  if (options.write !== true && options.long !== true) tape.holdStill()
  await importModules(options.import ?? [])
  const run = inspectedRun(tape, options.run)
  tellOfRecomputing(run.past)
  return run
}

/** What was not stored is computed again when it is asked for; that may take a moment, and then it is said. */
function tellOfRecomputing(past: PastRun): void {
  let progress: Progress | null = null
  let events = 0
  past.onRecompute = () => {
    progress ??= new Progress('computing again what was not stored:', null, { quietMs: RECOMPUTE_QUIET_MS })
    progress.at(++events)
  }
}

/** A variable as it is said on the command line: digits (with `.slot` for a later output) are a position. */
export function variableKey(text: string): string | number {
  const found = /^(\d+)(?:\.(\d+))?$/.exec(text)
  return found === null ? text : refOf(Number(found[1]), Number(found[2] ?? 0))
}
