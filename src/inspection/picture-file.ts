/** A picture on its way into a file. Drawing itself knows no files, because it also works in a browser. */
import fs from 'node:fs'
import { TapeError } from '../errors.js'

/** Throws  WRITE_FAILED with the system's reason */
export function writePicture(path: string, picture: string): void {
  try {
    fs.writeFileSync(path, picture)
  } catch (error) {
    throw new TapeError(
      'WRITE_FAILED',
      `${path} could not be written: ${error instanceof Error ? error.message : error}`,
      { cause: error },
    )
  }
}
