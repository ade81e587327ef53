/** `registerFunctions`: what SQL on a tape can call besides SQLite's own functions, on anybody's connection. */
import { openDatabase } from '../../store/format/database.js'
import { registerGraphFunctions } from './graph-functions.js'
import type { FunctionHost } from './host.js'
import { registerStatistics } from './statistics.js'
import { refuse, type StoredValues } from './tensor.js'
import { registerTensorFunctions } from './tensor-functions.js'

/**
 * Makes gradtape's SQL functions known to a connection of better-sqlite3 to a tape:
 *
 *   tensor_norm(a) · tensor_dot(a, b) · tensor_cosine(a, b) · tensor_distance(a, b) · tensor_quantile(a, q)
 *   tensor_get(a, [shape,] index) · tensor_slice(a, [shape,] start [, stop]) · tensor_text(a [, shape])
 *   stddev(x) · corr(x, y) · ema(x, weight) OVER (ORDER BY …)
 * and as tables:
 *   tensor_elements(a [, shape]) → i, j, k, position, value
 *   tensor_axis(a, shape, axis, 'sum' | 'mean' | 'min' | 'max' | 'norm' | 'zeros' | 'non_finite') → position, value
 *   tensor_histogram(a [, bins]) → bin, low, high, count
 *
 * and, of the graph of a run, which they walk without decoding what lies between:
 *   call_at(run, position) → position, step, function, scope, attributes, dtype, shape, inputs, block_id
 *   ancestors(run, position [, slot [, depth]]) → depth, position, slot, kind, function, scope
 *   descendants(run, position [, slot [, depth [, until position]]]) → the same, of what was computed from the variable
 *
 * An array `a` is the id of a row of `value`, or two parameters: bytes and dtype. NULL, and a value whose bytes are not kept,
 * give NULL or no rows.
 *
 * path        of the tape, when the connection does not know it
 * isOnlyTape  false when other tapes are attached: then an array is bytes and dtype, because an id does not say of which tape
 * Throws      what opening the tape throws, at the first id of a value; in SQL, BAD_ARGUMENT with what was expected
 */
export function registerFunctions(
  db: FunctionHost,
  { path = db.name, isOnlyTape = true }: { path?: string; isOnlyTape?: boolean } = {},
): void {
  registerTensorFunctions(db, isOnlyTape ? storedValuesOf(path) : refuseIds)
  registerStatistics(db)
  registerGraphFunctions(db, () => {
    if (isOnlyTape) return openDatabase(path, { readonly: true })
    return refuse('a function on the graph', 'one tape: with several a run is not named by its number', path)
  })
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
  const db = openDatabase(path, { readonly: true })
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
