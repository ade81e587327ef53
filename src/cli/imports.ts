/** Loads users' modules, which register the functions that their tapes call. */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import process from 'node:process'
import { pathToFileURL } from 'node:url'
import { TapeError } from '../errors.js'
import { registeredFuncs } from '../graph/registry.js'
import { printError } from './answer.js'

/** Throws  MODULE_FAILED when a module is not found, or throws while it loads */
export async function importModules(modules: readonly string[]): Promise<void> {
  for (const name of modules) {
    const before = registeredFuncs().length
    try {
      await import(locationOf(name))
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      throw new TapeError(
        'MODULE_FAILED',
        `--import ${name} expected a JavaScript module that loads, got: ${why}`,
        { cause: error },
      )
    }
    if (registeredFuncs().length === before) {
      printError(
        `note: --import ${name} registered no function here; if it should, does it import another copy of gradtape?`,
      )
    }
  }
}

/** Paths count from the working folder, and so does the search for packages. */
function locationOf(name: string): string {
  const asPath = path.resolve(name)
  if (/^\.{0,2}[/\\]/.test(name) || existsSync(asPath)) return pathToFileURL(asPath).href
  if (/^(file|data):/.test(name)) return name
  return pathToFileURL(createRequire(path.join(process.cwd(), 'gradtape.js')).resolve(name)).href
}
