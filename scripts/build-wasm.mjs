// Compiles assembly/ (AssemblyScript) into src/array/wasm/portable-wasm.ts, a module that holds the WebAssembly as
// text, so that it loads without a file system. The result is committed: only who changes assembly/ needs the compiler.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const ENTRY = 'assembly/portable.ts'
const TARGET = 'src/array/wasm/portable-wasm.ts'

/** 512 pages are 32 MiB; as initial and maximum agree, the memory never moves and its views never die. */
const OPTIONS = [
  ...['-O3', '--runtime', 'stub', '--use', 'abort=', '--noAssert', '--enable', 'simd'],
  ...['--initialMemory', '512', '--maximumMemory', '512'],
]

/** Compiles when assembly/ or the options have changed since the committed result; returns whether it did. */
export async function buildWasm(root) {
  const stamp = stampOf(root)
  if (readTarget(root).includes(`sources ${stamp}`)) return false
  writeFileSync(join(root, TARGET), moduleOf(await compileWasm(root), stamp))
  return true
}

/** The bytes of the compiled module. Throws with the compiler's words when it fails or warns. */
export async function compileWasm(root) {
  const { default: asc } = await import('assemblyscript/asc')
  let binary
  const { error, stderr } = await asc.main([ENTRY, '--outFile', 'portable.wasm', ...OPTIONS], {
    readFile: (name) => {
      try {
        return readFileSync(join(root, name), 'utf8')
      } catch (failure) {
        if (failure.code === 'ENOENT') return null
        throw failure
      }
    },
    writeFile: (name, content) => {
      if (name === 'portable.wasm') binary = content
    },
    listFiles: () => [],
  })
  const words = stderr.toString()
  if (error !== null || words !== '' || binary === undefined) {
    throw new Error(`asc ${ENTRY} failed:\n${words}${error?.message ?? ''}`)
  }
  return binary
}

function readTarget(root) {
  try {
    return readFileSync(join(root, TARGET), 'utf8')
  } catch (error) {
    if (error.code === 'ENOENT') return ''
    throw error
  }
}

function stampOf(root) {
  const hash = createHash('sha256').update(OPTIONS.join(' '))
  for (const name of readdirSync(join(root, 'assembly')).sort()) {
    hash.update(`\0${name}\0`).update(readFileSync(join(root, 'assembly', name)))
  }
  return hash.digest('hex').slice(0, 16)
}

function moduleOf(binary, stamp) {
  return `/**
 * The compiled assembly/, base64. Written by scripts/build-wasm.mjs: do not edit. It holds
 * sources ${stamp}
 */
export const PORTABLE_WASM =
  '${Buffer.from(binary).toString('base64')}'
`
}
