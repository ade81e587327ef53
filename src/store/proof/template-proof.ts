/**
 * Whether templates are as gradtape writes them. JavaScript and SQL read the same text in two ways, so a template that says
 * the same to one of them may say something else to the other; there is one way only to write it, and it must be that one.
 * Gives what the cells of blocks are held to.
 */
import { elementCount } from '../../events/dtypes.js'
import type { ArrayForm } from '../../events/forms.js'
import {
  ASSIGNMENT_ENTRY,
  CALL_ENTRY,
  CLEAR_ENTRY,
  FREEZE_ENTRY,
  GRADIENT_ENTRY,
  LEAF_ENTRY,
  PASS_ENTRY,
  PASS_FLAGS,
} from '../../events/record-layout.js'
import type { Connection, Statement } from '../format/connection.js'
import { BLOCK_EVENTS_LIMIT, type TemplateLists, tagsOf, templateHash } from '../format/template.js'
import { listsFrom } from '../read/template-reader.js'
import type { TextReader } from '../read/text-reader.js'
import { corrupt } from './corrupt.js'
import type { UsedTexts } from './used-texts.js'

/** What may stand in a cell; several may. */
export const CELL = { number: 1, bytes: 2, hashed: 4, nothing: 8, text: 16, inline: 32 } as const

/** What the blocks of a template are held to. */
export interface TemplateUse {
  readonly eventCount: number
  readonly usesBase: boolean
  /** By cell: what may stand there, by the bits of CELL. */
  readonly may: readonly number[]
  /** By cell: the form of the array that it holds or names, as an index into `forms`. */
  readonly formOf: readonly number[]
  readonly forms: readonly Form[]
  /** By cell: offset of the event that it belongs to. */
  readonly offsets: readonly number[]
  /** How many cells an array takes that stands in them itself, by its first. */
  readonly inline: ReadonlyMap<number, number>
}

export interface Form {
  readonly dtype: string
  readonly size: number
}

interface TemplateRow {
  id: number
  hash: Buffer
  event_count: number
  calls: string
  leaves: string
  gradients: string
  assignments: string
  clears: string
  passes: string
  freezes: string
}

const KEPT_MAX = 4096
const LISTS = ['calls', 'leaves', 'gradients', 'assignments', 'clears', 'passes', 'freezes'] as const
type List = (typeof LISTS)[number]
/** How many numbers an element has: at least, at most. */
const LENGTHS: Readonly<Record<List, readonly [number, number]>> = {
  calls: [CALL_ENTRY.inputs, Number.POSITIVE_INFINITY],
  leaves: [LEAF_ENTRY.size, LEAF_ENTRY.size],
  gradients: [GRADIENT_ENTRY.size, GRADIENT_ENTRY.size],
  assignments: [ASSIGNMENT_ENTRY.size, ASSIGNMENT_ENTRY.size],
  clears: [CLEAR_ENTRY.size, CLEAR_ENTRY.size],
  passes: [PASS_ENTRY.roots, Number.POSITIVE_INFINITY],
  freezes: [FREEZE_ENTRY.size, FREEZE_ENTRY.size],
}

export class TemplateProof {
  private readonly db: Connection
  private readonly texts: TextReader
  private readonly used: UsedTexts
  private readonly row: Statement
  private readonly tags: Map<number, Set<string>>
  private readonly kept = new Map<number, TemplateUse>()
  private last = 0

  constructor(db: Connection, texts: TextReader, used: UsedTexts) {
    this.db = db
    this.texts = texts
    this.used = used
    this.row = db.prepare('SELECT * FROM _template WHERE id = ?')
    this.tags = tagsByTemplate(db)
  }

  /** The template, checked. */
  use(id: number): TemplateUse {
    let use = this.kept.get(id)
    if (use === undefined) {
      use = this.checked(id)
      if (this.kept.size >= KEPT_MAX) this.kept.clear()
      this.kept.set(id, use)
    }
    return use
  }

  /** Templates are numbered in the order in which blocks first name them. Blocks must be told in the order in which they were written. */
  named(id: number): void {
    if (id > this.last + 1) corrupt(`template ${id} comes before template ${this.last + 1}`)
    if (id > this.last) this.last = id
  }

  /** After all blocks. */
  finish(): void {
    const ids = this.db.prepare('SELECT count(*) FROM _template').pluck().get() as number
    if (ids !== this.last) corrupt(`no block names template ${this.last + 1}`)
    for (const id of this.tags.keys())
      if (!(id >= 1 && id <= ids)) corrupt(`there are tags of template ${id}, which does not exist`)
  }

  private checked(id: number): TemplateUse {
    const row = (this.row.get(id) as TemplateRow | undefined) ?? corrupt(`template ${id} is missing`)
    const changed = (what: string) => corrupt(`template ${id} was changed after it was written: ${what}`)
    if (
      !templateHash(
        row.event_count,
        LISTS.map((list) => row[list]),
      ).equals(row.hash)
    )
      changed('it does not have its hash')
    if (!(row.event_count >= 1 && row.event_count <= BLOCK_EVENTS_LIMIT)) changed('its number of events')
    const { eventCount: _, ...lists } = listsFrom(row, id)
    const elements: { list: List; element: number[] }[] = []
    for (const list of LISTS) {
      if (JSON.stringify(lists[list]) !== row[list]) changed(`its ${list} are written in another way`)
      let before = -1
      for (const element of lists[list]) {
        const [min, max] = LENGTHS[list]
        const offset = element[CALL_ENTRY.offset] ?? -1
        if (element.length < min || element.length > max) changed(`one of its ${list} has another length`)
        if (offset <= before || offset >= row.event_count) changed(`one of its ${list} is out of place`)
        for (const [i, number] of element.entries())
          if (!Number.isSafeInteger(number) && !(list === 'gradients' && isByBase(i, number)))
            changed(`one of its ${list} is made of other numbers`)
        before = offset
        elements.push({ list, element })
      }
    }
    elements.sort((a, b) => a.element[CALL_ENTRY.offset]! - b.element[CALL_ENTRY.offset]!)
    const use = this.slotsOf(elements, row.event_count, changed)
    this.checkTags(id, lists)
    return use
  }

  private slotsOf(
    elements: readonly { list: List; element: number[] }[],
    eventCount: number,
    changed: (what: string) => never,
  ): TemplateUse {
    const { texts, used } = this
    const may: number[] = []
    const formOf: number[] = []
    const forms: Form[] = []
    const offsets: number[] = []
    const inline = new Map<number, number>()
    let usesBase = false
    let before = -1
    const add = (bits: number, form: Form | null, offset: number) => {
      may.push(bits)
      offsets.push(offset)
      formOf.push(forms.length - (form === null ? 0 : 1))
    }
    /** A cell for an array of this form: a number if it is one, else the value of that id. */
    const array = (form: Form, others: number, offset: number) => {
      forms.push(form)
      add(
        (form.size === 1 ? CELL.number : others & (CELL.bytes | CELL.hashed)) | (others & CELL.nothing),
        form,
        offset,
      )
    }
    for (const { list, element } of elements) {
      const offset = element[CALL_ENTRY.offset]!
      if (offset === before) changed('two of its events are in one place')
      before = offset
      if (list === 'clears') continue
      if (list === 'freezes') {
        if (element[FREEZE_ENTRY.requiresGrad]! > 1) changed('one of its freezes')
        continue
      }
      if (list === 'passes') {
        const [, flags, roots] = element as [number, number, number]
        const targets = element.length - PASS_ENTRY.roots - 2 * roots
        const known = PASS_FLAGS.createGraph | PASS_FLAGS.retainGrad | PASS_FLAGS.targets
        const hasTargets = (flags & PASS_FLAGS.targets) !== 0
        if (!(flags >= 0 && flags <= known) || roots < 0 || targets < 0 || (!hasTargets && targets > 0))
          changed('one of its passes')
        continue
      }
      const [, cell, taken] = element as [number, number, number]
      if (cell !== may.length) changed(`the cells of one of its ${list}`)
      if (list === 'calls') {
        const { outputs } = texts.signature(element[CALL_ENTRY.signature]!)
        used._signature.add(element[CALL_ENTRY.signature]!)
        const attributes = element[CALL_ENTRY.attributes]!
        if (attributes !== 0) used._text.add(attributes)
        const values = taken - (attributes === 0 ? 1 : 0)
        if (values < 0 || values > outputs.length) changed('the cells of one of its calls')
        for (let i = 0; i < values; i++)
          array(formFrom(outputs[i]!), CELL.bytes | (i < values - 1 ? CELL.nothing : 0), offset)
        if (attributes === 0) add(CELL.text, null, offset)
        continue
      }
      const formId = element[LEAF_ENTRY.form]! // in all three lists it is the same field
      const form = formFrom(list === 'leaves' ? texts.leafForm(formId) : texts.arrayForm(formId))
      used[list === 'leaves' ? '_leaf_form' : '_array_form'].add(formId)
      if (list === 'gradients') {
        const variable = element[GRADIENT_ENTRY.variable]!
        if (!Number.isInteger(variable)) {
          // The base is the first variable that is named by it.
          if (!usesBase && variable !== 0.5) changed('the base of its gradients')
          usesBase = true
        }
        if (taken !== 0) changed('the cells of one of its gradients')
        continue
      }
      if (taken <= 1) {
        if (taken === 1) array(form, CELL.bytes | CELL.hashed, offset)
        continue
      }
      if (form.size === 1) changed('a number stands as an array')
      inline.set(may.length, taken)
      forms.push(form)
      for (let i = 0; i < taken; i++) add(CELL.inline, form, offset)
    }
    return { eventCount, usesBase, may, formOf, forms, offsets, inline }
  }

  private checkTags(
    id: number,
    { leaves, assignments, freezes }: Pick<TemplateLists, 'leaves' | 'assignments' | 'freezes'>,
  ): void {
    const want = tagsOf(
      leaves.map((leaf) => leaf[LEAF_ENTRY.form]!),
      assignments.map((assignment) => assignment[ASSIGNMENT_ENTRY.variable]!),
      freezes.map((freeze) => freeze[FREEZE_ENTRY.variable]!),
      (form) => this.texts.leafForm(form).name,
    ).map(([kind, key]) => tagText(kind, key))
    const have = this.tags.get(id) ?? new Set<string>()
    if (want.length !== have.size || !want.every((mark) => have.has(mark)))
      corrupt(`the tags of template ${id} are not those of its content`)
  }
}

export function formFrom({ dtype, shape }: ArrayForm): Form {
  return { dtype, size: elementCount(shape) }
}

/** The variable of a gradient may be told by the base of its block: a number that ends in .5. */
function isByBase(field: number, number: number): boolean {
  return field === GRADIENT_ENTRY.variable && Number.isSafeInteger(number - 0.5)
}

/** With the type of the key: 1 and 1.0 are not one thing to SQL. */
function tagText(kind: string, key: unknown): string {
  return `${kind} ${typeof key} ${String(key)}`
}

function tagsByTemplate(db: Connection): Map<number, Set<string>> {
  const marked = new Map<number, Set<string>>()
  const rows = db.prepare('SELECT template_id, kind, key FROM _mark').raw().safeIntegers().iterate()
  for (const [id, kind, key] of rows as IterableIterator<[bigint, string, unknown]>) {
    const marks = marked.get(Number(id))
    if (marks === undefined) marked.set(Number(id), new Set([tagText(kind, key)]))
    else marks.add(tagText(kind, key))
  }
  return marked
}
