/** Keys for seals, from and to files. */
import fs from 'node:fs'
import { TapeError } from '../errors.js'
import { newSealKey } from '../store/proof/seal.js'

const KEY_BYTES_MAX = 65_536

/** Throws  FILE_NOT_FOUND, BAD_KEY for what is too long to be a key */
export function keyFrom(file: string): string {
  try {
    if (fs.statSync(file).size > KEY_BYTES_MAX)
      throw new TapeError('BAD_KEY', `expected a key in PEM at ${file}, found a file of more than 64 KiB`)
    return fs.readFileSync(file, 'utf8')
  } catch (error) {
    if (error instanceof TapeError) throw error
    throw new TapeError('FILE_NOT_FOUND', `--key ${file}: ${(error as Error).message}`, { cause: error })
  }
}

/**
 * Makes a key pair: the private key at `file`, for its owner's eyes, the public one at `file.pub`.
 *
 * Throws  BAD_ARGUMENT when there is a file; WRITE_FAILED
 */
export function makeKey(file: string): { privateKey: string; publicFile: string } {
  const publicFile = `${file}.pub`
  for (const path of [file, publicFile])
    if (fs.existsSync(path))
      throw new TapeError(
        'BAD_ARGUMENT',
        `--new-key makes ${path}, which is there; name another, or use it with --key`,
      )
  const { privateKey, publicKey } = newSealKey()
  try {
    fs.writeFileSync(file, privateKey, { flag: 'wx', mode: 0o600 })
    fs.writeFileSync(publicFile, publicKey, { flag: 'wx' })
  } catch (error) {
    throw new TapeError('WRITE_FAILED', `writing ${file}: ${(error as Error).message}`, { cause: error })
  }
  return { privateKey, publicFile }
}
