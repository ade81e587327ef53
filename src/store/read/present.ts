/** Rows that other rows name: in a damaged file they may be missing. */
import { TapeError } from '../../errors.js'

/** The row that was looked up; throws TAPE_CORRUPT when there is none. `what` names it: `variable 7`. */
export function present<R>(row: R, what: string): NonNullable<R> {
  if (row === undefined || row === null)
    throw new TapeError(
      'TAPE_CORRUPT',
      `${what} is named by other rows and missing; restore the file from a copy, or salvage it`,
    )
  return row
}
