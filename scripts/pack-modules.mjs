// Packs the library's modules into a few files. Node needs about a millisecond for each module that it loads, and the engine has
// more than 400: packed, a program or a command starts in a third of the time. A thread or a command that needs only part of the
// engine loads only that part. Every module keeps its place in dist/, as a list of what it exports, so whoever names a file finds it.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { deflateRawSync } from 'node:zlib'

const FOLDER = 'packed'

/**
 * The parts, each with the modules from which it is found: what these import is in it. A module is in the first part that has it;
 * what computes shares with what reads or writes is in the first, too. What is `apart` stays a file of its own: a command, and what a
 * process or a thread begins with.
 */
const PARTS = {
  // What a writing thread loads before there is something to write.
  thread: ['store/write/sleeping-thread.js'],
  // What every command loads, to say its version or what is wrong.
  base: ['cli/answer.js'],
  // What reads a tape: enough for a command that only asks.
  read: [
    'queries/sql-child.js',
    'cli/open.js',
    ...['runs', 'schema', 'sql', 'query'].map((command) => `cli/commands/${command}.js`),
  ],
  // With it, what writes one: enough for the writing thread.
  tape: ['store/write/woken-thread-main.js', 'store/proof/digest-thread-main.js'],
  // What computes. Nothing of Node is in it: it runs in a browser too.
  compute: ['functions/', 'optim/', 'graph/backward.js', 'graph/leaves.js'],
  engine: ['index.js'],
}
/** Modules of long texts that few processes ask for, each in a function: deflated, as reading them took as long as reading all the rest. */
const DEFLATED = ['store/format/migration-texts.js', 'store/format/schema-at-once.js']
const apart = (path) =>
  /^(?:cli|server)\/|(?:-thread-main|-push-main|sql-child|sql-watch|follower)\.js$/.test(path)

/** Packs the compiled modules in `dist`, which are replaced. */
export async function packModules(dist) {
  const partOf = partsOf(dist)
  if (partOf.size === 0) return
  const names = Object.keys(PARTS)
  const { rolldown } = await import('rolldown')
  const bundle = await rolldown({
    input: Object.fromEntries(
      [...partOf.keys()].map((path) => [path.slice(0, -'.js'.length), join(dist, path)]),
    ),
    external: (id) => !id.startsWith('.') && !id.startsWith(dist),
    platform: 'neutral',
    // Users' bundlers shake what they take; here everything that is exported stays.
    treeshake: false,
    preserveEntrySignatures: 'strict',
    plugins: [
      {
        name: 'places',
        transform: (code, id) => {
          const path = relativeTo(dist, id)
          // Whoever comes from a stack trace finds which module the line is of.
          const here = DEFLATED.includes(path) ? deflated(code, path) : withPlaces(code, posix.dirname(path))
          return { code: `/*! ${path} */\n${here}`, map: null }
        },
      },
    ],
  })
  await bundle.write({
    dir: dist,
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: `${FOLDER}/[name].js`,
    minifyInternalExports: false,
    comments: { legal: true, annotation: true, jsdoc: false },
    // Two modules may have a function of one name; its name reaches users, as the name of a class does.
    keepNames: true,
    codeSplitting: {
      groups: names.map((name, i) => ({
        name,
        priority: names.length - i,
        test: (id) => partOf.get(relativeTo(dist, id)) === name,
      })),
    },
  })
  await bundle.close()
  // V8 takes two bytes for each character of a file that has one beyond Latin-1, and Node decodes it more slowly.
  for (const name of readdirSync(join(dist, FOLDER))) {
    const path = join(dist, FOLDER, name)
    writeFileSync(path, asciiOf(readFileSync(path, 'utf8'), name))
  }
}

/** The part of every module that is in one; none where there is no engine, as in the small checkouts of tests. */
function partsOf(dist) {
  const files = readdirSync(dist, { recursive: true }).map((path) => path.replaceAll('\\', '/'))
  if (!files.includes('index.js')) return new Map()
  const found = Object.entries(PARTS).map(([name, from]) => {
    const seeds = from.flatMap((seed) => {
      const at = files.filter(
        (path) => path.endsWith('.js') && (seed.endsWith('/') ? path.startsWith(seed) : path === seed),
      )
      if (at.length === 0)
        throw new Error(`packing ${name}: expected ${seed} among the compiled modules, found none`)
      return at
    })
    return [name, withImports(dist, seeds)]
  })
  const { base, read, tape, compute } = Object.fromEntries(found)
  for (const path of compute) if (read.has(path) || tape.has(path)) base.add(path)
  const parts = new Map()
  for (const [name, paths] of found)
    for (const path of paths) if (!parts.has(path) && !apart(path)) parts.set(path, name)
  return parts
}

/** The modules and all that they import, as paths in dist. What is imported when it is needed is not among them. */
function withImports(dist, from) {
  const found = new Set()
  const open = [...from]
  while (open.length > 0) {
    const path = open.pop()
    if (found.has(path)) continue
    found.add(path)
    for (const [, name] of readFileSync(join(dist, path), 'utf8').matchAll(IMPORT))
      open.push(posix.join(posix.dirname(path), name))
  }
  return found
}
const IMPORT = /^(?:(?:import|export|\})[^'"\n]*\bfrom |import )['"](\.{1,2}\/[^'"]+)['"]/gm

/** Files that a module names by their place beside it, from where its code is now. */
function withPlaces(code, folder) {
  return code.replace(/new URL\('(\.[^']*)', import\.meta\.url\)/g, (_, name) => {
    const isFolder = /(?:^|\/)\.{0,2}$/.test(name)
    const place = posix.join('..', folder, name)
    // Some bundlers (webpack) take a file for their own that stands beside the very words `import.meta.url`, and cannot make it small.
    return `new URL('${isFolder && !place.endsWith('/') ? `${place}/` : place}', \`\${import.meta.url}\`)`
  })
}

/** Each function that gives a long text inflates it. */
function deflated(code, path) {
  let found = 0
  const packed = code.replace(/\(\) => (`(?:[^`\\]|\\[\s\S])*`)/g, (_, template) => {
    found++
    const text = new Function(`return ${template}`)()
    return `() => inflated('${deflateRawSync(text, { level: 9 }).toString('base64')}')`
  })
  if (found === 0) throw new Error(`packing ${path}: expected functions that give texts, found none`)
  return `import { Buffer } from 'node:buffer'
import { inflateRawSync } from 'node:zlib'
const inflated = (text) => inflateRawSync(Buffer.from(text, 'base64')).toString()
${packed}`
}

/** The same code in ASCII: what stands in strings, templates and regular expressions means the same as an escape. */
function asciiOf(code) {
  const escaped = /\\[^\0-\x7f]/.exec(code)
  if (escaped !== null)
    throw new Error(`packing: a backslash before ${escaped[0][1]} would become another text`)
  return code.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

function relativeTo(dist, id) {
  return id.slice(dist.length + 1).replaceAll('\\', '/')
}
