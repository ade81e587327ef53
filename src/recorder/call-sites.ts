/**
 * Where in the user's code calls are made. Looking costs more than most calls do, so it is done where something changed. A call is
 * looked at when the run has not had a call of that function and scope at that place of a step before. Every call is looked at in
 * the first steps, in each hundredth, and after a change: in the rest of that step and in the next. A reader finds the site of any
 * other call under an earlier one of its place and kind.
 *
 * All of it is counted and nothing measured: one program is looked at in the same places in each of its runs.
 */
import path from 'node:path'
import process from 'node:process'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { siteText } from '../events/call-site.js'
import { beforeCompilation } from './source-maps.js'

/** Every call is looked at in this many steps, or passes outside of steps: from the third on a graph is as it will stay. */
const FIRST = 3
const EVERY_STEPS = 100
/** How many calls of a run may be looked at, and after how many calls one more: a loop of a million small ones must not wait for it. */
const FIRST_FREE = 4096
const SITES_FREE = 1024
const CALLS_A_SITE = 4096
/** The same for calls outside of steps, which may be all of a run. */
const OUTSIDE_FREE = 512
const OUTSIDE_CALLS_A_SITE = 1024

/** Further places of a step are not remembered. */
const PLACES_MAX = 65_536

/**
 * The frames of gradtape itself stand above the user's; those of this file are left out. Most calls have few, an optimizer's ten, a
 * model of many layers has many. Each frame that V8 collects costs time, and a second look as much again.
 */
const FRAMES = [12, 96] as const
const FILE_CHARACTERS_MAX = 1024
const NAME_CHARACTERS_MAX = 256

/** Decides which calls are looked at. A step is told by its number; outside of steps a backward pass begins anew. */
export class CallSites {
  private readonly look: () => string | null
  private step = -1
  private everyCall = false
  /** How many calls the step has had. */
  private place = 0
  /** The kind of call that was last at each place. */
  private readonly kinds: number[] = []
  /** The places and kinds that were looked at, as text. */
  private readonly seen = new Set<string>()
  private calls = 0
  private taken = 0
  /** In the first steps, which have their own allowance. */
  private takenFirst = 0
  /** Outside of steps. */
  private passes = 0
  /** The step in which a call was met that was not there before. */
  private changedIn = 0

  /** `look` gives the text of the site of the call under way. */
  constructor(look: () => string | null = siteLooker(process.cwd())) {
    this.look = look
  }

  /** The text of the site of the call under way; null where it is not looked at. `kind`: a number for function and scope. */
  of(step: number, kind: number): string | null {
    if (step !== this.step) this.begin(step)
    const place = this.place++
    if (!this.everyCall && this.kinds[place] === kind) return null
    return this.at(place, kind)
  }

  /** Outside of steps what repeats is a pass with what leads to it. */
  passStarted(step: number): void {
    if (step !== 0) return
    this.passes++
    this.begin(0)
  }

  private begin(step: number): void {
    this.calls += this.place
    this.place = 0
    this.step = step
    this.everyCall =
      step === 0
        ? this.passes < FIRST
        : step <= FIRST || step % EVERY_STEPS === 0 || step === this.changedIn + 1
  }

  private at(place: number, kind: number): string | null {
    if (place >= PLACES_MAX) return null
    this.kinds[place] = kind
    const key = `${place} ${kind}`
    if (!this.everyCall && this.seen.has(key)) return null
    const calls = this.calls + place
    const isFirst = this.step > 0 && this.step <= FIRST
    const most = isFirst
      ? FIRST_FREE
      : this.step === 0
        ? OUTSIDE_FREE + Math.floor(calls / OUTSIDE_CALLS_A_SITE)
        : SITES_FREE + Math.floor(calls / CALLS_A_SITE)
    if ((isFirst ? this.takenFirst : this.taken) >= most) return null
    if (!this.everyCall && this.step > 0) {
      this.changedIn = this.step
      this.everyCall = true
    }
    if (isFirst) this.takenFirst++
    else this.taken++
    this.seen.add(key)
    return this.look()
  }
}

/** The folder of this package's code; of a program bundled with it the file, in which nobody can tell the two apart. */
function ownPlace(): string {
  // A bundle in CommonJS has no import.meta.url, and has its own name.
  const url: string | undefined = import.meta.url
  if (url === undefined) return typeof __filename === 'string' ? pathToFileURL(__filename).href : 'a bundle'
  return /\/(?:dist\/packed|src\/recorder)\/[\w-]+\.[jt]s(?:\?.*)?$/.test(url) ? new URL('..', url).href : url
}

/** Gives the text of the place in the user's code from which it is called: the first frame outside of gradtape. */
function siteLooker(folder: string): () => string | null {
  const own = ownPlace()
  const ownFiles = own.startsWith('file:') ? fileURLToPath(own) : own
  const files = new Map<string, string | null>()
  /** The name of a file for people; null for gradtape's own and for Node's. */
  const named = (file: string): string | null => {
    let name = files.get(file)
    if (name === undefined) {
      const isOwn = file.startsWith(own) || file.startsWith(ownFiles) || file.startsWith('node:')
      name = isOwn ? null : nameOf(file, folder)
      files.set(file, name)
    }
    return name
  }
  const pick = (_error: Error, frames: NodeJS.CallSite[]): string | null => {
    for (const frame of frames) {
      const file = frame.getFileName()
      if (file === null || file === undefined) continue
      const name = named(file)
      const line = frame.getLineNumber()
      const column = frame.getColumnNumber()
      if (name === null || line === null || column === null || line < 1 || column < 1) continue
      const source = beforeCompilation({ file, line, column })
      return siteText({
        file: source === null ? name : nameOf(source.file, folder),
        line: source?.line ?? line,
        column: source?.column ?? column,
        function: functionOf(frame),
      })
    }
    return null
  }
  const look = (): string | null => {
    const holder: { stack?: unknown } = {}
    Error.captureStackTrace(holder, CallSites.prototype.of)
    const { stack } = holder
    return typeof stack === 'string' ? stack : null
  }
  return () => {
    if (!Object.isExtensible(Error)) return null // a frozen Error gives no frames
    const { prepareStackTrace, stackTraceLimit } = Error
    try {
      Error.prepareStackTrace = pick
      for (const frames of FRAMES) {
        Error.stackTraceLimit = frames
        const found = look()
        if (found !== null) return found
      }
      return null
    } finally {
      Error.stackTraceLimit = stackTraceLimit
      if (prepareStackTrace === undefined) Reflect.deleteProperty(Error, 'prepareStackTrace')
      else Error.prepareStackTrace = prepareStackTrace
    }
  }
}

function nameOf(file: string, folder: string): string {
  if (!file.startsWith('file:') && !path.isAbsolute(file)) return shortened(file, FILE_CHARACTERS_MAX) // [eval], data:…
  const full = file.startsWith('file:') ? fileURLToPath(file.replace(/[?#].*$/s, '')) : file
  const relative = path.relative(folder, full)
  const isInside = relative !== '' && !relative.startsWith('..') && !path.isAbsolute(relative)
  return shortened((isInside ? relative : full).replaceAll(path.sep, '/'), FILE_CHARACTERS_MAX)
}

/** `MLP.forward`, `step`, `new Model`; null where the code has no name. */
function functionOf(frame: NodeJS.CallSite): string | null {
  const name = frame.getFunctionName()
  if (name === null || name === '') return null
  if (frame.isConstructor()) return shortened(`new ${name}`, NAME_CHARACTERS_MAX)
  const type = frame.isToplevel() || name.includes('.') ? null : frame.getTypeName()
  const isPlain = type === null || type === '' || type === 'Object' || type === 'Function'
  if (name === '<anonymous>') return null
  return shortened(isPlain ? name : `${type}.${name}`, NAME_CHARACTERS_MAX)
}

function shortened(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`
}
