/** The updates of all steps of a run, from columns: what repeats is read once, and a schedule as a row of numbers. */
import type { UpdateGroup } from '../detectors/settings-watch.js'
import type { Ref } from '../events/event.js'
import { CALL_ENTRY } from '../events/record-layout.js'
import { decodeRef } from '../store/format/template.js'
import type { Block } from '../store/read/block-reader.js'
import type { RunRows } from '../store/read/run-rows.js'
import { joined, settingsIn, textCell, updatesIn, updatesOf } from './block-updates.js'
import { SettingForm, slowRuns } from './setting-form.js'

/** Blocks read at once. */
const PAGE = 4_096
/** Templates whose updates are kept. */
const KEPT_MAX = 4_096
/** Updates of more parameters are read block by block. */
const CALLS_MAX = 128
/** A cell that holds the id of a text, as SQL writes it: this, then the id. */
const TEXT_CELL = '7FFD'

/** Updates of steps `from` to `to`, in all of which they are the same. */
interface Updates {
  readonly groups: readonly UpdateGroup[]
  readonly from: number
  readonly to: number
}

/** What all blocks of one template update. */
interface Plan {
  readonly isEmpty: boolean
  /** Cells with texts of settings. */
  readonly cells: readonly number[]
  /** One optimizer's updates of parameters from far back: its first call, and all parameters. Null for any others. */
  readonly only: {
    readonly offset: number
    readonly function: string
    readonly scope: string
    readonly parameters: readonly Ref[]
  } | null
}

/** A template of which many blocks are read at once. */
interface Lead {
  readonly template: number
  readonly cells: readonly number[]
  readonly only: NonNullable<Plan['only']>
}

type Row = [id: number, step: number, template: number, settings: string | null]

interface Page {
  readonly blocks: readonly Row[]
  /** Whether a block lies inside of a schedule that goes slowly one way: it shows nothing that its neighbours do not. */
  readonly isQuiet: (i: number) => boolean
  readonly groupsOf: (i: number) => UpdateGroup[]
}

/** Of a template that repeats with the same settings one block is read; where settings stand with each block, their text and no more. */
export class UpdateScan {
  readonly rows: RunRows
  private readonly end: number
  private readonly plans = new Map<number, Plan>()

  constructor(rows: RunRows, lastPosition: number) {
    this.rows = rows
    this.end = rows.base + lastPosition
  }

  /** The steps with updates, in order, without those that lie inside of a slow schedule. */
  *steps(): Generator<Updates> {
    let open = null as { groups: UpdateGroup[]; from: number; to: number; template: number } | null
    for (const { blocks, groupsOf, isQuiet } of this.pages())
      for (let i = 0; i < blocks.length; i++) {
        if (isQuiet(i)) continue
        const [, step, template] = blocks[i]!
        const { isEmpty, cells } = this.plan(blocks[i]!)
        if (isEmpty) continue
        // As in the step before, and nothing else was updated there.
        if (open?.template === template && open.to === step - 1) {
          open.to = step
          continue
        }
        if (open !== null && open.to === step) {
          if (open.from < step) yield { ...open, to: step - 1 }
          open = { groups: joined(open.groups, groupsOf(i)), from: step, to: step, template: -1 }
          continue
        }
        if (open !== null) yield open
        open = { groups: groupsOf(i), from: step, to: step, template: cells.length === 0 ? template : -1 }
      }
    if (open !== null) yield open
  }

  private *pages(): Generator<Page> {
    let lead = null as Lead | null
    for (let after = this.rows.base, more = true; more; ) {
      let blocks = this.read(after, lead)
      const next = this.leadOf(blocks)
      if (next?.template !== lead?.template) {
        lead = next
        blocks = this.read(after, lead)
      }
      yield lead === null
        ? { blocks, isQuiet: () => false, groupsOf: (i) => updatesOf(this, this.blockAt(blocks[i]![0])) }
        : this.scheduled(blocks, lead)
      after = blocks.at(-1)?.[0] ?? after
      more = blocks.length === PAGE
    }
  }

  /** A page of blocks; of those of template `lead` with the cell that names their settings, where all its calls have the same. */
  private read(after: number, lead: Lead | null): Row[] {
    const { rows } = this
    const [first, ...others] = (lead?.cells ?? []).map((at) => `substr(slots, ${8 * at + 1}, 8)`)
    const isOne = others.map((other) => ` AND ${other} = ${first}`).join('')
    const named =
      first === undefined
        ? 'NULL'
        : `CASE WHEN template_id = ${lead!.template}${isOne} THEN hex(${first}) END`
    return rows.reading(
      () =>
        rows.db
          .prepare(
            `SELECT id, step, template_id, ${named} FROM _block WHERE id > ? AND id <= ? ORDER BY id LIMIT ${PAGE}`,
          )
          .raw()
          .all(after, this.end) as Row[],
    )
  }

  /** The template that most blocks have of those whose settings stand with each block; null for none. */
  private leadOf(blocks: readonly Row[]): Lead | null {
    const leads = new Map<number, Lead & { count: number }>()
    for (const block of blocks) {
      const known = leads.get(block[2])
      if (known !== undefined) known.count++
      else {
        const { cells, only } = this.plan(block)
        if (only !== null) leads.set(block[2], { template: block[2], cells, only, count: 1 })
      }
    }
    return [...leads.values()].reduce<(Lead & { count: number }) | null>(
      (most, one) => (most === null || one.count > most.count ? one : most),
      null,
    )
  }

  private scheduled(blocks: readonly Row[], { only }: Lead): Page {
    const { rows } = this
    const ids = blocks.map(([, , , cell]) =>
      cell?.startsWith(TEXT_CELL) === true ? Number.parseInt(cell.slice(4), 16) : 0,
    )
    const texts = textsOf(rows, ids)
    const form = SettingForm.of(texts)
    // Where more than one setting moves, only what stays the same is a run: numbers below 0 go no way.
    const values = texts.map((text, i) =>
      text === null ? Number.NaN : form === null ? -ids[i]! : form.valueIn(text),
    )
    const quiet = slowRuns(values, (i) => blocks[i]![1] === blocks[i - 1]![1] + 1)
    const groupsOf = (i: number): UpdateGroup[] => {
      const [id] = blocks[i]!
      const text = texts[i]!
      if (text === null) return updatesOf(this, this.blockAt(id))
      const position = id - rows.base + only.offset
      const { function: name, scope, parameters } = only
      const attributes = settingsIn(text, position)
      return [{ call: { position, function: name, scope, attributes }, parameters }]
    }
    return { blocks, isQuiet: (i) => quiet[i] === 1, groupsOf }
  }

  private blockAt(id: number): Block {
    const first = id - this.rows.base
    return this.rows.blocks(first, first).find((block) => block.first === first)!
  }

  private plan([id, , template]: Row): Plan {
    let plan = this.plans.get(template)
    if (plan === undefined) {
      plan = this.planOf(this.blockAt(id))
      if (this.plans.size >= KEPT_MAX) this.plans.clear()
      this.plans.set(template, plan)
    }
    return plan
  }

  private planOf({ template }: Block): Plan {
    const calls = updatesIn(this.rows, template)
    const varying = calls.filter((call) => call[CALL_ENTRY.attributes] === 0)
    const [first] = calls
    const of = (call: readonly number[]) => this.rows.texts.signature(call[CALL_ENTRY.signature]!)
    const isOne =
      first !== undefined &&
      varying.length === calls.length &&
      calls.length <= CALLS_MAX &&
      calls.every((call) => {
        const parameter = call[CALL_ENTRY.inputs]!
        const isFar = Number.isInteger(parameter) && parameter < 0
        return isFar && of(call).function === of(first).function && of(call).scope === of(first).scope
      })
    return {
      isEmpty: calls.length === 0,
      cells: varying.map(textCell),
      only: isOne
        ? {
            offset: first[CALL_ENTRY.offset]!,
            function: of(first).function,
            scope: of(first).scope,
            parameters: calls.map((call) => decodeRef(call[CALL_ENTRY.inputs]!, 0, 0)),
          }
        : null,
    }
  }
}

/** Texts by their ids, 0 for none: read at once where they were written one after the other. */
function textsOf(rows: RunRows, ids: readonly number[]): (string | null)[] {
  let [low, high, count] = [Number.POSITIVE_INFINITY, 0, 0]
  for (const id of ids) {
    if (id === 0) continue
    low = Math.min(low, id)
    high = Math.max(high, id)
    count++
  }
  if (high - low > 4 * count) return ids.map((id) => (id === 0 ? null : rows.texts.passing(id)))
  const read = <T>(column: string) =>
    rows.reading(
      () =>
        rows.db
          .prepare(`SELECT ${column} FROM _text WHERE id BETWEEN ? AND ? ORDER BY id`)
          .pluck()
          .all(low, high) as T[],
    )
  const found = read<string>('content')
  // As a rule there is none missing between the first and the last.
  if (found.length === high - low + 1) return ids.map((id) => (id === 0 ? null : found[id - low]!))
  const at = new Map(read<number>('id').map((id, i) => [id, i]))
  return ids.map((id) => (id === 0 ? null : (found[at.get(id) ?? -1] ?? rows.texts.passing(id))))
}
