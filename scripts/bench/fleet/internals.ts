// The parts of the built library that send batches, typed by hand: scripts are compiled against what the package exports.
const DIST = import.meta.resolve('gradtape')

async function load<T>(path: string): Promise<T> {
  return (await import(new URL(path, DIST).href)) as T
}

export interface LoggedBatch {
  readonly hash: Buffer
  readonly payload: Buffer
  readonly kind: 'events' | 'values'
  readonly events: number
}

interface Content {
  readonly hash: Buffer
}

/** A store of batches. */
export interface Store {
  append(name: string, batches: readonly LoggedBatch[], head: Buffer): Promise<void>
  missing(contents: readonly Content[]): Promise<Content[]>
  putContents(contents: readonly { content: Content; bytes: Buffer }[]): Promise<void>
  close(): Promise<void>
}

export async function batchStore(url: string): Promise<Store> {
  const { openStore } = await load<{ openStore(url: string): Promise<Store> }>('./fleet/open-store.js')
  return openStore(url)
}

/** The batches of a tape, in memory; what they name is in the store afterwards. */
export async function readBatches(path: string, store: Store): Promise<LoggedBatch[]> {
  const { openDatabase } = await load<{
    openDatabase(path: string, options: { readonly: boolean }): { close(): void }
  }>('./store/format/database.js')
  const { TapeLog } = await load<{
    TapeLog: new (
      db: unknown,
    ) => { batches(): Iterable<Omit<LoggedBatch, 'events'>>; content(content: Content): Buffer }
  }>('./store/manage/batch-log.js')
  const { contentsOf } = await load<{ contentsOf(batch: unknown): Content[] }>(
    './store/manage/logged-batch.js',
  )
  const db = openDatabase(path, { readonly: true })
  try {
    const log = new TapeLog(db)
    const batches: LoggedBatch[] = []
    for (const batch of log.batches()) {
      const absent = await store.missing(contentsOf(batch))
      await store.putContents(absent.map((content) => ({ content, bytes: log.content(content) })))
      batches.push({ ...batch, events: batch.kind === 'events' ? batch.payload.readDoubleLE(24) : 0 })
    }
    return batches
  } finally {
    db.close()
  }
}
