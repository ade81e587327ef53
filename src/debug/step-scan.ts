/**
 * A run as a row of steps, each reduced to a few numbers that are equal where the steps are: what it does, with which settings, what
 * its calls read, what came from outside, which rows its batch has. Read from blocks and templates, so a step that repeats costs one
 * look-up. A batch that is taken before `run.step()` belongs to the step that reads it.
 */
import { hashOf } from '../events/content.js'
import type { Recording } from '../replay/replay-run.js'
import type { CellReader } from '../store/format/cells.js'
import { eventId, positionOfId } from '../store/format/ids.js'
import { type PagedBlock, pagedBlocks } from '../store/read/block-pages.js'
import { RunRows } from '../store/read/run-rows.js'
import { ValueRows } from '../store/read/stored-array.js'
import { TemplateReader } from '../store/read/template-reader.js'
import { ContentHash } from './content-hash.js'
import type { StepColumn, StepColumns } from './step-columns.js'
import {
  COMBINED,
  type Combination,
  NO_FORM,
  NO_PART,
  type Part,
  type Place,
  type StepForm,
  StepForms,
} from './step-forms.js'

/** What is compared of steps. */
export type Key = 'shape' | 'forms' | 'settings' | 'reads' | 'outside' | 'rows'

export interface Scan {
  /** The first step that was reduced; those before it are equal in both runs. */
  readonly from: number
  /** The step behind the last. */
  readonly end: number
  readonly keys: Readonly<Record<Key, StepColumn>>
  /** Settings, without those that differ in each call, as a counter of random numbers does. */
  readonly repeated: StepColumn
  readonly calls: number
  /** The first position of a step; of `end`, where it would begin. */
  startOf(step: number): number
  /** The first step with these rows; −1 for none. */
  stepWithRows(rows: number): number
}

/** How cells are told apart: by the ids of one file; by content, where small arrays stand in the cells of both; or by hashes alone. */
export type Contents = 'ids' | 'contents' | 'hashes'

/** What nothing from outside is reduced to. */
const NO_CONTENTS = new ContentHash().value

/** A step as it is gone through, until the next is. */
interface Gone {
  /** Its blocks, and what they are. */
  blocks: readonly PagedBlock[]
  form: StepForm
  /** The batch that was taken for it before it began, and the blocks of that. */
  taken: Part
  takenBlocks: readonly PagedBlock[]
}

export class StepScanner {
  private readonly recording: Recording
  private readonly rows: RunRows
  private readonly templates: TemplateReader
  private readonly forms: StepForms
  private readonly values: ValueRows
  private readonly contents: Contents
  private readonly hashes = new Map<number, Buffer>()

  constructor(recording: Recording, contents: Contents) {
    const { db } = recording.reader
    this.recording = recording
    this.rows = new RunRows(db, recording.id)
    this.templates = new TemplateReader(db)
    this.values = new ValueRows(db)
    this.contents = contents
    this.forms = new StepForms(recording, this.rows, this.templates)
  }

  /** Reduces the steps from `from` on to columns. Those before it must be equal in both runs. */
  scan(columns: StepColumns, from = 0): Scan {
    const column = () => columns.column(from)
    const keys: Record<Key, StepColumn> = {
      shape: column(),
      forms: column(),
      settings: column(),
      reads: column(),
      outside: column(),
      rows: column(),
    }
    const [repeated, starts] = [column(), column()]
    let calls = this.callsBefore(from)
    let step = Math.max(0, from - 1)
    if (from === 0) starts.push(1)
    for (const gone of this.gone(step)) {
      starts.push(gone.blocks[0]!.first + gone.form.tailAt)
      if (step++ < from) continue
      calls += gone.form.calls
      const same = this.forms.combined(gone.taken, gone.form.main)
      for (const key of COMBINED) keys[key].push(same[key])
      keys.settings.push(this.settingsOf(gone, same))
      repeated.push(same.settings)
      keys.outside.push(this.contentsOf(gone, 'outside'))
      keys.rows.push(this.contentsOf(gone, 'rows'))
    }
    return {
      from,
      end: keys.shape.end,
      keys,
      repeated,
      calls,
      // The last start is the end, or where a batch begins that no step read.
      startOf: (of) => (of < from ? this.startBefore(of) : starts.of(of)),
      stepWithRows: (rows) => {
        const before = this.stepBefore(from, rows)
        return before >= 0 ? before : keys.rows.stepOf(rows)
      },
    }
  }

  /** What a step does, and with what, as a text: equal where nothing but how it is cut into blocks may differ. */
  textOf(step: number): string {
    for (const gone of this.gone(step, step)) {
      const { form, blocks } = gone
      const parts = [form.main, form.tail].map((part) => {
        const alone = { ...gone, form: { ...form, main: part }, taken: NO_PART, takenBlocks: blocks }
        const settings = this.settingsOf(alone, this.forms.combined(NO_PART, part))
        return [part.shape, part.forms, part.reads, settings].concat(
          this.contentsOf(alone, 'outside'),
          this.contentsOf(alone, 'rows'),
        )
      })
      return JSON.stringify([form.tailAt, parts])
    }
    return ''
  }

  /** How many calls the steps before one have. */
  private callsBefore(step: number): number {
    if (step === 0) return 0
    const { id } = this.recording
    const counts = this.rows.all<{ template: number; count: number }>(
      'SELECT template_id AS template, count(*) AS count FROM _block WHERE id > ? AND id < ? GROUP BY template_id',
      eventId(id, 0),
      eventId(id, this.firstBlockOf(step)),
    )
    return counts.reduce(
      (sum, { template, count }) => sum + count * this.templates.lists(template).calls.length,
      0,
    )
  }

  /** The position of a step's first block; behind the end for one that the run has not. */
  private firstBlockOf(step: number): number {
    const { id, lastPosition } = this.recording
    const row = this.rows.get<{ id: number | null }>(
      'SELECT min(id) AS id FROM _block WHERE run_id = ? AND step = ?',
      id,
      step,
    )
    return row?.id == null ? lastPosition + 1 : positionOfId(row.id)
  }

  private startBefore(step: number): number {
    if (step === 0) return 1
    for (const { blocks, form } of this.gone(step - 1, step - 1)) return blocks[0]!.first + form.tailAt
    return this.recording.lastPosition + 1
  }

  /** The first step before another that has these rows; −1 for none. */
  private stepBefore(end: number, rows: number): number {
    let step = 0
    if (end > 0)
      for (const gone of this.gone(0)) {
        if (step === end) break
        if (this.contentsOf(gone, 'rows') === rows) return step
        step++
      }
    return -1
  }

  /** The steps from one on, in order. Of the first it is not known what was taken for it, unless it is the very first. */
  private *gone(first: number, last = Number.POSITIVE_INFINITY): Generator<Gone> {
    const gone: Gone = { blocks: [], form: NO_FORM, taken: NO_PART, takenBlocks: [] }
    for (const blocks of this.steps(first, last)) {
      gone.taken = gone.form.tail
      gone.takenBlocks = gone.blocks
      gone.form = this.forms.of(blocks)
      gone.blocks = blocks
      yield gone
    }
  }

  private settingsOf({ taken, takenBlocks, form, blocks }: Gone, same: Combination): number {
    if (taken.passing.length === 0 && form.main.passing.length === 0) return same.plain
    const hash = new ContentHash()
    for (const place of taken.passing) this.text(hash, takenBlocks, place)
    for (const place of form.main.passing) this.text(hash, blocks, place)
    return hash.mixed(same.settings)
  }

  private contentsOf({ taken, takenBlocks, form, blocks }: Gone, key: 'outside' | 'rows'): number {
    if (taken[key].length === 0 && form.main[key].length === 0) return NO_CONTENTS
    const hash = new ContentHash()
    for (const place of taken[key]) this.content(hash, takenBlocks, place)
    for (const place of form.main[key]) this.content(hash, blocks, place)
    return hash.value
  }

  /** The blocks of each step, from one on to another: what lies behind it is not read. */
  private *steps(first: number, last: number): Generator<PagedBlock[]> {
    const { id, lastPosition, reader } = this.recording
    let own: PagedBlock[] = []
    for (const block of pagedBlocks(
      reader.db,
      id,
      first === 0 ? 1 : this.firstBlockOf(first),
      last === Number.POSITIVE_INFINITY
        ? lastPosition
        : Math.min(lastPosition, this.firstBlockOf(last + 1) - 1),
    )) {
      if (own.length > 0 && own[0]!.step !== block.step) {
        yield own
        own = []
      }
      own.push(block)
    }
    if (own.length > 0) yield own
  }

  private content(
    hash: ContentHash,
    blocks: readonly PagedBlock[],
    { block, cell, cells: taken, dtype }: Place,
  ): void {
    const cells = cellsOf(blocks[block]!)
    if (taken === 0) return
    if (taken > 1) {
      // A summary instead of the bytes takes six cells too; its first is no count of bytes, and inline() says so.
      const bytes = cells.inline(cell, taken)
      if (this.contents === 'hashes') hash.bytes(hashOf(dtype, bytes))
      else hash.bytes(bytes)
      return
    }
    const id = cells.valueId(cell) || cells.hashedId(cell)
    if (id > 0 && this.contents !== 'ids') hash.bytes(this.hashOfValue(id))
    else if (id > 0) hash.word(id)
    else if (cells.isNothing(cell)) hash.word(1)
    else hash.number(cells.number(cell))
  }

  /** Data sets, rows and rates come again and again. */
  private hashOfValue(id: number): Buffer {
    let known = this.hashes.get(id)
    if (known === undefined) {
      known = this.values.hash(id)
      if (this.hashes.size >= 65_536) this.hashes.clear()
      this.hashes.set(id, known)
    }
    return known
  }

  private text(hash: ContentHash, blocks: readonly PagedBlock[], { block, cell }: Place): void {
    const id = cellsOf(blocks[block]!).textId(cell)
    if (this.contents === 'ids') hash.word(id)
    else hash.text(this.rows.texts.passing(id))
  }
}

/** The cells of a block, in its page. */
function cellsOf({ cells, from, to }: PagedBlock): CellReader {
  cells.seek(from, to)
  return cells
}
