/** Files that are there whole or not at all: they are written under another name beside theirs. */
import fs from 'node:fs'
import path from 'node:path'
import process from 'node:process'
import { TapeError } from '../errors.js'

/**
 * Has `fill` write a file, and gives it its name when that is done; a file of that name stays until then. When it fails, nothing
 * is left of it. Folders are made.
 *
 * Throws  WRITE_FAILED with the system's reason; what `fill` throws
 */
export function wholeFile<T>(file: string, fill: (unfinished: string) => T): T {
  const unfinished = `${file}.${process.pid}.unfinished`
  return writing(file, () => {
    fs.mkdirSync(path.dirname(path.resolve(file)), { recursive: true })
    if (fs.existsSync(file) && !fs.statSync(file).isFile())
      throw new TapeError('WRITE_FAILED', `${file} is there and is no file; name another`)
    try {
      const filled = fill(unfinished)
      fs.renameSync(unfinished, file)
      return filled
    } catch (error) {
      fs.rmSync(unfinished, { force: true })
      throw error
    }
  })
}

/** Throws  WRITE_FAILED where `act` throws what the file system says; what else it throws */
export function writing<T>(file: string, act: () => T): T {
  try {
    return act()
  } catch (error) {
    if (typeof (error as NodeJS.ErrnoException).syscall !== 'string') throw error
    throw new TapeError('WRITE_FAILED', `writing ${file}: ${(error as Error).message}`, { cause: error })
  }
}
