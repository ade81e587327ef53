/** What a connection must offer for functions to be registered on it; better-sqlite3's `Database` does. */
export interface FunctionHost {
  /** The path of the file. */
  readonly name: string
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
  table(
    name: string,
    definition: {
      columns: string[]
      parameters?: string[]
      directOnly?: boolean
      rows: (...parameters: unknown[]) => Generator
    },
  ): unknown
}

/** Whether functions and tables of ours can be registered on a connection: node:sqlite cannot have tables. */
export function isFunctionHost(db: unknown): db is FunctionHost {
  const { function: scalar, aggregate, table } = db as Partial<FunctionHost>
  return [scalar, aggregate, table].every((register) => typeof register === 'function')
}
