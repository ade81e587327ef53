// What stands behind every npm script: installs when needed, builds when needed, then does what was asked for.
// Works in a fresh clone with nothing but Node and npm, so it imports only Node and the files beside it.
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** What each goal runs after installing and building; arguments given on the command line go to the last command. */
const GOALS = {
  build: [],
  start: [['.build/scripts/demo.js']],
  test: [['vitest', 'run']],
  'test:fast': [['vitest', 'run', '--project', 'fast', '--project', 'alone']],
  dev: [['scripts/dev.mjs']],
  docs: [['scripts/docs.mjs']],
  check: [
    ['tsc', '--noEmit', '-p', '.'],
    ['tsc', '--noEmit', '-p', 'tsconfig.ui.json'],
    ['biome', 'check', '--error-on-warnings'],
    ['vitest', 'run', 'test/layers.test.ts'],
  ],
  format: [['biome', 'check', '--write']],
  bench: [['.build/scripts/bench.js']],
  examples: [['.build/scripts/examples.js']],
  fuzz: [['.build/scripts/fuzz.js']],
}

/** The package that each command comes from; they are run by this Node, whatever the path says. */
const PACKAGE_OF = { biome: '@biomejs/biome', tsc: 'typescript', vitest: 'vitest' }

// Progress goes to stderr: the output of the command itself can be piped.
const say = (text) => process.stderr.write(`gradtape: ${text}\n`)

async function main([goal, ...args]) {
  const [major, minor] = process.versions.node.split('.').map(Number)
  // The package runs from Node 20.15 on; what tests and formats it needs this.
  if (major < 20 || (major === 20 && minor < 19)) {
    throw new Error(
      `Node 20.19 or newer is needed here, this is ${process.version}; install it from https://nodejs.org`,
    )
  }
  if (!Object.hasOwn(GOALS, goal ?? '')) {
    throw new Error(`expected one of ${Object.keys(GOALS).join(', ')}, got ${goal ?? 'nothing'}`)
  }
  await prepare(goal)
  const { run } = await import('./run.mjs')
  const commands = GOALS[goal]
  for (const [index, [name, ...fixed]] of commands.entries()) {
    const extra = index === commands.length - 1 ? args : []
    const { status } = await run(process.execPath, [entryOf(name), ...fixed, ...extra], { cwd: root })
    if (status !== 0) return status
  }
  return 0
}

/** Brings node_modules and the built files up to date; `format` and `check` must work on code that does not compile. */
async function prepare(goal) {
  const { withLock } = await import('./lock.mjs')
  const { install } = await import('./install.mjs')
  const { buildLibrary, buildScripts } = await import('./build.mjs')
  const { buildPage } = await import('./build-page.mjs')
  const { buildNative } = await import('./build-native.mjs')
  const compiles = goal !== 'format' && goal !== 'check'
  await withLock(join(root, '.build'), say, async () => {
    const done = [
      await stage('dependencies', 'npm ci, about a minute when better-sqlite3 must be compiled', install),
    ]
    if (compiles) done.push(await stage('native code', 'C++ → build/Release', (at) => buildNative(at, say)))
    if (compiles) done.push(await stage('library', 'src → dist', buildLibrary))
    if (compiles) done.push(await stage('page', 'src/ui → dist/ui', buildPage))
    if (compiles) done.push(await stage('scripts', 'scripts → .build/scripts', buildScripts))
    if (!done.includes(true)) say('up to date')
  })
}

async function stage(name, what, work) {
  const from = performance.now()
  // The first install takes long enough to look like a hang; the others are over before one wonders.
  const notice = setTimeout(() => say(`${name}: ${what} …`), 1_000)
  try {
    const worked = await work(root)
    if (worked) say(`${name}: ${what.split(',')[0]}, ${((performance.now() - from) / 1_000).toFixed(1)} s`)
    return worked
  } finally {
    clearTimeout(notice)
  }
}

/** The JavaScript file behind a command's name, or a script of ours. */
function entryOf(name) {
  if (name.startsWith('scripts/')) return join(root, name)
  if (name.startsWith('.build/')) {
    const path = join(root, name)
    if (!existsSync(path)) {
      throw new Error(
        `${name} is missing: it is built from ${name.replace('.build/', '').replace(/js$/, 'ts')}`,
      )
    }
    return path
  }
  const folder = join(root, 'node_modules', PACKAGE_OF[name])
  const { bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  return join(folder, typeof bin === 'string' ? bin : bin[name])
}

main(process.argv.slice(2)).then(
  (status) => {
    process.exitCode = status
  },
  (error) => {
    say(error instanceof Error ? error.message : String(error))
    process.exitCode = 1
  },
)
