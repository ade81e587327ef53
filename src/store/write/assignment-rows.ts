/**
 * The row of an assignment that says what it changed: the new value in a few numbers, and how far it is from the one before. What
 * stands of the value itself is in the cells of its block, as for any assignment.
 */
import { CAPTURE_INLINE, CAPTURE_NOTHING } from '../../events/capture.js'
import { summaryOf } from '../../events/content.js'
import { elementCount } from '../../events/dtypes.js'
import type { ArrayForm } from '../../events/forms.js'
import { VALUE_SCALAR } from '../../events/pack.js'
import { VALUE_WORDS } from '../../events/record-layout.js'
import { arrayFromBytes } from '../format/value.js'
import { addSummary, SUMMARY_COLUMNS } from './gradient-rows.js'
import type { RowBuffer } from './row-buffer.js'
import type { StoredValue } from './value-store.js'

export const ASSIGNMENT_ROWS = {
  _assignment: ['id', 'variable_id', ...SUMMARY_COLUMNS, 'update_norm'],
} as const

const one = new Float64Array(1)

/** `form` gives dtype and shape of the array, where they are needed. */
export function addAssignment(
  row: RowBuffer,
  id: number,
  variableId: number,
  updateNorm: number | null,
  words: Float64Array,
  valueAt: number,
  stored: readonly StoredValue[],
  form: () => ArrayForm,
): void {
  const tag = words[valueAt + VALUE_WORDS.tag]!
  const payload = words[valueAt + VALUE_WORDS.payload]!
  row.add(id)
  row.add(variableId)
  if (tag === VALUE_SCALAR) {
    one[0] = payload
    addSummary(row, summaryOf(one))
  } else if (tag === CAPTURE_INLINE) {
    const { dtype, shape } = form()
    addSummary(row, summaryOf(arrayFromBytes(dtype, elementCount(shape), stored[payload]!.inline!)))
  } else addSummary(row, tag === CAPTURE_NOTHING ? null : stored[payload]!.summary)
  row.add(updateNorm)
  row.endRow()
}
