/**
 * What a step does, as a text that is equal for steps that do the same. A batch may end anywhere in a step, so the same step is cut
 * into other blocks each time, of other templates: put together again, they are the same.
 */
import crypto from 'node:crypto'
import { isUpdate } from '../detectors/settings-watch.js'
import {
  ASSIGNMENT_ENTRY,
  CALL_ENTRY,
  FIRST_REF,
  GRADIENT_ENTRY,
  LEAF_ENTRY,
} from '../events/record-layout.js'
import { decodeRef } from '../store/format/template.js'
import type { Block } from '../store/read/block-reader.js'
import type { TextReader } from '../store/read/text-reader.js'

const LISTS = Object.keys(FIRST_REF) as (keyof typeof FIRST_REF)[]
/** In which place of a block an entry has its cells: of no interest. */
const CELL: Partial<Record<keyof typeof FIRST_REF, number>> = {
  calls: CALL_ENTRY.cell,
  leaves: LEAF_ENTRY.cell,
  gradients: GRADIENT_ENTRY.cell,
  assignments: ASSIGNMENT_ENTRY.cell,
}

/**
 * The key of a step of these blocks, in their order. What lies far back stands in it as it is, all else by its distance. The settings
 * of an update are left out: they follow a schedule, stand with each block as a rule, and are looked at step by step.
 */
export function stepKey(
  blocks: readonly Pick<Block, 'first' | 'base' | 'template'>[],
  texts: Pick<TextReader, 'signature'>,
): string {
  const start = blocks[0]!.first
  const hash = crypto.createHash('sha256')
  const numbers: number[] = []
  for (const list of LISTS) {
    for (const { first, base, template } of blocks)
      for (const entry of template[list]) {
        const own = first + entry[CALL_ENTRY.offset]!
        const isScheduled = list === 'calls' && isUpdate(texts.signature(entry[CALL_ENTRY.signature]!))
        numbers.push(own - start)
        for (let i = 1; i < entry.length; i++) {
          const value = entry[i]!
          if (i < FIRST_REF[list])
            numbers.push(
              i === CELL[list] || (isScheduled && i < CALL_ENTRY.inputs && i !== CALL_ENTRY.signature)
                ? 0
                : value,
            )
          else if (value === 0 || (value < 0 && Number.isInteger(value))) numbers.push(value)
          // A distance, from the step's beginning; an own place is above it, so no two meanings share a number.
          else numbers.push(0.25, decodeRef(value, own, base) - start)
        }
        numbers.push(Number.NaN)
      }
    numbers.push(Number.POSITIVE_INFINITY)
  }
  numbers.push(blocks.reduce((sum, { template }) => sum + template.eventCount, 0))
  return hash.update(Float64Array.from(numbers)).digest('base64')
}
