/**
 * Makes Variables and calls of a recorded run again, linked as they were: nothing is computed. Within one past run a
 * position and version is always the same object, so what backward leaves in `.grad` is found there.
 *
 * A leaf that was assigned to has versions, and a call is linked to the version it read. Values are read from the file
 * when somebody looks at them.
 */

import { type DType, isFloating } from '../array/dtype.js'
import type { NDArray } from '../array/ndarray.js'
import { TapeError } from '../errors.js'
import {
  type FunctionCalled,
  REF_SLOT_UNIT,
  type RecordedArray,
  type Ref,
  type RunStarted,
  type TapeEvent,
} from '../events/event.js'
import type { Attributes } from '../graph/func.js'
import type { Home } from '../graph/recorder.js'
import { recreateFunc } from '../graph/registry.js'
import { type Role, Variable } from '../graph/variable.js'
import type { Lookup } from '../store/lookup.js'
import type { Reader } from '../store/reader.js'
import { Hindsight } from './hindsight.js'
import { recomputeForward } from './recompute-forward.js'
import { toNDArray } from './recorded-array.js'
import { RefMap } from './ref-map.js'
import { checkKernel } from './replay.js'
import type { Recording } from './replay-run.js'

/** Calls from a file come before any live call: their order is their position, moved below zero. */
const ORDER_OFFSET = 2 ** 30
const WIDE_ORDER_OFFSET = 2 ** 50
/** Nodes read at once: few for a look at one call, more for a long chain; not so many that they outlive a collection. */
const WINDOW_MIN = 64
const WINDOW_MAX = 2048

export class PastGraph implements Home {
  readonly finished = true
  private readonly reader: Reader
  private readonly lookup: Lookup
  private readonly runId: number
  private readonly runName: string
  private readonly lastPosition: number
  private readonly orderOffset: number
  /** Variables with the value they were made with, by ref. */
  private readonly originals = new RefMap<Variable>()
  /** Later versions, by ref and by the position of the event that made the version. */
  private readonly versions = new Map<Ref, Map<number, Variable>>()
  /** Where the value of a variable not yet looked at is. */
  private readonly unloaded = new WeakMap<Variable, () => NDArray>()
  /** Where the recorded gradient of a variable is looked up, until somebody clears it. */
  private readonly gradients = new WeakMap<Variable, () => Ref | null>()
  private readonly hindsight: Hindsight
  /** Outputs of calls whose value is not on the tape. */
  private readonly missing = new RefMap<true>()
  private kernelChecked = false

  constructor(recording: Recording) {
    this.reader = recording.reader
    this.lookup = recording.lookup
    this.runId = recording.id
    this.runName = recording.name
    this.lastPosition = recording.lastPosition
    this.hindsight = new Hindsight(recording)
    this.orderOffset = this.lastPosition < ORDER_OFFSET ? ORDER_OFFSET : WIDE_ORDER_OFFSET
  }

  /**
   * The variable `ref` as a call at position `at` would read it, with everything it was computed from.
   *
   * Throws  VARIABLE_NOT_FOUND when no variable was made at that position
   */
  variable(ref: Ref, at: number): Variable {
    this.load(ref % REF_SLOT_UNIT)
    return this.versionFor(ref, at)
  }

  /** From now on, the variable's `grad` is the gradient that `find` names, unless a pass leaves another. */
  offerGradient(variable: Variable, find: () => Ref | null): void {
    this.gradients.set(variable, find)
  }

  recordedGradient(variable: Variable): Variable | null {
    const position = this.gradients.get(variable)?.() ?? null
    if (position === null) return null
    const event = this.reader.event(this.runId, position)
    if (event.type !== 'GradientComputed') return null
    return this.variable(event.gradient ?? position, position)
  }

  forgetGradient(variable: Variable): void {
    this.gradients.delete(variable)
  }

  loadValue(variable: Variable): NDArray {
    const load = this.unloaded.get(variable)
    if (load !== undefined) return load()
    if (variable.links === null) return this.hindsight.value(variable.ref)
    if (!this.kernelChecked) checkKernel(this.reader.event(this.runId, 1) as RunStarted)
    this.kernelChecked = true
    // A later version of a variable has a value of its own, and knows where it is.
    return recomputeForward(
      variable,
      (other) => other.home === this && this.missing.has(other.ref) && !this.unloaded.has(other),
    )
  }

  /**
   * Links the node at `position` and all its ancestors that are not linked yet. They are found latest first, by what
   * calls read, and made earliest first; so no more than a window of events is in memory, however many there are.
   */
  private load(position: number): void {
    if (this.originals.has(position)) return
    const needed = new PositionHeap()
    const seen = new RefMap<true>()
    const found: number[] = []
    const need = (ref: Ref) => {
      const at = ref % REF_SLOT_UNIT
      if (this.originals.has(at) || seen.has(at)) return
      seen.set(at, true)
      needed.push(at)
    }
    const inputs = new Window<readonly Ref[]>(-1, this.lastPosition, (from, to) =>
      this.reader.inputs(this.runId, from, to),
    )
    need(position)
    for (let at = needed.pop(); at !== null; at = needed.pop()) {
      found.push(at)
      for (const input of inputs.at(at)) need(input)
    }
    const nodes = new Window<TapeEvent | null>(1, position, (from, to) =>
      this.reader.nodes(this.runId, from, to),
    )
    for (let i = found.length - 1; i >= 0; i--)
      this.make(nodes.at(found[i]!) ?? this.gradientAsNode(found[i]!))
  }

  private make(event: TapeEvent): void {
    if (event.type === 'FunctionCalled') this.makeCall(event)
    else if (event.type === 'LeafCreated') {
      const { position, role, requiresGrad, name, value, source } = event
      const read = () => (value !== null ? toNDArray(value) : this.valueOf(source))
      this.keep(this.blank(requiresGrad, role, name, position, value, read), position)
    } else if (event.type === 'GradientComputed') {
      const value = event.held === 'accumulated' ? event.accumulated : event.contribution
      const read = () => this.computed(value, event.position)
      this.keep(this.blank(false, 'variable', null, event.position, value, read), event.position)
    }
  }

  private makeCall(event: FunctionCalled): void {
    const { position } = event
    let func: ReturnType<typeof recreateFunc>
    try {
      func = recreateFunc(event.function, event.attributes as Attributes)
    } catch (error) {
      if (!(error instanceof TapeError)) throw error
      const [, explanation = error.message] = error.message.split(/: (.*)/s)
      throw new TapeError(
        error.code,
        `event ${position} of run "${this.runName}" calls "${event.function}": ${explanation}`,
        { cause: error },
      )
    }
    const inputs: Variable[] = []
    let differentiable = false
    for (const ref of event.inputs) {
      const input = this.versionFor(ref, position)
      inputs.push(input)
      differentiable ||= input.requiresGrad
    }
    differentiable &&= event.linked && func.differentiable
    const outputs: Variable[] = []
    for (const { dtype, value } of event.outputs) {
      const ref = position + outputs.length * REF_SLOT_UNIT
      if (value === null) this.missing.set(ref, true)
      const read = value === null || value.size === 1 ? null : () => toNDArray(value)
      const requiresGrad = differentiable && isFloating(dtype as DType)
      outputs.push(this.keep(this.blank(requiresGrad, 'variable', null, ref, value, read), ref))
    }
    if (event.linked) {
      func.restore(inputs, outputs, position - this.orderOffset, this, position)
      func.scope = event.scope
    }
  }

  private keep(variable: Variable, ref: Ref): Variable {
    this.originals.set(ref, variable)
    return variable
  }

  /** A variable whose scalar value is at hand, or whose larger value is read when it is looked at. */
  private blank(
    requiresGrad: boolean,
    role: Role,
    name: string | null,
    ref: Ref,
    value: RecordedArray | null,
    read: (() => NDArray) | null,
  ): Variable {
    const small = value !== null && value.size === 1
    const variable = new Variable(small ? toNDArray(value) : null, requiresGrad, role)
    variable.home = this
    variable.ref = ref
    if (name !== null) variable.setNameQuietly(name)
    if (!small && read !== null) this.unloaded.set(variable, read)
    return variable
  }

  private versionFor(ref: Ref, at: number): Variable {
    const original = this.originals.get(ref)
    if (original === undefined) {
      throw new TapeError(
        'VARIABLE_NOT_FOUND',
        `run "${this.runName}" made no variable at position ${ref % REF_SLOT_UNIT}${ref >= REF_SLOT_UNIT ? `, output ${Math.floor(ref / REF_SLOT_UNIT)}` : ''}`,
      )
    }
    const version = this.lookup.versions.before(ref, at)
    if (version === null) return original
    let versions = this.versions.get(ref)
    if (versions === undefined) {
      versions = new Map()
      this.versions.set(ref, versions)
    }
    let variable = versions.get(version.position)
    if (variable === undefined) {
      const before = () => this.versionFor(ref, version.position).data
      const read = version.unchained ? before : () => this.valueOf(version.position)
      variable = this.blank(original.requiresGrad, original.role, original.name, ref, null, read)
      variable.slot = original.slot
      if (!this.lookup.versions.unchainedBefore(ref, at)) variable.creator = original.creator
      versions.set(version.position, variable)
    }
    return variable
  }

  /** The value that the event behind `source` made. */
  private valueOf(source: Ref | null): NDArray {
    for (let ref = source; ref !== null; ) {
      const position = ref % REF_SLOT_UNIT
      const event = this.reader.event(this.runId, position)
      switch (event.type) {
        case 'FunctionCalled':
          return this.computed(event.outputs[Math.floor(ref / REF_SLOT_UNIT)]?.value ?? null, ref)
        case 'GradientComputed':
          if (event.gradient === null)
            return this.computed(event.held === 'accumulated' ? event.accumulated : event.contribution, ref)
          ref = event.gradient
          continue
        case 'LeafCreated':
        case 'ValueAssigned':
          if (event.value !== null) return toNDArray(event.value)
          ref = event.source
          continue
        default:
          throw new TapeError(
            'TAPE_CORRUPT',
            `event ${position} of run "${this.runName}" is named as the source of a value, but is ${event.type}`,
          )
      }
    }
    throw new TapeError(
      'VALUE_NOT_CAPTURED',
      `a value of run "${this.runName}" that came from outside is on the tape as its hash only: the run was recorded with capture 'structure'`,
    )
  }

  /** A value that the run computed: from the tape, or computed again. */
  private computed(value: RecordedArray | null, ref: Ref): NDArray {
    return value !== null ? toNDArray(value) : this.hindsight.value(ref)
  }

  /** Positions that are neither leaf nor call: a gradient is a variable too. */
  private gradientAsNode(position: number): TapeEvent {
    const event = this.reader.event(this.runId, position)
    if (event.type === 'GradientComputed') return event
    throw new TapeError(
      'VARIABLE_NOT_FOUND',
      `position ${position} of run "${this.runName}" is ${event.type}, which makes no variable`,
    )
  }
}

/** Things by position, read many at a time; more at a time while the walk goes on without leaps. */
class Window<T> {
  private from = 0
  private things: T[] = []
  private size = WINDOW_MIN
  private readonly direction: 1 | -1
  private readonly last: number
  private readonly read: (from: number, to: number) => T[]

  /** `direction`: whether positions will be asked for upwards or downwards; none above `last`. */
  constructor(direction: 1 | -1, last: number, read: (from: number, to: number) => T[]) {
    this.direction = direction
    this.last = last
    this.read = read
  }

  at(position: number): T {
    const to = this.from + this.things.length - 1
    if (position < this.from || position > to) {
      const leap = this.direction > 0 ? position - to : this.from - position
      const near = this.things.length > 0 && leap > 0 && leap <= this.size
      this.size = near ? Math.min(WINDOW_MAX, this.size * 4) : WINDOW_MIN
      this.from = this.direction > 0 ? position : Math.max(1, position - this.size + 1)
      this.things = this.read(
        this.from,
        this.direction > 0 ? Math.min(this.last, position + this.size - 1) : position,
      )
    }
    return this.things[position - this.from]!
  }
}

/** A max-heap of positions. */
class PositionHeap {
  private readonly heap: number[] = []

  push(position: number): void {
    const { heap } = this
    let i = heap.length
    heap.push(position)
    while (i > 0) {
      const parent = (i - 1) >> 1
      if (heap[parent]! >= position) break
      heap[i] = heap[parent]!
      i = parent
    }
    heap[i] = position
  }

  pop(): number | null {
    const { heap } = this
    const top = heap[0]
    if (top === undefined) return null
    const last = heap.pop()!
    if (heap.length === 0) return top
    let i = 0
    for (;;) {
      let child = 2 * i + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && heap[child + 1]! > heap[child]!) child++
      if (heap[child]! <= last) break
      heap[i] = heap[child]!
      i = child
    }
    heap[i] = last
    return top
  }
}
