/** Calls of optimizers with their settings: read from the cells of blocks, without events. */
import { isUpdate, type UpdateGroup } from '../detectors/settings-watch.js'
import type { FunctionCalled, Ref } from '../events/event.js'
import { plainToText, textToPlain } from '../events/plain.js'
import { CALL_ENTRY } from '../events/record-layout.js'
import { decodeRef, type TemplateLists } from '../store/format/template.js'
import type { Block } from '../store/read/block-reader.js'
import type { RunRows } from '../store/read/run-rows.js'

const UPDATES = new WeakMap<TemplateLists, readonly number[][]>()

/** The calls of a template that update. */
export function updatesIn({ texts }: RunRows, template: TemplateLists): readonly number[][] {
  let known = UPDATES.get(template)
  if (known === undefined) {
    known = template.calls.filter((call) => isUpdate(texts.signature(call[CALL_ENTRY.signature]!)))
    UPDATES.set(template, known)
  }
  return known
}

/** The updates of a block, those with the same settings together. */
export function updatesOf({ rows }: { readonly rows: RunRows }, block: Block): UpdateGroup[] {
  const { template, first, base, cells } = block
  const calls = updatesIn(rows, template)
  if (calls.length === 0) return []
  const { texts } = rows
  const groups = new Map<number, { call: UpdateGroup['call']; parameters: Ref[] }>()
  for (const call of calls) {
    const position = first + call[CALL_ENTRY.offset]!
    const parameter = decodeRef(call[CALL_ENTRY.inputs]!, position, base)
    const kept = call[CALL_ENTRY.attributes]!
    const text = kept === 0 ? cells.textId(textCell(call)) : kept
    const { function: name, scope } = texts.signature(call[CALL_ENTRY.signature]!)
    // Signatures of one function and scope differ in shapes: settings are one optimizer's all the same.
    const known = groups.get(text)
    if (known !== undefined && known.call.function === name && known.call.scope === scope) {
      known.parameters.push(parameter)
      continue
    }
    const attributes =
      kept === 0 ? settingsIn(texts.passing(text), position) : (texts.attributes(kept) as Settings)
    groups.set(known === undefined ? text : -position, {
      call: { position, function: name, attributes, scope },
      parameters: [parameter],
    })
  }
  return [...groups.values()]
}

/** The updates of all blocks of a step: a batch may end between two calls of one optimizer. */
export function updatesOfAll(source: { readonly rows: RunRows }, blocks: readonly Block[]): UpdateGroup[] {
  return blocks.map((block) => updatesOf(source, block)).reduce(joined, [])
}

/** Groups of two blocks of a step, those with the same settings together. */
export function joined(groups: readonly UpdateGroup[], more: readonly UpdateGroup[]): UpdateGroup[] {
  const all = [...groups]
  for (const one of more) {
    const at = all.findIndex(({ call }) => isAlike(call, one.call))
    if (at < 0) all.push(one)
    else all[at] = { call: all[at]!.call, parameters: [...all[at]!.parameters, ...one.parameters] }
  }
  return all
}

function isAlike(a: UpdateGroup['call'], b: UpdateGroup['call']): boolean {
  return (
    a.function === b.function &&
    a.scope === b.scope &&
    plainToText(a.attributes, 'attributes') === plainToText(b.attributes, 'attributes')
  )
}

export type Settings = FunctionCalled['attributes']

export function settingsIn(text: string, position: number): Settings {
  return textToPlain(text, `attributes of event ${position}`) as Settings
}

/** The cell with the text of a call whose settings stand with each repetition. */
export function textCell(call: readonly number[]): number {
  return call[CALL_ENTRY.cell]! + call[CALL_ENTRY.cells]! - 1
}
