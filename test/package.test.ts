/**
 * Holds package.json and package-lock.json to what a fresh clone needs: installable everywhere, from any registry,
 * with the install script of one package only. And the packed package to what its users need: it runs, and its types are
 * complete, with nothing beside it but its dependencies.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import fs, { readFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

interface LockedPackage {
  readonly version?: string
  readonly resolved?: string
  readonly hasInstallScript?: boolean
  readonly dev?: boolean
  readonly optionalDependencies?: Record<string, string>
}

const read = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../${name}`, import.meta.url), 'utf8'))
const manifest = read('package.json') as {
  name: string
  version: string
  allowScripts: Record<string, boolean>
  dependencies: Record<string, string>
  optionalDependencies: Record<string, string>
  peerDependencies: Record<string, string>
  devDependencies: Record<string, string>
}
const locked = Object.entries(
  (read('package-lock.json') as { packages: Record<string, LockedPackage> }).packages,
)

describe('package-lock.json', () => {
  test('names no registry', () => {
    expect(locked.length).toBeGreaterThan(50)
    expect(locked.filter(([, entry]) => entry.resolved !== undefined)).toEqual([])
  })

  // npm ci refuses a lock without them, and a registry that lacks a platform's package leaves them out silently.
  test('has an entry for every optional dependency, for the platforms that others use', () => {
    const paths = new Set(locked.map(([path]) => path))
    const missing = locked.flatMap(([path, { optionalDependencies }]) =>
      Object.keys(optionalDependencies ?? {}).filter(
        (name) => !paths.has(`node_modules/${name}`) && !paths.has(`${path}/node_modules/${name}`),
      ),
    )
    expect(missing).toEqual([])
  })

  test('has install scripts only from packages that package.json allows to run them', () => {
    const scripted = locked
      .filter(([path, entry]) => path !== '' && entry.hasInstallScript)
      .map(([path]) => path.replace(/^.*node_modules\//, ''))
    // koffi brings its binaries in packages of their own and works without its script; that of protobufjs (of onnxruntime-web, for a
    // test) only prints a word about versions.
    expect(scripted).toEqual(['better-sqlite3', 'koffi', 'protobufjs'])
    expect(manifest.allowScripts).toEqual({ 'better-sqlite3': true, koffi: false, protobufjs: false })
  })
})

test('docs/decisions.md says why each package is there', () => {
  const said = readFileSync(new URL('../docs/decisions.md', import.meta.url), 'utf8').toLowerCase()
  // Some have a name of their own in a sentence.
  const words: readonly [RegExp, string][] = [
    [/^@(codemirror|lezer)\//, 'codemirror'],
    [/^@biomejs\/biome$/, 'biome'],
    [/^@preact\/signals$/, 'preact with signals'],
    [/^@modelcontextprotocol\/sdk$/, "the protocol's own package"],
  ]
  const nameOf = (name: string) => words.find(([pattern]) => pattern.test(name))?.[1] ?? name
  const all = [manifest.dependencies, manifest.optionalDependencies, manifest.peerDependencies]
    .concat(manifest.devDependencies)
    .flatMap((packages) => Object.keys(packages))
    .filter((name) => !name.startsWith('@types/') || name === '@types/better-sqlite3')
  expect(all.filter((name) => !said.includes(nameOf(name)))).toEqual([])
})

describe('the packed package', () => {
  const root = fileURLToPath(new URL('..', import.meta.url))
  let consumer: string
  let inside: string

  // What `npm install gradtape` leaves: the package, and what it depends on; no types of Node, no tools.
  beforeAll(() => {
    consumer = fs.mkdtempSync(path.join(os.tmpdir(), 'gradtape-consumer-'))
    const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
    const pack = ['pack', '--silent', '--ignore-scripts', '--pack-destination', consumer]
    execFileSync(npm, pack, { cwd: root, shell: process.platform === 'win32' })
    execFileSync('tar', ['xzf', `${manifest.name}-${manifest.version}.tgz`], { cwd: consumer })
    const modules = path.join(consumer, 'node_modules')
    inside = path.join(modules, manifest.name)
    fs.mkdirSync(modules)
    fs.renameSync(path.join(consumer, 'package'), inside)
    for (const name of locked.flatMap(([at, entry]) => (entry.dev === true || at === '' ? [] : [at]))) {
      const from = path.join(root, name)
      if (!fs.existsSync(from)) continue // for another platform
      fs.mkdirSync(path.dirname(path.join(consumer, name)), { recursive: true })
      fs.cpSync(from, path.join(consumer, name), { recursive: true })
    }
    fs.writeFileSync(path.join(consumer, 'package.json'), '{ "private": true, "type": "module" }\n')
  }, 120_000)

  afterAll(() => fs.rmSync(consumer, { recursive: true, force: true }))

  const files = (): string[] =>
    fs
      .readdirSync(inside, { recursive: true, encoding: 'utf8' })
      .map((name) => name.split(path.sep).join('/'))
      .filter((name) => fs.statSync(path.join(inside, name)).isFile())

  test('holds what is compiled, the migrations and the documents, and no sources, maps or tests', () => {
    const tops = new Set(files().map((name) => name.split('/')[0]))
    expect([...tops].sort()).toEqual([
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'dist',
      'migrations',
      'package.json',
      'scripts',
      'src',
    ])
    // What an installation compiles, if it can.
    for (const name of files().filter((file) => /^(src|scripts)\//.test(file))) {
      expect(name).toMatch(/^src\/array\/native\/code\/.*pp$|^scripts\/(build-native|run)\.mjs$/)
    }
    expect(files().filter((name) => /\.map$|(?<!\.d)\.ts$|\.stamp$/.test(name))).toEqual([])
    const mapped = files().filter(
      (name) =>
        /\.(js|d\.ts)$/.test(name) &&
        /^\/\/[#@] ?sourceMappingURL=/m.test(readFileSync(path.join(inside, name), 'utf8')),
    )
    expect(mapped).toEqual([])
  })

  test('runs: the program of a user, and the command', () => {
    const program = `
      import { openTape, square, Variable } from 'gradtape'
      const tape = openTape('a.tape')
      const run = tape.startRun('first')
      const y = square(new Variable(3, { name: 'x' }))
      run.log({ y })
      await run.finish()
      const past = tape.run('first')
      past.variable('y').backward()
      console.log(past.variable('x').grad.item())
      tape.close()`
    fs.writeFileSync(path.join(consumer, 'program.mjs'), program)
    const node = (...args: string[]) => spawnSync(process.execPath, args, { cwd: consumer, encoding: 'utf8' })
    expect(node('program.mjs')).toMatchObject({ stdout: '6\n', stderr: '', status: 0 })
    expect(node(path.join(inside, 'dist/cli/main.js'), 'replay', 'a.tape')).toMatchObject({ status: 0 })
  })

  test('is installed without a compiler, in a word, and with one that fails', () => {
    for (const [compiler, word] of [
      ['/no/such/compiler', /not built \(CXX='.*' cannot be run\); WebAssembly computes the same results/],
      ['false', /not built \(CXX='false' cannot be run\)/],
      [process.execPath, /not built \(.* failed: .*\); WebAssembly computes the same results/],
    ] as const) {
      const env = { ...process.env, CXX: compiler, GRADTAPE_NATIVE: '' }
      const { status, stderr } = spawnSync(process.execPath, ['scripts/build-native.mjs'], {
        ...{ cwd: inside, env, encoding: 'utf8' },
      })
      expect([status, stderr]).toEqual([0, expect.stringMatching(word)])
    }
  })

  // `skipLibCheck` would hide what is wrong in our declarations; many projects have it off.
  test('has types that a strict project compiles against without skipLibCheck', () => {
    const program = `
      import * as gradtape from 'gradtape'
      import { Func, type NDArray, openTape, type PastRun, square, Variable } from 'gradtape'
      class Twice extends Func {
        forward(x: NDArray) { return Float64Array.from(x.data, (value) => 2 * value) }
        backward(gy: Variable) { return gy.add(gy) }
      }
      const y: Variable = new Twice().apply(square(new Variable([1, 2]))).sum()
      const past: PastRun = openTape('a.tape').run('first')
      const grad: Variable | null = past.variable('x', { step: 1 }).grad
      past.events$.subscribe((event) => { if (event.type === 'MetricLogged') event.value.toFixed() })
      export const all = [y, grad, Object.keys(gradtape)]
      // @ts-expect-error how a run knows its variables is nobody's business outside
      y.owner
      // @ts-expect-error nor can it be set
      y.links = null`
    fs.writeFileSync(path.join(consumer, 'program.ts'), program)
    const tsc = path.join(root, 'node_modules/typescript/bin/tsc')
    const options = ['--strict', '--noEmit', '--skipLibCheck', 'false', '--exactOptionalPropertyTypes']
    for (const resolution of [
      ['--module', 'nodenext'],
      ['--module', 'esnext', '--moduleResolution', 'bundler'],
    ]) {
      const args = [tsc, ...options, '--target', 'es2022', ...resolution, 'program.ts']
      const { stdout, status } = spawnSync(process.execPath, args, { cwd: consumer, encoding: 'utf8' })
      expect({ stdout, status }).toEqual({ stdout: '', status: 0 })
    }
  }, 120_000)

  test('has no member in its types that is marked @internal, nor half of one', () => {
    const seen = new Set(['dist/index.d.ts'])
    const wrong: string[] = []
    for (const file of seen) {
      const text = readFileSync(path.join(inside, file), 'utf8')
      if (text.includes('@internal')) wrong.push(`${file} has @internal`)
      for (const [, name] of text.matchAll(/^ {4}(?:static )?set (\w+)\(/gm)) {
        if (!text.includes(`get ${name}()`)) wrong.push(`${file} sets ${name}, which nobody can read`)
      }
      for (const [, from = ''] of text.matchAll(/(?:from|import) '(\.[^']+)\.js'/g)) {
        seen.add(path.posix.join(path.posix.dirname(file), `${from}.d.ts`))
      }
    }
    expect(seen.size).toBeGreaterThan(50)
    expect(wrong).toEqual([])
  })
})
