/** Loads users' modules, which register the functions that their tapes call. */
import { registeredFuncs } from '../graph/registry.js'
import { loadUserModule } from '../inspection/user-modules.js'
import { printError } from './answer.js'

/** Throws  MODULE_FAILED when a module is not found, or throws while it loads */
export async function importModules(modules: readonly string[]): Promise<void> {
  for (const name of modules) {
    const before = registeredFuncs().length
    await loadUserModule(name)
    if (registeredFuncs().length === before) {
      printError(
        `note: --import ${name} registered no function here; if it should, does it import another copy of gradtape?`,
      )
    }
  }
}
