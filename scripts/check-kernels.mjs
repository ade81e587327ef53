// Compares the kernels of the built library with the golden files in test/fixtures/, in whatever Node runs this:
//   node scripts/check-kernels.mjs            this Node
//   npx -y node@latest scripts/check-kernels.mjs   the newest one
//   node scripts/check-kernels.mjs --newest   the newest portable kernel alone, which computes its blocks as the older one does
//   node scripts/check-kernels.mjs --add      adds the hashes of new cases, and changes none that is there
import { readFileSync, writeFileSync } from 'node:fs'
import { functionHashes, loadEngine, uncovered } from './function-corpus.mjs'
import { differences, expectedHashes, kernelHashes } from './kernel-corpus.mjs'

const fixture = (name) => new URL(`../test/fixtures/${name}-golden.json`, import.meta.url)

async function main() {
  const engine = await loadEngine((part) => import(`../dist/${part}.js`))
  const { plainKernel, portableKernel, plainKernel2, portableKernel2, staging, useKernel, registeredFuncs } =
    engine
  const functionsOn = (kernel) => {
    useKernel(kernel)
    return functionHashes(engine)
  }
  const corpora = { kernel: kernelHashes, function: functionsOn }
  const where = `Node ${process.version}, V8 ${process.versions.v8}, ${process.arch}`
  if (staging() === null) console.log('no WebAssembly here: the portable kernel takes the plain path')
  let agree = true
  for (const [name, hashesOn] of Object.entries(corpora)) {
    const plain = process.argv.includes('--newest') ? null : hashesOn(plainKernel)
    const golden = JSON.parse(readFileSync(fixture(name), 'utf8'))
    const before = golden.newer === undefined ? {} : { ...golden.hashes }
    if (process.argv.includes('--add')) {
      golden.hashes = { ...golden.hashes, ...without(plain, golden.hashes) }
      golden.newer ??= { kernel: plainKernel2.id, hashes: {} }
      const known = { ...golden.hashes, ...golden.newer.hashes }
      const newer = hashesOn(plainKernel2)
      for (const key of differences(newer, known)) {
        // Only what no golden file has said before: a case of today, or the kernel's first time.
        if (!(key in before)) golden.newer.hashes[key] = newer[key]
      }
      writeFileSync(fixture(name), `${JSON.stringify(golden, null, 1)}\n`)
    }
    const count = Object.keys(golden.hashes).length
    const newest = { plainKernel2, portableKernel2 }
    const paths = process.argv.includes('--newest') ? newest : { plainKernel, portableKernel, ...newest }
    for (const [path, kernel] of Object.entries(paths)) {
      // An emulated processor takes its time: there the primitives are compared on both paths, and what is made of them on one.
      if (name === 'function' && kernel === plainKernel2 && process.argv.includes('--functions-once'))
        continue
      const hashes = kernel === plainKernel && plain !== null ? plain : hashesOn(kernel)
      const wrong = differences(hashes, expectedHashes(golden, kernel.id))
      if (wrong.length > 0) agree = false
      const verdict =
        wrong.length === 0
          ? `all ${count} results agree`
          : `${wrong.length} differ: ${wrong.slice(0, 8).join(', ')}`
      console.log(`${where}, ${name}s, ${path} (${kernel.id}): ${verdict}`)
    }
    const missing = name === 'function' ? uncovered(registeredFuncs(), golden.hashes) : []
    if (missing.length > 0) agree = false
    if (missing.length > 0) console.log(`functions without a case in the corpus: ${missing.join(', ')}`)
  }
  return agree ? 0 : 1
}

/** The hashes of cases that `known` does not have. */
function without(hashes, known) {
  return Object.fromEntries(Object.entries(hashes).filter(([name]) => !(name in known)))
}

process.exitCode = await main()
