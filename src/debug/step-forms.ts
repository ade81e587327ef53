/**
 * What a step does, reduced to a few numbers once for all steps that are stored in the same way: by the templates of its blocks. What
 * differs from one repetition to the next (numbers from outside, rows, attributes) is named by where it stands.
 */
import crypto from 'node:crypto'
import { type FunctionCalled, positionOf, type Ref } from '../events/event.js'
import {
  ASSIGNMENT_ENTRY,
  CALL_ENTRY,
  CLEAR_ENTRY,
  FREEZE_ENTRY,
  LEAF_ENTRY,
  PASS_ENTRY,
} from '../events/record-layout.js'
import type { Recording } from '../replay/replay-run.js'
import { decodeRef } from '../store/format/template.js'
import type { PagedBlock } from '../store/read/block-pages.js'
import type { Block } from '../store/read/block-reader.js'
import type { RunRows } from '../store/read/run-rows.js'
import type { TemplateReader } from '../store/read/template-reader.js'
import { ContentHash } from './content-hash.js'

/** For these keys, the number of a step follows from the numbers of its two parts alone. */
export const COMBINED = ['shape', 'forms', 'reads'] as const

const NONE: ReadonlySet<Ref> = new Set()

const EMPTY = { shape: -1, forms: -1, settings: -1, reads: -1 } as const

/** Forms of steps that are kept: a run whose steps never repeat has as many as steps. */
const FORMS_MAX = 4096

export interface Part {
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

export interface Place {
  readonly block: number
  readonly cell: number
  readonly cells: number
  readonly dtype: string
}

export interface StepForm {
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

type CallForm = Pick<Line, 'shape' | 'forms' | 'isTake'>

type TemplatedBlock = Pick<Block, 'first' | 'base' | 'template'>

/** What a step and the batch that was taken for it do, as numbers. */
export type Combination = Readonly<Record<(typeof COMBINED)[number] | 'settings', number>> & {
  /** The number of the settings where none differs from call to call. */
  readonly plain: number
}

/** What a step without events has, and what a step has for which no batch was taken. */
export const NO_PART: Part = { id: 0, ...EMPTY, outside: [], rows: [], passing: [] }
export const NO_FORM: StepForm = { main: NO_PART, tail: NO_PART, tailAt: 0, calls: 0 }

export class StepForms {
  private readonly recording: Recording
  private readonly rows: RunRows
  private readonly templates: TemplateReader
  /** Of steps that are one block, by its template: nearly all, and found without a text. */
  private readonly single = new Map<number, { readonly back: number; readonly form: StepForm }>()
  private readonly forms = new Map<string, StepForm>()
  private readonly callForms = new Map<number, CallForm>()
  private readonly settingsTexts = new Map<number, string>()
  private readonly identities = new Map<Ref, string>()
  private readonly combinations = new Map<number, Combination>()
  private readonly isStepless: boolean
  private parts = 0
  private lastKey = -1
  private lastCombination: Combination | null = null

  constructor(recording: Recording, rows: RunRows, templates: TemplateReader) {
    this.recording = recording
    this.rows = rows
    this.templates = templates
    this.isStepless = recording.lookup.stepCount() === 0
  }

  /** The numbers of a step of two parts; the same few parts follow each other all the time. */
  combined(tail: Part, main: Part): Combination {
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

  /** The form of a step of these blocks. */
  of(blocks: readonly PagedBlock[]): StepForm {
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
      tail: tail === lines.length ? NO_PART : this.partOf(lines.slice(tail), lines, first),
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
    // As literals of one shape: a run of which no two steps are alike comes here with every call.
    const at = (offset: number) => first + offset - stepFirst
    const named = (encoded: number, position: number) => {
      const ref = decodeRef(encoded, position, base)
      return ref < stepFirst ? this.identity(ref) : this.identityHere(ref)
    }
    for (const call of template.calls) {
      const position = first + call[CALL_ENTRY.offset]!
      const { shape, forms, isTake } = this.callForm(call[CALL_ENTRY.signature]!)
      const attributes = call[CALL_ENTRY.attributes]!
      const inputs: Ref[] = []
      let far: Set<Ref> | null = null
      for (let i = CALL_ENTRY.inputs; i < call.length; i++) {
        const ref = decodeRef(call[i]!, position, base)
        inputs.push(ref)
        if (call[i]! < 0) far = (far ?? new Set()).add(ref)
      }
      lines.push({
        at: at(call[CALL_ENTRY.offset]!),
        kind: 'call',
        shape,
        forms,
        settings: attributes === 0 ? '' : this.settingsText(attributes),
        inputs,
        far: far ?? NONE,
        place: null,
        isParameter: false,
        isTake,
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
    for (const freeze of template.freezes) {
      const position = first + freeze[FREEZE_ENTRY.offset]!
      const shape = `requiresGrad ${freeze[FREEZE_ENTRY.requiresGrad]} ${named(freeze[FREEZE_ENTRY.variable]!, position)}`
      lines.push({ ...blank, at: at(freeze[FREEZE_ENTRY.offset]!), kind: 'other', shape })
    }
    for (const pass of template.passes) {
      const shape = `pass ${pass[PASS_ENTRY.flags]} ${pass[PASS_ENTRY.rootCount]} ${pass.length}`
      lines.push({ ...blank, at: at(pass[PASS_ENTRY.offset]!), kind: 'other', shape })
    }
    return lines
  }

  /** What every call of a signature has in common. */
  private callForm(signature: number): CallForm {
    let known = this.callForms.get(signature)
    if (known === undefined) {
      const { function: name, scope, linked, outputs } = this.rows.texts.signature(signature)
      known = {
        shape: `${name} ${scope} ${linked} ${shapesOf(outputs)}`,
        forms: outputs.map(({ dtype }) => dtype).join(' '),
        isTake: name === 'take',
      }
      if (this.callForms.size >= FORMS_MAX) this.callForms.clear()
      this.callForms.set(signature, known)
    }
    return known
  }

  private settingsText(attributes: number): string {
    let known = this.settingsTexts.get(attributes)
    if (known === undefined) {
      known = JSON.stringify(this.rows.texts.attributes(attributes))
      if (this.settingsTexts.size >= FORMS_MAX) this.settingsTexts.clear()
      this.settingsTexts.set(attributes, known)
    }
    return known
  }

  /** Of a variable of the step itself, whose position differs in each repetition. */
  private identityHere(ref: Ref): string {
    const event = this.recording.reader.event(this.recording.id, positionOf(ref))
    return event.type === 'LeafCreated' ? (event.name ?? 'a leaf') : event.type
  }

  /** The name of a variable that was made in an earlier step. */
  private identity(ref: Ref): string {
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
