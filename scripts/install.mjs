// Brings node_modules to what package-lock.json says, with better-sqlite3 compiled for the Node that runs.
// Knows nothing of the build. Uses only Node, because it runs before anything is installed.
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from './run.mjs'

const REMEDY = `better-sqlite3 is compiled on this machine when no prebuilt binary fits; that needs python3, make and a C++ compiler.
  Debian, Ubuntu:  apt-get install -y python3 make g++
  Fedora:          dnf install -y python3 make gcc-c++
  macOS:           xcode-select --install
If npm is configured with ignore-scripts, then: npm rebuild better-sqlite3 --ignore-scripts=false
Then start the same command again.`

/** Installs when needed; returns whether it did. Throws with the remedy when better-sqlite3 cannot be loaded. */
export async function install(root) {
  const stampPath = join(root, 'node_modules', '.gradtape-stamp')
  const stamp = wanted(root)
  if (existsSync(stampPath) && readFileSync(stampPath, 'utf8') === stamp) return false

  // Somebody who ran `npm install` by hand has no stamp; what they have may nevertheless be right.
  if (agreesWithLock(root) && (await loadError(root)) === undefined) {
    writeFileSync(stampPath, stamp)
    return false
  }

  const npm = npmCommand()
  const outcome = await run(npm.command, [...npm.args, 'ci', '--include=dev', '--no-audit', '--no-fund'], {
    cwd: root,
    quiet: true,
    shell: npm.shell,
  })
  if (outcome.status !== 0) {
    const native = /better-sqlite3|node-gyp|prebuild-install/.test(outcome.output)
    throw new Error(
      `npm ci failed with status ${outcome.status}:\n${outcome.output}${native ? `\n${REMEDY}` : ''}`,
    )
  }
  const reason = await loadError(root)
  if (reason !== undefined) {
    throw new Error(`better-sqlite3 was installed but cannot be loaded:\n${reason}\n${REMEDY}`)
  }
  writeFileSync(stampPath, stamp)
  return true
}

/** Another Node major has another ABI, and a compiled module serves one ABI on one platform. */
function wanted(root) {
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex')
  return `${lock} abi-${process.versions.modules} ${process.platform}-${process.arch}\n`
}

/** Compares the lock that npm keeps inside node_modules with ours, package by package. */
function agreesWithLock(root) {
  const installedPath = join(root, 'node_modules', '.package-lock.json')
  if (!existsSync(installedPath)) return false
  const installed = JSON.parse(readFileSync(installedPath, 'utf8')).packages
  const locked = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages
  return Object.entries(locked).every(([path, entry]) => {
    if (path === '') return true
    const found = installed[path]
    // Optional packages for other platforms are locked but not installed.
    if (!found || !existsSync(join(root, path))) return entry.optional === true
    return found.version === entry.version && found.integrity === entry.integrity
  })
}

/** Why better-sqlite3 does not work in this Node, or undefined. A process of its own: a wrong ABI may crash. */
async function loadError(root) {
  const probe = "new (require('better-sqlite3'))(':memory:').prepare('select 1').get()"
  const outcome = await run(process.execPath, ['-e', probe], { cwd: root, quiet: true })
  return outcome.status === 0 ? undefined : outcome.output.trim().split('\n').slice(0, 12).join('\n')
}

/** The npm that started us, run by the Node that runs us; otherwise the one on the path. */
function npmCommand() {
  const cli = process.env.npm_execpath
  if (cli && /npm-cli\.c?js$/.test(cli)) return { command: process.execPath, args: [cli], shell: false }
  // On Windows npm is a .cmd file, which only a shell can start.
  return { command: 'npm', args: [], shell: process.platform === 'win32' }
}
