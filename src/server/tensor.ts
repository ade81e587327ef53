/** One array of a run: its numbers in a few, as a histogram, as a picture, and a page of them as they are. */
import type { NDArray } from '../array/ndarray.js'
import { TapeError } from '../errors.js'
import { refOf } from '../events/event.js'
import { stateOfVariable } from '../inspection/variable-report.js'
import type { TensorAnswer, VariablesAnswer } from './api.js'
import type { Asked } from './asked.js'
import type { Desk } from './desk.js'
import type { Tell } from './tell.js'
import { imagesOf } from './tensor-images.js'

const BINS = 48
const HEAT_MAX = 96
const PAGE_MAX = 10_000

const VARIABLES_MAX = 500

/** What there is to be looked at. */
export function variablesAnswer(desk: Desk, asked: Asked): VariablesAnswer {
  const key = asked.text('run')
  const { tape, id } = desk.run(key)
  tape.run(id) // throws when there is none
  for (const view of ['parameter', 'leaf']) {
    const rows = tape.views.all<{ position: number; name: string | null; shape: string }>(
      `SELECT position, name, shape FROM ${view} WHERE run_id = ? ORDER BY position LIMIT ?`,
      ...[id, VARIABLES_MAX],
    )
    if (rows.length > 0)
      return {
        run: key,
        variables: rows.map((row) => ({ ...row, shape: JSON.parse(row.shape) as number[] })),
      }
  }
  return { run: key, variables: [] }
}

/** What was not stored is computed again from the nearest checkpoint; the answer says which it was. */
export function tensorAnswer(desk: Desk, asked: Asked, tell: Tell): TensorAnswer {
  const key = asked.text('run')
  const { tape, id } = desk.run(key)
  const run = tape.run(id)
  const wanted = asked.text('variable')
  const found = /^#?(\d{1,10})(?:\.(\d{1,6}))?$/.exec(wanted)
  const what = found === null ? wanted : refOf(Number(found[1]), Number(found[2] ?? 0))
  const step =
    asked.textOrNull('step') === null ? null : asked.whole('step', { min: 0, max: Number.MAX_SAFE_INTEGER })
  const from = performance.now()
  let events = 0
  run.past.onRecompute = (_position, at) => tell(`computing step ${at} again`, ++events, null)
  try {
    const report = stateOfVariable(run, what, step)
    const array = report.value?.array ?? null
    const offset = asked.whole('offset', { min: 0, max: Number.MAX_SAFE_INTEGER }, 0)
    const imageOffset = asked.whole('image', { min: 0, max: Number.MAX_SAFE_INTEGER }, 0)
    const count = asked.whole('count', { min: 1, max: PAGE_MAX }, 1_000)
    return {
      run: key,
      label: run.say.label(refOf(report.position, report.slot)),
      position: report.position,
      step: step ?? report.step,
      kind: report.kind,
      dtype: report.dtype,
      shape: [...report.shape],
      size: report.shape.reduce((all, axis) => all * axis, 1),
      origin: report.origin,
      elapsedMs: performance.now() - from,
      summary: report.value?.summary ?? null,
      histogram: array === null ? null : histogramOf(array),
      heat: array === null ? null : heatOf(array),
      page: {
        offset,
        values: array === null ? [] : Array.from(array.data.slice(offset, offset + count), Number),
      },
      gradient: report.gradient?.summary ?? null,
      others: report.others,
      images: array === null ? null : imagesOf(array, asked.textOrNull('as'), imageOffset),
    }
  } catch (error) {
    if (error instanceof TapeError || !(error instanceof RangeError)) throw error
    throw new TapeError('BAD_ARGUMENT', `the array is too large to be shown: ${error.message}`)
  } finally {
    run.past.onRecompute = null
  }
}

function histogramOf({ data }: NDArray): TensorAnswer['histogram'] {
  let [from, to] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const value of data) {
    if (!Number.isFinite(value)) continue
    if (value < from) from = value
    if (value > to) to = value
  }
  if (from > to) return null
  const counts = new Array<number>(BINS).fill(0)
  // Halved first: the difference of the largest numbers is no number.
  const width = to / 2 - from / 2
  for (const value of data) {
    if (!Number.isFinite(value)) continue
    const share = width === 0 ? 0 : (value / 2 - from / 2) / width
    counts[Math.min(BINS - 1, Math.floor(share * BINS))]!++
  }
  return { from, to, counts }
}

/** The last axis as columns and all others as rows, each cell the mean of what falls into it. */
function heatOf({ data, shape }: NDArray): TensorAnswer['heat'] {
  if (data.length === 0) return null
  const ofColumns = shape.at(-1) ?? 1
  const ofRows = data.length / ofColumns
  const rows = Math.min(ofRows, HEAT_MAX)
  const columns = Math.min(ofColumns, HEAT_MAX)
  const sums = new Float64Array(rows * columns)
  const counts = new Uint32Array(rows * columns)
  for (let i = 0; i < data.length; i++) {
    const row = Math.floor((Math.floor(i / ofColumns) * rows) / ofRows)
    const at = row * columns + Math.floor(((i % ofColumns) * columns) / ofColumns)
    sums[at]! += Number(data[i])
    counts[at]!++
  }
  const values = Array.from(sums, (sum, i) => (Number.isFinite(sum) ? sum / counts[i]! : null))
  return { rows, columns, ofRows, ofColumns, values }
}
