// Compiles src/array/wasm/assembly/ (AssemblyScript) into src/array/wasm/portable-wasm.ts, a module that holds the WebAssembly as
// text, so that it loads without a file system. The result is committed: only who changes assembly/ needs the compiler.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const SOURCES = 'src/array/wasm/assembly'
const ENTRY = `${SOURCES}/portable.ts`
const TARGET = 'src/array/wasm/portable-wasm.ts'

/** 512 pages are 32 MiB; as initial and maximum agree, the memory never moves and its views never die. */
const OPTIONS = [
  ...['-O3', '--runtime', 'stub', '--use', 'abort=', '--noAssert', '--enable', 'simd'],
  ...['--initialMemory', '512', '--maximumMemory', '512'],
]

/** Compiles when assembly/ or this file has changed since the committed result; returns whether it did. */
export async function buildWasm(root) {
  const stamp = stampOf(root)
  if (readTarget(root).includes(`sources ${stamp}`)) return false
  writeFileSync(join(root, TARGET), moduleOf(await compileWasm(root), stamp))
  return true
}

/** The bytes of the compiled module. Throws with the compiler's words when it fails or warns. */
export async function compileWasm(root) {
  const { default: asc } = await import('assemblyscript/asc')
  let text
  const { error, stderr } = await asc.main([ENTRY, '--textFile', 'portable.wat', ...OPTIONS], {
    readFile: (name) => {
      try {
        return readFileSync(join(root, name), 'utf8')
      } catch (failure) {
        if (failure.code === 'ENOENT') return null
        throw failure
      }
    },
    writeFile: (name, content) => {
      if (name === 'portable.wat') text = content
    },
    listFiles: () => [],
  })
  const words = stderr.toString()
  if (error !== null || words !== '' || text === undefined) {
    throw new Error(`asc ${ENTRY} failed:\n${words}${error?.message ?? ''}`)
  }
  return assemble(withConstantsInMemory(text))
}

/** Where vector constants lie: behind the compiler's own data, before what src/array/wasm/staging.ts calls STAGE. */
const CONSTANTS_AT = 0x4000

/**
 * Turns every vector constant but zero into a load: V8 builds such a constant in three instructions at each use, and a
 * load is one. That makes exp and log a fourth faster.
 */
function withConstantsInMemory(text) {
  const addresses = new Map()
  const bytes = []
  const loads = text.replace(/v128\.const i32x4 ((?:0x[0-9a-f]{8} ?){4})/g, (constant, words) => {
    const lanes = words.trim().split(' ').map(Number)
    if (lanes.every((lane) => lane === 0)) return constant
    if (!addresses.has(words)) {
      addresses.set(words, CONSTANTS_AT + bytes.length)
      for (const lane of lanes) bytes.push(lane & 255, (lane >> 8) & 255, (lane >> 16) & 255, lane >>> 24)
    }
    return `i32.const ${addresses.get(words)} v128.load`
  })
  const end = Math.max(
    ...[...text.matchAll(/\(data \S+ \(i32\.const (\d+)\)/g)].map((found) => Number(found[1])),
  )
  if (addresses.size === 0 || end > CONSTANTS_AT - 0x1000 || bytes.length > 0x4000) {
    throw new Error(
      `${ENTRY}: ${addresses.size} vector constants found, data from ${end}; scripts/build-wasm.mjs expected others`,
    )
  }
  const literal = bytes.map((byte) => `\\${byte.toString(16).padStart(2, '0')}`).join('')
  return loads.replace(
    /\(memory \$0 [^)]*\)/,
    (memory) => `${memory}\n (data $constants (i32.const ${CONSTANTS_AT}) "${literal}")`,
  )
}

async function assemble(text) {
  const { default: binaryen } = await import('assemblyscript/binaryen')
  const module = binaryen.parseText(text)
  module.setFeatures(binaryen.Features.SIMD128 | binaryen.Features.BulkMemory | binaryen.Features.SignExt)
  if (!module.validate()) throw new Error(`${ENTRY}: the module is not valid after its constants moved`)
  const binary = module.emitBinary()
  module.dispose()
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
  const hash = createHash('sha256').update(readFileSync(join(root, 'scripts/build-wasm.mjs')))
  for (const name of readdirSync(join(root, SOURCES)).sort()) {
    hash.update(`\0${name}\0`).update(readFileSync(join(root, SOURCES, name)))
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
