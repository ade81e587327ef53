// Compiles src/array/native/code into build/Release/gradtape.node, where a C++ compiler is there. Nothing needs the result: without
// it WebAssembly and JavaScript compute the same bits, slower. So this never fails an installation; it says in a word why it did
// nothing. Run by npm after an installation (`install` in package.json), and by every npm script of a clone when the code changed.
//   GRADTAPE_NATIVE=0   compiles nothing
//   CXX                 the compiler, as make takes it ('ccache g++'); else c++, g++ or clang++
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { run } from './run.mjs'

/** No product and sum become one operation, no sum is reordered, nothing is flushed to zero: the bits are the contract. */
const FLAGS = [
  ...[
    '-std=c++17',
    '-O2',
    '-ftree-vectorize',
    '-fPIC',
    '-fno-exceptions',
    '-fno-rtti',
    '-fvisibility=hidden',
  ],
  ...[
    '-ffp-contract=off',
    '-fwrapv',
    '-fno-math-errno',
    '-fno-trapping-math',
    '-Wall',
    '-Wno-psabi',
    '-Wno-unknown-pragmas',
  ],
]

/** Instruction sets by architecture: the name of the way, the bytes of its vectors, and what the compiler is told. */
export const WAYS = {
  x64: [
    ['sse2', 16, ['-msse2']],
    ['avx2', 32, ['-mavx2']],
    ['avx512', 64, ['-mavx512f', '-mavx512dq', '-mavx512vl', '-mavx512bw', '-mprefer-vector-width=512']],
  ],
  arm64: [['vector128', 16, []]],
}

/** Builds when needed; returns whether it did. What keeps it from building, but GRADTAPE_NATIVE=0, is told to `say`, and is no error. */
export async function buildNative(root, say) {
  const skip = (why) => {
    say(`native code is not built (${why}); WebAssembly computes the same results`)
    return false
  }
  if (process.env.GRADTAPE_NATIVE === '0') return false
  const ways = WAYS[process.arch]
  if (ways === undefined || process.platform === 'win32')
    return skip(`not for ${process.platform}-${process.arch}`)
  const out = join(root, 'build', 'Release')
  const code = join(root, 'src', 'array', 'native', 'code')
  if (!existsSync(code)) return skip('its C++ is not here')
  const headers = headersFrom(root)
  if (headers === null) return skip('the package node-api-headers is missing')

  const hash = createHash('sha256').update(JSON.stringify([FLAGS, ways, process.env.CXX ?? '']))
  for (const file of readdirSync(code).sort()) hash.update(file).update(readFileSync(join(code, file)))
  const stamp = `${hash.digest('hex')}\n`
  const stampPath = join(out, '.stamp')
  const made = join(out, 'gradtape.node')
  if (existsSync(made) && existsSync(stampPath) && readFileSync(stampPath, 'utf8') === stamp) return false

  const compiler = compilerHere()
  if (compiler === null)
    return skip(process.env.CXX ? `CXX='${process.env.CXX}' cannot be run` : 'no C++ compiler is here')
  mkdirSync(out, { recursive: true })
  const failed = await compileNative(root, { compiler, headers, ways, out: made })
  if (failed !== null) return skip(failed)
  writeFileSync(stampPath, stamp)
  return true
}

/**
 * Compiles every way and the addon into the file `out`; returns what failed, or null. `flags` come behind ours, at compiling and at
 * linking.
 */
export async function compileNative(root, { compiler, headers, ways, out, flags = [] }) {
  const code = join(root, 'src', 'array', 'native', 'code')
  const work = `${out}.parts-${process.pid}`
  rmSync(work, { recursive: true, force: true })
  mkdirSync(work, { recursive: true })
  try {
    const jobs = ways.map(([name, bytes, own]) => [
      ...[...FLAGS, ...own, ...flags, `-DWAY=${name}`, `-DVECTOR_BYTES=${bytes}`],
      ...['-c', join(code, 'way.cpp'), '-o', join(work, `${name}.o`)],
    ])
    jobs.push([
      ...FLAGS,
      ...flags,
      `-I${headers}`,
      '-c',
      join(code, 'addon.cpp'),
      '-o',
      join(work, 'addon.o'),
    ])
    const objects = [...ways.map(([name]) => `${name}.o`), 'addon.o'].map((name) => join(work, name))
    const shared = process.platform === 'darwin' ? ['-bundle', '-undefined', 'dynamic_lookup'] : ['-shared']
    const made = join(work, 'gradtape.node')
    const [program, ...words] = compiler
    const compile = (args) => run(program, [...words, ...args], { cwd: root, quiet: true })
    const outcomes = await Promise.all(jobs.map(compile))
    if (outcomes.every(({ status }) => status === 0)) {
      outcomes.push(await compile([...shared, ...flags, ...objects, '-o', made]))
    }
    const failed = outcomes.find(({ status }) => status !== 0)
    if (failed !== undefined)
      return `${compiler.join(' ')} failed: ${failed.output.trim().split('\n').slice(0, 3).join(' | ')}`
    // By a rename: a process that has the former file loaded keeps it.
    renameSync(made, out)
    return null
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** The folder of node_api.h, or null. */
export function headersFrom(root) {
  try {
    return createRequire(join(root, 'package.json'))('node-api-headers').include_dir
  } catch {
    return null
  }
}

/** The program and the words that always follow it, or null. */
export function compilerHere() {
  const wanted = process.env.CXX?.trim()
  const all = wanted ? [wanted.split(/\s+/)] : [['c++'], ['g++'], ['clang++']]
  const runs = ([program, ...words]) =>
    spawnSync(program, [...words, '--version'], { stdio: 'ignore' }).status === 0
  return all.find(runs) ?? null
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const root = dirname(dirname(fileURLToPath(import.meta.url)))
  try {
    if (await buildNative(root, (text) => console.error(`gradtape: ${text}`)))
      console.error('gradtape: native code is built')
  } catch (error) {
    console.error(
      `gradtape: native code is not built (${error.message}); WebAssembly computes the same results`,
    )
  }
}
