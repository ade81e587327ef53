/** Calls of optimizers in a block, with their settings: read from its cells, without events. */
import { isUpdate, type UpdateGroup } from '../detectors/settings-watch.js'
import { EVENT_VERSION, type FunctionCalled, type Ref } from '../events/event.js'
import { textToPlain } from '../events/plain.js'
import { CALL_ENTRY } from '../events/record-layout.js'
import { decodeRef, type TemplateLists } from '../store/format/template.js'
import type { Block } from '../store/read/block-reader.js'
import type { RunRows } from '../store/read/run-rows.js'

/** The updates of a template. */
interface Updates {
  readonly calls: readonly number[][]
  /** Whether settings stand with each repetition, and not in the template. */
  readonly varies: boolean
}

const UPDATES = new WeakMap<TemplateLists, Updates>()

function updatesIn({ texts }: RunRows, template: TemplateLists): Updates {
  let known = UPDATES.get(template)
  if (known === undefined) {
    const calls = template.calls.filter((call) => isUpdate(texts.signature(call[CALL_ENTRY.signature]!)))
    known = { calls, varies: calls.some((call) => call[CALL_ENTRY.attributes] === 0) }
    UPDATES.set(template, known)
  }
  return known
}

/** Whether blocks of this template differ in the settings of their updates. */
export function updatesVary(rows: RunRows, { template }: Block): boolean {
  return updatesIn(rows, template).varies
}

/** The updates of a block, those with the same settings together. */
export function updatesOf({ rows }: { readonly rows: RunRows }, block: Block): UpdateGroup[] {
  const { template, first, base, cells, step } = block
  const { calls } = updatesIn(rows, template)
  if (calls.length === 0) return []
  const { texts } = rows
  const groups = new Map<number, { call: FunctionCalled; parameters: Ref[] }>()
  for (const call of calls) {
    const position = first + call[CALL_ENTRY.offset]!
    const signature = call[CALL_ENTRY.signature]!
    const parameter = decodeRef(call[CALL_ENTRY.inputs]!, position, base)
    const kept = call[CALL_ENTRY.attributes]!
    const text = kept === 0 ? cells.textId(call[CALL_ENTRY.cell]! + call[CALL_ENTRY.cells]! - 1) : kept
    const { function: name, scope, linked, outputs } = texts.signature(signature)
    // Signatures of one function and scope differ in shapes: settings are one optimizer's all the same.
    const known = groups.get(text)
    if (known !== undefined && known.call.function === name && known.call.scope === scope) {
      known.parameters.push(parameter)
      continue
    }
    const attributes =
      kept === 0
        ? textToPlain(texts.passing(text), `attributes of event ${position}`)
        : texts.attributes(kept)
    groups.set(known === undefined ? text : -position, {
      call: {
        type: 'FunctionCalled',
        version: EVENT_VERSION,
        position,
        step,
        function: name,
        attributes: attributes as FunctionCalled['attributes'],
        inputs: call.slice(CALL_ENTRY.inputs).map((ref) => decodeRef(ref, position, base)),
        outputs,
        scope,
        linked,
      },
      parameters: [parameter],
    })
  }
  return [...groups.values()]
}
