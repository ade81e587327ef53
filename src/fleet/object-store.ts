/**
 * Batches as objects of a place, a folder or a bucket:
 *
 *     tapes/NAME/0000000001.batches     batches from that number on, deflated; never changed once it has its name
 *     contents/ab/abcdef….bin           bytes of an array, by the SHA-256 of its content
 *
 * A place takes a name once, so that of two that write the same batches one wins and the other is told.
 */
import { TapeError } from '../errors.js'
import { hashOf } from '../events/content.js'
import { chained, GENESIS } from '../store/format/chain.js'
import type { LoggedBatch, NamedContent } from '../store/manage/logged-batch.js'
import { fromFrames, toFrames } from './batch-frames.js'
import {
  type BatchStore,
  type ContentBytes,
  checkTapeName,
  conflict,
  isTapeName,
  type StoredTape,
} from './batch-store.js'
import type { ObjectPlace } from './object-place.js'

const ENDING = '.batches'
const DIGITS = 10
/** A bucket answers each question in tens of milliseconds, and many at a time. */
const AT_ONCE = 16

export class ObjectStore implements BatchStore {
  readonly url: string
  private readonly place: ObjectPlace

  constructor(place: ObjectPlace) {
    this.url = place.url
    this.place = place
  }

  async tapes(): Promise<StoredTape[]> {
    const names = (await this.place.names('tapes')).filter(isTapeName).sort()
    return (await inTurns(names, (name) => this.tape(name))).filter((tape) => tape !== null)
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
    const there = await inTurns(contents, (content) => this.place.has(contentKey(content)))
    return contents.filter((_, i) => !there[i])
  }

  async putContents(contents: readonly ContentBytes[]): Promise<void> {
    // Whoever came first wrote the same bytes.
    await inTurns(contents, ({ content, bytes }) => this.place.putNew(contentKey(content), bytes))
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
    if (!(await this.place.putNew(batchesKey(name, first.n), toFrames(batches))))
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
    return inTurns(contents, (content) => this.content(content))
  }

  async close(): Promise<void> {}

  private async content(content: NamedContent): Promise<Buffer> {
    const key = contentKey(content)
    const bytes = await this.place.read(key)
    if (hashOf(content.dtype, bytes).equals(content.hash)) return bytes
    throw new TapeError(
      'TAPE_CORRUPT',
      `${this.place.named(key)} does not have the content that its name says: it was changed`,
    )
  }

  /** The first batch of each file, in order. */
  private async segments(name: string): Promise<number[]> {
    const names = await this.place.names(tapeKey(name))
    return names
      .filter((file) => /^\d{10,15}\.batches$/.test(file))
      .map((file) => Number.parseInt(file, 10))
      .sort((a, b) => a - b)
  }

  private async read(name: string, first: number): Promise<LoggedBatch[]> {
    const key = batchesKey(name, first)
    const file = this.place.named(key)
    const batches = fromFrames(await this.place.read(key), file)
    batches.forEach(({ n }, i) => {
      if (n !== first + i)
        throw new TapeError('TAPE_CORRUPT', `${file} expected batch ${first + i}, holds batch ${n}`)
    })
    return batches
  }
}

function tapeKey(name: string): string {
  checkTapeName(name)
  return `tapes/${name}`
}

function batchesKey(name: string, first: number): string {
  return `${tapeKey(name)}/${String(first).padStart(DIGITS, '0')}${ENDING}`
}

function contentKey({ hash }: NamedContent): string {
  const hex = hash.toString('hex')
  return `contents/${hex.slice(0, 2)}/${hex}.bin`
}

/** Does the same for each, some at a time; the answers in their order. */
async function inTurns<T, R>(all: readonly T[], act: (each: T) => Promise<R>): Promise<R[]> {
  const answers: R[] = []
  for (let i = 0; i < all.length; i += AT_ONCE)
    answers.push(...(await Promise.all(all.slice(i, i + AT_ONCE).map(act))))
  return answers
}
