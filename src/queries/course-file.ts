/**
 * Keeps courses in a side file beside the tape, `FILE.gradtape-cache`, so that the second look at a long run is at once. It is made
 * from the tape alone and may be deleted at any time; what does not fit the tape, or was changed, is not used.
 *
 *     magic (8 bytes) · length of the head (4) · head: JSON · SHA-256 of all after it (32) · columns, each at a multiple of 8
 */
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import { threadId } from 'node:worker_threads'
import { Course } from './course.js'
import type { ReadUntil, RunCourses, StoredCourses } from './run-courses.js'
import type { Views } from './views.js'

/** The digit grows when the courses of a run come to hold other numbers. */
const MAGIC = 'gtcours5'
const HEAD_AT = 12
const HASH_BYTES = 32

interface Head {
  /** The last commit that the columns are made from, and its hash: a tape that has it has what came before. */
  commit: number
  hash: string
  runs: { id: number; readUntil: ReadUntil; courses: CourseHead[] }[]
}

interface CourseHead {
  key: string
  length: number
  /** What all values are; they have no column then. */
  constant: number | null
  /** Whether it has the steps and positions of the last course before it that has columns of them. */
  isBeside: boolean
}

export function courseFile(tape: string): string {
  return `${tape}.gradtape-cache`
}

/** What the side file has of each run; nothing where there is none, or it is not of this tape. */
export function readCourseFile(tape: string, views: Views): Map<number, StoredCourses> {
  const runs = new Map<number, StoredCourses>()
  let bytes: Buffer
  try {
    bytes = fs.readFileSync(courseFile(tape))
  } catch {
    return runs // there is none, or it may not be read: the tape has everything
  }
  const head = headOf(bytes)
  if (head === null || lastCommit(views, head.commit)?.hash !== head.hash) return runs
  let at = bodyAt(bytes)
  for (const { id, readUntil, courses } of head.runs) {
    const stored: StoredCourses = { readUntil, courses: new Map() }
    let base: Course | null = null
    for (const { key, length, constant, isBeside } of courses) {
      // Copied, so that it is aligned and grows by itself.
      const column = (size: number) => {
        const from = bytes.byteOffset + at
        at += size * length
        return bytes.buffer.slice(from, from + size * length) as ArrayBuffer
      }
      const values: Float64Array | number = constant ?? new Float64Array(column(8))
      const course: Course =
        isBeside && base !== null
          ? Course.of(base, values, length)
          : Course.of(
              { steps: new Int32Array(column(4)), positions: new Uint32Array(column(4)) },
              values,
              length,
            )
      if (!isBeside) base = course
      stored.courses.set(key, course)
    }
    runs.set(id, stored)
  }
  return runs
}

/**
 * Writes what was read of runs to the side file; what others wrote there meanwhile stays. Returns why it could not be written; null
 * when it was.
 */
export function keepCourses(tape: string, views: Views, runs: Iterable<RunCourses>): string | null {
  const kept = readCourseFile(tape, views)
  for (const courses of runs) {
    const known = kept.get(courses.runId)
    if (known !== undefined) courses.restore(known)
    kept.set(courses.runId, courses.stored())
  }
  return writeCourseFile(tape, views, kept)
}

/** Writes the file anew, whole or not at all. */
function writeCourseFile(
  tape: string,
  views: Views,
  runs: ReadonlyMap<number, StoredCourses>,
): string | null {
  const commit = lastCommit(views, null)
  if (commit === null) return null
  const head: Head = { commit: commit.id, hash: commit.hash, runs: [] }
  const columns: Uint8Array[] = []
  for (const [id, { readUntil, courses }] of runs) {
    head.runs.push({
      id,
      readUntil,
      courses: [...courses].map(([key, { length, constant, isBeside }]) => ({
        key,
        length,
        constant,
        isBeside,
      })),
    })
    for (const course of courses.values()) {
      const { length } = course
      if (course.constant === null) columns.push(bytesOf(course.values, length))
      if (!course.isBeside) columns.push(bytesOf(course.steps, length), bytesOf(course.positions, length))
    }
  }
  const text = Buffer.from(JSON.stringify(head))
  const start = Buffer.alloc(HEAD_AT)
  start.write(MAGIC, 'latin1')
  start.writeUInt32LE(text.length, 8)
  const hash = createHash('sha256').update(text)
  for (const column of columns) hash.update(column)
  const file = courseFile(tape)
  // Several threads of a process may write it at once.
  const next = `${file}.${process.pid}.${threadId}.unfinished`
  try {
    fs.writeFileSync(next, '')
    for (const part of [start, text, hash.digest(), ...columns]) fs.appendFileSync(next, part)
    fs.renameSync(next, file)
    return null
  } catch (error) {
    fs.rmSync(next, { force: true })
    return (error as Error).message
  }
}

/** Null for a file that is not whole, or not one of ours. */
function headOf(bytes: Buffer): Head | null {
  if (bytes.length < HEAD_AT + HASH_BYTES || bytes.toString('latin1', 0, 8) !== MAGIC) return null
  const length = bytes.readUInt32LE(8)
  const text = bytes.subarray(HEAD_AT, HEAD_AT + length)
  const body = bytes.subarray(HEAD_AT + length + HASH_BYTES)
  const hash = createHash('sha256').update(text).update(body).digest()
  if (!hash.equals(bytes.subarray(HEAD_AT + length, HEAD_AT + length + HASH_BYTES))) return null
  return JSON.parse(text.toString()) as Head
}

function bodyAt(bytes: Buffer): number {
  return HEAD_AT + bytes.readUInt32LE(8) + HASH_BYTES
}

function lastCommit(views: Views, id: number | null): { id: number; hash: string } | null {
  return views.first(
    'SELECT id, hash FROM tape_commit WHERE ? IS NULL OR id = ? ORDER BY id DESC LIMIT 1',
    id,
    id,
  )
}

function bytesOf(column: Float64Array | Int32Array | Uint32Array, length: number): Uint8Array {
  return new Uint8Array(column.buffer, column.byteOffset, length * column.BYTES_PER_ELEMENT)
}
