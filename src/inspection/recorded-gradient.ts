/** The comparison of a gradient that was computed from the file with the one that the run recorded. */
import type { NDArray } from '../array/ndarray.js'
import { bytesOf, summarized } from '../events/content.js'
import { type ArraySummary, positionOf, type RecordedArray, type Ref } from '../events/event.js'
import type { Lookup } from '../store/read/lookup.js'
import type { PastRun } from '../tape/past-run.js'

/** Whether a gradient computed from the file is the recorded one. */
export interface GradientComparison {
  /** Position of the GradientComputed event. */
  position: number
  /** What could be compared: the tape has all bits of the recorded gradient, or its summary (and hash). */
  by: 'bits' | 'summary'
  equal: boolean
  /** The first element, or number of the summary, that differs. */
  difference: {
    element: number | string
    computed: number | string | null
    recorded: number | string | null
  } | null
}

type Outcome = Pick<GradientComparison, 'equal' | 'difference'>

/**
 * @internal Compares `gradient` with the last gradient that a pass from `root` alone recorded for `target` by the end of `step`;
 * null when none did.
 */
export function comparedWithRecorded(
  past: PastRun,
  lookup: Lookup,
  { root, target, step }: { root: Ref; target: Ref; step: number },
  gradient: NDArray,
): GradientComparison | null {
  const { to } = lookup.stepRange(step, past.lastPosition)
  const passes = new Set<number>()
  let found: GradientComparison | null = null
  for (const event of past.events(Math.min(positionOf(root), to), to)) {
    if (event.type === 'BackwardStarted') {
      const plain =
        event.roots.length === 1 &&
        event.roots[0] === root &&
        event.gradients.every((given) => given === null)
      if (plain) passes.add(event.position)
    } else if (event.type === 'GradientComputed' && event.variable === target && passes.has(event.pass)) {
      const { position, contribution, contributionSummary } = event
      if (contribution !== null) found = { position, by: 'bits', ...differenceOf(gradient, contribution) }
      else if (contributionSummary !== null)
        found = { position, by: 'summary', ...differenceOfSummaries(gradient, contributionSummary) }
    }
  }
  return found
}

/** Bit for bit; every NaN counts as the same one, as in the file. */
function differenceOf(computed: NDArray, recorded: RecordedArray): Outcome {
  const [ours, theirs] = [computed.data, recorded.data]
  if (computed.dtype === recorded.dtype && bytesOf(ours, true).equals(bytesOf(theirs, true)))
    return { equal: true, difference: null }
  const element = Math.max(
    0,
    ours.findIndex((value: number, i: number) => !Object.is(value, theirs[i])),
  )
  return {
    equal: false,
    difference: { element, computed: ours[element] ?? Number.NaN, recorded: theirs[element] ?? Number.NaN },
  }
}

/** The tape has no bytes of it, but what they come to. */
function differenceOfSummaries(computed: NDArray, recorded: ArraySummary): Outcome {
  const ours = summarized(computed, recorded.hash !== null)
  for (const key of Object.keys(recorded) as (keyof ArraySummary & string)[])
    if (!Object.is(ours[key], recorded[key]) && !(key === 'nanCount' && recorded[key] === null))
      return { equal: false, difference: { element: key, computed: ours[key], recorded: recorded[key] } }
  return { equal: true, difference: null }
}
