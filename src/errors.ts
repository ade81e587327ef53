/**
 * The one error type of gradtape. Every message says what was expected, what came, where, and what to do;
 * `code` is stable, so programs branch on it and never on the words.
 */

/** Every code that gradtape throws. Adding one is a minor change; renaming one breaks users. */
export type ErrorCode =
  // arrays
  | 'SHAPE_MISMATCH'
  | 'BAD_SHAPE'
  | 'BAD_AXIS'
  | 'BAD_DTYPE'
  | 'BAD_VALUE'
  | 'RAGGED_INPUT'
  | 'NOT_SCALAR'
  | 'INDEX_OUT_OF_RANGE'
  | 'BAD_ARGUMENT'
  | 'TWO_COPIES'
  | 'KERNEL_UNAVAILABLE'
  // graph
  | 'FUNC_REUSED'
  | 'NOT_DIFFERENTIABLE'
  | 'NOT_IMPLEMENTED'
  | 'ONNX_UNSUPPORTED'
  | 'BAD_GRADIENT'
  | 'GRADIENT_CHECK_FAILED'
  | 'STALE_VERSION'
  // registry
  | 'UNREGISTERED_FUNC'
  | 'MODULE_FAILED'
  | 'FUNC_NAME_TAKEN'
  | 'ATTRIBUTES_MISSING'
  // models and data
  | 'PARAMETER_UNKNOWN'
  | 'STATE_MISMATCH'
  | 'FILE_NOT_FOUND'
  | 'BAD_FILE'
  | 'PACKAGE_MISSING'
  // tape
  | 'NOT_A_TAPE'
  | 'TAPE_NOT_FOUND'
  | 'TAPE_TOO_NEW'
  | 'TAPE_TOO_OLD'
  | 'TAPE_CORRUPT'
  | 'TAPE_INCOMPLETE'
  | 'TAPE_READONLY'
  | 'TAPE_CLOSED'
  | 'TAPE_BUSY'
  | 'SQLITE_TOO_OLD'
  | 'SQLITE_UNAVAILABLE'
  | 'WRITE_FAILED'
  | 'TOO_MANY_FILES'
  | 'RUN_FINISHED'
  | 'RUN_STOPPED'
  | 'RUN_RECORDING'
  | 'RUN_NOT_FOUND'
  | 'STEP_NOT_FOUND'
  | 'VARIABLE_NOT_FOUND'
  | 'VIEW_NOT_FOUND'
  | 'REPLAY_DIVERGED'
  | 'VALUE_NOT_CAPTURED'
  | 'KERNEL_MISMATCH'
  | 'BAD_EVENT'
  | 'GRAPH_TOO_LARGE'
  | 'SQL_FAILED'
  | 'SQL_TIMEOUT'
  // seals
  | 'BAD_KEY'
  // stores of many tapes
  | 'STORE_CONFLICT'
  | 'STORE_FAILED'

/**
 * An error of gradtape.
 *
 * `message` begins with the code: `SHAPE_MISMATCH: matmul expected inner axes to agree, got [2, 3] · [4, 5] (3 ≠ 4)`.
 */
export class TapeError extends Error {
  /** Always 'TapeError'. */
  override readonly name = 'TapeError'
  /** What kind of error it is; stable across versions. */
  readonly code: ErrorCode

  /** `explanation` says what was expected, what came, where, and what to do; `message` is the code and the explanation. */
  constructor(code: ErrorCode, explanation: string, options?: { cause?: unknown }) {
    super(`${code}: ${explanation}`, options)
    this.code = code
  }
}

/**
 * A value as an error quotes it, at most 80 characters of it: numbers, texts, lists and plain objects as a program writes
 * them, of everything else what it is. Whatever a program passes, this throws nothing, and runs none of its toString and toJSON.
 */
export function valueText(value: unknown): string {
  try {
    return textOf(value, 80).slice(0, 80)
  } catch {
    return `${typeof value === 'function' ? 'a function' : 'an object'} that cannot be read`
  }
}

/** Of lists and objects no more than fills `room` characters: they may be long, or contain themselves. */
function textOf(value: unknown, room: number): string {
  if (value === null || typeof value === 'undefined' || typeof value === 'boolean') return String(value)
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value)
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'symbol') return String(value)
  if (typeof value === 'function') return 'a function'
  if (Array.isArray(value)) return `[${partsOf(value.keys(), room - 1, (i, left) => textOf(value[i], left))}]`
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Object.prototype || prototype === null) {
    const fields = value as Readonly<Record<string, unknown>>
    const field = (key: string, left: number) => `${JSON.stringify(key)}:${textOf(fields[key], left)}`
    return `{${partsOf(Object.keys(fields), room - 1, field)}}`
  }
  const made: unknown = value.constructor
  return typeof made === 'function' && made.name !== '' ? `an object (${made.name})` : 'an object'
}

function partsOf<K>(keys: Iterable<K>, room: number, text: (key: K, room: number) => string): string {
  let parts = ''
  for (const key of keys) {
    if (parts.length >= room) break
    const between = parts === '' ? '' : ','
    parts += between + text(key, room - parts.length - 1)
  }
  return parts
}
