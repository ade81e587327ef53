/** `registerFunctions`: what SQL on a tape can call besides SQLite's own functions, on anybody's connection. */
import { checkOptions } from '../../options.js'
import type { FunctionHost } from './host.js'
import { type FunctionOptions, registerStoredFunctions } from './stored-functions.js'
import { registerValueOf } from './value-of.js'

/**
 * Makes gradtape's SQL functions known to a connection of better-sqlite3 to a tape, or one of node:sqlite (without those that give rows):
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
 * and, computed again by a replay of its step where it was not stored:
 *   value_of(run, step, name) → the number of a variable of one element, else its bytes; as a table → dtype, shape, value, bytes
 *
 * An array `a` is the id of a row of `value`, or two parameters: bytes and dtype. NULL, and a value whose bytes are not kept,
 * give NULL or no rows.
 *
 * path        of the tape, when the connection does not know it: one to memory, or one that has the tape attached
 * isOnlyTape  false when other tapes are attached: then an array is bytes and dtype, because an id does not say of which tape
 * Throws      what opening the tape throws, at the first id of a value; in SQL, BAD_ARGUMENT with what was expected
 */
export function registerFunctions(db: FunctionHost, options: FunctionOptions = {}): void {
  checkOptions(options, ['path', 'isOnlyTape'], 'registerFunctions')
  registerStoredFunctions(db, options)
  registerValueOf(db, options)
}
