/** SQL functions that need what a tape holds and nothing else: no engine is loaded for them. */
import { openDatabase } from '../../store/format/database.js'
import { registerGraphFunctions } from './graph-functions.js'
import type { FunctionHost } from './host.js'
import { registerStatistics } from './statistics.js'
import { refuse, type StoredValues } from './tensor.js'
import { registerTensorFunctions } from './tensor-functions.js'

/** Which tape a connection is to. */
export interface FunctionOptions {
  /** Of the tape, when the connection does not know it. */
  path?: string
  /** False when other tapes are attached: then an array is bytes and dtype, because an id does not say of which tape. */
  isOnlyTape?: boolean
}

/** All of `registerFunctions` but `value_of`. */
export function registerStoredFunctions(
  db: FunctionHost,
  { path = pathOf(db), isOnlyTape = true }: FunctionOptions = {},
): void {
  registerTensorFunctions(db, isOnlyTape ? storedValuesOf(path) : refuseIds)
  registerStatistics(db)
  registerGraphFunctions(db, () => {
    if (isOnlyTape) return openDatabase(fileAt(path), { readonly: true })
    return refuse('a function on the graph', 'one tape: with several a run is not named by its number', path)
  })
}

/** Where the tape of a connection is. */
export function pathOf(db: FunctionHost): string {
  if (typeof db.name === 'string') return db.name
  const { location } = db as { location?: () => string | null }
  return (
    location?.call(db) ??
    refuse('registerFunctions', 'a connection to a file, or its path as { path }', 'neither')
  )
}

/** The file of the tape, for a connection of its own. Throws BAD_ARGUMENT where the connection that asks has none. */
export function fileAt(path: string): string {
  if (path !== '' && path !== ':memory:') return path
  return refuse(
    'registerFunctions',
    'the path of the tape as { path }, because the connection is to memory',
    'none',
  )
}

function refuseIds(id: number): never {
  return refuse('a tensor function', 'bytes and dtype: with several tapes an id does not say of which', id)
}

/** A connection is busy while it calls a function, so values are looked up by a connection of their own. */
function storedValuesOf(path: string): StoredValues {
  let find: ((id: number) => { dtype: string; bytes: Uint8Array } | null) | null = null
  return (id) => {
    find ??= openFinder(path)
    return find(id)
  }
}

function openFinder(path: string): (id: number) => { dtype: string; bytes: Uint8Array } | null {
  const db = openDatabase(fileAt(path), { readonly: true })
  const row = db.prepare('SELECT dtype, bytes FROM _value WHERE id = ?')
  const chunks = db.prepare('SELECT bytes FROM _chunk WHERE value_id = ? ORDER BY ordinal').pluck()
  return (id) => {
    const value = row.get(id) as { dtype: string; bytes: Uint8Array | null } | undefined
    if (value === undefined) return null
    if (value.bytes !== null) return { dtype: value.dtype, bytes: value.bytes }
    const parts = chunks.all(id) as Uint8Array[]
    return parts.length === 0 ? null : { dtype: value.dtype, bytes: Buffer.concat(parts) }
  }
}
