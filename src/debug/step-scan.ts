/**
 * A run as a row of steps, each reduced to a few numbers that are equal where the steps are: what it does, with which settings, what
 * its calls read, what came from outside, which rows its batch has. Read from blocks and templates, so a step that repeats costs one
 * look-up. A batch that is taken before `run.step()` belongs to the step that reads it.
 */
import crypto from 'node:crypto'
import { hashOf } from '../events/content.js'
import { type FunctionCalled, positionOf, type Ref } from '../events/event.js'
import { ASSIGNMENT_ENTRY, CALL_ENTRY, CLEAR_ENTRY, LEAF_ENTRY, PASS_ENTRY } from '../events/record-layout.js'
import type { Recording } from '../replay/replay-run.js'
import type { CellReader } from '../store/format/cells.js'
import { eventId, positionOfId } from '../store/format/ids.js'
import { decodeRef } from '../store/format/template.js'
import { type PagedBlock, pagedBlocks } from '../store/read/block-pages.js'
import type { Block } from '../store/read/block-reader.js'
import { RunRows } from '../store/read/run-rows.js'
import { ValueRows } from '../store/read/stored-array.js'
import { TemplateReader } from '../store/read/template-reader.js'
import { ContentHash } from './content-hash.js'
import type { StepColumn, StepColumns } from './step-columns.js'

/** What is compared of steps. */
const KEYS = ['shape', 'forms', 'settings', 'reads', 'outside', 'rows'] as const
export type Key = (typeof KEYS)[number]

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

/** For these keys, the number of a step follows from the numbers of its two parts alone. */
const COMBINED = ['shape', 'forms', 'reads'] as const

const NONE: ReadonlySet<Ref> = new Set()

const EMPTY = { shape: -1, forms: -1, settings: -1, reads: -1 } as const

/** What nothing from outside is reduced to. */
const NO_CONTENTS = new ContentHash().value

/** Forms of steps that are kept: a run whose steps never repeat has as many as steps. */
const FORMS_MAX = 4096

interface Part {
  readonly id: number
  /** Numbers of what is the same in every repetition. */
  shape: number
  forms: number
  settings: number
  reads: number
  /** Where cells stand that came from outside: block of the step, cell, how many. */
  outside: Place[]
  rows: Place[]
  /** Cells with the text of attributes. */
  passing: Place[]
}

interface Place {
  readonly block: number
  readonly cell: number
  readonly cells: number
  readonly dtype: string
}

interface StepForm {
  readonly main: Part
  readonly tail: Part
  /** Where the tail begins, from the first position of the step. */
  readonly tailAt: number
  readonly calls: number
}

/** One event as the template has it. */
interface Line {
  readonly at: number
  readonly shape: string
  readonly forms: string
  readonly settings: string
  readonly inputs: readonly Ref[]
  /** Inputs that lie far back, which the template names by their own position. */
  readonly far: ReadonlySet<Ref>
  readonly place: Place | null
  readonly kind: 'call' | 'leaf' | 'other'
  readonly isParameter: boolean
  readonly isTake: boolean
  readonly passing: Place | null
}

type TemplatedBlock = Pick<Block, 'first' | 'base' | 'template'>

/** What a step and the batch that was taken for it do, as numbers. */
type Combination = Readonly<Record<(typeof COMBINED)[number] | 'settings', number>> & {
  /** The number of the settings where none differs from call to call. */
  readonly plain: number
}

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
  private readonly values: ValueRows
  private readonly contents: Contents
  /** Of steps that are one block, by its template: nearly all, and found without a text. */
  private readonly single = new Map<number, { readonly back: number; readonly form: StepForm }>()
  private readonly forms = new Map<string, StepForm>()
  private readonly hashes = new Map<number, Buffer>()
  private readonly identities = new Map<Ref, string>()
  private readonly combinations = new Map<number, Combination>()
  private readonly emptyPart: Part = { id: 0, ...EMPTY, outside: [], rows: [], passing: [] }
  private readonly emptyForm: StepForm = { main: this.emptyPart, tail: this.emptyPart, tailAt: 0, calls: 0 }
  private readonly isStepless: boolean
  private parts = 0
  private lastKey = -1
  private lastCombination: Combination | null = null

  constructor(recording: Recording, contents: Contents) {
    const { db } = recording.reader
    this.recording = recording
    this.rows = new RunRows(db, recording.id)
    this.templates = new TemplateReader(db)
    this.values = new ValueRows(db)
    this.contents = contents
    this.isStepless = recording.lookup.stepCount() === 0
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
      const same = this.combined(gone.taken, gone.form.main)
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
    for (const gone of this.gone(step)) {
      const { form, blocks } = gone
      const parts = [form.main, form.tail].map((part) => {
        const alone = { ...gone, form: { ...form, main: part }, taken: this.emptyPart, takenBlocks: blocks }
        const settings = this.settingsOf(alone, this.combined(this.emptyPart, part))
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
    for (const { blocks, form } of this.gone(step - 1)) return blocks[0]!.first + form.tailAt
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
  private *gone(first: number): Generator<Gone> {
    const gone: Gone = { blocks: [], form: this.emptyForm, taken: this.emptyPart, takenBlocks: [] }
    for (const blocks of this.steps(first)) {
      gone.taken = gone.form.tail
      gone.takenBlocks = gone.blocks
      gone.form = this.formOf(blocks)
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

  /** The name of a variable that was made in an earlier step. */
  identity(ref: Ref): string {
    let known = this.identities.get(ref)
    if (known === undefined) {
      known = this.identify(ref)
      if (this.identities.size >= FORMS_MAX) this.identities.clear()
      this.identities.set(ref, known)
    }
    return known
  }

  /** The name of what was made long before: a batch is known by its rows, too. */
  private farIdentity(ref: Ref): string {
    const known = this.identity(ref)
    // Most of it are parameters, read by each call of each form.
    if (!known.startsWith('of take ')) return known
    const { reader, id } = this.recording
    const indices = reader.event(
      id,
      positionOf((reader.event(id, positionOf(ref)) as FunctionCalled).inputs[1]!),
    )
    if (indices.type !== 'LeafCreated') return known
    return `${known} ${indices.value?.data.join() ?? indices.summary?.hash ?? ''}`
  }

  private identify(ref: Ref): string {
    const { reader, lookup, id } = this.recording
    const event = reader.event(id, positionOf(ref))
    if (event.type === 'FunctionCalled') return `of ${event.function} ${event.scope}`
    if (event.type === 'GradientComputed') return `gradient of ${this.identity(event.variable)}`
    return (
      lookup.nameOf(ref) ??
      (event.type === 'LeafCreated' ? `${event.role} ${event.shape.join('×')}` : event.type)
    )
  }

  /** The blocks of each step, from one on. */
  private *steps(first: number): Generator<PagedBlock[]> {
    const { id, lastPosition, reader } = this.recording
    let own: PagedBlock[] = []
    for (const block of pagedBlocks(
      reader.db,
      id,
      first === 0 ? 1 : this.firstBlockOf(first),
      lastPosition,
    )) {
      if (own.length > 0 && own[0]!.step !== block.step) {
        yield own
        own = []
      }
      own.push(block)
    }
    if (own.length > 0) yield own
  }

  /** The numbers of a step of two parts; the same few parts follow each other all the time. */
  private combined(tail: Part, main: Part): Combination {
    const key = tail.id * 2 ** 26 + main.id
    if (key === this.lastKey) return this.lastCombination!
    let known = this.combinations.get(key)
    if (known === undefined) {
      const of = (what: 'shape' | 'forms' | 'settings' | 'reads') =>
        numberOfText(`${what} ${tail[what]} ${main[what]}`)
      const settings = of('settings')
      known = {
        shape: of('shape'),
        forms: of('forms'),
        settings,
        reads: of('reads'),
        plain: new ContentHash().mixed(settings),
      }
      if (this.combinations.size >= FORMS_MAX) this.combinations.clear()
      this.combinations.set(key, known)
    }
    this.lastKey = key
    this.lastCombination = known
    return known
  }

  private formOf(blocks: readonly PagedBlock[]): StepForm {
    const { first, templateId, base } = blocks[0]!
    const back = base === 0 ? 0 : first - base
    if (blocks.length === 1) {
      const single = this.single.get(templateId)
      if (single !== undefined && single.back === back) return single.form
    }
    let key = ''
    for (const block of blocks)
      key += `${block.templateId} ${block.first - first} ${block.base === 0 ? 0 : first - block.base},`
    let form = this.forms.get(key)
    if (form === undefined) {
      form = this.makeForm(blocks, first)
      // A run whose steps never repeat must not keep them all.
      if (this.forms.size >= FORMS_MAX) this.forms.clear()
      this.forms.set(key, form)
    }
    if (blocks.length === 1) {
      if (this.single.size >= FORMS_MAX) this.single.clear()
      this.single.set(templateId, { back, form })
    }
    return form
  }

  private makeForm(paged: readonly PagedBlock[], first: number): StepForm {
    const blocks = paged.map((block) => ({ ...block, template: this.templates.lists(block.templateId) }))
    const lines = blocks.flatMap((block, i) => this.linesOf(block, i, first)).sort((a, b) => a.at - b.at)
    // Without steps there is no step that a batch could belong to.
    const tail = this.isStepless ? lines.length : tailOf(lines, first, (ref) => this.identity(ref))
    return {
      main: this.partOf(lines.slice(0, tail), lines, first),
      tail: tail === lines.length ? this.emptyPart : this.partOf(lines.slice(tail), lines, first),
      tailAt: tail === lines.length ? stepLength(blocks, first) : lines[tail]!.at,
      calls: blocks.reduce((sum, { template }) => sum + template.calls.length, 0),
    }
  }

  private partOf(own: readonly Line[], all: readonly Line[], first: number): Part {
    const indexOf = new Map(all.map(({ at }, i) => [first + at, i]))
    const taken = new Set(all.filter(({ isTake }) => isTake).map(({ inputs }) => inputs[1]))
    const reads = own.map(({ inputs, far }) =>
      inputs.map((ref) => {
        const index = indexOf.get(positionOf(ref))
        if (index !== undefined) return `^${index}.${ref - positionOf(ref)}`
        return far.has(ref) ? this.farIdentity(ref) : this.identity(ref)
      }),
    )
    const number = (what: string, parts: readonly unknown[]) =>
      numberOfText(`${what} ${JSON.stringify(parts)}`)
    const outside = own.filter(({ place }) => place !== null)
    const isRows = ({ at, place }: Line) => place!.dtype === 'int32' && taken.has(first + at)
    return {
      id: ++this.parts,
      shape: number(
        'lines',
        own.map(({ shape }) => shape),
      ),
      forms: number(
        'forms',
        own.map(({ forms }) => forms),
      ),
      settings: number(
        'settings',
        own.map(({ settings }) => settings),
      ),
      reads: number('reads', reads),
      outside: outside.filter((line) => !isRows(line)).map(({ place }) => place!),
      rows: outside.filter(isRows).map(({ place }) => place!),
      passing: own.flatMap(({ passing }) => (passing === null ? [] : [passing])),
    }
  }

  private linesOf({ template, first, base }: TemplatedBlock, block: number, stepFirst: number): Line[] {
    const { texts } = this.rows
    const blank = {
      inputs: [],
      far: NONE,
      place: null,
      isParameter: false,
      isTake: false,
      passing: null,
      settings: '',
      forms: '',
    }
    const lines: Line[] = []
    const at = (offset: number) => first + offset - stepFirst
    const named = (encoded: number, position: number) => {
      const ref = decodeRef(encoded, position, base)
      return ref < stepFirst ? this.identity(ref) : this.identityHere(ref)
    }
    for (const call of template.calls) {
      const position = first + call[CALL_ENTRY.offset]!
      const signature = texts.signature(call[CALL_ENTRY.signature]!)
      const attributes = call[CALL_ENTRY.attributes]!
      const inputs: Ref[] = []
      const far = new Set<Ref>()
      for (let i = CALL_ENTRY.inputs; i < call.length; i++) {
        const ref = decodeRef(call[i]!, position, base)
        inputs.push(ref)
        if (call[i]! < 0) far.add(ref)
      }
      lines.push({
        ...blank,
        at: at(call[CALL_ENTRY.offset]!),
        kind: 'call',
        shape: `${signature.function} ${signature.scope} ${signature.linked} ${shapesOf(signature.outputs)}`,
        forms: signature.outputs.map(({ dtype }) => dtype).join(' '),
        settings: attributes === 0 ? '' : JSON.stringify(texts.attributes(attributes)),
        inputs,
        far,
        isTake: signature.function === 'take',
        passing:
          attributes === 0
            ? { block, cell: call[CALL_ENTRY.cell]! + call[CALL_ENTRY.cells]! - 1, cells: 1, dtype: '' }
            : null,
      })
    }
    for (const leaf of template.leaves) {
      const form = texts.leafForm(leaf[LEAF_ENTRY.form]!)
      const isOutside = leaf[LEAF_ENTRY.source] === 0
      lines.push({
        ...blank,
        at: at(leaf[LEAF_ENTRY.offset]!),
        kind: 'leaf',
        shape: `leaf ${form.role} ${form.name} ${form.requiresGrad} ${shapesOf([form])} ${isOutside}`,
        forms: form.dtype,
        isParameter: form.role === 'parameter',
        place: isOutside ? place(block, leaf[LEAF_ENTRY.cell]!, leaf[LEAF_ENTRY.cells]!, form.dtype) : null,
      })
    }
    for (const assignment of template.assignments) {
      const position = first + assignment[ASSIGNMENT_ENTRY.offset]!
      const form = texts.arrayForm(assignment[ASSIGNMENT_ENTRY.form]!)
      const isOutside = assignment[ASSIGNMENT_ENTRY.source] === 0
      lines.push({
        ...blank,
        at: at(assignment[ASSIGNMENT_ENTRY.offset]!),
        kind: 'other',
        shape: `assign ${named(assignment[ASSIGNMENT_ENTRY.variable]!, position)} ${isOutside}`,
        forms: form.dtype,
        place: isOutside
          ? place(block, assignment[ASSIGNMENT_ENTRY.cell]!, assignment[ASSIGNMENT_ENTRY.cells]!, form.dtype)
          : null,
      })
    }
    for (const clear of template.clears) {
      const position = first + clear[CLEAR_ENTRY.offset]!
      const shape = `clear ${named(clear[CLEAR_ENTRY.variable]!, position)}`
      lines.push({ ...blank, at: at(clear[CLEAR_ENTRY.offset]!), kind: 'other', shape })
    }
    for (const pass of template.passes) {
      const shape = `pass ${pass[PASS_ENTRY.flags]} ${pass[PASS_ENTRY.rootCount]} ${pass.length}`
      lines.push({ ...blank, at: at(pass[PASS_ENTRY.offset]!), kind: 'other', shape })
    }
    return lines
  }

  /** Of a variable of the step itself, whose position differs in each repetition. */
  private identityHere(ref: Ref): string {
    const event = this.recording.reader.event(this.recording.id, positionOf(ref))
    return event.type === 'LeafCreated' ? (event.name ?? 'a leaf') : event.type
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

/** A step's batch may be taken in the step before: what its last lines make of data alone. */
function tailOf(lines: readonly Line[], first: number, identity: (ref: Ref) => string): number {
  const ofData = new Set<number>()
  const kinds = new Map(lines.map((line) => [first + line.at, line]))
  let tail = lines.length
  let takes = false
  for (let i = lines.length - 1; i >= 0; i--) {
    const { kind, isParameter } = lines[i]!
    if (kind === 'other' || isParameter) break
    tail = i
  }
  // Of these, those after the last that reads what the step computed.
  for (let i = tail; i < lines.length; i++) {
    const line = lines[i]!
    const position = first + line.at
    const isData =
      line.kind === 'leaf' ||
      line.inputs.every((ref) =>
        kinds.has(positionOf(ref))
          ? ofData.has(positionOf(ref)) || kinds.get(positionOf(ref))!.kind === 'leaf'
          : identity(ref).startsWith('constant'),
      )
    if (isData) ofData.add(position)
    else tail = i + 1
  }
  for (let i = tail; i < lines.length; i++) takes ||= lines[i]!.kind === 'call'
  // Leaves alone are no batch yet.
  return takes ? tail : lines.length
}

function stepLength(blocks: readonly TemplatedBlock[], first: number): number {
  const last = blocks.at(-1)!
  return last.first + last.template.eventCount - first
}

/** The cells of a block, in its page. */
function cellsOf({ cells, from, to }: PagedBlock): CellReader {
  cells.seek(from, to)
  return cells
}

/** A number that equal texts have; that others have it, too, is as unlikely as it can be for a number. */
function numberOfText(text: string): number {
  const hash = crypto.createHash('sha256').update(text).digest()
  return hash.readUIntBE(0, 6) * 16 + (hash[6]! & 15)
}

function place(block: number, cell: number, cells: number, dtype: string): Place {
  return { block, cell, cells, dtype }
}

function shapesOf(forms: readonly { shape: readonly number[] }[]): string {
  return forms.map(({ shape }) => shape.join('×')).join(' ')
}
