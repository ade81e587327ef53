// Compares the kernels of the built library with test/fixtures/kernel-golden.json, in whatever Node runs this:
//   node scripts/check-kernels.mjs            this Node
//   npx -y node@latest scripts/check-kernels.mjs   the newest one
//   node scripts/check-kernels.mjs --write    writes the file anew; only together with a new kernel id
import { readFileSync, writeFileSync } from 'node:fs'
import { differences, kernelHashes } from './kernel-corpus.mjs'

const GOLDEN = new URL('../test/fixtures/kernel-golden.json', import.meta.url)

async function main() {
  const { plainKernel } = await import('../dist/array/plain-kernel.js')
  const { portableKernel } = await import('../dist/array/portable-kernel.js')
  const { staging } = await import('../dist/array/wasm/staging.js')
  const plain = kernelHashes(plainKernel)
  if (process.argv.includes('--write')) {
    writeFileSync(GOLDEN, `${JSON.stringify({ kernel: plainKernel.id, hashes: plain }, null, 1)}\n`)
  }
  const golden = JSON.parse(readFileSync(GOLDEN, 'utf8'))
  const count = Object.keys(golden.hashes).length
  const engine = `Node ${process.version}, V8 ${process.versions.v8}, ${process.arch}`
  const paths = { plain, portable: kernelHashes(portableKernel) }
  if (staging() === null) console.log('no WebAssembly here: the portable kernel takes the plain path')
  let agree = true
  for (const [name, hashes] of Object.entries(paths)) {
    const wrong = differences(hashes, golden.hashes)
    if (wrong.length > 0) agree = false
    const verdict =
      wrong.length === 0
        ? `all ${count} results agree`
        : `${wrong.length} differ: ${wrong.slice(0, 8).join(', ')}`
    console.log(`${engine}, ${name} path: ${verdict}`)
  }
  return agree ? 0 : 1
}

process.exitCode = await main()
