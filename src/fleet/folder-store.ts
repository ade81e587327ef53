/**
 * A folder as a store: on a disk or a share whose file system has hard links.
 *
 *     tapes/NAME/0000000001.batches     batches from that number on, deflated; never changed once it has its name
 *     contents/ab/abcdef….bin           bytes of an array, by the SHA-256 of its content
 *
 * A file is written under another name, synced, and then linked to its own: that fails when the name is taken, so of two that
 * write the same batches one wins and the other is told.
 */
import { randomBytes } from 'node:crypto'
import fs from 'node:fs/promises'
import path from 'node:path'
import process from 'node:process'
import { TapeError } from '../errors.js'
import { hashOf } from '../events/content.js'
import { chained, GENESIS } from '../store/format/chain.js'
import type { LoggedBatch, NamedContent } from '../store/manage/batch-log.js'
import { fromFrames, toFrames } from './batch-frames.js'
import {
  type BatchStore,
  type ContentBytes,
  checkTapeName,
  conflict,
  type StoredTape,
} from './batch-store.js'

const ENDING = '.batches'
const DIGITS = 10
/** What systems say where a file cannot have two names: FAT, and most buckets that are mounted. */
const NO_LINKS = new Set(['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP'])

export class FolderStore implements BatchStore {
  readonly url: string
  private readonly folder: string

  constructor(folder: string) {
    this.url = folder
    this.folder = path.resolve(folder)
  }

  async tapes(): Promise<StoredTape[]> {
    const names = await this.namesIn(path.join(this.folder, 'tapes'))
    const found = await Promise.all(names.sort().map((name) => this.tape(name)))
    return found.filter((tape) => tape !== null)
  }

  async tape(name: string): Promise<StoredTape | null> {
    const last = (await this.segments(name)).at(-1)
    if (last === undefined) return null
    const { n, hash } = (await this.read(name, last)).at(-1)!
    return { name, batches: n, head: hash.toString('hex') }
  }

  async tapesWithRun(): Promise<string[]> {
    return []
  }

  async hashAt(name: string, n: number): Promise<Buffer | null> {
    const segment = (await this.segments(name)).filter((first) => first <= n).at(-1)
    if (segment === undefined) return null
    return (await this.read(name, segment)).find((batch) => batch.n === n)?.hash ?? null
  }

  async missing(contents: readonly NamedContent[]): Promise<NamedContent[]> {
    const found: NamedContent[] = []
    for (const content of contents) {
      const file = this.contentFile(content)
      if (!(await exists(file))) found.push(content)
    }
    return found
  }

  async putContents(contents: readonly ContentBytes[]): Promise<void> {
    // Whoever came first wrote the same bytes.
    for (const { content, bytes } of contents) await this.place(this.contentFile(content), bytes)
  }

  async append(name: string, batches: readonly LoggedBatch[], head: Buffer): Promise<void> {
    const first = batches[0]
    if (first === undefined) return
    const known = await this.tape(name)
    if ((known?.batches ?? 0) !== first.n - 1 || (known !== null && known.head !== head.toString('hex')))
      throw conflict(
        this.url,
        name,
        `expected batch ${(known?.batches ?? 0) + 1} on its head, got batch ${first.n}; somebody else pushes to it`,
      )
    let before = head.length === 0 ? GENESIS : head
    for (const { n, hash, payload } of batches) {
      if (!chained(before, payload).equals(hash))
        throw new TapeError(
          'TAPE_CORRUPT',
          `batch ${n} of the tape "${name}" does not have its hash on the head that is in ${this.url}`,
        )
      before = hash
    }
    const file = path.join(this.tapeFolder(name), String(first.n).padStart(DIGITS, '0') + ENDING)
    if (!(await this.place(file, toFrames(batches))))
      throw conflict(
        this.url,
        name,
        `somebody else has just pushed batch ${first.n}; push again to see whose it is`,
      )
  }

  async *batches(name: string, after: number): AsyncGenerator<LoggedBatch> {
    const segments = await this.segments(name)
    for (let i = 0; i < segments.length; i++) {
      const next = segments[i + 1]
      if (next !== undefined && next <= after + 1) continue
      for (const batch of await this.read(name, segments[i]!)) if (batch.n > after) yield batch
    }
  }

  async contents(contents: readonly NamedContent[]): Promise<Buffer[]> {
    const found: Buffer[] = []
    for (const content of contents) found.push(await this.content(content))
    return found
  }

  async close(): Promise<void> {}

  private async content(content: NamedContent): Promise<Buffer> {
    const file = this.contentFile(content)
    const bytes = await this.trying(`reading ${file}`, () => fs.readFile(file))
    if (hashOf(content.dtype, bytes).equals(content.hash)) return bytes
    throw new TapeError(
      'TAPE_CORRUPT',
      `${file} does not have the content that its name says: it was changed`,
    )
  }

  private tapeFolder(name: string): string {
    checkTapeName(name)
    return path.join(this.folder, 'tapes', name)
  }

  private contentFile({ hash }: NamedContent): string {
    const hex = hash.toString('hex')
    return path.join(this.folder, 'contents', hex.slice(0, 2), `${hex}.bin`)
  }

  /** The first batch of each file, in order. */
  private async segments(name: string): Promise<number[]> {
    const names = await this.namesIn(this.tapeFolder(name))
    return names
      .filter((file) => /^\d{10,15}\.batches$/.test(file))
      .map((file) => Number.parseInt(file, 10))
      .sort((a, b) => a - b)
  }

  private async read(name: string, first: number): Promise<LoggedBatch[]> {
    const file = path.join(this.tapeFolder(name), String(first).padStart(DIGITS, '0') + ENDING)
    const batches = fromFrames(await this.trying(`reading ${file}`, () => fs.readFile(file)), file)
    batches.forEach(({ n }, i) => {
      if (n !== first + i)
        throw new TapeError('TAPE_CORRUPT', `${file} expected batch ${first + i}, holds batch ${n}`)
    })
    return batches
  }

  private async namesIn(folder: string): Promise<string[]> {
    try {
      return await fs.readdir(folder)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
      throw this.failed(`reading ${folder}`, error)
    }
  }

  /** Puts a file in its place, whole and synced; false when there is one. */
  private async place(file: string, bytes: Buffer): Promise<boolean> {
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

async function exists(file: string): Promise<boolean> {
  try {
    await fs.access(file)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
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
