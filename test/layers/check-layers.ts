/**
 * Holds a tree of sources to the rooms of DESIGN.md section 4. A pure function of paths and texts; it knows no file
 * system, so that a made-up tree can show that each rule bites.
 */
import { posix } from 'node:path'
import { type ImportFound, scanImports } from './scan-imports.js'

const STORE = ['store/format', 'store/write', 'store/read', 'store/proof'] as const

/** For each room the rooms it may import; its own files and the rooms of one file are open to every room. */
export const MAY_IMPORT: Readonly<Record<string, readonly string[] | 'anything'>> = {
  errors: [],
  copies: [],
  nearest: [],
  options: [],
  array: [],
  formats: ['array'],
  graph: ['array'],
  drawing: ['array', 'graph'],
  functions: ['array', 'graph'],
  events: [],
  'store/format': ['events'],
  'store/write': ['events', 'store/format'],
  'store/read': ['events', 'store/format'],
  'store/proof': ['events', 'store/format', 'store/write', 'store/read'],
  'store/manage': ['events', ...STORE],
  projections: ['events'],
  detectors: ['events'],
  recorder: ['array', 'graph', 'events'],
  replay: ['array', 'graph', 'functions', 'events', ...STORE, 'recorder'],
  past: ['array', 'graph', 'functions', 'events', ...STORE, 'recorder', 'replay'],
  debug: ['array', 'graph', 'functions', 'events', 'detectors', ...STORE, 'recorder', 'replay', 'past'],
  nn: ['array', 'formats', 'graph', 'functions'],
  optim: ['array', 'graph', 'functions'],
  data: ['array', 'formats', 'graph', 'functions'],
  fleet: ['events', ...STORE, 'store/manage'],
  tape: [
    'array',
    'graph',
    'functions',
    'events',
    'detectors',
    ...STORE,
    'store/manage',
    'recorder',
    'replay',
    'past',
    'debug',
    'fleet',
  ],
  queries: [...STORE, 'tape', 'index'],
  inspection: [
    'array',
    'formats',
    'graph',
    'drawing',
    'functions',
    'events',
    ...STORE,
    'recorder',
    'replay',
    'past',
    'detectors',
    'debug',
    'tape',
    'queries',
  ],
  jobs: [
    'events',
    ...STORE,
    'store/manage',
    'past',
    'debug',
    'fleet',
    'tape',
    'queries',
    'inspection',
    'index',
  ],
  server: [
    'functions',
    'detectors',
    'store/format',
    'store/read',
    'past',
    'debug',
    'tape',
    'queries',
    'inspection',
    'events',
    'array',
    'graph',
    'index',
  ],
  ui: ['server', 'formats'],
  cli: 'anything',
  index: 'anything',
}

/**
 * Files that may import each other in a circle, by types alone: a variable has a creator, a call has inputs, and a run
 * records both.
 */
const KNOTS: readonly (readonly string[])[] = [
  ['graph/call-links.ts', 'graph/func.ts', 'graph/mapped.ts', 'graph/recorder.ts', 'graph/variable.ts'],
]

/** Rooms that are one file in src/; all others are folders. */
export const FILE_ROOMS = new Set(['errors', 'copies', 'nearest', 'options', 'index'])
/** Of these every room may import. */
export const OPEN_ROOMS = new Set(['errors', 'copies', 'nearest', 'options'])

/** Loads what follows a run on its thread; `debug/follower.ts` names its file, and that room may import this one. */
const LOADS_FOLLOWERS = 'store/write/woken-thread-main.ts'
/** Loads what users name (`--import MODULE`, `runWorker`'s modules). */
const LOADS_USERS = 'inspection/user-modules.ts'

/** Packages that only some rooms may import. */
const ALONE: Readonly<Record<string, readonly string[]>> = {
  'better-sqlite3': ['store/format'],
  'node:sqlite': ['store/format'],
  'node:worker_threads': ['store/write', 'store/proof', 'fleet', 'queries', 'jobs', 'server'],
  worker_threads: ['store/write', 'store/proof', 'fleet', 'queries', 'jobs', 'server'],
  immer: ['projections', 'detectors'],
  commander: ['cli'],
  koffi: ['array'],
  '@viz-js/viz': ['drawing'],
  '@bufbuild/protobuf': ['formats'],
  fflate: ['formats'],
  'hyparquet-writer': ['formats'],
  aws4fetch: ['fleet'],
  pg: ['fleet'],
  'pg-boss': ['jobs'],
  '@electric-sql/pglite': ['fleet'],
}

/** Packages that are built into the page, so that users install none of them. */
const OF_THE_PAGE = [
  '@codemirror/autocomplete',
  '@codemirror/commands',
  '@codemirror/lang-sql',
  '@codemirror/language',
  '@codemirror/state',
  '@codemirror/view',
  '@lezer/highlight',
  '@preact/signals',
  '@tanstack/virtual-core',
  'preact',
  'uplot',
]

/** Rooms that also run in a browser, and so know nothing of Node. */
const BROWSER_ROOMS: ReadonlySet<string> = new Set([
  'errors',
  'copies',
  'graph',
  'functions',
  'optim',
  'drawing',
  'ui',
])

/** With the whole namespace in hand one has the Subject too. */
const SUBJECTS = new Set(['Subject', 'BehaviorSubject', 'ReplaySubject', 'AsyncSubject', '*', 'default'])

/**
 * Lists every breach of the rules, one sentence each, none when the tree is in order.
 *
 * `sources` maps paths below src/ (`array/ndarray.ts`) to texts; `dependencies` are the package names that
 * package.json declares.
 */
export function checkLayers(sources: ReadonlyMap<string, string>, dependencies: readonly string[]): string[] {
  const breaches: string[] = []
  const edges = new Map<string, string[]>()
  for (const [path, source] of sources) {
    const room = roomOf(path)
    if (room === undefined) breaches.push(`${path} is in no room of DESIGN.md`)
    breaches.push(...badNames(path))
    if (!isSource(path)) continue
    const targets: string[] = []
    edges.set(path, targets)
    for (const found of scanImports(source, path)) {
      const where = `${path}:${found.line}`
      if (found.kind === 'export-all')
        breaches.push(`${where} exports * from '${found.specifier}'; name what is exported`)
      if (found.specifier === null) {
        if (room === 'cli') continue // `bisect --test FILE` loads what the user names
        if (path === LOADS_FOLLOWERS || path === LOADS_USERS) continue
        breaches.push(`${where} imports a computed name; nobody can tell which room it is in`)
      } else if (found.specifier.startsWith('.')) {
        const target = resolve(path, found.specifier, sources)
        if (target === undefined) {
          breaches.push(`${where} imports '${found.specifier}', which is no file in src/`)
        } else {
          const theirs = roomOf(target)
          // A worker's entry is started, not linked, so it makes no cycle; the room rule holds for it all the same.
          const known =
            found.typeOnly === true && KNOTS.some((knot) => knot.includes(path) && knot.includes(target))
          if (found.kind !== 'url' && !known) targets.push(target)
          if (room !== undefined && theirs !== undefined && !mayImport(room, theirs)) {
            breaches.push(`${where} imports ${target}, but ${room} may not import ${theirs}`)
          }
        }
      } else {
        breaches.push(...badPackage(where, room, found, dependencies))
      }
    }
  }
  breaches.push(...cyclesIn(edges).map((cycle) => `import cycle: ${cycle.join(' → ')}`))
  return breaches
}

function roomOf(path: string): string | undefined {
  const [first = '', ...rest] = path.split('/')
  const nested = `${first}/${rest[0]}`
  const room =
    rest.length === 0
      ? first.replace(/\.ts$/, '')
      : rest.length > 1 && Object.hasOwn(MAY_IMPORT, nested)
        ? nested
        : first
  return Object.hasOwn(MAY_IMPORT, room) && FILE_ROOMS.has(room) === (rest.length === 0) ? room : undefined
}

function isSource(path: string): boolean {
  return /\.[cm]?[jt]sx?$/.test(path)
}

function mayImport(room: string, theirs: string): boolean {
  const allowed = MAY_IMPORT[room]
  return (
    room === theirs || OPEN_ROOMS.has(theirs) || allowed === 'anything' || allowed?.includes(theirs) === true
  )
}

function badNames(path: string): string[] {
  const breaches: string[] = []
  for (const part of path.split('/')) {
    const name = part.replace(/\..*$/, '')
    if (/(^|-)(utils?|helpers?)$/i.test(name)) {
      breaches.push(`${path} is named "${name}"; name it by what it does`)
    }
  }
  if (path !== 'index.ts' && /(^|\/)index\.[cm]?[jt]sx?$/.test(path))
    breaches.push(`${path} is a folder barrel`)
  return breaches
}

/** The file that a relative specifier names, in Node's way: with its ending, `.js` for a `.ts` source. */
function resolve(from: string, specifier: string, sources: ReadonlyMap<string, string>): string | undefined {
  const path = posix.join(posix.dirname(from), specifier)
  return [path, path.replace(/\.([cm]?)js$/, '.$1ts'), path.replace(/\.js$/, '.tsx')].find((candidate) =>
    sources.has(candidate),
  )
}

function badPackage(
  where: string,
  room: string | undefined,
  { specifier, names }: ImportFound,
  dependencies: readonly string[],
): string[] {
  const name = specifier as string
  const parts = name.split('/')
  const packageName = parts.slice(0, name.startsWith('@') ? 2 : 1).join('/')
  const breaches: string[] = []
  const alone = ALONE[packageName]
  if (alone && (room === undefined || !alone.includes(room))) {
    breaches.push(`${where} imports ${packageName}, which only ${alone.join(' and ')} may`)
  } else if (name.startsWith('node:') && room !== undefined && BROWSER_ROOMS.has(room)) {
    breaches.push(`${where} imports ${name}, but ${room} also runs in a browser`)
  }
  const subject = names.find((imported) => SUBJECTS.has(imported))
  if (packageName === 'rxjs' && subject !== undefined && room !== 'events') {
    breaches.push(`${where} imports ${subject} from rxjs, which only events may`)
  }
  const isBuiltIn = room === 'ui' && OF_THE_PAGE.includes(packageName)
  if (!name.startsWith('node:') && !isBuiltIn && !dependencies.includes(packageName)) {
    breaches.push(
      `${where} imports ${packageName}, which package.json does not declare (Node's own begin with node:)`,
    )
  }
  return breaches
}

/** One cycle for each knot of files that import one another, found by a depth-first walk without recursion. */
function cyclesIn(edges: ReadonlyMap<string, readonly string[]>): string[][] {
  const cycles: string[][] = []
  const done = new Set<string>()
  for (const start of edges.keys()) {
    const trail: { readonly file: string; next: number }[] = [{ file: start, next: 0 }]
    const onTrail = new Set([start])
    while (trail.length > 0 && !done.has(start)) {
      const top = trail[trail.length - 1] as (typeof trail)[number]
      const target = edges.get(top.file)?.[top.next++]
      if (target === undefined) {
        done.add(top.file)
        onTrail.delete(top.file)
        trail.pop()
      } else if (onTrail.has(target)) {
        const files = trail.map((entry) => entry.file)
        cycles.push([...files.slice(files.indexOf(target)), target])
      } else if (!done.has(target)) {
        trail.push({ file: target, next: 0 })
        onTrail.add(target)
      }
    }
  }
  return cycles
}
