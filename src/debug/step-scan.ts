/**
 * A run as a row of steps, each reduced to a few numbers that are equal where the steps are: what it does, with which settings, what
 * its calls read, what came from outside, which rows its batch has. Read from blocks and templates, so a step that repeats costs one
 * look-up. A batch that is taken before `run.step()` belongs to the step that reads it.
 */
import { hashOf } from '../events/content.js'
import { type FunctionCalled, positionOf, type Ref } from '../events/event.js'
import { ASSIGNMENT_ENTRY, CALL_ENTRY, CLEAR_ENTRY, LEAF_ENTRY, PASS_ENTRY } from '../events/record-layout.js'
import type { Recording } from '../replay/replay-run.js'
import { decodeRef } from '../store/format/template.js'
import type { Block } from '../store/read/block-reader.js'
import { RunRows } from '../store/read/run-rows.js'
import { ValueRows } from '../store/read/stored-array.js'
import { ContentHash } from './content-hash.js'

/** Numbers for texts, shared by the two scans that are compared. */
export class Numbers {
  private readonly known = new Map<string, number>()

  of(text: string): number {
    let number = this.known.get(text)
    if (number === undefined) {
      number = this.known.size + 1
      this.known.set(text, number)
    }
    return number
  }
}

/** What is compared of steps. */
const KEYS = ['shape', 'forms', 'settings', 'reads', 'outside', 'rows'] as const
export type Key = (typeof KEYS)[number]

export interface Scan {
  /** Of each step from 0: its first position; one more stands for the end. */
  readonly starts: number[]
  readonly keys: Readonly<Record<Key, number[]>>
  /** Settings, without those that differ in each call, as a counter of random numbers does. */
  readonly repeated: number[]
  readonly blocks: number
  readonly calls: number
}

/** How cells are told apart: by the ids of one file; by content, where small arrays stand in the cells of both; or by hashes alone. */
export type Contents = 'ids' | 'contents' | 'hashes'

/** For these keys, the number of a step follows from the numbers of its two parts alone. */
const COMBINED = ['shape', 'forms', 'reads'] as const

const NONE: ReadonlySet<Ref> = new Set()

const EMPTY = { shape: -1, forms: -1, settings: -1, reads: -1 } as const

/** Positions read at once. */
const PAGE = 1 << 16

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

export class StepScanner {
  private readonly recording: Recording
  private readonly rows: RunRows
  private readonly values: ValueRows
  private readonly numbers: Numbers
  private readonly contents: Contents
  private readonly forms = new Map<string, StepForm>()
  private readonly hashes = new Map<number, Buffer>()
  private readonly identities = new Map<Ref, string>()
  private readonly combinations = new Map<
    number,
    Readonly<Record<(typeof COMBINED)[number] | 'settings', number>>
  >()
  private readonly emptyPart: Part = { id: 0, ...EMPTY, outside: [], rows: [], passing: [] }
  private readonly isStepless: boolean
  private parts = 0

  constructor(recording: Recording, numbers: Numbers, contents: Contents) {
    this.recording = recording
    this.rows = new RunRows(recording.reader.db, recording.id)
    this.values = new ValueRows(recording.reader.db)
    this.numbers = numbers
    this.contents = contents
    this.isStepless = recording.lookup.stepCount() === 0
  }

  scan(): Scan {
    const keys = { shape: [], forms: [], settings: [], reads: [], outside: [], rows: [] } as Record<
      Key,
      number[]
    >
    const starts: number[] = [1]
    const repeated: number[] = []
    let [blocks, calls] = [0, 0]
    let before: { form: StepForm; blocks: readonly Block[] } | null = null
    const close = (form: StepForm, own: readonly Block[]) => {
      // A step has the batch that was taken for it before it began, and not the batch that it takes for the next.
      const parts = [
        ...(before === null ? [] : [{ part: before.form.tail, blocks: before.blocks }]),
        { part: form.main, blocks: own },
      ]
      const same = this.combined(before?.form.tail ?? this.emptyPart, form.main)
      for (const key of COMBINED) keys[key].push(same[key])
      const settings = new ContentHash()
      for (const { part, blocks: of } of parts)
        for (const place of part.passing) this.text(settings, of, place)
      keys.settings.push(settings.mixed(same.settings))
      repeated.push(same.settings)
      for (const key of ['outside', 'rows'] as const) {
        const hash = new ContentHash()
        for (const { part, blocks: of } of parts) for (const place of part[key]) this.content(hash, of, place)
        keys[key].push(hash.value)
      }
    }
    for (const own of this.steps()) {
      const form = this.formOf(own)
      blocks += own.length
      calls += form.calls
      close(form, own)
      starts.push(own[0]!.first + form.tailAt)
      before = { form, blocks: own }
    }
    // The last start is the end, or where a batch begins that no step read.
    return { starts, keys, repeated, blocks, calls }
  }

  /** The name of a variable that was made in an earlier step. */
  identity(ref: Ref): string {
    let known = this.identities.get(ref)
    if (known === undefined) {
      known = this.identify(ref)
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

  /** The blocks of each step, from step 0. */
  private *steps(): Generator<Block[]> {
    const { lastPosition } = this.recording
    let own: Block[] = []
    for (let from = 1; from <= lastPosition; from += PAGE) {
      const to = Math.min(lastPosition, from + PAGE - 1)
      for (const block of this.rows.blocks(from, to)) {
        if (block.first < from) continue // it reaches over, and was read with the page before
        if (own.length > 0 && own[0]!.step !== block.step) {
          yield own
          own = []
        }
        own.push(block)
      }
    }
    if (own.length > 0) yield own
  }

  /** The numbers of a step of two parts; the same few parts follow each other all the time. */
  private combined(tail: Part, main: Part): Readonly<Record<(typeof COMBINED)[number] | 'settings', number>> {
    const key = tail.id * 2 ** 26 + main.id
    let known = this.combinations.get(key)
    if (known === undefined) {
      const of = (what: 'shape' | 'forms' | 'settings' | 'reads') =>
        this.numbers.of(`${what} ${tail[what]} ${main[what]}`)
      known = { shape: of('shape'), forms: of('forms'), settings: of('settings'), reads: of('reads') }
      if (this.combinations.size >= 4096) this.combinations.clear()
      this.combinations.set(key, known)
    }
    return known
  }

  private formOf(blocks: readonly Block[]): StepForm {
    const [{ first }] = blocks as [Block]
    let key = ''
    for (const block of blocks)
      key += `${block.templateId} ${block.first - first} ${block.base === 0 ? 0 : first - block.base},`
    let form = this.forms.get(key)
    if (form === undefined) {
      form = this.makeForm(blocks, first)
      // A run whose steps never repeat must not keep them all.
      if (this.forms.size >= 4096) this.forms.clear()
      this.forms.set(key, form)
    }
    return form
  }

  private makeForm(blocks: readonly Block[], first: number): StepForm {
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
      this.numbers.of(`${what} ${JSON.stringify(parts)}`)
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

  private linesOf({ template, first, base }: Block, block: number, stepFirst: number): Line[] {
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
    blocks: readonly Block[],
    { block, cell, cells: taken, dtype }: Place,
  ): void {
    const { cells } = blocks[block]!
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

  private text(hash: ContentHash, blocks: readonly Block[], { block, cell }: Place): void {
    const id = blocks[block]!.cells.textId(cell)
    if (this.contents === 'ids') hash.word(id)
    else hash.word(this.numbers.of(`text ${this.rows.texts.passing(id)}`))
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

function stepLength(blocks: readonly Block[], first: number): number {
  const last = blocks.at(-1)!
  return last.first + last.template.eventCount - first
}

function place(block: number, cell: number, cells: number, dtype: string): Place {
  return { block, cell, cells, dtype }
}

function shapesOf(forms: readonly { shape: readonly number[] }[]): string {
  return forms.map(({ shape }) => shape.join('×')).join(' ')
}
