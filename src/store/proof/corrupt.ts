/** What every check of the proof says in the end, and the check that several of them need. */
import { TapeError } from '../../errors.js'

export function corrupt(explanation: string): never {
  throw new TapeError('TAPE_CORRUPT', explanation)
}

/** A number as the file keeps it: a REAL, or one of the two texts that stand for what a REAL cannot keep. */
export function checkScalar(scalar: unknown, kind: unknown, where: string): void {
  const right =
    kind === 'real' ? !Object.is(scalar, -0) : kind === 'text' && (scalar === 'NaN' || scalar === '-0')
  if (!right)
    corrupt(`${where} is ${JSON.stringify(scalar)} as ${kind}, which is no number as gradtape writes it`)
}
