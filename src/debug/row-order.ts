/** Rows that are read in the wrong order, twice, beside the labels of others, or in training and in the test. */

import { callText, finding, rowsText } from '../detectors/draft.js'
import { isEvaluation } from '../detectors/evaluation.js'
import type { Finding } from '../detectors/finding.js'
import type { FunctionCalled } from '../events/event.js'
import { batchesOf, stepOfBatch, type Taken } from './batches.js'
import type { RunView } from './run-view.js'
import { sharedRows } from './shared-rows.js'

/** Fewer batches show no pattern. */
const BATCHES_MIN = 6
/** At most this share of what follows a pattern breaks it; more is another pattern. */
const RARE = 0.1

export function rowOrder(view: RunView): Finding[] {
  const batches = batchesOf(view)
  const found =
    batches.length === 0
      ? []
      : [mismatched(view, batches), ...ofSets(view, batches), shared(view, batches)].filter(
          (one) => one !== null,
        )
  return found.some(({ kind }) => kind === 'row-shared') ? found : [...found, ...sharedRows(view)]
}

function described(
  view: RunView,
  kind: string,
  batch: Taken,
  rows: readonly number[],
  says: string,
  evidence: string[] = [],
): Finding {
  const step = stepOfBatch(view, batch)
  const call = view.event(batch.position) as FunctionCalled
  return finding({
    kind,
    level: 'cause',
    step,
    position: batch.position,
    function: call.function,
    scope: call.scope,
    variable: view.label(batch.data),
    rows,
    text: `step ${step}: ${callText(call)} ${says}; ${rowsText(rows)}`,
    evidence,
  })
}

/** Two data sets of equally many rows are read side by side by the same rows, but for some steps. */
function mismatched(view: RunView, batches: readonly Taken[]): Finding | null {
  const bySteps = new Map<string, Taken[]>()
  for (const batch of batches) {
    const key = `${batch.step} ${batch.scope}`
    const known = bySteps.get(key)
    if (known === undefined) bySteps.set(key, [batch])
    else known.push(batch)
  }
  let equal = 0
  let first: { a: Taken; b: Taken } | null = null
  let count = 0
  const known = new Map<number, number | undefined>()
  const rowsIn = (data: number) => {
    if (!known.has(data)) {
      const event = view.event(data)
      known.set(data, event.type === 'LeafCreated' ? event.shape[0] : -1)
    }
    return known.get(data)
  }
  for (const all of bySteps.values()) {
    const [a, b] = all
    // Two at a time: of more it cannot be told which belong together.
    if (all.length !== 2 || a === undefined || b === undefined || a.data === b.data) continue
    if (rowsIn(a.data) !== rowsIn(b.data) || a.rows.length !== b.rows.length) continue
    if (a.indices === b.indices || same(a.rows, b.rows)) equal++
    else {
      first ??= { a, b }
      count++
    }
  }
  if (first === null || (equal < 3 && !isLabelled(view, first.b))) return null
  const { a, b } = first
  const at = a.rows.findIndex((row, i) => row !== b.rows[i])
  return described(
    view,
    'row-mismatch',
    b,
    [...new Set([a.rows[at]!, b.rows[at]!])],
    `takes other rows of ${view.label(b.data)} than take (#${a.position}) takes of ${view.label(a.data)}: place ${at} of the batch is row ${b.rows[at]} beside row ${a.rows[at]}`,
    [`then      in ${count} steps; in ${equal} steps they are the same`],
  )
}

/** Whether a batch holds labels: integers, one a row. */
function isLabelled(view: RunView, { data }: Taken): boolean {
  const event = view.event(data)
  return event.type === 'LeafCreated' && event.dtype === 'int32' && event.shape.length === 1
}

function same(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((row, i) => row === b[i])
}

function ofSets(view: RunView, batches: readonly Taken[]): (Finding | null)[] {
  const sets = new Map<string, Taken[]>()
  for (const batch of batches) {
    const key = `${batch.data} ${batch.scope}`
    const known = sets.get(key)
    if (known === undefined) sets.set(key, [batch])
    else known.push(batch)
  }
  const told = new Set<string>()
  return [...sets.values()].map((all) => {
    if (all.length < BATCHES_MIN) return null
    const found = outOfOrder(view, all) ?? repeated(view, all) ?? notShuffled(view, all)
    // Inputs and labels tell the same.
    const key = found === null ? '' : `${found.kind} ${found.step}`
    if (told.has(key)) return null
    told.add(key)
    return found
  })
}

/** Rows that follow one another, batch after batch, but for some batches. */
function outOfOrder(view: RunView, batches: readonly Taken[]): Finding | null {
  const follows = (a: Taken, b: Taken) =>
    b.rows[0] === a.rows.at(-1)! + 1 || (b.rows[0] === 0 && b.rows[0] !== a.rows[0])
  const isRun = ({ rows }: Taken) => rows.every((row, i) => i === 0 || row === rows[i - 1]! + 1)
  if (!batches.every(isRun)) return null
  const breaks: number[] = []
  for (let i = 1; i < batches.length; i++) if (!follows(batches[i - 1]!, batches[i]!)) breaks.push(i)
  if (breaks.length === 0 || breaks.length > Math.max(3, RARE * batches.length)) return null
  const odd = batches[breaks[0]!]!
  const before = batches[breaks[0]! - 1]!
  return described(
    view,
    'row-order',
    odd,
    odd.rows,
    `takes rows out of order: ${odd.rows[0]} to ${odd.rows.at(-1)} after ${before.rows[0]} to ${before.rows.at(-1)}`,
    [`then      ${breaks.length} of ${batches.length - 1} batches do not follow the one before`],
  )
}

/** How many batches an epoch has: the first row that comes again shows it. Null where no epoch is seen. */
function epochLength(view: RunView, batches: readonly Taken[]): number | null {
  const event = view.event(batches[0]!.data)
  const count = event.type === 'LeafCreated' ? event.shape[0]! : 0
  const size = batches[0]!.rows.length
  const seen = new Set<number>()
  let length = 0
  for (const { rows } of batches) {
    if (rows.some((row) => seen.has(row))) break
    for (const row of rows) seen.add(row)
    length++
  }
  return length === Math.ceil(count / size) || length === Math.floor(count / size) ? length : null
}

/** An epoch that is read in the order of the data set, where others are shuffled. */
function notShuffled(view: RunView, batches: readonly Taken[]): Finding | null {
  const length = epochLength(view, batches)
  if (length === null || length < 2) return null
  const epochs = Math.floor(batches.length / length)
  const isInOrder = (epoch: number) => {
    let next = 0
    for (let i = 0; i < length; i++)
      for (const row of batches[epoch * length + i]!.rows) if (row !== next++) return false
    return true
  }
  const inOrder = Array.from({ length: epochs }, (_, epoch) => epoch).filter(isInOrder)
  const [first] = inOrder
  if (first === undefined || epochs < 3 || inOrder.length > epochs / 3) return null
  const batch = batches[first * length]!
  // What is read in order to be measured trains nothing.
  if (!isTrainedOn(view, batch)) return null
  const found = described(
    view,
    'row-order',
    batch,
    batch.rows,
    `takes rows in the order of the data set: epoch ${first + 1} is not shuffled, and ${epochs - inOrder.length} of ${epochs} are`,
  )
  // To begin with what is easy, in the order in which it lies, is a way to train.
  return first === 0 ? { ...found, level: 'note' } : found
}

/** Whether a pass of the step that reads a batch walks back to a call that reads it. */
function isTrainedOn(view: RunView, batch: Taken): boolean {
  const events = view.step(stepOfBatch(view, batch))
  return [...events.ancestors(events.roots)].some((position) => {
    const call = events.at(position) as FunctionCalled
    return position === batch.position || call.inputs.includes(batch.position)
  })
}

/** An epoch that gives a row twice, where others give each row once. */
function repeated(view: RunView, batches: readonly Taken[]): Finding | null {
  const length = epochLength(view, batches)
  // Where no epoch is seen, a row that comes twice says nothing.
  if (length === null) return null
  const epochs = Math.floor(batches.length / length)
  const odd: { batch: Taken; row: number; first: Taken }[] = []
  for (let epoch = 0; epoch < epochs; epoch++) {
    const at = new Map<number, Taken>()
    search: for (const batch of batches.slice(epoch * length, (epoch + 1) * length))
      for (const row of batch.rows) {
        const first = at.get(row)
        if (first !== undefined) {
          odd.push({ batch, row, first })
          break search
        }
        at.set(row, batch)
      }
  }
  if (odd.length === 0 || epochs < 2 || odd.length > Math.max(1, epochs / 3)) return null
  const { batch, row, first } = odd[0]!
  return described(
    view,
    'row-repeated',
    batch,
    [row],
    `takes a row that this epoch had before, in step ${stepOfBatch(view, first)}; in ${epochs - odd.length} of ${epochs} epochs each row comes once`,
  )
}

/** Rows that an evaluation reads and training does, too. */
function shared(view: RunView, batches: readonly Taken[]): Finding | null {
  const evaluated = new Map<string, { batch: Taken; rows: Set<number> }>()
  const trained: Taken[] = []
  for (const batch of batches) {
    if (!isEvaluation(batch.scope)) trained.push(batch)
    else {
      const known = evaluated.get(String(batch.data))
      if (known === undefined) evaluated.set(String(batch.data), { batch, rows: new Set(batch.rows) })
      else for (const row of batch.rows) known.rows.add(row)
    }
  }
  for (const { batch: test, rows } of evaluated.values()) {
    const own = trained.filter(({ data }) => data === test.data)
    const first = own.find((batch) => batch.rows.some((row) => rows.has(row)))
    if (first === undefined) continue
    const which = first.rows.filter((row) => rows.has(row))
    const count = own.filter((batch) => batch.rows.some((row) => rows.has(row))).length
    return described(
      view,
      'row-shared',
      first,
      which,
      `takes rows for training that ${test.scope} (take #${test.position}) evaluates on`,
      [`then      in ${count} of ${own.length} batches; ${rows.size} rows are evaluated on`],
    )
  }
  return null
}
