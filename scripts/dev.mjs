// `npm run dev`: builds and tests what changed, after each save, until Ctrl-C. First what differs from the last commit, then
// what is saved. Of the tests it runs the fast ones that import what changed, and those of the same room (test/ mirrors
// src/), because a test that starts the command line imports nothing of it. `-- --all` runs slow and heavy ones as well.
import { spawnSync } from 'node:child_process'
import { existsSync, watch } from 'node:fs'
import { dirname, join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildLibrary, buildScripts } from './build.mjs'
import { withLock } from './lock.mjs'
import { run } from './run.mjs'

const WATCHED = ['src', 'test', 'scripts', 'migrations', 'docs']
const SETTLE_MS = 150

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const say = (text) => process.stderr.write(`gradtape: ${text}\n`)
const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs')
const projects = process.argv.includes('--all') ? [] : ['--project', 'fast']

/** Paths as git says them: changed, new, not ignored. */
function differing() {
  const { stdout, status } = spawnSync('git', ['status', '--porcelain', '--no-renames', '-uall'], {
    cwd: root,
    encoding: 'utf8',
  })
  if (status !== 0) return []
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.slice(3))
}

/** The tests to run for a set of changed files: sources for `vitest related`, and rooms. */
function testsFor(paths) {
  const inside = paths.filter((path) => WATCHED.some((folder) => path.startsWith(`${folder}/`)))
  // Tests load the library from dist/, so that is where vitest finds what imports what.
  const loaded = inside.map((path) => path.replace(/^src\/(?!ui\/)(.*)\.ts$/, 'dist/$1.js'))
  const related = loaded.filter((path) => /\.(m?[jt]s|json)$/.test(path) && existsSync(join(root, path)))
  const rooms = new Set(
    inside.flatMap((path) => {
      const [top, room] = path.split('/')
      if (top === 'migrations') return ['test/queries/', 'test/store/']
      return top === 'src' && existsSync(join(root, 'test', room)) ? [`test/${room}/`] : []
    }),
  )
  return { related, rooms: [...rooms] }
}

async function round(paths) {
  const { related, rooms } = testsFor(paths)
  if (related.length === 0 && rooms.length === 0) return
  say(`changed: ${paths.slice(0, 5).join(', ')}${paths.length > 5 ? ` and ${paths.length - 5} more` : ''}`)
  try {
    await withLock(join(root, '.build'), say, async () => {
      if (await buildLibrary(root)) say('built dist')
      await buildScripts(root)
    })
  } catch (error) {
    say(error.message)
    return
  }
  const quiet = ['--passWithNoTests', ...projects]
  // A test that was saved itself runs, however long it takes.
  const saved = related.filter((path) => path.endsWith('.test.ts'))
  if (saved.length > 0) await run(process.execPath, [vitest, 'run', ...saved], { cwd: root })
  if (related.length > 0) {
    await run(process.execPath, [vitest, 'related', '--run', ...quiet, ...related], { cwd: root })
  }
  if (rooms.length > 0) await run(process.execPath, [vitest, 'run', ...quiet, ...rooms], { cwd: root })
  say('waiting for the next change; Ctrl-C ends')
}

async function main() {
  const changed = new Set(differing())
  let wake = () => {}
  for (const folder of WATCHED.filter((name) => existsSync(join(root, name)))) {
    watch(join(root, folder), { recursive: true }, (_, name) => {
      if (name === null) return
      changed.add(`${folder}/${name.split(sep).join('/')}`)
      wake()
    })
  }
  say('builds and tests what changes; Ctrl-C ends')
  for (;;) {
    if (changed.size === 0) {
      await new Promise((resolve) => {
        wake = resolve
      })
    }
    // An editor writes several files, or one in several steps.
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
    const paths = [...changed].sort()
    changed.clear()
    await round(paths)
  }
}

await main()
