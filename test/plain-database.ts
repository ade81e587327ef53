/** A database as any SQLite tool would open it, with nothing of gradtape: by whichever driver this run of the tests uses. */
import type { Connection } from '../src/store/format/connection.js'
import { sqlite } from '../src/store/format/sqlite.js'

export function plainDatabase(
  file: string,
  { readonly = false, timeoutMs = 5_000 }: { readonly?: boolean; timeoutMs?: number } = {},
): Connection {
  return sqlite().open(file, { readonly, timeoutMs })
}
