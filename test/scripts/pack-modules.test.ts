/** What `scripts/pack-modules.mjs` made of the built library: few files to load, the names that were written, nothing of Node where it computes. */
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import * as gradtape from '../../src/index.js'

const DIST = fileURLToPath(new URL('../../dist', import.meta.url))
const IMPORT = /^(?:(?:import|export|\})[^'"\n]*\bfrom |import )['"]([^'"]+)['"]/gm
const importsOf = (file: string) =>
  [...fs.readFileSync(path.join(DIST, file), 'utf8').matchAll(IMPORT)].map(([, name]) => name!)

/** The files of dist/ that Node loads for one of them. */
function loaded(file: string): Set<string> {
  const found = new Set<string>()
  const open = [file]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (found.has(next)) continue
    found.add(next)
    for (const name of importsOf(next))
      if (name.startsWith('.')) open.push(path.posix.join(path.posix.dirname(next), name))
  }
  return found
}

test('packed code has nothing that webpack takes for a file of its own, or replaces by nothing', () => {
  for (const name of fs.readdirSync(path.join(DIST, 'packed')).filter((each) => each.endsWith('.js'))) {
    const code = fs.readFileSync(path.join(DIST, 'packed', name), 'utf8')
    expect(code.match(/new URL\(['"][^'"]*['"], import\.meta\.url\)/), name).toBe(null)
    expect(code.match(/[^.]createRequire\([^)]*\)\(['"](better-sqlite3|koffi)/), name).toBe(null)
  }
})

test('a program loads a handful of files, and a thread that writes does not load the engine', () => {
  expect([...loaded('index.js')].sort()).toEqual([
    'index.js',
    ...['base', 'compute', 'engine', 'read', 'rolldown-runtime', 'tape', 'thread'].map(
      (name) => `packed/${name}.js`,
    ),
  ])
  expect(
    [...loaded('store/write/writing-thread-main.js')].filter((file) => file.startsWith('packed/')),
  ).toEqual(['packed/thread.js', 'packed/rolldown-runtime.js'])
  const ofThread = [...loaded('store/write/woken-thread-main.js')]
  expect(ofThread).not.toContain('packed/engine.js')
  expect(ofThread.flatMap(importsOf).filter((name) => name.startsWith('rxjs'))).toEqual([])
})

test('what only some exports need is loaded with them', () => {
  const packages = [...loaded('index.js')].flatMap(importsOf).filter((name) => !name.startsWith('.'))
  expect(packages).not.toContain('@bufbuild/protobuf/wire')
})

test('what asks a tape loads neither what writes one nor what computes', () => {
  const commands = ['runs', 'sql', 'query', 'schema'].map((command) => `cli/commands/${command}.js`)
  for (const entry of ['queries/sql-child.js', 'cli/main.js', ...commands]) {
    const files = [...loaded(entry)]
    expect(files, entry).not.toContain('packed/tape.js')
    expect(files, entry).not.toContain('packed/compute.js')
    // RxJS takes as long to load as all that reads.
    expect(
      files.flatMap(importsOf).filter((name) => name.startsWith('rxjs')),
      entry,
    ).toEqual([])
  }
})

test('what computes knows nothing of Node', () => {
  for (const file of loaded('packed/compute.js'))
    expect(
      importsOf(file).filter((name) => !name.startsWith('.')),
      file,
    ).toEqual([])
})

test('functions and classes are called as in their sources', () => {
  const names = Object.values(gradtape).flatMap((value) => (typeof value === 'function' ? [value.name] : []))
  expect(names.length).toBeGreaterThan(300)
  // Where two modules have one name, a bundler numbers the second.
  expect(names.filter((name) => /\$\d/.test(name))).toEqual([])
})
