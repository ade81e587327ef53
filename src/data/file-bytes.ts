/** The bytes of a data file, unpacked when gzip packed them. */
import fs from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { TapeError } from '../errors.js'

/** Throws FILE_NOT_FOUND; BAD_FILE when gzip's packing is damaged. */
export function bytesOfFile(path: string | URL, what: string): Uint8Array {
  const bytes = read(path, what)
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes
  try {
    return gunzipSync(bytes)
  } catch (error) {
    throw new TapeError(
      'BAD_FILE',
      `${what} expected ${String(path)} to be packed by gzip, as it begins; it is damaged or cut off`,
      {
        cause: error,
      },
    )
  }
}

function read(path: string | URL, what: string): Uint8Array {
  try {
    return fs.readFileSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    throw new TapeError('FILE_NOT_FOUND', `${what} expected a file at ${String(path)}, found none`, {
      cause: error,
    })
  }
}
