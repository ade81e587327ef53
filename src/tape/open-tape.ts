/** Opening a tape: what may be said of it, checked before anything is made, and where the file of a store's tape is. */
import { TapeError, valueText } from '../errors.js'
import { isStoreUrl, SpoolPush, spoolPath } from '../fleet/spool-push.js'
import { checkOptions, checkPath } from '../options.js'
import { Tape } from './tape.js'

export interface TapeOptions {
  /** Look only: nothing is made, migrated or written. */
  readonly?: boolean
  /**
   * What a signal does that asks the process to end (SIGINT by Ctrl-C, SIGTERM, SIGHUP, SIGQUIT, SIGUSR2, SIGXCPU, SIGALRM) while runs are open, where
   * the program does not listen to it itself.
   *
   *   'drain'    what the runs have is written, and their ends (`interrupted`); then the process ends by the signal (the
   *              default). A second signal ends it at once
   *   'default'  the process ends at once, and the runs lose what they lose by SIGKILL
   */
  onSignal?: 'drain' | 'default'
  /**
   * For the address of a store: the folder of spool tapes on this machine. When not said, the one that GRADTAPE_SPOOL names, or
   * .gradtape/spool in the home. The same folder and address are the same tape again, after a crash too.
   */
  spool?: string
  /** For the address of a store: how long a closed tape is still sent before the process may end. Default 30,000 ms. */
  drainMs?: number
}

const DRAIN_MS = 30_000

/**
 * Opens a tape; makes the file, or brings its schema up to date, unless `readonly`.
 *
 * `path` may be the address of a store: `postgres://host/DATABASE/TAPE`, or `pglite:FOLDER#TAPE`. Then runs are recorded to a tape of
 * this machine, the spool, and a thread of its own sends it to the store: recording never waits for the network. What the
 * store acknowledged is committed there (`tape.store`).
 *
 * Throws  TAPE_NOT_FOUND, NOT_A_TAPE, TAPE_TOO_NEW, TAPE_CORRUPT; the file is left as it was
 */
export function openTape(path: string, options: TapeOptions = {}): Tape {
  checkPath(path, 'openTape')
  checkOptions(options, ['readonly', 'onSignal', 'spool', 'drainMs'], 'openTape')
  const { onSignal = 'drain' } = options
  if (onSignal !== 'drain' && onSignal !== 'default')
    throw new TapeError(
      'BAD_ARGUMENT',
      `openTape expected onSignal to be 'drain' or 'default', got ${valueText(onSignal)}`,
    )
  if (options.readonly !== undefined && typeof options.readonly !== 'boolean')
    throw new TapeError(
      'BAD_ARGUMENT',
      `openTape expected readonly to be true or false, got ${valueText(options.readonly)}`,
    )
  const isRemote = isStoreUrl(path)
  checkSpoolOptions(path, isRemote, options)
  if (!isRemote) return new Tape(path, options.readonly === true, onSignal === 'drain')
  const { spool, name } = spoolPath(path, options.spool)
  return new Tape(spool, false, onSignal === 'drain', {
    drainMs: options.drainMs ?? DRAIN_MS,
    start: () => SpoolPush.start(path, name, spool),
  })
}

function checkSpoolOptions(path: string, isRemote: boolean, { readonly, spool, drainMs }: TapeOptions): void {
  const refuse = (explanation: string) => {
    throw new TapeError('BAD_ARGUMENT', `openTape expected ${explanation}`)
  }
  if (!isRemote && (spool !== undefined || drainMs !== undefined))
    refuse(`no spool and no drainMs for a file; they are for the address of a store, got ${valueText(path)}`)
  if (isRemote && readonly === true)
    refuse('a file to look into; bring the tape here first: gradtape pull URL TAPE -o FILE')
  if (spool !== undefined && (typeof spool !== 'string' || spool.trim() === '' || spool.includes('\0')))
    refuse(`spool to be a folder, got ${valueText(spool)}`)
  if (drainMs !== undefined && !(typeof drainMs === 'number' && drainMs >= 0))
    refuse(`drainMs to be milliseconds, got ${valueText(drainMs)}`)
}
