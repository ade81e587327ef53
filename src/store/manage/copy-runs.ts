/**
 * Copies runs from tapes into a new one, batch by batch: each batch is read as events, proven by the hash it was written
 * with, packed and written again. The tapes that it reads never change.
 *
 * What is proven afterwards: every event, value and time is the one that was read, since each batch was held to its hash. The
 * hash chain of a tape goes through all its runs, though, so the new tape has a chain and a head of its own; it is the old
 * one only when all runs were copied under their numbers. What stays the same from tape to tape is a run's fingerprint.
 */
import fs from 'node:fs'
import { TapeError } from '../../errors.js'
import { type PackedBatch, Packer } from '../../events/pack.js'
import { ScalarValue } from '../../events/scalar-value.js'
import { checkCallback, checkList, checkPath } from '../../options.js'
import { chained, chainHash, GENESIS, labelsPayload, materializedHash } from '../format/chain.js'
import type { Connection } from '../format/connection.js'
import { openDatabase, sqliteError } from '../format/database.js'
import { Digests } from '../format/digests.js'
import { positionOfId } from '../format/ids.js'
import { fromScalar } from '../format/value.js'
import { logState } from '../format/write-ahead-log.js'
import { packAgain } from '../proof/pack-again.js'
import { addDigest } from '../proof/verify.js'
import { present } from '../read/present.js'
import { type CommitRow, type LabelRow, Reader } from '../read/reader.js'
import { StoredArray, ValueRows } from '../read/stored-array.js'
import { copyLabels } from '../write/label-writer.js'
import { type MaterializedValue, Materializer } from '../write/materializer.js'
import { Writer } from '../write/writer.js'
import { withNewSchema } from './new-schema.js'
import { newTape } from './new-tape.js'

/** A run of a new tape, and where it came from. */
export interface CopiedRun {
  /** Its number in the new tape. */
  id: number
  name: string
  /** The tape it was read from, and its number there. */
  from: { path: string; id: number }
  events: number
  /** SHA-256 over its batches alone, in hex: the same in every tape that holds this run. */
  fingerprint: string
  /** For a salvaged run that is not whole: the first batch that is lost, and why. Null as a rule. */
  lost: { fromPosition: number; why: string } | null
}

/** What a new tape holds. */
export interface NewTapeReport {
  path: string
  /** The last hash of its chain. */
  head: string
  runs: CopiedRun[]
}

/** What is to be read from one tape. */
interface RunSource {
  path: string
  /** Numbers of the runs; all of them when not given. */
  runs?: ReadonlySet<number>
}

interface CopyRunsOptions {
  /** Takes of a damaged tape what is whole: of each run the batches before its first damaged one. */
  salvage?: boolean
  onProgress?: (events: number) => void
}

/**
 * Makes a tape of runs of other tapes. They are numbered anew, from 1, in the order in which they begin.
 *
 * Throws  TAPE_CORRUPT when a batch that is copied does not have its hash; BAD_ARGUMENT when `output` exists
 */
export function copyRuns(
  sources: readonly RunSource[],
  output: string,
  options: CopyRunsOptions = {},
): NewTapeReport {
  const copied: CopiedRun[] = []
  const opened = ({ path }: RunSource) =>
    openDatabase(path, { readonly: true, schemaUnchecked: options.salvage === true })
  // One that cannot be read is refused before the first is copied.
  for (const source of sources) opened(source).close()
  const { head } = newTape(output, (file) => {
    const target = openDatabase(file, { readonly: false })
    try {
      target.pragma('synchronous = OFF') // it is synced as a whole before it gets its name
      for (const source of sources) {
        const db = opened(source)
        try {
          // As of one moment, though others write meanwhile. Closing ends it: a COMMIT would tell of damage that was met.
          db.exec('BEGIN')
          copied.push(...new RunsCopy(db, source, target, options).all())
        } finally {
          db.close()
        }
      }
    } finally {
      target.close()
    }
  })
  return { path: output, head, runs: copied }
}

/**
 * Makes one tape of the runs of several, in the order of the tapes. Runs are numbered anew; nothing else of them changes. See
 * `tape.split` for what is proven.
 *
 * Throws  BAD_ARGUMENT when `output` exists; TAPE_CORRUPT when one of the tapes is damaged
 */
export function mergeTapes(
  files: readonly string[],
  output: string,
  onProgress?: (events: number) => void,
): NewTapeReport {
  checkCallback(onProgress, 'the onProgress of mergeTapes')
  checkList(files, 'mergeTapes', 'tapes')
  for (const path of [...files, output]) checkPath(path, 'mergeTapes')
  return copyRuns(
    files.map((path) => ({ path })),
    output,
    onProgress === undefined ? {} : { onProgress },
  )
}

/**
 * Makes a tape of what is whole in a damaged one: of each run the batches before its first damaged one, each held to the hash
 * it was written with. What is lost is said run by run (`lost`). The damaged tape is only read.
 *
 * Throws  NOT_A_TAPE, TAPE_CORRUPT when nothing can be read of it; BAD_ARGUMENT when `output` exists
 */
export function salvageTape(
  file: string,
  output: string,
  onProgress?: (events: number) => void,
): NewTapeReport {
  for (const path of [file, output]) checkPath(path, 'salvageTape')
  checkCallback(onProgress, 'the onProgress of salvageTape')
  const options = { salvage: true, ...(onProgress === undefined ? {} : { onProgress }) }
  const padded = paddedCopy(file, `${output}.padded`)
  try {
    return copyOf(file, padded ?? file, output, options)
  } catch (error) {
    if (!(error instanceof TapeError) || !['NOT_A_TAPE', 'TAPE_CORRUPT'].includes(error.code)) throw error
    const repaired = withNewSchema(padded ?? file, `${output}.repaired`)
    if (repaired === null) throw error
    try {
      const report = copyOf(file, repaired, output, options)
      if (report.runs.length > 0) return report
      fs.rmSync(output)
      throw error // no tape, but a file of the right length
    } catch (second) {
      if (second === error) throw error
      if (!(second instanceof TapeError)) throw second
      throw new TapeError(
        error.code,
        `${error.message.slice(error.code.length + 2)}. With the first pages of a new tape in place of its own nothing can be read of it either: ${second.message}`,
        { cause: error },
      )
    } finally {
      fs.rmSync(repaired, { force: true })
    }
  } finally {
    if (padded !== null) fs.rmSync(padded, { force: true })
  }
}

/** The runs of `copy`, which stands for `file` and is not spoken of. */
function copyOf(file: string, copy: string, output: string, options: CopyRunsOptions): NewTapeReport {
  try {
    const report = copyRuns([{ path: copy }], output, options)
    for (const run of report.runs) run.from.path = file
    return report
  } catch (error) {
    if (!(error instanceof TapeError) || copy === file) throw error
    const explanation = error.message.slice(error.code.length + 2).replaceAll(copy, file)
    throw new TapeError(error.code, explanation, { cause: error })
  }
}

/** Of a file that was cut off: a copy as long as its header says, since SQLite opens no shorter one. Null for any other. */
// No log stands beside it, so no connection of this process writes it, whose locks closing the file here would give up.
function paddedCopy(file: string, copy: string): string | null {
  if (logState(file) !== 'none' || !fs.existsSync(file)) return null
  const header = Buffer.alloc(32)
  const handle = fs.openSync(file, 'r')
  try {
    fs.readSync(handle, header, 0, 32, 0)
  } finally {
    fs.closeSync(handle)
  }
  const bytes = header.readUInt16BE(16) * header.readUInt32BE(28)
  if (header.toString('latin1', 0, 15) !== 'SQLite format 3' || bytes <= fs.statSync(file).size) return null
  fs.copyFileSync(file, copy, fs.constants.COPYFILE_EXCL)
  fs.truncateSync(copy, bytes)
  return copy
}

interface RunState {
  readonly run: CopiedRun
  readonly packer: Packer
  readonly writer: Writer
  fingerprint: Buffer
}

class RunsCopy {
  private readonly db: Connection
  private readonly source: RunSource
  private readonly target: Connection
  private readonly options: CopyRunsOptions
  private readonly reader: Reader
  private readonly runs = new Map<number, RunState>()
  /** Runs of which not even the first batch is whole, and why. */
  private readonly unread = new Map<number, CopiedRun>()
  private readonly digests = new Digests()
  private events = 0

  constructor(db: Connection, source: RunSource, target: Connection, options: CopyRunsOptions) {
    this.db = db
    this.source = source
    this.target = target
    this.options = options
    this.reader = new Reader(db)
  }

  all(): CopiedRun[] {
    let before: Buffer = GENESIS
    for (const commit of this.commits()) {
      if (this.source.runs?.has(commit.run_id) !== false) this.commit(commit, before)
      before = commit.hash
    }
    const states = [...this.runs.values()]
    for (const { run, fingerprint } of states) run.fingerprint = fingerprint.toString('hex')
    return [...states.map(({ run }) => run), ...this.unread.values()]
  }

  /** The commits in order; of a damaged list those before the damage. */
  private commits(): CommitRow[] {
    if (this.options.salvage !== true) return this.reader.commits()
    const found: CommitRow[] = []
    try {
      for (const row of this.db.prepare<[], CommitRow>('SELECT * FROM _commit ORDER BY id').iterate())
        found.push(row)
    } catch (error) {
      if (found.length === 0) throw sqliteError(error, `reading ${this.source.path}`)
    }
    return found
  }

  private commit(commit: CommitRow, before: Buffer): void {
    const { run_id: id } = commit
    const known = this.runs.get(id)
    if (this.unread.has(id) || (known !== undefined && known.run.lost !== null)) return
    if (this.options.salvage !== true) {
      this.copy(commit, before)
      return
    }
    let read: (() => void) | null = null
    try {
      read = this.reading(commit, before)
    } catch (thrown) {
      const error = sqliteError(thrown, `reading ${this.source.path}`)
      if (!(error instanceof TapeError)) throw error
      if (commit.event_count === 0) return // values that can be computed again, or a name: the one before holds
      const lost = { fromPosition: commit.first_position, why: error.message }
      if (known !== undefined) known.run.lost = lost
      else this.unread.set(id, this.copiedRun(0, id, '', lost))
    }
    read?.() // what fails from here on is writing
  }

  private copy(commit: CommitRow, before: Buffer): void {
    this.reading(commit, before)()
  }

  /** Reads a commit and proves it; gives what writes it. */
  private reading(commit: CommitRow, before: Buffer): () => void {
    if (commit.event_count > 0) return this.readEvents(commit, before)
    const labels = this.reader.labelsBy(commit.id)
    return labels.length > 0 ? this.readLabels(commit, labels, before) : this.readValues(commit, before)
  }

  private readEvents(commit: CommitRow, before: Buffer): () => void {
    const { run_id: id, first_position: first, event_count: count, committed_at: at } = commit
    const packer = this.runs.get(id)?.packer ?? new Packer()
    if (first !== packer.position + 1)
      throw new TapeError(
        'TAPE_CORRUPT',
        `batch ${commit.id} expected to begin at position ${packer.position + 1}, says ${first}`,
      )
    let name: string | null = null
    const batch = packAgain(this.reader, packer, id, [first, first + count - 1], (event) => {
      if (event.type === 'RunStarted') name = event.name
    })
    if (batch === null || !this.hashOf(batch, id, at, before).equals(commit.hash))
      throw new TapeError(
        'TAPE_CORRUPT',
        `batch ${commit.id} (run ${id}, events ${first} to ${first + count - 1}) does not have the hash it was written with`,
      )
    // Read now, so that what is damaged is found before anything is written.
    for (const value of batch.values) if (value instanceof StoredArray) void value.data
    return () => {
      const state = this.runs.get(id) ?? this.begin(id, name ?? '', packer)
      const failure = state.writer.write([batch], at)
      if (failure !== null) throw failure
      state.run.events += count
      // Without the run's number, which another tape may change.
      state.fingerprint = this.hashOf(batch, 0, at, state.fingerprint)
      this.events += count
      this.options.onProgress?.(this.events)
    }
  }

  private hashOf(batch: PackedBatch, runId: number, at: string, before: Buffer): Buffer {
    this.digests.clear()
    for (const value of batch.values) addDigest(this.digests, value)
    return chainHash(before, runId, at, batch, this.digests)
  }

  private readLabels(commit: CommitRow, changes: readonly LabelRow[], before: Buffer): () => void {
    const { id: commitId, run_id: id, committed_at: at } = commit
    if (!chained(before, labelsPayload(id, at, changes)).equals(commit.hash))
      throw new TapeError(
        'TAPE_CORRUPT',
        `batch ${commitId} (name and tags of run ${id}) does not have the hash it was written with`,
      )
    return () => {
      const state = this.runs.get(id)
      if (state === undefined) return
      copyLabels(this.target, state.run.id, changes, at)
      state.run.name = changes.findLast(({ kind }) => kind === 'named')?.text ?? state.run.name
    }
  }

  private readValues(commit: CommitRow, before: Buffer): () => void {
    const { id: commitId, run_id: id, committed_at: at } = commit
    const rows = this.reader.materializedBy(commitId, id)
    if (!materializedHash(before, id, at, rows).equals(commit.hash))
      throw new TapeError(
        'TAPE_CORRUPT',
        `batch ${commitId} (values of run ${id} that were computed again) does not have the hash it was written with`,
      )
    const values = new ValueRows(this.db)
    const find = this.db.prepare<[number, number], { id: number; dtype: string; size: number }>(
      'SELECT v.id AS id, v.dtype AS dtype, v.size AS size FROM _materialized m JOIN _value v ON v.id = m.value_id WHERE m.id = ? AND m.part = ?',
    )
    const read = rows.map((row): MaterializedValue => {
      const position = positionOfId(row.id)
      const { part } = row
      if (row.hash === null)
        return { position, part, value: new ScalarValue(fromScalar(row.scalar!), 'float64', []) }
      const { id: valueId, dtype, size } = present(find.get(row.id, part), `the value of event ${row.id}`)
      const value = new StoredArray(values, valueId, dtype, [size])
      void value.data // read now, so that what is damaged is found before anything is written
      return { position, part, value }
    })
    return () => {
      const state = this.runs.get(id)
      if (state !== undefined) new Materializer(this.target).write(state.run.id, read, at)
    }
  }

  private begin(id: number, name: string, packer: Packer): RunState {
    // Runs are numbered in the order in which they begin, without gaps; verification holds a tape to that.
    const own = 1 + Number(this.target.prepare('SELECT coalesce(max(id), 0) FROM _run').pluck().get())
    this.target.prepare('INSERT INTO _run (id, name) VALUES (?, ?)').run(own, name)
    const beginning = { runId: own, repetitions: { current: 1, previous: 1 }, texts: [] }
    const state: RunState = {
      run: this.copiedRun(own, id, name, null),
      packer,
      writer: new Writer(this.target, null, name, beginning),
      fingerprint: GENESIS,
    }
    this.runs.set(id, state)
    return state
  }

  private copiedRun(id: number, fromId: number, name: string, lost: CopiedRun['lost']): CopiedRun {
    return { id, name, from: { path: this.source.path, id: fromId }, events: 0, fingerprint: '', lost }
  }
}
