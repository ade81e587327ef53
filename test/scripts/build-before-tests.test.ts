/**
 * A stale dist/ is built before the first test, once, however many vitest processes begin at the same time. Real processes
 * in a small checkout: one source file, the real scripts.
 */
import { execFile } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const COPIED = [
  ...[
    'build',
    'build-before-tests',
    'build-native',
    'build-page',
    'build-wasm',
    'embed-files',
    'lock',
    'pack-modules',
    'run',
  ].map((name) => `scripts/${name}.mjs`),
  ...['package.json', 'tsconfig.json', 'tsconfig.build.json'],
  ...['src/array/wasm', 'src/formats/csv-text.ts', 'src/ui', 'src/server/api.ts'],
  // What embed-files.mjs reads, and what it writes.
  ...['migrations', 'src/data/digits.csv.gz', 'src/data/digits-bytes.ts'],
  ...['migration-texts.ts', 'schema-at-once.ts'].map((file) => `src/store/format/${file}`),
  'src/tape/version.ts',
]
const BUILT = 'gradtape: dist was older than src: built\n'

let folder: string

beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gradtape-build-'))
  for (const name of COPIED) {
    fs.cpSync(path.join(ROOT, name), path.join(folder, name), { recursive: true })
  }
  // What is compiled is one file; of the WebAssembly only the sources count, which agree with what was built from them.
  for (const name of fs.readdirSync(path.join(folder, 'src/array/wasm'))) {
    if (name.endsWith('.ts') && name !== 'portable-wasm.ts')
      fs.rmSync(path.join(folder, 'src/array/wasm', name))
  }
  fs.symlinkSync(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'), 'junction')
})

afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))

async function setup(): Promise<string> {
  const program = "import('./scripts/build-before-tests.mjs').then((module) => module.setup())"
  // The C++ takes long, and has a test of its own.
  const env = { ...process.env, GRADTAPE_NATIVE: '0' }
  const { stderr } = await promisify(execFile)(process.execPath, ['-e', program], { cwd: folder, env })
  return stderr
}

function write(text: string): void {
  fs.writeFileSync(path.join(folder, 'src/answer.ts'), text)
}

function built(): string {
  return fs.readFileSync(path.join(folder, 'dist/answer.js'), 'utf8')
}

test('what changed is built once, by one of three processes that begin together', async () => {
  write('export const answer = 41\n')
  const said = await Promise.all([setup(), setup(), setup()])
  expect(said.filter((text) => text.includes(BUILT))).toHaveLength(1)
  expect(built()).toContain('answer = 41')

  write('export const answer = 42\n')
  expect(await setup()).toContain(BUILT)
  expect(built()).toContain('answer = 42')

  expect(await setup()).toBe('')
})

test('what does not compile ends the run with the words of the compiler', async () => {
  const before = built()
  write("export const answer: number = 'x'\n")
  await expect(setup()).rejects.toThrow(/answer\.ts.*error TS2322/s)
  expect(built()).toBe(before)
})
