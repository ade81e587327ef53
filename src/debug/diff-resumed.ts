/** Compares the end of one run with the beginning of another that should go on from it: what the state was, and what was made of it. */
import { type FunctionCalled, positionOf, type RecordedArray, type Ref, slotOf } from '../events/event.js'
import { distanceOf } from './array-distance.js'
import { endState } from './end-state.js'
import type { Both, RunDiff, RunDifference } from './run-diff.js'
import { numberShort, type Side } from './step-comparison.js'

export function diffResumed(sides: Both<Side>): RunDiff {
  const [before, after] = sides
  const skipped: { what: string; why: string }[] = []
  const ended = endState(before.recording)
  const began = beginnings(after)
  const differences: RunDifference[] = []
  const same: string[] = []
  for (const [name, { ref, value }] of ended) {
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
    if (first.value === null || value === null) {
      skipped.push({ what: `the value of ${name}`, why: 'its bytes are not on the tape' })
      continue
    }
    if (first.value.shape.join() !== value.shape.join()) {
      differences.push(
        difference(
          name,
          [positionOf(ref), first.position],
          `step 0: ${name} ends as [${value.shape.join(', ')}] and begins as [${first.value.shape.join(', ')}]`,
        ),
      )
      continue
    }
    const distance = distanceOf(value, first.value)
    if (distance === null) same.push(name)
    else {
      const { different, elements, first: at, values } = distance
      const where =
        elements === 1 ? '' : ` in ${different} of ${elements} elements, first at [${at.join(', ')}]`
      differences.push(
        difference(
          name,
          [positionOf(ref), first.position],
          `step 0: ${name} of ${after.name} does not go on from ${before.name}${where}: it ended as ${numberShort(values[0])}, and began as ${numberShort(values[1])}`,
        ),
      )
    }
  }
  differences.push(...draws(sides), ...batches(sides))
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

interface Beginning {
  readonly position: number
  readonly value: RecordedArray | null
}

/** The first value of each named leaf of the first steps. */
function beginnings({ recording }: Side): Map<string, Beginning> {
  const { reader, lookup, id, lastPosition } = recording
  const found = new Map<string, Beginning>()
  const count = lookup.stepCount()
  const { to } = count === 0 ? { to: lastPosition } : lookup.stepRange(Math.min(count, 2), lastPosition)
  for (const event of reader.events(id, 1, to)) {
    if (event.type !== 'LeafCreated') continue
    const name = lookup.nameOf(event.position) ?? event.name
    if (name === null || found.has(name)) continue
    let value = event.value
    // One that is made of what the run computed was not there when it began.
    if (value === null && event.source !== null) {
      const source = reader.event(id, positionOf(event.source))
      value = source.type === 'LeafCreated' ? source.value : null
      if (source.type === 'FunctionCalled') value = source.outputs[slotOf(event.source)]?.value ?? null
      if (source.step > 0) continue
    }
    found.set(name, { position: event.position, value })
  }
  return found
}

/** Whether random numbers go on where they stopped. */
function draws([before, after]: Both<Side>): RunDifference[] {
  const last = drawn(before, true)
  const first = drawn(after, false)
  if (last === null || first === null || last.seed !== first.seed) return []
  if (first.counter >= last.counter + last.size || first.counter === 0) {
    if (first.counter !== 0 || last.counter === 0) return []
  }
  return [
    difference(
      null,
      [last.position, first.position],
      `step 1: the random numbers of ${after.name} begin again: ${first.call.function} (#${first.position}) draws from counter ${first.counter}, ${before.name} had come to ${last.counter + last.size}`,
    ),
  ]
}

interface Drawn {
  readonly position: number
  readonly seed: number
  readonly counter: number
  readonly size: number
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
    const size = event.outputs[0]?.shape.reduce((product, extent) => product * extent, 1) ?? 0
    found = { position: event.position, seed, counter, size, call: event }
  }
  return found
}

/** Whether the first batch is one that the run before began with: then the order began again. */
function batches([before, after]: Both<Side>): RunDifference[] {
  const [x, y] = [firstRows(before), firstRows(after)]
  if (x === null || y === null || x.rows.join() !== y.rows.join()) return []
  return [
    {
      ...difference(
        null,
        [x.position, y.position],
        `step 1: the first batch of ${after.name} has the rows of the first batch of ${before.name} (${x.rows.slice(0, 6).join(', ')}, …): the order begins again`,
      ),
      kind: 'rows',
      step: 1,
      rows: x.rows,
    },
  ]
}

function firstRows({ recording }: Side): { position: number; rows: number[] } | null {
  const { reader, lookup, id, lastPosition } = recording
  if (lookup.stepCount() === 0) return null
  const { to } = lookup.stepRange(1, lastPosition)
  const leaves = new Map<Ref, number[]>()
  for (const event of reader.events(id, 1, to)) {
    if (event.type === 'LeafCreated' && event.dtype === 'int32' && event.value !== null)
      leaves.set(event.position, Array.from(event.value.data))
    if (event.type !== 'FunctionCalled' || event.function !== 'take') continue
    const rows = leaves.get(event.inputs[1]!)
    if (rows !== undefined) return { position: event.inputs[1]!, rows }
  }
  return null
}
