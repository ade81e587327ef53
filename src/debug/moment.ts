/**
 * A run as it stood right after one of its events: values, gradients, rows, and the way to other moments, forwards and backwards. What
 * was not stored is computed again, a step at a time, and kept for the next question.
 */
import type { NDArray } from '../array/ndarray.js'
import { TapeError, valueText } from '../errors.js'
import { positionOf, type Ref, type TapeEvent } from '../events/event.js'
import { checkOptions } from '../options.js'
import type { PastGraph } from '../past/past-graph.js'
import type { Recording } from '../replay/replay-run.js'
import { rowsOfStep } from './rows.js'
import { RunView } from './run-view.js'

/** What a moment that is looked for has; all that is given must fit. */
export interface MomentCondition {
  /** A call of this function. */
  function?: string
  /** A call in this scope, or inside it. */
  scope?: string
  /** An event that makes, reads, assigns, clears or differentiates the variable of this name or position. */
  variable?: string | number
  /** Any other condition: true for the moment that is wanted. */
  predicate?: (moment: Moment) => boolean
}

/** A variable as it is known at a moment. */
export interface MomentVariable {
  readonly name: string
  readonly position: number
  readonly role: string
  readonly dtype: string
  readonly shape: readonly number[]
  /** The position at which it got the value that it has. */
  readonly writtenAt: number
  /** Whether it is a parameter that requires no gradient at this moment. */
  readonly isFrozen: boolean
}

/** Something whose state can be loaded: a `Module` is one. */
export interface Loadable {
  stateDict(): { readonly [name: string]: NDArray }
  loadStateDict(state: { readonly [name: string]: NDArray }): void
}

/** This many events are read at first; then four times as many each time, up to the last number. */
const WINDOW = 64
const WINDOW_MAX = 8192

export class Moment {
  /** The event that has just happened. */
  readonly position: number
  /** The step under way. */
  readonly step: number
  /** The event itself. */
  readonly event: TapeEvent
  private readonly recording: Recording
  private readonly graph: PastGraph

  /** @internal Use `past.at`. */
  constructor(recording: Recording, graph: PastGraph, event: TapeEvent) {
    this.recording = recording
    this.graph = graph
    this.event = event
    this.position = event.position
    this.step = event.step
  }

  /**
   * The value of a variable: of the last that had come to bear the name, as it was now.
   *
   * Throws  VARIABLE_NOT_FOUND; and as `past.variable`
   */
  value(what: string | number): NDArray {
    return this.graph.variable(this.refOf(what), this.position + 1).data
  }

  /** The gradient that a variable holds; null when it holds none. Throws as `value`. */
  grad(what: string | number): NDArray | null {
    const { lookup, reader, id } = this.recording
    const at = lookup.gradients.before(this.refOf(what), this.position + 1)
    if (at === null) return null
    const event = reader.event(id, at)
    if (event.type !== 'GradientComputed' && event.type !== 'GradientAssigned') return null
    return this.graph.variable(event.gradient ?? at, this.position + 1).data
  }

  /** Rows of data sets whose batches this step has read so far (`past.rowsOf`): one list for each list of indices. */
  get rows(): readonly (readonly number[])[] {
    const batches = rowsOfStep(new RunView(this.recording), this.step, this.position)
    return [...new Map(batches.map(({ indices, rows }) => [indices, rows])).values()]
  }

  /** The variables that bear a name by now: leaves, and what was named or logged in this step. */
  variables(): MomentVariable[] {
    const { lookup, reader, id } = this.recording
    const found = new Map<string, MomentVariable>()
    for (const name of lookup.names()) {
      const bearer = lookup.bearerOf(name, 1, this.position)
      if (bearer === null) continue
      const event = reader.event(id, positionOf(bearer.ref))
      if (event.type !== 'LeafCreated' && event.step !== this.step) continue
      const form =
        event.type === 'LeafCreated' ? event : event.type === 'FunctionCalled' ? event.outputs[0] : null
      if (form == null) continue
      found.set(name, {
        name,
        position: bearer.ref,
        role: event.type === 'LeafCreated' ? event.role : 'output',
        dtype: form.dtype,
        shape: form.shape,
        writtenAt: lookup.versions.before(bearer.ref, this.position + 1)?.position || event.position,
        isFrozen:
          event.type === 'LeafCreated' &&
          event.role === 'parameter' &&
          !(lookup.versions.requiresGradAt(bearer.ref, this.position + 1) ?? event.requiresGrad),
      })
    }
    return [...found.values()].sort((a, b) => a.position - b.position)
  }

  /** The next moment that fits; the next event's without conditions. Null at the end. */
  next(where: MomentCondition = {}): Moment | null {
    const fits = this.tester(where)
    const { lastPosition } = this.recording
    let size = WINDOW
    for (
      let from = this.position + 1;
      from <= lastPosition;
      from += size, size = Math.min(4 * size, WINDOW_MAX)
    ) {
      for (const event of this.events(from, Math.min(lastPosition, from + size - 1))) {
        const moment = fits(event)
        if (moment !== null) return moment
      }
    }
    return null
  }

  /** The last moment before this one that fits. Null when there is none. */
  back(where: MomentCondition = {}): Moment | null {
    const fits = this.tester(where)
    let size = WINDOW
    for (let to = this.position - 1; to >= 1; to -= size, size = Math.min(4 * size, WINDOW_MAX)) {
      const events = [...this.events(Math.max(1, to - size + 1), to)]
      for (const event of events.reverse()) {
        const moment = fits(event)
        if (moment !== null) return moment
      }
    }
    return null
  }

  /** The event that gave a variable the value that it has now; of one that this event wrote, the write before. Null for none. */
  lastWrite(what: string | number): Moment | null {
    const ref = this.refOf(what)
    const { lookup } = this.recording
    const at = lookup.versions.assignedBefore(ref, this.position) ?? positionOf(ref)
    return at >= this.position ? null : this.at(at)
  }

  /** The first call that reads a variable after its last write. Null when none does. */
  firstRead(what: string | number): Moment | null {
    const ref = this.refOf(what)
    const { lookup, lastPosition } = this.recording
    const written = lookup.versions.before(ref, this.position + 1)?.position || positionOf(ref)
    let size = WINDOW
    for (let from = written + 1; from <= lastPosition; from += size, size = Math.min(4 * size, WINDOW_MAX)) {
      const reader = lookup.firstReader(ref, from, Math.min(lastPosition, from + size - 1))
      if (reader !== null) return this.at(reader)
    }
    return null
  }

  /**
   * Loads the state of this moment into a model: each array of its state dict by name. Gives the model.
   *
   * Throws  VARIABLE_NOT_FOUND for one that the run does not have; STATE_MISMATCH when shapes differ
   */
  model<M extends Loadable>(model: M): M {
    const state: Record<string, NDArray> = {}
    for (const name of Object.keys(model.stateDict())) state[name] = this.value(name)
    model.loadStateDict(state)
    return model
  }

  /** The moment of another position, or of the end of a step. */
  at(position: number): Moment {
    const { reader, id } = this.recording
    return new Moment(this.recording, this.graph, reader.event(id, position))
  }

  /** The name or position of a variable as a ref. */
  refOf(what: string | number): Ref {
    const { lookup, name } = this.recording
    if (typeof what === 'number') return what
    const bearer = lookup.bearerOf(what, 1, this.position)
    if (bearer !== null) return bearer.ref
    const known = lookup.names()
    throw new TapeError(
      'VARIABLE_NOT_FOUND',
      `run "${name}" has no variable named ${valueText(what)} by position ${this.position}; ${known.length === 0 ? 'none has a name' : `it has ${known.slice(0, 12).join(', ')}`}`,
    )
  }

  private events(from: number, to: number): Iterable<TapeEvent> {
    return this.recording.reader.events(this.recording.id, from, to)
  }

  private tester(where: MomentCondition): (event: TapeEvent) => Moment | null {
    checkOptions(where, ['function', 'scope', 'variable', 'predicate'], 'next() and back()')
    const { function: name, scope, variable, predicate } = where
    return (event) => {
      if ((name !== undefined || scope !== undefined) && event.type !== 'FunctionCalled') return null
      if (event.type === 'FunctionCalled') {
        if (name !== undefined && event.function !== name) return null
        if (scope !== undefined && event.scope !== scope && !event.scope.startsWith(`${scope}.`)) return null
      }
      if (variable !== undefined && !this.concerns(event, variable)) return null
      const moment = new Moment(this.recording, this.graph, event)
      return predicate === undefined || predicate(moment) ? moment : null
    }
  }

  private concerns(event: TapeEvent, variable: string | number): boolean {
    if (event.type === 'LeafCreated' && event.name === variable) return true
    const refs =
      event.type === 'FunctionCalled'
        ? [event.position, ...event.inputs]
        : 'variable' in event
          ? [event.variable]
          : []
    if (typeof variable === 'number') return event.position === variable || refs.includes(variable)
    return refs.some(
      (ref) => ref !== null && this.recording.lookup.nameOf(ref, event.position + 1) === variable,
    )
  }
}
