/**
 * What a connection must offer for functions to be registered on it: `Database` of better-sqlite3 does, and `DatabaseSync` of
 * node:sqlite, which can have no functions that give rows.
 */
export interface FunctionHost {
  /** The path of the file, where the connection says it. */
  readonly name?: string
  function(
    name: string,
    options: { varargs?: boolean; deterministic?: boolean; directOnly?: boolean },
    fn: (...parameters: never[]) => unknown,
  ): unknown
  aggregate<T>(
    name: string,
    options: {
      directOnly?: boolean
      start: () => T
      step: (total: T, ...parameters: unknown[]) => T
      inverse?: (total: T, ...dropped: unknown[]) => T
      result: (total: T) => unknown
    },
  ): unknown
  table?(
    name: string,
    definition: {
      columns: string[]
      parameters?: string[]
      directOnly?: boolean
      rows: (...parameters: unknown[]) => Generator
    },
  ): unknown
}

/** Whether functions of ours can be registered on a connection. */
export function isFunctionHost(db: unknown): db is FunctionHost {
  const { function: scalar, aggregate } = db as Partial<FunctionHost>
  return typeof scalar === 'function' && typeof aggregate === 'function'
}

/** Our functions that give rows. SQLite calls one that is not there a table. */
export const ROW_FUNCTIONS = [
  'tensor_elements',
  'tensor_axis',
  'tensor_histogram',
  'call_at',
  'ancestors',
  'descendants',
  'value_of',
]
