/**
 * Which SQLite is used: better-sqlite3, or the runtime's own (`node:sqlite`) where that one cannot be loaded. Nothing else
 * in this package loads either. Both are loaded when the first tape is opened and not before, so that a program that
 * records nothing needs neither.
 */
import nodeModule from 'node:module'
import process from 'node:process'
import { TapeError } from '../../errors.js'
import { betterSqlite3 } from './better-sqlite3-driver.js'
import type { Driver } from './connection.js'
import { type NodeSqlite, nodeSqlite } from './node-sqlite-driver.js'

/** Says which one is wanted; without it, the first that can be loaded. */
export const DRIVER_VARIABLE = 'GRADTAPE_SQLITE'

let chosen: { readonly wanted: string | undefined; readonly driver: Driver } | null = null

/**
 * The driver in use.
 *
 * Throws  SQLITE_UNAVAILABLE says why neither can be loaded, and the remedy; BAD_ARGUMENT for an unknown GRADTAPE_SQLITE
 */
export function sqlite(): Driver {
  const wanted = process.env[DRIVER_VARIABLE] || undefined
  if (chosen?.wanted !== wanted || chosen === null) chosen = { wanted, driver: choose(wanted) }
  return chosen.driver
}

function choose(wanted: string | undefined): Driver {
  switch (wanted) {
    case undefined:
    case 'auto':
      break
    case 'better-sqlite3': {
      const loaded = loadBetterSqlite3()
      if ('driver' in loaded) return loaded.driver
      throw unavailable(`${DRIVER_VARIABLE} asks for better-sqlite3, but ${loaded.reason}`)
    }
    case 'node':
    case 'node:sqlite': {
      const loaded = loadNodeSqlite()
      if ('driver' in loaded) return loaded.driver
      throw unavailable(`${DRIVER_VARIABLE} asks for node:sqlite, but ${loaded.reason}`)
    }
    default:
      throw new TapeError(
        'BAD_ARGUMENT',
        `the environment variable ${DRIVER_VARIABLE} expected "better-sqlite3", "node" or nothing, got ${JSON.stringify(wanted)}`,
      )
  }
  const first = loadBetterSqlite3()
  if ('driver' in first) return first.driver
  const second = loadNodeSqlite()
  if ('driver' in second) return second.driver
  throw unavailable(`gradtape needs SQLite: ${first.reason}; and ${second.reason}`)
}

type Loaded = { readonly driver: Driver } | { readonly reason: string }

function unavailable(explanation: string): TapeError {
  return new TapeError('SQLITE_UNAVAILABLE', explanation)
}

function loadBetterSqlite3(): Loaded {
  let failure: unknown = null
  for (const from of requiringFiles()) {
    try {
      return { driver: betterSqlite3(nodeModule.createRequire(from)('better-sqlite3')) }
    } catch (error) {
      // What was found and does not work says more than that it is not elsewhere.
      if (failure === null || isMissing(failure)) failure = error
    }
  }
  return { reason: reasonOf(failure) }
}

/**
 * The files from whose folders upwards better-sqlite3 is looked for: this one, and the program that runs. `createRequire` is not
 * imported by its name: webpack would put nothing in the place of what it cannot follow.
 */
function requiringFiles(): string[] {
  // A bundle in CommonJS has no import.meta.url, and has its own name.
  const own: string | undefined = import.meta.url ?? (typeof __filename === 'string' ? __filename : undefined)
  return [own, process.argv[1]].filter((file): file is string => file !== undefined && file !== '')
}

function isMissing(error: unknown): boolean {
  const { code, message } = error as { code?: unknown; message?: unknown }
  return code === 'MODULE_NOT_FOUND' && String(message).includes("'better-sqlite3'")
}

/** Why it cannot be loaded, and what to do. */
function reasonOf(error: unknown): string {
  if (error === null || isMissing(error))
    return 'better-sqlite3 is not installed where the program looks for it (npm install better-sqlite3)'
  const message = error instanceof Error ? error.message : String(error)
  const [first = ''] = message.split('\n')
  if (/Could not locate the bindings file/.test(message))
    return 'better-sqlite3 is installed, but its compiled part is not there: its install script did not run, or a bundler moved it (npm rebuild better-sqlite3; keep it out of bundles)'
  const versions = /NODE_MODULE_VERSION (\d+)[\s\S]*NODE_MODULE_VERSION (\d+)/.exec(message)
  if (versions !== null)
    return `better-sqlite3 was compiled for another Node (its module version is ${versions[1]}, this Node ${process.version} needs ${versions[2]}; npm rebuild better-sqlite3)`
  return `better-sqlite3 cannot be loaded (${first}; npm rebuild better-sqlite3)`
}

function loadNodeSqlite(): Loaded {
  try {
    const module = quietly(() => process.getBuiltinModule('node:sqlite' as 'node:fs')) as unknown as
      | NodeSqlite
      | undefined
    if (module !== undefined) return { driver: nodeSqlite(module) }
    return { reason: `${runtime()} brings no node:sqlite, which Node 22.16 and later do` }
  } catch (error) {
    return { reason: `${runtime()}: ${error instanceof Error ? error.message : String(error)}` }
  }
}

function runtime(): string {
  const { deno, bun, node } = process.versions
  return deno !== undefined ? `Deno ${deno}` : bun !== undefined ? `Bun ${bun}` : `Node ${node}`
}

/** Loading it warns that it is experimental; what this package uses of it is held by the tests, so users are not told. */
function quietly<T>(load: () => T): T {
  const { emitWarning } = process
  process.emitWarning = () => {}
  try {
    return load()
  } finally {
    process.emitWarning = emitWarning
  }
}
