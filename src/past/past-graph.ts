/**
 * A past run as Variables and calls, linked as they were: nothing is computed before somebody looks. Within one past run a
 * position and version is always the same object for whoever asks, so what backward leaves in `.grad` is found there.
 *
 * The graph itself stays in columns (`past-calls.ts`), and a backward pass walks over those: what it makes on the way
 * lives for one call, except for leaves and for what users hold.
 *
 * A leaf that was assigned to has versions, and a call is linked to the version it read.
 */
import { type Kernel, kernelCalled } from '../array/kernel.js'
import type { NDArray } from '../array/ndarray.js'
import { TapeError } from '../errors.js'
import { positionOf, type RecordedArray, type Ref, type RunStarted, refOf, slotOf } from '../events/event.js'
import type { CallLinks } from '../graph/call-links.js'
import type { Owner, PastOwner, PendingGradients, ValueLoader } from '../graph/recorder.js'
import { type Role, Variable } from '../graph/variable.js'
import { toNDArray } from '../recorder/recorded-array.js'
import type { Recording } from '../replay/replay-run.js'
import { kernelOf } from '../replay/run-kernel.js'
import { GraphBlocks, NODE } from '../store/read/graph-blocks.js'
import type { Lookup } from '../store/read/lookup.js'
import type { Reader } from '../store/read/reader.js'
import { HeldVariables } from './held-variables.js'
import { Hindsight } from './hindsight.js'
import { PastCalls } from './past-calls.js'
import { PastGradients } from './past-gradients.js'
import { PastValues } from './past-values.js'
import { RefMap } from './ref-map.js'
import { keepPastSamples } from './samples.js'

/** Calls from a file come before any live call: their order is their position, moved below zero. */
const ORDER_OFFSET = 2 ** 30
const WIDE_ORDER_OFFSET = 2 ** 50

/** Calls of more inputs than this have a table of them. */
const LOOKED_THROUGH_MAX = 16

/** Finds the event that left a variable its gradient, and up to where the variable held it. */
type FindGradient = () => { position: number; until: number } | null

export class PastGraph implements Owner, ValueLoader, PastOwner {
  readonly finished = true
  readonly loader = this
  readonly past = this
  private readonly reader: Reader
  private readonly lookup: Lookup
  private readonly runId: number
  private readonly runName: string
  private readonly lastPosition: number
  private readonly orderOffset: number
  private readonly calls: PastCalls
  private readonly values: PastValues
  private readonly hindsight: Hindsight
  /** Variables that somebody may hold, with the value they were made with, by ref. */
  private readonly originals = new RefMap<Variable>()
  /** Later versions, by ref, and by the event that made the version and whether that required a gradient, as `versionKey` says. */
  private readonly versions = new Map<Ref, Map<number, Variable>>()
  /** Where the value of a variable is that no call made. */
  private readonly unloaded = new WeakMap<Variable, () => NDArray>()
  /** What variables held that the user gave another value: calls of the past read what they read. */
  private readonly formerValues = new WeakMap<Variable, NDArray>()
  /** Where the recorded gradient of a variable is looked up, until somebody clears it. */
  private readonly gradients = new WeakMap<Variable, FindGradient>()

  constructor(recording: Recording) {
    keepPastSamples()
    this.reader = recording.reader
    this.lookup = recording.lookup
    this.runId = recording.id
    this.runName = recording.name
    this.lastPosition = recording.lastPosition
    this.hindsight = new Hindsight(recording)
    this.orderOffset = recording.lastPosition < ORDER_OFFSET ? ORDER_OFFSET : WIDE_ORDER_OFFSET
    this.calls = new PastCalls(
      GraphBlocks.of(recording.reader.db, recording.id),
      recording.name,
      this.lookup.versions,
    )
    this.values = new PastValues(
      this.calls,
      (ref, at) => this.arrayRead(ref, at),
      (ref) => this.hindsight.value(ref),
      () => this.kernel(),
      this.lookup.versions,
    )
  }

  /**
   * The variable `ref` as a call at position `at` would read it, with everything it was computed from.
   *
   * Throws  VARIABLE_NOT_FOUND when no variable was made at that position
   */
  variable(ref: Ref, at: number): Variable {
    return this.versionRead(ref, at) ?? this.original(ref)
  }

  /** From now on, the variable's `grad` is the gradient that `find` names, unless a pass leaves another. */
  offerGradient(variable: Variable, find: FindGradient): void {
    this.gradients.set(variable, find)
  }

  recordedGradient(variable: Variable): Variable | null {
    const found = this.gradients.get(variable)?.() ?? null
    if (found === null) return null
    const event = this.reader.event(this.runId, found.position)
    if (event.type !== 'GradientComputed' && event.type !== 'GradientAssigned') return null
    // As it was last: a program may assign to the gradient itself, to scale it.
    return this.variable(event.gradient ?? found.position, found.until)
  }

  forgetGradient(variable: Variable): void {
    this.gradients.delete(variable)
  }

  loadValue(variable: Variable): NDArray {
    const load = this.unloaded.get(variable)
    return load !== undefined ? load() : this.values.at(variable.ref)
  }

  beforeAssignment(variable: Variable, array: NDArray): void {
    if (!this.formerValues.has(variable)) this.formerValues.set(variable, array)
  }

  formerValue(variable: Variable): NDArray | null {
    return this.formerValues.get(variable) ?? null
  }

  link(variable: Variable): CallLinks | null {
    const known = this.originals.get(variable.ref)?.knownLinks
    return known ?? this.callAt(positionOf(variable.ref), null)
  }

  pendingGradients(
    add: (a: Variable, b: Variable) => Variable,
    arrive: (variable: Variable, gradient: Variable) => void,
    targets: readonly Variable[] | null,
    lasting: boolean,
    roots: readonly Variable[],
  ): PendingGradients {
    this.refuseReplaced(roots)
    let moment: number | null = null
    const cutLeaf = (ref: Ref): Variable | null => {
      const cut = this.lookup.versions.firstCut(ref)
      if (cut === null) return null
      moment ??= this.momentOf(roots)
      return cut < moment ? this.variable(ref, cut + 1) : null
    }
    const isFrozen = (ref: Ref): boolean => {
      moment ??= this.momentOf(roots)
      return moment > 0 && this.lookup.versions.requiresGradAt(ref, moment) === false
    }
    const asked = new Map(
      targets?.filter(({ owner }) => owner === this).map((target) => [target.ref, target]),
    )
    const held = new HeldVariables(this.originals, asked)
    const pass = {
      callAt: (position: number) => this.callAt(position, lasting ? null : held),
      leaf: (ref: Ref) => this.original(ref),
      isFrozen,
      cutLeaf: this.lookup.versions.none ? null : cutLeaf,
      add,
      arrive,
    }
    return new PastGradients(this.calls, this.values, held, pass, !lasting, this.kernelHere())
  }

  /**
   * A file holds no hooks: where one of the program replaced a gradient of the pass that the run began there, this one would give
   * another gradient in silence, unless the variable was given a hook again. Where the run began no pass, nobody can say
   * what a hook would have done.
   *
   * Throws  NOT_DIFFERENTIABLE
   */
  private refuseReplaced(roots: readonly Variable[]): void {
    const { replaced } = this.lookup.passes
    if (replaced.size === 0) return
    for (const root of roots) {
      if (root.owner !== this) continue
      const pass = this.lookup.passes.firstFrom(root.ref, positionOf(root.ref) + 1, this.lastPosition)
      const without = pass === null ? undefined : replaced.get(pass)?.find((ref) => !this.hasHook(ref))
      if (without === undefined) continue
      throw new TapeError(
        'NOT_DIFFERENTIABLE',
        `in the pass at position ${pass} of run "${this.runName}" a hook replaced the gradient of the variable at position ${positionOf(without)}, and a file holds no hooks: backward() from it would give another gradient than the run had. The recorded ones are in the .grad of its variables; or give the variable its hook again with onGradient()`,
      )
    }
  }

  private hasHook(ref: Ref): boolean {
    if (this.originals.get(ref)?.gradientHooks != null) return true
    return [...(this.versions.get(ref)?.values() ?? [])].some(({ gradientHooks }) => gradientHooks !== null)
  }

  /** The kernel that computes as the run did. Throws KERNEL_MISMATCH. */
  private kernel(): Kernel {
    return kernelOf(this.reader.event(this.runId, 1) as RunStarted)
  }

  /** The same; null where it is not to be had: what is stored can be differentiated with any kernel. */
  private kernelHere(): Kernel | null {
    return kernelCalled((this.reader.event(this.runId, 1) as RunStarted).kernel)
  }

  /**
   * As of which position a pass from `roots` sees the graph: when the run took gradients of them first. Of variables that
   * the run took no gradients of it is when they were made; 0 where none of the roots is of this run. What the run cut off by then is cut
   * off, and no more; what it had frozen by then gets nothing.
   */
  private momentOf(roots: readonly Variable[]): number {
    const moments = roots
      .filter(({ owner }) => owner === this)
      .map(({ ref }) => {
        const made = positionOf(ref)
        return this.lookup.passes.firstFrom(ref, made + 1, this.lastPosition) ?? made
      })
    return Math.max(0, ...moments)
  }

  /**
   * The call at `position`, with Variables that everybody sees, and so the same whenever it is asked for. Given `held`, a
   * call for the moment only, with new Variables where none is held.
   */
  private callAt(position: number, held: HeldVariables | null): CallLinks {
    const known = this.originals.get(position)?.knownLinks
    if (known !== null && known !== undefined && known.ref === position && known.owner === this) return known
    const block = this.calls.graph.at(position)
    const kind = this.calls.kindAt(block, position)
    const links = kind.make().linksOf()
    links.order = position - this.orderOffset
    links.owner = this
    links.ref = position
    links.scope = kind.scope
    const inputsAt = block.inputsAt(position)
    const inputCount = block.inputCount(position)
    // Most calls read two or three variables, which are looked through; a list of many is found by a table.
    const before = inputCount > LOOKED_THROUGH_MAX ? new Map<Ref, Variable>() : null
    for (let slot = 0; slot < inputCount; slot++) {
      const ref = block.input(inputsAt + slot, position)
      const input = this.variableRead(ref, links, slot, before, held)
      links.restoreInput(slot, input)
      if (before !== null && input.ref === ref && input.owner === this) before.set(ref, input)
    }
    for (let slot = 0; slot < kind.outputs.length; slot++) {
      const ref = slot === 0 ? position : refOf(position, slot)
      const output =
        held === null ? this.original(ref) : (held.get(ref) ?? this.blankOutput(ref, position, null))
      links.restoreOutput(slot, output)
      if (held === null && output.knownLinks === undefined) output.links = links
    }
    return links
  }

  /** What a call reads in `slot` under `ref`; `before`: what it reads in the slots before, where these are many. */
  private variableRead(
    ref: Ref,
    call: CallLinks,
    slot: number,
    before: ReadonlyMap<Ref, Variable> | null,
    held: HeldVariables | null,
  ): Variable {
    const version = this.versionRead(ref, call.ref)
    if (version !== null) return version
    if (held === null) return this.original(ref)
    const known = held.get(ref)
    if (known !== undefined) return known
    const position = positionOf(ref)
    if (this.kindOf(position) !== NODE.call) return this.original(ref)
    const same = before === null ? this.readBefore(ref, call, slot) : before.get(ref)
    return same ?? this.blankOutput(ref, position, this.values.known(ref))
  }

  private readBefore(ref: Ref, call: CallLinks, slot: number): Variable | undefined {
    for (let other = 0; other < slot; other++) {
      const input = call.linkedInput(other)
      if (input.ref === ref && input.owner === this) return input
    }
    return undefined
  }

  private arrayRead(ref: Ref, at: number): NDArray {
    const variable = this.versionRead(ref, at) ?? this.originals.get(ref)
    if (variable !== undefined) return this.formerValue(variable) ?? variable.data
    return this.kindOf(positionOf(ref)) === NODE.call ? this.values.at(ref) : this.original(ref).data
  }

  private kindOf(position: number): number {
    return this.calls.graph.at(position).kindOf(position)
  }

  /** The variable `ref` with the value that it was made with. */
  private original(ref: Ref): Variable {
    const known = this.originals.get(ref)
    if (known !== undefined) return known
    const position = positionOf(ref)
    const kind = this.kindOf(position)
    const made =
      kind === NODE.call
        ? this.blankOutput(ref, position, null)
        : ref === position && kind === NODE.leaf
          ? this.leaf(position)
          : this.gradientAsNode(ref)
    this.originals.set(ref, made)
    return made
  }

  /** A variable that the call at `position` made; with its array, where that is at hand. */
  private blankOutput(ref: Ref, position: number, array: NDArray | null): Variable {
    const kind = this.calls.kindAt(this.calls.graph.at(position), position)
    const slot = ref === position ? 0 : slotOf(ref)
    if (slot >= kind.outputs.length) this.refuse(ref)
    const variable = this.blank(this.calls.outputRequiresGrad(ref, position), 'variable', null, ref, array)
    if (slot > 0) variable.slot = slot
    if (kind.linked) variable.linkLater()
    return variable
  }

  private leaf(position: number): Variable {
    const { graph } = this.calls
    const block = graph.at(position)
    const form = graph.leafForm(block.formOf(position))
    const value = graph.leafValue(block, position, form)
    const array = value !== null && value.size === 1 ? toNDArray(value) : null
    const variable = this.blank(form.requiresGrad, form.role as Role, form.name, position, array)
    if (array === null)
      this.unloaded.set(variable, () => (value !== null ? toNDArray(value) : this.valueOf(position)))
    return variable
  }

  /** A gradient is a variable too. */
  private gradientAsNode(ref: Ref): Variable {
    const position = positionOf(ref)
    const event = this.reader.event(this.runId, position)
    if (event.type !== 'GradientComputed' || ref !== position) this.refuse(ref, event.type)
    const value = event.held === 'accumulated' ? event.accumulated : event.contribution
    const variable = this.blank(false, 'variable', null, ref, null)
    this.unloaded.set(variable, () => this.computed(value, ref))
    return variable
  }

  private blank(
    requiresGrad: boolean,
    role: Role,
    name: string | null,
    ref: Ref,
    array: NDArray | null,
  ): Variable {
    const variable = new Variable(array, requiresGrad, role)
    variable.owner = this
    variable.ref = ref
    if (!this.lookup.versions.noneFrozen && this.lookup.versions.isFrozenOnce(ref)) variable.markGradSet()
    if (name !== null) variable.setNameQuietly(name)
    return variable
  }

  /** The version of a variable that a call at `at` reads; null for the first. */
  private versionRead(ref: Ref, at: number): Variable | null {
    const version = this.lookup.versions.before(ref, at)
    if (version === null) return null
    let versions = this.versions.get(ref)
    if (versions === undefined) {
      versions = new Map()
      this.versions.set(ref, versions)
    }
    const original = this.original(ref)
    const requiresGrad = version.requiresGrad ?? original.requiresGrad
    // The same value and the same flag as at the beginning.
    if (version.position === 0 && requiresGrad === original.requiresGrad) return null
    const key = versionKey(version.position, requiresGrad)
    let variable = versions.get(key)
    if (variable === undefined) {
      variable = this.blank(requiresGrad, original.role, original.name, ref, null)
      const before = () => this.variable(ref, version.position).data
      this.unloaded.set(
        variable,
        version.position === 0
          ? () => original.data
          : version.unchained
            ? before
            : () => this.valueOf(version.position),
      )
      variable.slot = original.slot
      if (original.knownLinks !== null && !this.lookup.versions.unchainedBefore(ref, at)) variable.linkLater()
      versions.set(key, variable)
    }
    return variable
  }

  /** The value that the event behind `source` made. */
  private valueOf(source: Ref | null): NDArray {
    for (let ref = source; ref !== null; ) {
      const position = positionOf(ref)
      const event = this.reader.event(this.runId, position)
      switch (event.type) {
        case 'FunctionCalled':
          return this.computed(event.outputs[slotOf(ref)]?.value ?? null, ref)
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

  private refuse(ref: Ref, type?: string): never {
    const position = positionOf(ref)
    throw new TapeError(
      'VARIABLE_NOT_FOUND',
      type === undefined || ref !== position
        ? `run "${this.runName}" made no variable at position ${position}${ref === position ? '' : `, output ${slotOf(ref)}`}`
        : `position ${position} of run "${this.runName}" is ${type}, which makes no variable`,
    )
  }
}

/** One value with one flag is one Variable, however often the flag went there and back. */
function versionKey(position: number, requiresGrad: boolean): number {
  return 2 * position + (requiresGrad ? 1 : 0)
}
