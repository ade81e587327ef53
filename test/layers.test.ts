/**
 * Holds src/ to the import table of DESIGN.md section 4, and shows on made-up trees that every rule can fail.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { checkLayers, FILE_ROOMS, MAY_IMPORT, OPEN_ROOMS } from './layers/check-layers.js'
import { scanImports } from './layers/scan-imports.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const declared = JSON.parse(readFileSync(`${root}/package.json`, 'utf8')) as {
  dependencies: Record<string, string>
  optionalDependencies: Record<string, string>
  peerDependencies: Record<string, string>
}

function check(tree: Record<string, string>): string[] {
  return checkLayers(new Map(Object.entries(tree)), ['rxjs', 'immer', 'commander', 'better-sqlite3'])
}

describe('src/', () => {
  const folder = `${root}/src`
  const paths = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, `${entry.parentPath}/${entry.name}`).split(sep).join('/'))
    // AssemblyScript: another language with the same ending, which names its imports without one.
    .filter((path) => !path.startsWith('array/wasm/assembly/'))
  const sources = new Map(paths.map((path) => [path, readFileSync(`${folder}/${path}`, 'utf8')]))

  test('keeps to the import table of DESIGN.md', () => {
    expect(paths).toContain('errors.ts')
    expect(
      checkLayers(
        sources,
        Object.keys({
          ...declared.dependencies,
          ...declared.optionalDependencies,
          ...declared.peerDependencies,
        }),
      ),
    ).toEqual([])
  })

  test('has #names only in the classes that users extend; everywhere else members are private', () => {
    const withNames = [...sources].filter(([, source]) =>
      /^ +(?:(?:static|readonly|async|get|set) )*\*?#[a-z]/m.test(source),
    )
    const rooms = new Set(withNames.map(([path]) => path.split('/')[0]))
    expect([...rooms].sort()).toEqual(['nn', 'optim'])
  })

  test('waits and measures by a clock that nobody sets; where a moment is compared between threads, it says so', () => {
    const byTheWall = [...sources].filter(([, source]) => /\bDate\.now\b/.test(source)).map(([path]) => path)
    // When a signal was heard on one thread and on another: performance.now() counts from another moment on each.
    expect(byTheWall.sort()).toEqual(['store/write/signal-listeners.ts', 'store/write/signal-watch.ts'])
  })

  test('is scanned for all its imports: each line that looks like one was found', () => {
    // An independent and much cruder reader; it sees less, but what it sees the scanner must have seen too.
    for (const [path, source] of sources) {
      if (!path.endsWith('.ts')) continue // data, and what says where it comes from
      const specifiers = scanImports(source, path).map((found) => found.specifier)
      const crude = [...source.matchAll(/^(?:import|export|\}) [^'"`\n]*?from '([^']+)'$/gm)].map(
        (match) => match[1],
      )
      for (const specifier of crude) expect(specifiers, path).toContain(specifier)
    }
  })
})

describe('the table', () => {
  const rooms = Object.keys(MAY_IMPORT)
  const fileOf = (room: string) => (FILE_ROOMS.has(room) ? `${room}.ts` : `${room}/a.ts`)
  const importOf = (from: string, to: string) =>
    `import { a } from '${from === to ? './b' : pathTo(from, to)}.js'`
  const pathTo = (from: string, to: string) =>
    `./${'../'.repeat(fileOf(from).split('/').length - 1)}${fileOf(to).replace(/\.ts$/, '')}`

  test.each(rooms)('lets %s import exactly what it lists, and the rooms of one file', (room) => {
    for (const other of rooms.filter((name) => name !== room)) {
      const breaches = check({ [fileOf(room)]: importOf(room, other), [fileOf(other)]: '' })
      const allowed =
        OPEN_ROOMS.has(other) || MAY_IMPORT[room] === 'anything' || MAY_IMPORT[room]?.includes(other)
      const breach = `${fileOf(room)}:1 imports ${fileOf(other)}, but ${room} may not import ${other}`
      expect(breaches).toEqual(allowed ? [] : [breach])
    }
  })

  test('lets nobody import upwards: no two rooms may import each other', () => {
    const inside = rooms.filter((room) => MAY_IMPORT[room] !== 'anything')
    for (const [place, room] of inside.entries()) {
      for (const other of inside.slice(place + 1)) expect(MAY_IMPORT[room]).not.toContain(other)
    }
  })

  test('lets a room import its own files', () => {
    expect(check({ 'array/a.ts': "import { b } from './b.js'", 'array/b.ts': '' })).toEqual([])
    expect(check({ 'cli/main.ts': "import { b } from './commands/b.js'", 'cli/commands/b.ts': '' })).toEqual(
      [],
    )
  })
})

describe('a tree fails', () => {
  const graph = { 'graph/variable.ts': '' }
  test.each([
    ["import { Variable } from '../graph/variable.js'"],
    ["import type { Variable } from '../graph/variable.js'"],
    ["import { type Variable } from '../graph/variable.js'"],
    ["import '../graph/variable.js'"],
    ["export { Variable } from '../graph/variable.js'"],
    ["export type { Variable } from '../graph/variable.js'"],
    ["type V = import('../graph/variable.js').Variable"],
    ["const { Variable } = await import('../graph/variable.js')"],
    ['const { Variable } = await import(`../graph/variable.js`)'],
    ["import variable = require('../graph/variable.js')"],
    ["new URL('../graph/variable.js', import.meta.url)"],
  ])('when array imports graph by %s', (source) => {
    expect(check({ ...graph, 'array/a.ts': source })).toEqual([
      'array/a.ts:1 imports graph/variable.ts, but array may not import graph',
    ])
  })

  test('when a dynamic import has a computed name', () => {
    expect(check({ 'array/a.ts': 'await import(path)' })[0]).toMatch(/array\/a\.ts:1 imports a computed name/)
    const joined = "\nawait import('../graph/' + 'variable.js')"
    expect(check({ ...graph, 'array/a.ts': joined })[0]).toMatch(/array\/a\.ts:2 imports a computed name/)
  })

  test('when a file stands outside the rooms', () => {
    expect(check({ 'engine/a.ts': '' })).toEqual(['engine/a.ts is in no room of DESIGN.md'])
    expect(check({ 'main.ts': '' })).toEqual(['main.ts is in no room of DESIGN.md'])
    expect(check({ 'array.ts': '' })).toEqual(['array.ts is in no room of DESIGN.md'])
    expect(check({ 'errors/a.ts': '' })).toEqual(['errors/a.ts is in no room of DESIGN.md'])
  })

  test('when an import names no file in src/', () => {
    for (const specifier of ['./b', './b.js', '../../package.json', '.']) {
      expect(check({ 'array/a.ts': `import b from '${specifier}'` })).toEqual([
        `array/a.ts:1 imports '${specifier}', which is no file in src/`,
      ])
    }
  })

  test.each([
    ['better-sqlite3', ['store/format']],
    ['node:sqlite', ['store/format']],
    ['node:worker_threads', ['store/write', 'store/proof', 'fleet', 'queries', 'jobs', 'server']],
    ['immer', ['projections', 'detectors']],
    ['commander', ['cli']],
  ])('when %s is imported outside %s', (name, homes) => {
    for (const room of Object.keys(MAY_IMPORT).filter((other) => !FILE_ROOMS.has(other))) {
      const breach = `${room}/a.ts:1 imports ${name}, which only ${homes.join(' and ')} may`
      const expected = homes.includes(room) ? [] : [breach]
      expect(check({ [`${room}/a.ts`]: `import x from '${name}'` })).toEqual(expected)
      expect(check({ [`${room}/a.ts`]: `import type { X } from '${name}'` })).toEqual(expected)
    }
  })

  test('when a subject of rxjs is imported outside events', () => {
    const breach = (name: string) => [`replay/a.ts:1 imports ${name} from rxjs, which only events may`]
    for (const name of ['Subject', 'BehaviorSubject', 'ReplaySubject', 'AsyncSubject']) {
      expect(check({ 'replay/a.ts': `import { map, ${name} as S } from 'rxjs'` })).toEqual(breach(name))
      expect(check({ 'replay/a.ts': `import { type ${name} } from 'rxjs'` })).toEqual(breach(name))
      expect(check({ 'events/a.ts': `import { ${name} } from 'rxjs'` })).toEqual([])
    }
    expect(check({ 'replay/a.ts': "import * as rx from 'rxjs'" })).toEqual(breach('*'))
    expect(check({ 'replay/a.ts': "import { map, Observable as Subject } from 'rxjs'" })).toEqual([])
  })

  test('when a room that also runs in a browser imports something of Node', () => {
    for (const room of ['graph', 'functions', 'optim', 'drawing']) {
      for (const name of ['node:fs', 'node:path', 'node:process']) {
        expect(check({ [`${room}/a.ts`]: `import x from '${name}'` })).toEqual([
          `${room}/a.ts:1 imports ${name}, but ${room} also runs in a browser`,
        ])
      }
    }
    expect(check({ 'inspection/a.ts': "import fs from 'node:fs'" })).toEqual([])
  })

  test('when a package is not declared', () => {
    expect(check({ 'array/a.ts': "import { readFileSync } from 'fs'" })[0]).toMatch(
      /imports fs, which package\.json/,
    )
    expect(check({ 'array/a.ts': "import koffi from '@x/koffi/y'" })[0]).toMatch(/imports @x\/koffi, which/)
    expect(check({ 'array/a.ts': "import { readFileSync } from 'node:fs'" })).toEqual([])
  })

  test('when a folder has a barrel, a file exports * or is called utils', () => {
    expect(check({ 'array/index.ts': '' })).toEqual(['array/index.ts is a folder barrel'])
    expect(check({ 'index.ts': '' })).toEqual([])
    for (const star of ['*', '* as all', 'type *']) {
      const tree = { 'index.ts': `export ${star} from './errors.js'`, 'errors.ts': '' }
      expect(check(tree)).toEqual(["index.ts:1 exports * from './errors.js'; name what is exported"])
    }
    for (const path of ['array/utils.ts', 'array/util/a.ts', 'graph/helpers.ts', 'graph/shape-helper.ts']) {
      expect(check({ [path]: '' })[0]).toMatch(/name it by what it does/)
    }
    expect(check({ 'array/utilisation.ts': '' })).toEqual([])
  })

  test('when files import each other in a circle, and the circle is told', () => {
    const tree = {
      'array/a.ts': "import { b } from './b.js'",
      'array/b.ts': "import { C } from './c.js'",
      'array/c.ts': "import { b } from './b.js'",
    }
    expect(check(tree)).toEqual(['import cycle: array/b.ts → array/c.ts → array/b.ts'])
    expect(check({ ...tree, 'array/b.ts': "import type { C } from './c.js'" })).toEqual(check(tree))
    const knot = {
      'graph/func.ts': "import type { Variable } from './variable.js'",
      'graph/variable.ts': "import type { Func } from './func.js'",
    }
    expect(check(knot)).toEqual([])
    expect(check({ ...knot, 'graph/func.ts': "import { Variable } from './variable.js'" })).toEqual([])
    expect(
      check({
        'graph/func.ts': "import { Variable } from './variable.js'",
        'graph/variable.ts': "import { Func } from './func.js'",
      }),
    ).toEqual(['import cycle: graph/func.ts → graph/variable.ts → graph/func.ts'])
    expect(check({ 'array/a.ts': "import { a } from './a.js'" })).toEqual([
      'import cycle: array/a.ts → array/a.ts',
    ])
    const diamond = {
      'array/a.ts': "import './b.js'\nimport './c.js'",
      'array/b.ts': "import './c.js'",
      'array/c.ts': '',
    }
    expect(check(diamond)).toEqual([])
  })
})

describe('the scanner', () => {
  const specifiers = (source: string) => scanImports(source).map((found) => found.specifier)

  test('sees no imports in comments, strings, templates and regular expressions', () => {
    const lines = [
      "// import { a } from 'x'",
      "/* import { a } from 'x'\n import 'y' */",
      'const a = "import \'x\'"',
      "const a = 'it\\'s' + 'import(\"x\")'",
      "const a = `import 'x' ${b} export * from 'y'`",
      "const a = /import 'x'/.test(b)",
      'const a = /[/\'"`]/g',
      "const a = import.meta.url; const b = x.import('y') + x?.import('y')",
      "export const from = 'x'",
      "export default class A { from = 'x' }",
      "export { a, b }\nconst c = 'from'",
      "export type A = { from: 'x' }",
      "export interface A { from: 'x' }",
      "export function from() { return 'x' }",
    ]
    for (const line of lines) expect(specifiers(line), line).toEqual([])
  })

  test('finds the import that follows what could mislead it', () => {
    const lines = [
      '/[/\'"`]/g',
      'a / b; c / d',
      'a[i]! / b[i]!; "/"',
      'i++ / 2; "/"',
      'if (!/["`]/.test(a)) b()',
      'function f() { return /`/ }',
      '`${ { a: `}` + `${ "}" }` } }`',
      '`\\``',
      '`a\\\n${b}`',
      "'\\\\'",
      `const wasm = '${'A'.repeat(100_000)}'`,
      "// it's",
      '/* ` */',
      '/** a */ const a = b as const',
      'const importer = 1, exporter = 2',
      'export const from = 1',
      'export abstract class A {}',
      'const x = a < b && c > d / e',
      '@decorate() class A { #private = 1 }',
    ]
    for (const line of lines) {
      expect(scanImports(`${line}\nimport { x } from './x.js'`).at(-1), line).toEqual({
        specifier: './x.js',
        line: line.split('\n').length + 1,
        names: ['x'],
        kind: 'import',
      })
    }
  })

  test('reads the names a module gives, whatever they are called here', () => {
    const names = (source: string) => scanImports(source)[0]?.names
    expect(names("import a, { b as c, type D, default as e } from 'x'")).toEqual([
      'default',
      'b',
      'D',
      'default',
    ])
    expect(names("import a, * as b from 'x'")).toEqual(['default', '*'])
    expect(names("import {\n  // one\n  a,\n  b,\n} from 'x'")).toEqual(['a', 'b'])
    expect(names("import { from } from 'x'")).toEqual(['from'])
    expect(names("export { a as b } from 'x'")).toEqual(['a'])
    expect(names("import json from 'x' with { type: 'json' }")).toEqual(['default'])
  })

  test('counts what is left at run time apart from what is a type', () => {
    const kinds = (source: string) =>
      scanImports(source).map(({ kind, typeOnly }) => [kind, typeOnly === true])
    expect(kinds("import type { A } from 'x'\nimport { type B } from 'y'")).toEqual([
      ['import', true],
      ['import', false],
    ])
    expect(kinds("type A = import('x').A\nconst a = () => import('y')")).toEqual([
      ['dynamic', true],
      ['dynamic', false],
    ])
    expect(kinds("export type { A } from 'x'\nexport { a } from 'y'")).toEqual([
      ['export', true],
      ['export', false],
    ])
  })

  test('says so when it cannot read a source, instead of missing imports', () => {
    expect(() => scanImports("const a = 'b\nimport 'x'")).toThrow('line 1: Unterminated string')
    expect(() => scanImports('const a = `b')).toThrow('line 1: ')
    expect(() => scanImports('/* a')).toThrow('line 1: ')
    expect(() => scanImports("import { x } from './x.js'\nconst = 1")).toThrow('line 2: ')
  })
})
