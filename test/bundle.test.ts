/**
 * A program bundled into one small file, run from a folder that is not its own, where none of this package's files are: it
 * records and reads all the same. And what is embedded for that is what it was made from.
 */
import { execFile } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { rolldown } from 'rolldown'
import { describe, expect, test } from 'vitest'
import { embeddedFiles } from '../scripts/embed-files.mjs'
import { openForTest, temporaryFolder } from './tape/temporary-tape.js'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** Long enough for the second thread, which a bundle has not; with data that comes with the package. */
const PROGRAM = `
import * as g from 'gradtape'
const tape = g.openTape(process.argv[2])
const run = tape.startRun('bundled', { seed: 1 })
const w = g.parameter([1, 2, 3], { name: 'w' })
for (let i = 0; i < 1000; i++) {
  run.step()
  const loss = w.mul(w).sum()
  w.clearGrad()
  loss.backward()
  run.log({ loss })
  w.data = g.sub(w, g.mul(w.grad, 0.01)).data
}
run.finish().then(() => {
  const { intact, events } = tape.verify()
  console.log(JSON.stringify({ intact, events, engine: tape.run('bundled').started.engine, digits: g.digits().length }))
  tape.close()
})
`

async function bundled(format: 'esm' | 'cjs'): Promise<string> {
  const folder = temporaryFolder()
  const program = path.join(folder, 'program.mjs')
  fs.writeFileSync(program, PROGRAM)
  fs.mkdirSync(path.join(folder, 'node_modules'))
  fs.symlinkSync(ROOT, path.join(folder, 'node_modules', 'gradtape'), 'junction')
  const outfile = path.join(folder, format === 'cjs' ? 'bundle.cjs' : 'bundle.mjs')
  const bundle = await rolldown({
    input: program,
    platform: 'node',
    external: ['better-sqlite3', 'koffi'],
    logLevel: 'silent',
    // As esbuild writes CommonJS: a module knows nothing of its place.
    ...(format === 'cjs' ? { transform: { define: { 'import.meta': '{}' } } } : {}),
  })
  await bundle.write({ file: outfile, format, codeSplitting: false, minify: true })
  await bundle.close()
  return outfile
}

describe.each(['esm', 'cjs'] as const)('a program bundled as %s, whose names are made short,', (format) => {
  test('records, verifies and knows its version, beside migrations of somebody else', async () => {
    const bundle = await bundled(format)
    // Where it runs there is nothing of this package but the compiled module, which no bundler can take in.
    const place = temporaryFolder()
    fs.cpSync(bundle, path.join(place, path.basename(bundle)))
    fs.mkdirSync(path.join(place, 'node_modules'))
    for (const name of ['better-sqlite3', 'bindings', 'file-uri-to-path'])
      fs.symlinkSync(
        path.join(ROOT, 'node_modules', name),
        path.join(place, 'node_modules', name),
        'junction',
      )
    for (const folder of ['migrations', '../migrations'].map((name) => path.join(place, 'app', name))) {
      fs.mkdirSync(folder, { recursive: true })
      fs.writeFileSync(path.join(folder, '0001_users.sql'), 'CREATE TABLE users (name TEXT);')
    }
    fs.writeFileSync(path.join(place, 'package.json'), '{ "name": "app", "version": "77.0.0" }')
    const elsewhere = temporaryFolder()
    const file = path.join(elsewhere, 'a.tape')
    const { stdout, stderr } = await promisify(execFile)(
      process.execPath,
      [path.join(place, path.basename(bundle)), file],
      { cwd: elsewhere },
    )
    const { version } = JSON.parse(fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {
      version: string
    }
    expect(stderr).toBe('')
    expect(JSON.parse(stdout)).toEqual({ intact: true, events: 10_003, engine: version, digits: 1797 })
    const tape = openForTest(file, { readonly: true })
    expect(tape.runs()[0]).toMatchObject({ status: 'finished', steps: 1000 })
    // By the names that functions have everywhere.
    expect(tape.run('bundled').replay({ to: 20 }).verdict).toBe('bit-exact')
  })
})

test('what is embedded in the code is what it was made from', () => {
  for (const [file, content] of embeddedFiles(ROOT))
    expect(
      fs.readFileSync(path.join(ROOT, file), 'utf8') === content,
      `${file}: npm run build writes it anew`,
    ).toBe(true)
})
