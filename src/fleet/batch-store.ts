/** Where batches of tapes are kept away from the machine that records them: what every kind of store does. */
import { TapeError, valueText } from '../errors.js'
import type { LoggedBatch, NamedContent } from '../store/manage/logged-batch.js'

/** A tape in a store. */
export interface StoredTape {
  readonly name: string
  readonly batches: number
  /** The hash of the last batch, in hex. */
  readonly head: string
}

/** A content with its bytes, on its way to a store. */
export interface ContentBytes {
  readonly content: NamedContent
  readonly bytes: Buffer
}

/** A place that keeps batches, whole and in order, and the contents that they name, each once. */
export interface BatchStore {
  /** For messages. */
  readonly url: string
  tapes(): Promise<StoredTape[]>
  /** Null for a tape that the store does not have. */
  tape(name: string): Promise<StoredTape | null>
  /** Tapes that have a run of this name, as far as the store knows runs. */
  tapesWithRun(run: string): Promise<string[]>
  /** The hash of batch `n`; null when there is none. */
  hashAt(name: string, n: number): Promise<Buffer | null>
  /** Of these contents those that the store does not have. */
  missing(contents: readonly NamedContent[]): Promise<NamedContent[]>
  putContents(contents: readonly ContentBytes[]): Promise<void>
  /**
   * Takes batches behind those that it has: all or none, and for good when it returns.
   *
   * Throws  STORE_CONFLICT when they are not the next ones
   */
  append(name: string, batches: readonly LoggedBatch[], head: Buffer): Promise<void>
  /** The batches behind number `after`. */
  batches(name: string, after: number): AsyncIterable<LoggedBatch>
  /** Their bytes, in this order, each held to its hash. */
  contents(contents: readonly NamedContent[]): Promise<Buffer[]>
  close(): Promise<void>
}

export function isTapeName(name: string): boolean {
  return typeof name === 'string' && /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$/.test(name) && !name.endsWith('.')
}

/** Names of tapes are also names of folders, on every system. Throws BAD_ARGUMENT. */
export function checkTapeName(name: string): void {
  if (isTapeName(name)) return
  throw new TapeError(
    'BAD_ARGUMENT',
    `the name of a tape in a store expected 1 to 100 letters, digits and _ . - that begin with none of . and -, and do not end with a dot, got ${valueText(name)}; give another with --name`,
  )
}

/** What a store says that has other batches than those that come. */
export function conflict(store: string, name: string, explanation: string, cause?: unknown): TapeError {
  return new TapeError('STORE_CONFLICT', `tape "${name}" in ${store}: ${explanation}`, { cause })
}
