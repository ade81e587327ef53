/** A folder as a place for objects: on a disk or a share whose file system has hard links. */
import { randomBytes } from 'node:crypto'
import fs from 'node:fs/promises'
import path from 'node:path'
import process from 'node:process'
import { TapeError } from '../errors.js'
import type { ObjectPlace } from './object-place.js'

/** What systems say where a file cannot have two names: FAT, and most buckets that are mounted. */
const NO_LINKS = new Set(['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP'])

/**
 * An object is a file. It is written under another name, synced, and then linked to its own: that fails when the name is taken, so of
 * two that write the same one wins and the other is told.
 */
export class FolderPlace implements ObjectPlace {
  readonly url: string
  private readonly folder: string

  constructor(folder: string) {
    this.url = folder
    this.folder = path.resolve(folder)
  }

  named(key: string): string {
    return path.join(this.folder, ...key.split('/'))
  }

  async names(under: string): Promise<string[]> {
    const folder = this.named(under)
    try {
      return await fs.readdir(folder)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
      throw this.failed(`reading ${folder}`, error)
    }
  }

  async has(key: string): Promise<boolean> {
    const file = this.named(key)
    try {
      await fs.access(file)
      return true
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
      throw this.failed(`looking for ${file}`, error)
    }
  }

  async read(key: string): Promise<Buffer> {
    const file = this.named(key)
    return this.trying(`reading ${file}`, () => fs.readFile(file))
  }

  async putNew(key: string, bytes: Buffer): Promise<boolean> {
    const file = this.named(key)
    return this.trying(`writing ${file}`, async () => {
      const folder = path.dirname(file)
      await fs.mkdir(folder, { recursive: true })
      const unfinished = path.join(folder, `.${randomBytes(8).toString('hex')}.unfinished`)
      try {
        const handle = await fs.open(unfinished, 'wx')
        try {
          await handle.writeFile(bytes)
          await handle.sync()
        } finally {
          await handle.close()
        }
        try {
          await fs.link(unfinished, file)
        } catch (error) {
          const { code } = error as NodeJS.ErrnoException
          if (code === 'EEXIST') return false
          if (code !== undefined && NO_LINKS.has(code))
            throw new TapeError(
              'STORE_FAILED',
              `${folder} expected a file system with hard links, by which one of two writers of the same batch wins; choose a folder on another one`,
              { cause: error },
            )
          throw error
        }
        await syncFolder(folder)
        return true
      } finally {
        await fs.rm(unfinished, { force: true })
      }
    })
  }

  private async trying<T>(what: string, act: () => Promise<T>): Promise<T> {
    try {
      return await act()
    } catch (error) {
      throw error instanceof TapeError ? error : this.failed(what, error)
    }
  }

  private failed(what: string, error: unknown): TapeError {
    return new TapeError(
      'STORE_FAILED',
      `${what}: ${(error as Error).message}; what the store acknowledged is there, try again when the folder can be reached and has room`,
      { cause: error },
    )
  }
}

/** So that the name of a file is on the disk, too. Windows has no such thing, and does it by itself. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await fs.open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
