// Compiles src/ into dist/ and the TypeScript in scripts/ into .build/scripts/, each only when what it is made from
// has changed. What counts is content, never time: in a fresh clone all files are equally old.
import { createHash } from 'node:crypto'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import { buildWasm } from './build-wasm.mjs'
import { embedFiles } from './embed-files.mjs'
import { packModules } from './pack-modules.mjs'
import { run } from './run.mjs'

const BIN = 'cli/main.js'
const STAMP = '.stamp'

/** Builds the library when needed; returns whether it did. Throws with the compiler's words when it fails. */
export async function buildLibrary(root) {
  await buildWasm(root)
  embedFiles(root)
  const dist = join(root, 'dist')
  const stamp = hashOf(
    root,
    [
      'src',
      'migrations',
      'tsconfig.json',
      'tsconfig.build.json',
      'package-lock.json',
      'scripts/build.mjs',
      'scripts/pack-modules.mjs',
    ],
    isOfLibrary,
  )
  if (isStamped(dist, stamp)) return false

  // A sibling of dist, so that the paths in the source maps are right after the move.
  const next = join(root, '.dist-next')
  rmSync(next, { recursive: true, force: true })
  await compile(root, 'tsconfig.build.json', next)
  await packModules(next)
  for (const path of filesIn(join(root, 'src'))) {
    if (!/\.[cm]?tsx?$/.test(path) && isOfLibrary(`src/${path}`))
      place(join(root, 'src', path), join(next, path))
  }
  if (existsSync(join(next, BIN))) chmodSync(join(next, BIN), 0o755)
  replace(dist, next, stamp, (path) => !path.startsWith('ui/'))
  return true
}

/** The page in src/ui is built by itself, into dist/ui, and the C++ into build/: see build-page.mjs and build-native.mjs. */
function isOfLibrary(path) {
  return !path.startsWith('src/ui/') && !path.startsWith('src/array/native/code/')
}

/** Builds the scripts when needed, against the library in dist/; returns whether it did. */
export async function buildScripts(root) {
  if (!filesIn(join(root, 'scripts')).some((path) => path.endsWith('.ts'))) return false
  const out = join(root, '.build', 'scripts')
  const stamp = hashOf(root, [
    'scripts',
    `dist/${STAMP}`,
    'tsconfig.json',
    'tsconfig.scripts.json',
    'package-lock.json',
  ])
  if (isStamped(out, stamp)) return false

  const next = join(root, '.build', 'scripts-next')
  rmSync(next, { recursive: true, force: true })
  await compile(root, 'tsconfig.scripts.json', next)
  replace(out, next, stamp)
  return true
}

async function compile(root, project, outDir) {
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  const outcome = await run(process.execPath, [tsc, '-p', project, '--outDir', outDir], {
    cwd: root,
    quiet: true,
  })
  if (outcome.status !== 0) throw new Error(`tsc -p ${project} failed:\n${outcome.output}`)
}

/**
 * Makes what is ours in `folder` equal to `next` file by file, by renames: whoever reads it meanwhile finds every file, whole.
 * Without its stamp a half-replaced folder counts as not built, so being killed here is harmless.
 */
export function replace(folder, next, stamp, isOurs = () => true) {
  rmSync(join(folder, STAMP), { force: true })
  const fresh = new Set(filesIn(next))
  for (const path of filesIn(folder)) if (!fresh.has(path) && isOurs(path)) rmSync(join(folder, path))
  for (const path of fresh) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    renameSync(join(next, path), join(folder, path))
  }
  rmSync(next, { recursive: true, force: true })
  writeFileSync(join(folder, STAMP), stamp)
}

export function isStamped(folder, stamp) {
  const path = join(folder, STAMP)
  return existsSync(path) && readFileSync(path, 'utf8') === stamp
}

/** One hash over names and contents of files and of everything in folders; a missing one counts as empty. */
export function hashOf(root, paths, isWanted = () => true) {
  const hash = createHash('sha256')
  for (const path of paths) {
    const full = join(root, path)
    if (!existsSync(full)) continue
    const files = isFolder(full) ? filesIn(full).map((file) => `${path}/${file}`) : [path]
    for (const file of files.filter(isWanted)) {
      const bytes = readFileSync(join(root, file))
      hash.update(`${file}\0${bytes.length}\0`).update(bytes)
    }
  }
  return `${hash.digest('hex')}\n`
}

function isFolder(path) {
  try {
    readdirSync(path)
    return true
  } catch (error) {
    if (error.code === 'ENOTDIR') return false
    throw error
  }
}

/** Paths of all files below a folder, relative to it, with forward slashes, sorted; none when it is missing. */
function filesIn(folder) {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) =>
      relative(folder, join(entry.parentPath ?? entry.path, entry.name))
        .split(sep)
        .join('/'),
    )
    .sort()
}

function place(from, to) {
  mkdirSync(dirname(to), { recursive: true })
  copyFileSync(from, to)
}
