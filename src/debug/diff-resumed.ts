/** Compares the end of one run with the beginning of another that should go on from it: what the state was, and what was made of it. */
import type { NDArray } from '../array/ndarray.js'
import { type FunctionCalled, positionOf, type Ref } from '../events/event.js'
import { distanceOf } from './array-distance.js'
import { batchesOf } from './batches.js'
import { rowsOfStep, type StepRows, shapeOf } from './rows.js'
import type { Both, RunDiff, RunDifference } from './run-diff.js'
import { RunView } from './run-view.js'
import { numberShort } from './step-comparison.js'
import type { Side } from './step-lines.js'

export function diffResumed(sides: Both<Side>): RunDiff {
  const [before, after] = sides
  const views: Both<RunView> = [new RunView(before.recording), new RunView(after.recording)]
  const [was, now] = views
  const skipped: { what: string; why: string }[] = []
  const ended = beginnings(was)
  const began = beginnings(now)
  const differences: RunDifference[] = []
  const same: string[] = []
  for (const [name, ref] of ended) {
    const first = began.get(name)
    if (first === undefined) {
      differences.push(
        difference(
          name,
          [positionOf(ref), null],
          `step 0: ${name} of ${before.name} is not in ${after.name}: it was not taken over`,
        ),
      )
      continue
    }
    const end = was.attempt(`the last value of ${name}`, () => was.valueRead(ref, was.lastPosition + 1))
    const begin = now.attempt(`the first value of ${name}`, () => firstValue(now, first))
    if (end === null || begin === null) continue
    const positions = [positionOf(ref), positionOf(first)] as const
    if (end.shape.join() !== begin.shape.join()) {
      const text = `step 0: ${name} ends as [${end.shape.join(', ')}] and begins as [${begin.shape.join(', ')}]`
      differences.push(difference(name, positions, text))
      continue
    }
    const distance = distanceOf(end, begin)
    if (distance === null) same.push(name)
    else {
      const { different, elements, first: at, values } = distance
      const where =
        elements === 1 ? '' : ` in ${different} of ${elements} elements, first at [${at.join(', ')}]`
      differences.push(
        difference(
          name,
          positions,
          `step 0: ${name} of ${after.name} does not go on from ${before.name}${where}: it ended as ${numberShort(values[0])}, and began as ${numberShort(values[1])}`,
        ),
      )
    }
  }
  if (ended.size === 0)
    skipped.push({ what: 'the state', why: `${before.name} has no named variables at its beginning` })
  for (const view of views) for (const [what, why] of view.skipped) skipped.push({ what, why })
  differences.push(...draws(sides), ...batches(sides, views))
  const first = differences[0] ?? null
  return {
    equal: first === null,
    names: [before.name, after.name],
    text:
      first?.text ?? `equal: ${after.name} goes on where ${before.name} ended, in ${same.length} variables`,
    first,
    differences,
    said: [],
    values: null,
    growth: [],
    same:
      same.length === 0
        ? []
        : [`${same.length} variables (${same.slice(0, 6).join(', ')}${same.length > 6 ? ', …' : ''})`],
    looked: `the last values of ${ended.size} named variables of ${before.name}, the first of ${began.size} of ${after.name}`,
    skipped: [
      ...skipped,
      { what: 'the place in the data', why: 'a tape does not say which rows should have come next' },
    ],
  }
}

function difference(
  name: string | null,
  positions: Both<number | null>,
  text: string,
  evidence: string[] = [],
): RunDifference {
  return {
    kind: 'state',
    step: 0,
    positions,
    function: null,
    scope: null,
    variable: name,
    rows: null,
    furtherSteps: 0,
    text,
    evidence,
  }
}

/** The named leaves that were there when a run began or were made in its first two steps, as an optimizer's state is. */
function beginnings(view: RunView): Map<string, Ref> {
  const { reader, lookup, id } = view.recording
  const { to } = lookup.stepRange(Math.min(view.stepCount, 2), view.lastPosition)
  const found = new Map<string, Ref>()
  for (const event of reader.events(id, 1, to, false)) {
    if (event.type !== 'LeafCreated') continue
    const name = view.nameOf(event.position) ?? event.name
    if (name === null || found.has(name)) continue
    // One that is made of what the run computed was not there when it began.
    if (event.source !== null && view.event(positionOf(event.source)).step > 0) continue
    found.set(name, event.position)
  }
  return found
}

/** The value with which a leaf enters the first step: what was loaded before it counts. */
function firstValue(view: RunView, ref: Ref): NDArray {
  const { from } = view.recording.lookup.stepRange(Math.min(view.stepCount, 1), view.lastPosition)
  return view.valueRead(ref, Math.max(ref + 1, from))
}

/** Whether random numbers go on where they stopped: each call that draws has the next counter. */
function draws([before, after]: Both<Side>): RunDifference[] {
  const last = drawn(before, true)
  const first = drawn(after, false)
  if (last === null || first === null || last.seed !== first.seed) return []
  if (first.counter > last.counter) return []
  return [
    difference(
      null,
      [last.position, first.position],
      `step 1: the random numbers of ${after.name} begin again: ${first.call.function} (#${first.position}) draws from counter ${first.counter}, ${before.name} had come to ${last.counter + 1}`,
    ),
  ]
}

interface Drawn {
  readonly position: number
  readonly seed: number
  readonly counter: number
  readonly call: FunctionCalled
}

function drawn({ recording }: Side, last: boolean): Drawn | null {
  const { reader, lookup, id, lastPosition } = recording
  const steps = lookup.stepCount()
  if (steps === 0) return null
  const range = lookup.stepRange(last ? steps : 1, lastPosition)
  let found: Drawn | null = null
  for (const event of reader.events(id, range.from, range.to)) {
    if (event.type !== 'FunctionCalled') continue
    const { seed, counter } = event.attributes
    if (typeof seed !== 'number' || typeof counter !== 'number') continue
    if (!last && found !== null) break
    found = { position: event.position, seed, counter, call: event }
  }
  return found
}

/** Whether the first batch is the one that the run before began with, though that run had not come round to it: then the order began again. */
function batches([before, after]: Both<Side>, [was, now]: Both<RunView>): RunDifference[] {
  if (was.stepCount === 0 || now.stepCount === 0) return []
  const [x, y] = [rowsOfStep(was, 1)[0], rowsOfStep(now, 1)[0]]
  if (x === undefined || y === undefined || x.rows.join() !== y.rows.join() || comesRound(was, x)) return []
  return [
    {
      ...difference(
        null,
        [x.position, y.position],
        `step 1: the first batch of ${after.name} has the rows of the first batch of ${before.name} (${x.rows.slice(0, 6).join(', ')}${x.rows.length > 6 ? ', …' : ''}): the order begins again`,
      ),
      kind: 'rows',
      step: 1,
      rows: x.rows,
    },
  ]
}

/** Whether the first batch may come again without a mistake: it did already, or the rows stand in order and were read to their end. */
function comesRound(view: RunView, first: StepRows): boolean {
  const rows = first.rows.join()
  const again = batchesOf(view).some(
    (batch) => batch.indices !== first.indices && batch.data === first.data && batch.rows.join() === rows,
  )
  // One list of indices for all steps is a batch that is always the same.
  const last = rowsOfStep(view, view.stepCount)[0]
  if (again || last === undefined || (view.stepCount > 1 && last.rows.join() === rows)) return true
  const inOrder = [first, last].every((batch) => batch.rows.every((row, i) => row === batch.rows[0]! + i))
  const size = shapeOf(view, first.data)[0] ?? 0
  return inOrder && first.rows[0] === 0 && last.rows.at(-1)! + first.rows.length >= size
}
