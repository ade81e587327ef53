/**
 * What an execution of a training program really computed, noted in memory as it was, and where each run that was
 * open then has it. Knows nothing of the program, and nothing of how a tape keeps a value.
 */
import type { NDArray } from '../../src/array/ndarray.js'
import type { TapeEvent } from '../../src/events/event.js'
import { mode } from '../../src/graph/mode.js'
import type { Variable } from '../../src/graph/variable.js'
import type { StreamRecorder } from '../../src/recorder/stream-recorder.js'
import type { Run } from '../../src/tape/run.js'

/** Something that was computed, in the order in which it was. */
export interface Noted {
  what: 'output' | 'gradient' | 'version'
  /** The runs that have it. */
  places: Place[]
  data: NDArray
}

/** Under which ref a run knows a variable, by the run's index, and how far the run was then. */
export interface Place {
  run: number
  ref: number
  at: number
}

/** One run as its listeners heard it. */
export interface RecordedRun {
  id: number
  events: TapeEvent[]
}

export class TrainingNotes {
  readonly noted: Noted[] = []
  readonly runs: RecordedRun[] = []
  private readonly streams: Run[] = []
  private readonly runOf = new Map<StreamRecorder, number>()
  private readonly gradients = new WeakSet<Variable>()

  /** Listens to a run that has just begun. */
  listen(run: Run): void {
    const recorded: RecordedRun = { id: run.id, events: [] }
    run.events$.subscribe((event) => recorded.events.push(event))
    this.runOf.set(mode.recorder as StreamRecorder, this.runs.length)
    this.runs.push(recorded)
    this.streams.push(run)
  }

  /** What a call has just made. */
  output(variable: Variable): Variable {
    this.take('output', variable)
    return variable
  }

  /** The gradient that the variable holds, if it is another than before. */
  gradientOf(variable: Variable): void {
    const gradient = variable.heldGrad
    if (gradient === null || this.gradients.has(gradient)) return
    this.gradients.add(gradient)
    this.take('gradient', gradient)
  }

  /** An assignment is an event of every open run that knows the variable. A run that is over has earlier versions only. */
  version(variable: Variable): void {
    const places: Place[] = []
    for (const [recorder, run] of this.runOf) {
      const ref = recorder.finished ? 0 : recorder.knownRef(variable)
      if (ref !== 0) places.push(this.placeIn(run, ref))
    }
    this.noted.push({ what: 'version', places, data: variable.data })
  }

  private take(what: 'output' | 'gradient', variable: Variable): void {
    const { owner, ref, data } = variable
    const run = this.runOf.get(owner as StreamRecorder)
    this.noted.push({ what, places: run === undefined ? [] : [this.placeIn(run, ref)], data })
  }

  private placeIn(run: number, ref: number): Place {
    return { run, ref, at: this.streams[run]!.position }
  }
}
