/** A run of an open tape with all that questions about it are answered from: the engine's view of it and the views of the file. */
import { TapeError } from '../errors.js'
import { Views } from '../queries/views.js'
import { Lookup } from '../store/read/lookup.js'
import type { PastRun } from '../tape/past-run.js'
import type { RunInfo } from '../tape/run-info.js'
import type { Tape } from '../tape/tape.js'
import { Describer } from './describer.js'

export interface InspectedRun {
  readonly tape: Tape
  readonly past: PastRun
  readonly info: RunInfo
  readonly views: Views
  readonly lookup: Lookup
  readonly say: Describer
}

/**
 * A run with its views, found as `runNamed` does.
 * It reads through the connection of the tape, and is over when that is closed.
 *
 * Throws  RUN_NOT_FOUND, and what opening the views throws
 */
export function inspectedRun(tape: Tape, which?: number | string): InspectedRun {
  const past = runNamed(tape, which)
  const info = tape.runInfo(past.id)
  const views = new Views(tape.path, tape.connection)
  const lookup = new Lookup(views.db, past.id)
  return { tape, past, info, views, lookup, say: new Describer(past, lookup) }
}

/**
 * A run by its id or name, the newest when not said; a text of digits is an id, or, when there is no such id, a name.
 *
 * Throws  RUN_NOT_FOUND
 */
export function runNamed(tape: Tape, which?: number | string): PastRun {
  if (typeof which === 'number') return tape.run(which)
  const runs = tape.runs()
  if (which === undefined) {
    const newest = runs.at(-1)
    if (newest === undefined) throw new TapeError('RUN_NOT_FOUND', `${tape.path} holds no runs`)
    return tape.run(newest.id)
  }
  const id = /^\d+$/.test(which) ? Number(which) : null
  const isName = runs.some((run) => run.name === which) && !runs.some((run) => run.id === id)
  return tape.run(id === null || isName ? which : id)
}
