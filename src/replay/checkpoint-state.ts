/**
 * The variables of a run as they stood at a checkpoint, for a replay that begins there. Values come from the checkpoint or,
 * where the tape has them, from the events that made them. What the tape cannot tell makes the replay begin earlier.
 */
import { type DType, isFloating } from '../array/dtype.js'
import type { NDArray } from '../array/ndarray.js'
import {
  type CheckpointTaken,
  type FunctionCalled,
  positionOf,
  type RecordedArray,
  type Ref,
  slotOf,
} from '../events/event.js'
import type { Attributes } from '../graph/attributes.js'
import { unrecorded } from '../graph/mode.js'
import type { Owner, ValueLoader } from '../graph/recorder.js'
import { recreateFunc } from '../graph/registry.js'
import { Variable } from '../graph/variable.js'
import { toNDArray } from '../recorder/recorded-array.js'
import type { Lookup } from '../store/read/lookup.js'
import type { Reader } from '../store/read/reader.js'
import type { Before } from './replay-memory.js'

/** So far back it is looked for what a value was computed from. */
const DEPTH_MAX = 16

/** The state at a checkpoint does not say what is needed: begin at an earlier one. */
export class NeedsEarlier extends Error {
  constructor(what: string) {
    super(`${what} cannot be told at this checkpoint`)
  }
}

export class CheckpointState implements Before, Owner, ValueLoader {
  /** Nobody takes these variables over: they are known under their ref. */
  readonly finished = false
  readonly loader = this
  readonly past = null
  /** The recorder of the replay. */
  recorder: Owner | null = null
  private readonly variables = new Map<Ref, Variable>()
  private readonly arrays = new Map<Ref, NDArray>()
  private readonly unloaded = new WeakMap<Variable, () => NDArray>()
  /** What the checkpoint holds, by variable. */
  private readonly values: ReadonlyMap<Ref, RecordedArray>
  /** The same by the event that made it; not made before somebody asks. */
  private valuesBySource: Map<Ref, RecordedArray> | null = null
  private readonly position: number
  private readonly reader: Reader
  private readonly lookup: Lookup
  private readonly runId: number

  constructor(reader: Reader, lookup: Lookup, runId: number, checkpoint: CheckpointTaken) {
    this.reader = reader
    this.lookup = lookup
    this.runId = runId
    this.position = checkpoint.position
    this.values = new Map(checkpoint.variables.map((ref, i) => [ref, checkpoint.values[i]!]))
  }

  /** Throws NeedsEarlier when the variable has a history that a pass could walk into. */
  variable(ref: Ref): Variable {
    let variable = this.variables.get(ref)
    if (variable === undefined) {
      variable = this.make(ref)
      variable.owner = this
      variable.ref = ref
      this.variables.set(ref, variable)
      const name = this.lookup.nameOf(ref, this.position)
      if (name !== null) variable.setNameQuietly(name)
      if (variable.requiresGrad || this.values.has(ref)) this.giveGradient(variable, ref)
    }
    return variable
  }

  /** The array that the event behind `ref` made or took over. Throws NeedsEarlier when its bytes are nowhere. */
  array(ref: Ref): NDArray {
    return this.withOrigin(this.sourceOf(ref))
  }

  loadValue(variable: Variable): NDArray {
    return this.unloaded.get(variable)!()
  }

  private make(ref: Ref): Variable {
    const event = this.reader.event(this.runId, positionOf(ref))
    if (event.type === 'LeafCreated')
      return this.blank(this.setTo(ref, this.position) ?? event.requiresGrad, event.role, () =>
        this.valueOf(ref, event.position),
      )
    if (event.type === 'GradientComputed') return this.blank(false, 'variable', () => this.valueOf(ref, ref))
    if (event.type !== 'FunctionCalled') throw new NeedsEarlier(`what ${event.type} at ${ref} made`)
    // A pass that meets it would walk on into calls that this replay has not made.
    const isLeaf = !event.linked || this.lookup.versions.unchainedBefore(ref, this.position)
    const wanted = isLeaf ? this.setTo(ref, this.position) : null
    if (wanted === null && event.linked && this.requiresGrad(ref, this.position, DEPTH_MAX))
      throw new NeedsEarlier(`the history of ${ref}`)
    return this.blank(wanted === true, 'variable', () => this.valueOf(ref, ref))
  }

  /** What `requiresGrad` of a leaf was set to before a position; null when it was not set. */
  private setTo(ref: Ref, position: number): boolean | null {
    return this.lookup.versions.requiresGradAt(ref, position)
  }

  /** Whether a pass that reaches the ref, as what stands at `at` reads it, goes on from there. */
  private requiresGrad(ref: Ref, at: number, depth: number): boolean {
    const set = this.setTo(ref, at)
    if (set !== null) return set
    const event = this.reader.event(this.runId, positionOf(ref))
    if (event.type === 'LeafCreated') return event.requiresGrad
    if (event.type !== 'FunctionCalled' || !event.linked) return false
    const output = event.outputs[slotOf(ref)]
    if (depth === 0 || output === undefined) throw new NeedsEarlier(`the history of ${ref}`)
    return (
      isFloating(output.dtype as DType) &&
      event.inputs.some((input) => this.requiresGrad(input, event.position, depth - 1))
    )
  }

  private blank(requiresGrad: boolean, role: Variable['role'], load: () => NDArray): Variable {
    const variable = new Variable(null, requiresGrad, role)
    this.unloaded.set(variable, load)
    return variable
  }

  private valueOf(ref: Ref, original: Ref): NDArray {
    return this.withOrigin(
      this.sourceOf(this.assignedBefore(ref, this.position) ?? original),
      this.values.get(ref),
    )
  }

  /** The last assignment to `ref` before `position`; null when there is none. A cut makes a version, and no value. */
  private assignedBefore(ref: Ref, position: number): Ref | null {
    return this.lookup.versions.assignedBefore(ref, position)
  }

  /** The event that made the array which the event behind `ref` made or took over. */
  private sourceOf(ref: Ref): Ref {
    for (let at: Ref = ref; ; ) {
      const event = this.reader.event(this.runId, positionOf(at))
      let from: Ref | null = null
      if (event.type === 'GradientComputed') from = event.gradient
      else if (event.type === 'LeafCreated' || event.type === 'ValueAssigned') from = event.source
      else if (event.type !== 'FunctionCalled') throw new NeedsEarlier(`what ${event.type} at ${at} made`)
      if (from === null) return at
      at = from
    }
  }

  /** The array that the event made: from the tape, or from the checkpoint when a variable had it then. */
  private valueMadeAt(source: Ref): RecordedArray | null {
    const event = this.reader.event(this.runId, positionOf(source))
    if (event.type === 'LeafCreated' || event.type === 'ValueAssigned') return event.value
    if (event.type === 'GradientComputed') {
      const { held, accumulated, contribution } = event
      return (held === 'accumulated' ? accumulated : contribution) ?? this.heldThen(source)
    }
    const call = event as FunctionCalled
    const slot = slotOf(source)
    return call.outputs[slot]?.value ?? this.heldThen(source) ?? this.computed(call, slot, DEPTH_MAX)
  }

  private heldThen(source: Ref): RecordedArray | null {
    this.valuesBySource ??= new Map(
      [...this.values].map(([ref, value]) => [
        this.sourceOf(this.assignedBefore(ref, this.position) ?? ref),
        value,
      ]),
    )
    return this.valuesBySource.get(source) ?? null
  }

  /**
   * What a call computed from what is on the tape: a batch, say, that was taken from a data set before the step began. Null
   * when it takes more than that.
   */
  private computed(call: FunctionCalled, slot: number, depth: number): NDArray | null {
    if (depth === 0) return null
    const inputs: NDArray[] = []
    for (const ref of call.inputs) {
      const from = this.assignedBefore(ref, call.position) ?? ref
      const event = this.reader.event(this.runId, positionOf(from))
      let value: RecordedArray | null = null
      if (event.type === 'LeafCreated' || event.type === 'ValueAssigned') value = event.value
      else if (event.type === 'FunctionCalled') {
        const output = slotOf(from)
        value = event.outputs[output]?.value ?? this.computed(event, output, depth - 1)
      }
      if (value === null) return null
      inputs.push(toNDArray(value))
    }
    const made = unrecorded(() =>
      recreateFunc(call.function, call.attributes as Attributes).forwardList(inputs),
    )
    return Array.isArray(made) ? (made[slot] ?? null) : (made as NDArray)
  }

  /** The array as the recorder knows it: made at `source`, so that assigning it elsewhere is recorded as it was. */
  private withOrigin(source: Ref, known?: RecordedArray): NDArray {
    let array = this.arrays.get(source)
    if (array === undefined) {
      const value = known ?? this.valueMadeAt(source)
      if (value === null) throw new NeedsEarlier(`the value made at ${source}`)
      array = toNDArray(value)
      array.recordedBy = this.recorder
      array.recordedAs = source
      this.arrays.set(source, array)
    }
    return array
  }

  /** The gradient it holds. Its bytes may be nowhere; as a rule it is cleared next, and nobody asks for them. */
  private giveGradient(variable: Variable, ref: Ref): void {
    const at = this.lookup.gradients.before(ref, this.position)
    if (at === null) return
    const event = this.reader.event(this.runId, at)
    if (event.type === 'GradientAssigned') {
      variable.holdAssignedGrad(this.held(event.gradient))
    } else if (event.type === 'GradientComputed') {
      variable.holdGrad(this.held(event.gradient ?? at))
    }
  }

  private held(ref: Ref): Variable {
    try {
      return this.variable(ref)
    } catch (error) {
      if (!(error instanceof NeedsEarlier)) throw error
      const unknown = this.blank(false, 'variable', () => {
        throw error
      })
      unknown.owner = this
      return unknown
    }
  }
}
