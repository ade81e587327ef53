/** Users' modules, which register the functions that their tapes call: where they are, and how they are loaded. */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import process from 'node:process'
import { pathToFileURL } from 'node:url'
import { TapeError } from '../errors.js'

/**
 * Loads a module by its path, its URL or the name of its package; on this thread. Gives its URL, by which another thread loads it.
 *
 * what    how it was asked for, for the message
 * Throws  MODULE_FAILED when it is not found, or throws while it loads
 */
export async function loadUserModule(name: string, what = `--import ${name}`): Promise<string> {
  try {
    const url = locationOf(name)
    await import(url)
    return url
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new TapeError('MODULE_FAILED', `${what} expected a JavaScript module that loads, got: ${why}`, {
      cause: error,
    })
  }
}

/** Paths count from the working folder, and so does the search for packages. */
function locationOf(name: string): string {
  const asPath = path.resolve(name)
  if (/^\.{0,2}[/\\]/.test(name) || existsSync(asPath)) return pathToFileURL(asPath).href
  if (/^(file|data):/.test(name)) return name
  return pathToFileURL(createRequire(path.join(process.cwd(), 'gradtape.js')).resolve(name)).href
}
