/**
 * How much of a run is stored: the levels, and what they mean for one array in one step. Every level keeps the graph;
 * they differ in which bytes stand beside it. Knows nothing of what records.
 */
import { TapeError, valueText } from '../errors.js'
import type { Plain, RecordedArray } from './event.js'
import { PACKING, type Packing } from './packing.js'

/** One of the three; see `Capture`. */
export type CaptureLevel = 'full' | 'replayable' | 'structure'

/** A level for what calls compute and one for gradients. */
export interface CaptureMix {
  /** Of leaves and of what calls compute. Default 'replayable'. */
  values?: CaptureLevel
  /** Default 'replayable'. */
  gradients?: CaptureLevel
  /** A part that is 'full' is so only in each step whose number is a multiple of this, and 'replayable' in the others. Default 1. */
  everySteps?: number
  /** Whether a run notes where in the user's code calls are made: file, line, column, function. Default true. */
  sites?: boolean
  /**
   * Of which variables each new value is summed up, with the norm of what it changed: of parameters (true, the default), of all that
   * are assigned to ('all', the default where values are 'full': the state of optimizers, too), of none (false). It takes about 60
   * bytes of the file for each, and reads both arrays once.
   */
  assignments?: boolean | 'all'
}

/**
 * - `'full'` stores every value, and every gradient of a pass, intermediate ones included.
 * - `'replayable'` stores what cannot be recomputed: leaves, indices, seeds, assignments from outside, metrics. Of each
 *   gradient that a variable keeps it stores the summary, in steps 0, 1 and every hundredth also the hash. Arrays of up to 64
 *   elements are stored with their events until they have taken 64 KiB. All else follows by replay.
 * - `'structure'` stores no bytes of any array: the graph, shapes, and the summaries and hashes of leaves and gradients.
 *   A single number has no summary that would not give it away, so a leaf of one element is not stored at all.
 */
export type Capture = CaptureLevel | CaptureMix

/** What is kept of a larger array; also its tag in packed words. */
export const CAPTURE_BYTES = 2
export const CAPTURE_SUMMARY = 3
export const CAPTURE_HASH = 4
/** All bytes, beside the event: cheaper than a value of its own for what is small and differs each time, as indices do. */
export const CAPTURE_INLINE = 5
export type ArrayCapture =
  | typeof CAPTURE_BYTES
  | typeof CAPTURE_SUMMARY
  | typeof CAPTURE_HASH
  | typeof CAPTURE_INLINE
/** Nothing is kept. */
export const CAPTURE_NOTHING = 0

/** Arrays of at most this many elements are small. */
const SMALL_ELEMENTS_MAX = 64
/** At most this many bytes of small computed arrays are stored with the events of a run. */
const SMALL_BYTES_MAX = 65_536
const HASH_EVERY_STEPS = 100

const LEVELS: readonly unknown[] = ['full', 'replayable', 'structure']

/** Throws BAD_ARGUMENT for what is no capture. */
export function checkCapture(capture: unknown): asserts capture is Capture {
  if (LEVELS.includes(capture)) return
  const refuse = (expected: string, got: unknown): never => {
    throw new TapeError('BAD_ARGUMENT', `capture expected ${expected}, got ${valueText(got)}`)
  }
  if (typeof capture !== 'object' || capture === null)
    refuse(
      "'full', 'replayable', 'structure' or { values, gradients, everySteps, sites, assignments }",
      capture,
    )
  for (const [key, value] of Object.entries(capture as object)) {
    if (key === 'values' || key === 'gradients') {
      if (!LEVELS.includes(value)) refuse(`${key} of 'full', 'replayable' or 'structure'`, value)
    } else if (key === 'everySteps') {
      if (!Number.isSafeInteger(value) || value < 1) refuse('everySteps of an integer from 1', value)
    } else if (key === 'sites') {
      if (typeof value !== 'boolean') refuse('sites of true or false', value)
    } else if (key === 'assignments') {
      if (typeof value !== 'boolean' && value !== 'all') refuse("assignments of true, false or 'all'", value)
    } else refuse('the keys values, gradients, everySteps, sites, assignments', key)
  }
}

/** The capture as RunStarted says it, read back. What no version of gradtape writes counts as 'full'. */
export function captureFrom(plain: Plain): Capture {
  try {
    checkCapture(plain)
    return plain
  } catch {
    return 'full'
  }
}

/** Whether a run of this capture can be replayed: whether it keeps what cannot be recomputed. */
export function isReplayable(capture: Capture): boolean {
  return capture !== 'structure' && (typeof capture === 'string' || capture.values !== 'structure')
}

/** Decides, array by array, what is kept. */
export class CapturePolicy {
  /** Whether gradients that no variable keeps are events too. */
  everyGradient = false
  /** Whether nothing is kept of what calls compute, whatever it is: then `ofOutput` need not be asked. */
  dropsOutputs = false
  /** Whether the sites of calls are kept. */
  readonly keepsSites: boolean
  /** Of which variables assignments say what they changed. */
  private readonly assignments: boolean | 'all'
  private readonly values: CaptureLevel
  private readonly gradients: CaptureLevel
  private readonly everySteps: number
  private valuesNow: CaptureLevel = 'replayable'
  private gradientsNow: CaptureLevel = 'replayable'
  private hashNow = true
  private step = -1
  private smallBytesLeft = SMALL_BYTES_MAX

  /** `packing`: that of the run. Before the third, assignments did not say what they changed. */
  constructor(capture: Capture, packing: Packing = PACKING) {
    const {
      values = 'replayable',
      gradients = 'replayable',
      everySteps = 1,
      sites = true,
      assignments = values === 'full' ? 'all' : true,
    }: CaptureMix = typeof capture === 'string' ? { values: capture, gradients: capture } : capture
    this.keepsSites = sites
    this.assignments = packing > 2 && assignments
    this.values = values
    this.gradients = gradients
    this.everySteps = everySteps
    this.enter(0)
  }

  /** Must be told the step before it is asked about anything in it. */
  enter(step: number): void {
    if (step === this.step) return
    this.step = step
    const isFull = step % this.everySteps === 0
    this.valuesNow = this.values === 'full' && !isFull ? 'replayable' : this.values
    this.gradientsNow = this.gradients === 'full' && !isFull ? 'replayable' : this.gradients
    this.everyGradient = this.gradientsNow === 'full'
    this.dropsOutputs = this.dropsAll()
    this.hashNow = step <= 1 || step % HASH_EVERY_STEPS === 0 || this.gradientsNow === 'structure'
  }

  /** Whether checkpoints make sense: whether values may be stored. */
  get keepsValues(): boolean {
    return this.values !== 'structure'
  }

  /** Of what a call computed. */
  ofOutput(array: RecordedArray): ArrayCapture | typeof CAPTURE_NOTHING {
    if (this.valuesNow === 'replayable') return this.small(array) ? CAPTURE_BYTES : CAPTURE_NOTHING
    return this.valuesNow === 'full' ? CAPTURE_BYTES : CAPTURE_NOTHING
  }

  /** Of a value that came from outside the run. */
  ofOutside(array: RecordedArray): ArrayCapture | typeof CAPTURE_NOTHING {
    if (this.values !== 'structure')
      return array.size <= SMALL_ELEMENTS_MAX && array.size > 0 ? CAPTURE_INLINE : CAPTURE_BYTES
    return array.size === 1 ? CAPTURE_NOTHING : CAPTURE_HASH
  }

  /** Whether an assignment says what the new value is, in a few numbers, and how far it is from the one before. */
  measures(isParameter: boolean): boolean {
    return this.assignments === 'all' || (this.assignments && isParameter)
  }

  /** Of a value that the run made and assigns: its summary. A number of which nothing is to be kept would be given away by it. */
  ofAssigned(array: RecordedArray): typeof CAPTURE_SUMMARY | typeof CAPTURE_NOTHING {
    return array.size === 1 && this.values === 'structure' ? CAPTURE_NOTHING : CAPTURE_SUMMARY
  }

  ofGradient(array: RecordedArray): ArrayCapture {
    if (this.gradientsNow === 'full' || array.size === 1) return CAPTURE_BYTES
    if (this.gradientsNow === 'replayable' && this.small(array)) return CAPTURE_BYTES
    return this.hashNow ? CAPTURE_HASH : CAPTURE_SUMMARY
  }

  private dropsAll(): boolean {
    if (this.valuesNow === 'replayable') return this.smallBytesLeft <= 0
    return this.valuesNow !== 'full'
  }

  private small(array: RecordedArray): boolean {
    if (this.smallBytesLeft <= 0) return false
    const { size } = array
    if (size > SMALL_ELEMENTS_MAX) return false
    this.smallBytesLeft -= size * 8
    this.dropsOutputs = this.dropsAll()
    return true
  }
}
