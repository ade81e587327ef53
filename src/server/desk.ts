/**
 * Where questions are answered: the tapes that are open on one thread, read-only, and what was read of them. What others record
 * meanwhile is seen by the next question.
 */
import path from 'node:path'
import { TapeError, valueText } from '../errors.js'
import { type InspectedRun, inspectedRun } from '../inspection/inspected-run.js'
import type { Course } from '../queries/course.js'
import { keepCourses, readCourseFile } from '../queries/course-file.js'
import { type GradientCourses, type OnRead, RunCourses, type StoredCourses } from '../queries/run-courses.js'
import { Views } from '../queries/views.js'
import { fileIdentity } from '../store/format/file-identity.js'
import { openTape } from '../tape/open-tape.js'
import type { Tape } from '../tape/tape.js'

/** Points that are kept in memory; each takes some 20 bytes. What was asked for longest ago goes first. */
const POINTS_MAX = 20_000_000
/** A run that was read faster than this needs no side file. */
const WORTH_KEEPING_MS = 250
const RUNS_INSPECTED_MAX = 8

export class OpenTape {
  readonly number: number
  readonly path: string
  readonly tape: Tape
  readonly views: Views
  private readonly identity: string | null
  private readonly courses = new Map<number, RunCourses>()
  private stored: Map<number, StoredCourses> | null = null
  private readonly inspected = new Map<number, { version: number; run: InspectedRun }>()
  /** Whether something was read that the next look should not have to read again. */
  private isToKeep = false
  private readonly worthKeepingMs: number

  constructor(number: number, file: string, worthKeepingMs = WORTH_KEEPING_MS) {
    this.number = number
    this.worthKeepingMs = worthKeepingMs
    this.path = file
    this.tape = openTape(file, { readonly: true })
    this.views = new Views(file, this.tape.connection)
    this.identity = fileIdentity(file)
  }

  /** Whether the file is still the one that was opened. */
  get isSameFile(): boolean {
    return fileIdentity(this.path) === this.identity
  }

  /** Grows when others have written. */
  get version(): number {
    return (
      this.views.first<{ version: number }>('SELECT data_version AS version FROM pragma_data_version')
        ?.version ?? 0
    )
  }

  /** The run as it is by now. Throws RUN_NOT_FOUND. */
  run(id: number): InspectedRun {
    const { version } = this
    const known = this.inspected.get(id)
    if (known?.version === version) return known.run
    const run = inspectedRun(this.tape, id)
    this.inspected.delete(id)
    if (this.inspected.size >= RUNS_INSPECTED_MAX)
      for (const oldest of [...this.inspected.keys()].slice(0, 1)) this.inspected.delete(oldest)
    this.inspected.set(id, { version, run })
    return run
  }

  /** The metrics of a run as they are by now; with `steps` when its steps began, too. Throws RUN_NOT_FOUND. */
  coursesOf(id: number, { steps = false, onRead }: { steps?: boolean; onRead?: OnRead } = {}): RunCourses {
    const courses = this.withStored(id)
    this.kept(() => courses.extendMetrics(this.views, onRead))
    if (steps) courses.extendSteps(this.views)
    return courses
  }

  /** What was read of a run so far; it is the last to be forgotten. */
  private known(id: number): RunCourses {
    let courses = this.courses.get(id)
    this.courses.delete(id)
    if (courses === undefined) {
      this.run(id) // throws when there is none
      courses = new RunCourses(id)
    }
    this.courses.set(id, courses)
    return courses
  }

  /** The gradients of a run as they are by now. Throws RUN_NOT_FOUND. */
  gradientsOf(id: number, onRead?: OnRead): GradientCourses[] {
    const courses = this.withStored(id)
    this.kept(() => courses.extendGradients(this.views, onRead))
    return courses.gradients
  }

  /** By how much each parameter was changed, in parts of itself. Throws RUN_NOT_FOUND. */
  updatesOf(id: number, onRead?: OnRead): ReadonlyMap<number, Course> {
    const courses = this.withStored(id)
    return this.kept(() => courses.updatesBy(this.views, onRead))
  }

  /** The courses of a run with what the side file has of it. */
  private withStored(id: number): RunCourses {
    const courses = this.known(id)
    this.stored ??= readCourseFile(this.path, this.views)
    const stored = this.stored.get(id)
    if (stored !== undefined) courses.restore(stored)
    this.stored.delete(id)
    return courses
  }

  /** Does it, and has it kept where that took long. */
  private kept<T>(read: () => T): T {
    const from = performance.now()
    try {
      return read()
    } finally {
      if (performance.now() - from >= this.worthKeepingMs) this.isToKeep = true
      this.forgetOldest()
    }
  }

  /**
   * Writes the side file where something is to be kept: once nobody waits for an answer. A folder that cannot be written to costs the
   * next look its time, and nothing else.
   */
  keep(): void {
    if (!this.isToKeep) return
    this.isToKeep = false
    if (this.isSameFile) keepCourses(this.path, this.views, this.courses.values())
  }

  close(): void {
    this.tape.close()
  }

  private forgetOldest(): void {
    let points = 0
    for (const [id, courses] of [...this.courses].reverse()) {
      points += courses.points
      if (points <= POINTS_MAX || this.courses.size === 1) continue
      this.keep()
      this.courses.delete(id)
    }
  }
}

export class Desk {
  private readonly files: readonly string[]
  private readonly open = new Map<number, OpenTape>()

  constructor(files: readonly string[]) {
    this.files = files
  }

  get numbers(): number[] {
    return this.files.map((_, i) => i + 1)
  }

  pathOf(number: number): string {
    const file = this.files[number - 1]
    if (file === undefined)
      throw new TapeError(
        'BAD_ARGUMENT',
        `expected a file from 1 to ${this.files.length}, got ${valueText(number)}`,
      )
    return file
  }

  /** Throws  what opening a tape throws; TAPE_NOT_FOUND when the file was deleted since */
  tape(number: number): OpenTape {
    const file = this.pathOf(number)
    let tape = this.open.get(number)
    if (tape !== undefined && !tape.isSameFile) {
      tape.close()
      this.open.delete(number)
      tape = undefined
    }
    if (tape === undefined) {
      tape = new OpenTape(number, file)
      this.open.set(number, tape)
    }
    return tape
  }

  /** A run by its key, `2.1`: the tape and its number. */
  run(key: string): { tape: OpenTape; id: number } {
    const found = /^(\d{1,9})\.(\d{1,15})$/.exec(key)
    if (found === null)
      throw new TapeError('BAD_ARGUMENT', `expected a run as FILE.RUN, like 1.2, got ${valueText(key)}`)
    return { tape: this.tape(Number(found[1])), id: Number(found[2]) }
  }

  /** Writes beside the tapes what took long to read. */
  keep(): void {
    for (const tape of this.open.values()) tape.keep()
  }

  close(): void {
    for (const tape of this.open.values()) tape.close()
    this.open.clear()
  }
}

export function fileName(file: string): string {
  return path.basename(file)
}
