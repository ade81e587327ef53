// The parts of the built library that are behind its one public door and that the fuzzer of tapes asks. The few names used are
// typed here by hand: scripts are compiled against what the package exports.
import type { VerifyReport } from 'gradtape'

const DIST = import.meta.resolve('gradtape')

export async function load<T>(path: string): Promise<T> {
  return (await import(new URL(path, DIST).href)) as T
}

export interface Statement {
  run(...parameters: unknown[]): unknown
  get(...parameters: unknown[]): unknown
  all(...parameters: unknown[]): unknown[]
  pluck(): this
  raw(): this
  safeIntegers(): this
}

export interface Connection {
  prepare(sql: string): Statement
  exec(sql: string): unknown
  pragma(sql: string, options?: { simple: boolean }): unknown
  close(): void
}

/** A database as any SQLite tool would open it. */
export async function plainDatabase(file: string, readonly = false): Promise<Connection> {
  const { sqlite } = await load<{
    sqlite(): { open(path: string, options: { readonly: boolean; timeoutMs: number }): Connection }
  }>('./store/format/sqlite.js')
  return sqlite().open(file, { readonly, timeoutMs: 5_000 })
}

export interface StoreInternals {
  viewDigests(db: Connection): { name: string; rows: number; sha256: string }[]
  tapeStats(db: Connection, path: string): unknown
  compactFile(file: string, options: { output: string; prove(copy: Connection): void }): unknown
  verifyChain(db: Connection): VerifyReport
  Views: new (path: string) => { all(sql: string): unknown[]; close(): void; readonly db: Connection }
  Lookup: new (
    db: Connection,
    runId: number,
  ) => { names(): string[]; lastUses(from: number, to: number): unknown }
  viewDocs(views: unknown): unknown
  metricCourses(views: unknown, runId: number): unknown
  functionCounts(views: unknown, runId: number): unknown
  checkpointCount(views: unknown, runId: number): unknown
  gradientsOfStep(views: unknown, runId: number, step: number): unknown
}

export async function storeInternals(): Promise<StoreInternals> {
  const parts = await Promise.all(
    [
      './store/proof/view-digests.js',
      './store/read/stats.js',
      './store/proof/compact.js',
      './store/proof/verify.js',
      './queries/views.js',
      './store/read/lookup.js',
      './queries/schema.js',
      './queries/metrics.js',
      './queries/calls.js',
      './queries/checkpoints.js',
      './queries/gradients.js',
    ].map((path) => load<Partial<StoreInternals>>(path)),
  )
  return Object.assign({}, ...parts) as StoreInternals
}
