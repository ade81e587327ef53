/**
 * Performs the recorded calls of some steps again, from the state at the beginning of the first, with something changed.
 */

import { ndarray } from '../array/make-array.js'
import type { NDArray } from '../array/ndarray.js'
import { TapeError } from '../errors.js'
import {
  type BackwardStarted,
  type EpochStarted,
  type FunctionCalled,
  type LeafCreated,
  positionOf,
  type Ref,
  refOf,
  slotOf,
  type TapeEvent,
} from '../events/event.js'
import { refsOf } from '../events/event-kinds.js'
import type { Attributes, AttributeValue } from '../graph/attributes.js'
import { backward, gradientsOf } from '../graph/backward.js'
import { mode } from '../graph/mode.js'
import { closeEpoch, givesBatch, type OpenEpoch } from '../graph/open-epochs.js'
import { recreateFunc } from '../graph/registry.js'
import { Variable } from '../graph/variable.js'
import type { PastGraph } from '../past/past-graph.js'
import { toNDArray } from '../recorder/recorded-array.js'
import type { Recording } from '../replay/replay-run.js'
import {
  changedValue,
  type ForkedMetric,
  type ForkOptions,
  type ForkReport,
  type ForkSink,
} from './fork-options.js'
import { Interventions } from './interventions.js'
import { loaderPlace } from './loader-place.js'
import type { Moment } from './moment.js'

/** Of the names of variables, in an error. */
const NAMES_SHOWN = 20

/** What hooks can do in the middle of a pass that a fork, which makes the pass as a whole, cannot repeat. */
const CHANGES: ReadonlySet<TapeEvent['type']> = new Set([
  'GradientAssigned',
  'GradientCleared',
  'ValueAssigned',
  'VariableUnchained',
])

export class ForkedRun {
  private readonly recording: Recording
  private readonly graph: PastGraph
  private readonly options: ForkOptions
  private readonly momentAt: (step: number) => Moment
  private readonly first: number
  private readonly last: number
  private readonly lastStep: number
  private readonly variables = new Map<Ref, Variable>()
  /** The arrays that events made, as they were then: a variable may be given another value later. */
  private readonly arrays = new Map<Ref, NDArray>()
  private readonly leaves = new Set<Ref>()
  private readonly counts = new Map<string, number>()
  private readonly metrics: ForkedMetric[] = []
  /** Gradients of the pass under way, by variable, when `grad()` asked for them. */
  /** The last event that changed a variable without a call. */
  private changedAt = 0
  private asked: ReadonlyMap<Ref, Variable> | null = null
  private readonly dropped: ReadonlySet<number>
  private readonly interventions: Interventions
  private openEpoch: OpenEpoch | null = null
  /** From position `first` on, the last position that refers to each. */
  private readonly lastUses: Float64Array
  /** Where it is recorded; null for nowhere. */
  private readonly sink: ForkSink | null

  constructor(
    recording: Recording,
    graph: PastGraph,
    options: ForkOptions,
    momentAt: (step: number) => Moment,
    sink: ForkSink | null = null,
  ) {
    this.recording = recording
    this.graph = graph
    this.options = options
    this.momentAt = momentAt
    this.sink = sink
    const { lookup, lastPosition } = recording
    const count = lookup.stepCount()
    this.lastStep = Math.min(count, options.step + (options.steps ?? count) - 1)
    if (options.step > count)
      throw new TapeError(
        'BAD_ARGUMENT',
        `fork() expected a recorded step to perform, from 1 to ${count}, got ${options.step}; resume() goes on after the last`,
      )
    this.first = lookup.stepRange(options.step, lastPosition).from
    this.last = lookup.stepRange(this.lastStep, lastPosition).to
    this.dropped = new Set(options.dropRows)
    for (const key of Object.keys(options.set ?? {})) this.counts.set(key, 0)
    for (const key of Object.keys(options.gradients ?? {})) this.counts.set(gradientOf(key), 0)
    this.lastUses = lookup.lastUses(this.first, this.last)
    this.interventions = new Interventions(
      recording,
      options,
      lookup.stepRange(options.step, lastPosition),
      momentAt,
      (what) => this.count(what),
    )
    if (this.dropped.size > 0) this.counts.set('dropRows', 0)
  }

  run(): ForkReport {
    const { reader, id, lookup } = this.recording
    this.changeVariables()
    const place = this.sink === null ? null : loaderPlace(this.recording, this.options.step)
    try {
      // The epoch that is under way began before.
      if (place !== null && place.used < place.told.batches) this.epoch(place.told, place.used)
      for (const event of reader.events(id, this.first, this.last)) {
        this.perform(event)
        this.forget(event)
      }
    } finally {
      if (this.openEpoch !== null) closeEpoch(this.openEpoch)
    }
    this.interventions.end()
    for (const [what, count] of this.counts)
      if (count === 0)
        throw new TapeError(
          'BAD_ARGUMENT',
          `fork() found nothing in steps ${this.options.step} to ${this.lastStep} that ${what} changes; variables have the names ${lookup.names().slice(0, NAMES_SHOWN).join(', ')}`,
        )
    const state = new Map<string, NDArray>()
    let equal = this.metrics.every(({ parent, child }) => Object.is(parent, child))
    const end = this.momentAt(this.lastStep)
    for (const [ref, variable] of this.variables) {
      const name = isLeaf(this.recording, ref) ? this.recording.lookup.nameOf(ref, this.last + 1) : null
      if (name === null) continue
      state.set(name, variable.data)
      equal &&= sameBits(variable.data, end.value(ref))
    }
    return {
      step: this.options.step,
      steps: this.lastStep - this.options.step + 1,
      metrics: this.metrics,
      state,
      changes: [...this.counts].map(([what, count]) => ({ what, count })),
      equal,
    }
  }

  private changeVariables(): void {
    const { lookup } = this.recording
    for (const [key, change] of Object.entries(this.options.set ?? {})) {
      const bearer = lookup.bearerOf(key, 1, this.last)
      if (bearer === null || !isLeaf(this.recording, bearer.ref)) continue
      this.counts.set(key, 1)
      if (positionOf(bearer.ref) >= this.first) continue // changed where it is made
      const variable = this.variable(bearer.ref)
      variable.data = changedValue(key, change, variable.data, this.momentAt)
    }
    for (const ref of this.interventions.before(this.first)) this.variable(ref)
  }

  /** Lets go of what `event` was the last to refer to; leaves stay, for they are the state at the end. */
  private forget(event: TapeEvent): void {
    for (const ref of refsOf(event)) {
      const at = positionOf(ref) - this.first
      if (at < 0 || this.lastUses[at]! > event.position || this.leaves.has(ref)) continue
      this.variables.delete(ref)
      this.arrays.delete(ref)
    }
  }

  private perform(event: TapeEvent): void {
    if (CHANGES.has(event.type)) this.changedAt = event.position
    switch (event.type) {
      case 'StepStarted':
        if (event.step > this.options.step) this.interventions.end()
        this.sink?.step()
        return
      case 'LeafCreated':
        this.leaf(event)
        return
      case 'FunctionCalled':
        this.call(event)
        return
      case 'BackwardStarted':
        this.pass(event)
        return
      case 'GradientComputed': {
        if (event.pass < this.changedAt) this.refuse(event, 'what a hook did in the middle of a pass')
        if (event.gradient !== null) this.refuse(event, 'gradients of gradients')
        const gradient = this.asked?.get(event.variable) ?? this.known(event.variable)?.grad ?? null
        if (gradient !== null) this.keep(event.position, gradient)
        return
      }
      case 'GradientCleared':
        this.variable(event.variable).clearGrad()
        return
      case 'GradientAssigned':
        this.variable(event.variable).grad = this.variable(event.gradient)
        return
      case 'ValueAssigned': {
        const array = event.value !== null ? toNDArray(event.value) : this.array(event.source!)
        this.variable(event.variable).data = array
        this.arrays.set(event.position, array)
        return
      }
      case 'VariableUnchained':
        this.variable(event.variable).unchain()
        return
      case 'RequiresGradSet':
        this.variable(event.variable).requiresGrad = event.requiresGrad
        return
      case 'VariableNamed':
        if (this.sink !== null) this.variable(event.variable).name = event.name
        return
      case 'MetricLogged': {
        const variable = event.variable === null ? null : this.variable(event.variable)
        this.metrics.push({
          step: event.step,
          name: event.name,
          parent: event.value,
          child: variable === null ? event.value : variable.item(),
        })
        this.sink?.log({ [event.name]: variable ?? event.value })
        return
      }
      case 'GradientReplaced':
        this.refuse(event, 'gradients that a hook replaced')
        return
      case 'BackwardAborted':
        this.refuse(event, 'a backward pass that ended in an exception')
        return
      case 'RunStarted':
      case 'CheckpointTaken':
      case 'NoteAdded':
      case 'RunFinished':
        return
      case 'EpochStarted':
        if (this.sink !== null) this.epoch(event, event.batch)
        return
      default:
        event satisfies never
    }
  }

  /** What the loader of the recorded program said, for the run that is recorded: its next step belongs to this epoch. */
  private epoch({ epoch, batches, batchSize, data, dataset, part }: EpochStarted, batch: number): void {
    if (this.openEpoch !== null) closeEpoch(this.openEpoch)
    // A data set that the run had not met has no position; nobody has met this one either.
    const met = data === null ? new Variable(ndarray(0), false, 'constant') : this.variable(data)
    this.openEpoch = { epoch, batches, batchSize, data: met, dataset, part, batch, recorder: null }
    givesBatch(this.openEpoch, batch)
  }

  private leaf(event: LeafCreated): void {
    let array = event.value !== null ? toNDArray(event.value) : this.array(event.source!)
    if (
      this.dropped.size > 0 &&
      event.dtype === 'int32' &&
      event.shape.length === 1 &&
      this.isTaken(event.position)
    ) {
      const rows = Int32Array.from(array.data).filter((row) => !this.dropped.has(row))
      if (rows.length === 0)
        throw new TapeError('BAD_ARGUMENT', `fork() would leave the batch of step ${event.step} without rows`)
      if (rows.length < array.size) {
        array = ndarray(rows, { dtype: 'int32' })
        this.count('dropRows')
      }
    }
    const change = event.name === null ? undefined : this.options.set?.[event.name]
    if (change !== undefined) array = changedValue(event.name!, change, array, this.momentAt)
    const variable = new Variable(array, event.requiresGrad, event.role)
    variable.setNameQuietly(event.name)
    this.leaves.add(event.position)
    this.keep(event.position, variable)
  }

  private call(event: FunctionCalled): void {
    const inputs = event.inputs.map((ref) => this.variable(ref))
    const { linking, scope } = mode
    try {
      mode.linking = event.linked
      mode.scope = event.scope
      const outputs = recreateFunc(event.function, this.attributesOf(event)).applyList(inputs)
      for (const [slot, output] of outputs.entries()) this.keep(refOf(event.position, slot), output)
    } finally {
      mode.linking = linking
      mode.scope = scope
    }
  }

  private attributesOf(event: FunctionCalled): Attributes {
    let attributes = event.attributes as Attributes
    for (const [key, value] of Object.entries(this.options.set ?? {})) {
      const dot = key.lastIndexOf('.')
      const [of, setting] = [key.slice(0, Math.max(0, dot)), key.slice(dot + 1)]
      if (of === '' || !Object.hasOwn(attributes, setting)) continue
      if (event.function !== of && event.scope !== of && !event.scope.startsWith(`${of}.`)) continue
      attributes = { ...attributes, [setting]: value as AttributeValue }
      this.count(key)
    }
    return attributes
  }

  private pass(event: BackwardStarted): void {
    if (event.createGraph) this.refuse(event, 'gradients of gradients')
    const roots = event.roots.map((ref) => this.variable(ref))
    const given = event.gradients.map((ref) => (ref === null ? undefined : this.variable(ref)))
    if (event.targets === null) {
      this.asked = null
      backward(roots[0]!, { gradient: given[0], createGraph: false, retainGrad: event.retainGrad })
      return
    }
    const targets = event.targets.map((ref) => this.variable(ref))
    const gradients = gradientsOf(roots, targets, given, false)
    this.asked = new Map(event.targets.map((ref, i) => [ref, gradients[i]!]))
  }

  private keep(ref: Ref, variable: Variable): void {
    this.interventions.made(ref, variable)
    this.variables.set(ref, variable)
    this.arrays.set(ref, variable.data)
  }

  private known(ref: Ref): Variable | null {
    return this.variables.get(ref) ?? null
  }

  /** A variable of the fork. One that was made before has the value that it had when the first step began. */
  private variable(ref: Ref): Variable {
    let variable = this.variables.get(ref)
    if (variable === undefined) {
      const batch = this.dropped.size === 0 ? null : this.batchTakenBefore(ref)
      if (batch !== null) {
        this.keep(ref, batch)
        return batch
      }
      const past = this.graph.variable(ref, this.first)
      const leaf = this.recording.reader.event(this.recording.id, positionOf(ref))
      const isLeafHere = leaf.type === 'LeafCreated'
      // A pass that began before would walk on into calls of the past, which have no part in the fork.
      const isLeafNow = isLeafHere || this.recording.lookup.versions.requiresGradAt(ref, this.first) !== null
      const role = isLeafHere ? leaf.role : 'variable'
      variable = new Variable(past.data, isLeafNow && past.requiresGrad, role)
      variable.setNameQuietly(past.name)
      this.keep(ref, variable)
      this.holdGradient(variable, ref)
    }
    return variable
  }

  /** The batch of the first step may have been taken in the step before: it is taken again, without the rows that are left out. */
  private batchTakenBefore(ref: Ref): Variable | null {
    const { reader, id } = this.recording
    const event = reader.event(id, positionOf(ref))
    if (event.type !== 'FunctionCalled' || event.function !== 'take') return null
    const indices = reader.event(id, positionOf(event.inputs[1]!))
    if (indices.type !== 'LeafCreated' || indices.dtype !== 'int32') return null
    if (!this.variables.has(indices.position)) this.leaf(indices)
    this.call(event)
    return this.variables.get(ref)!
  }

  /** A gradient that was not cleared before the step began is added to. */
  private holdGradient(variable: Variable, ref: Ref): void {
    if (!variable.requiresGrad) return
    const { lookup, reader, id } = this.recording
    const at = lookup.gradients.before(ref, this.first)
    if (at === null) return
    const event = reader.event(id, at)
    if (event.type !== 'GradientComputed' && event.type !== 'GradientAssigned') return
    const held = new Variable(this.graph.variable(event.gradient ?? at, this.first).data, false, 'variable')
    // On a tape it is an event, because no pass of the new run left it.
    if (this.sink === null) variable.holdGrad(held)
    else variable.grad = held
  }

  private array(ref: Ref): NDArray {
    const known = this.arrays.get(ref)
    if (known !== undefined) return known
    if (positionOf(ref) >= this.first)
      throw new TapeError(
        'TAPE_CORRUPT',
        `event ${positionOf(ref)} is named as the source of a value, output ${slotOf(ref)}, and made none`,
      )
    return this.graph.variable(ref, positionOf(ref) + 1).data
  }

  private isTaken(position: number): boolean {
    const { lookup, reader, id } = this.recording
    const at = lookup.firstReader(position, position + 1, Math.min(this.last, position + 64))
    if (at === null) return false
    const event = reader.event(id, at)
    return event.type === 'FunctionCalled' && event.function === 'take' && event.inputs[1] === position
  }

  private count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1)
  }

  private refuse(event: TapeEvent, what: string): never {
    throw new TapeError(
      'BAD_ARGUMENT',
      `fork() cannot perform ${what} (event ${event.position}, step ${event.step}); use resume() with the program`,
    )
  }
}

function gradientOf(key: string): string {
  return `the gradient of ${key}`
}

function isLeaf({ reader, id }: Recording, ref: Ref): boolean {
  return reader.event(id, positionOf(ref)).type === 'LeafCreated'
}

function sameBits(a: NDArray, b: NDArray): boolean {
  const [x, y] = [a.data, b.data]
  return x.length === y.length && x.every((value, i) => Object.is(value, y[i]))
}
