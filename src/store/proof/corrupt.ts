/** What every check of the proof says in the end. */
import { TapeError } from '../../errors.js'

export function corrupt(explanation: string): never {
  throw new TapeError('TAPE_CORRUPT', explanation)
}
