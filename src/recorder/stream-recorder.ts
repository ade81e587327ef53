/**
 * From the graph to the stream: gives calls and variables their positions and packs what happened. A live run and a
 * replay use the same recorder, so a replay emits just what the run did, and comparing the two is comparing events.
 *
 * The graph tells of a thing when it is done in memory. So its events are always taken, also while nothing can be written;
 * they wait in memory. What writing failed with is thrown at the end of the operation, when all its events are taken: the
 * tape then says what the program did, whether the program goes on or not. Where a throw would leave an operation half
 * done (in the middle of one gradient), the next place throws.
 */
import { kernel } from '../array/kernel.js'
import type { NDArray } from '../array/ndarray.js'
import { TapeError } from '../errors.js'
import { CAPTURE_NOTHING, CAPTURE_SUMMARY, type CapturePolicy } from '../events/capture.js'
import { type Ref, refOf } from '../events/event.js'
import { noteOfPassedOver } from '../events/passed-over-note.js'
import type { EventStream } from '../events/stream.js'
import type { CallLinks } from '../graph/call-links.js'
import type { Func } from '../graph/func.js'
import { mode } from '../graph/mode.js'
import type { PassRequest, Recorder } from '../graph/recorder.js'
import type { Variable } from '../graph/variable.js'
import type { CallSites } from './call-sites.js'
import { RecentTexts } from './recent-texts.js'
import { moved, summarized, updateNorm } from './summed-up.js'

const NONE: readonly StreamRecorder[] = []

export class StreamRecorder implements Recorder {
  finished = false
  readonly loader = null
  readonly past = null
  readonly leavesGradients: boolean = true
  /** By all calls of the run. */
  elementsComputed = 0
  /** All open runs. Each hears what another does to variables that it knows, or it could not be replayed. */
  private readonly open: readonly StreamRecorder[]
  private openStream: EventStream | null
  /** The refs of variables that this run reads and another owner has. */
  private readonly foreign = new WeakMap<Variable, Ref>()
  /** Leaves of this run that a call from before it made: a pass would walk on from them. */
  private readonly boundaries = new WeakSet<Variable>()
  private hasBoundaries = false
  /** More than 0 while a variable is taken in: a call that reads it may be half recorded. */
  private adopting = 0
  private readonly texts: RecentTexts
  private readonly sites: CallSites | null
  /** What is kept of arrays. */
  protected readonly policy: CapturePolicy
  private kernel = kernel
  /** Every variable that was assigned to; a checkpoint holds those that still live. */
  private readonly assignedTo = new Map<Ref, WeakRef<Variable>>()

  /** `sites`: what looks where calls stand in the user's code; null for nobody. */
  constructor(
    stream: EventStream,
    policy: CapturePolicy,
    open: readonly StreamRecorder[] = [],
    sites: CallSites | null = null,
  ) {
    this.openStream = stream
    this.open = open
    this.policy = policy
    this.sites = sites
    this.texts = new RecentTexts(stream.packer)
  }

  /** Lets go of the stream: arrays and variables keep their owner, and should not keep its buffers. */
  close(): void {
    this.finished = true
    this.openStream = null
  }

  functionCalled(links: CallLinks, linked: boolean): void {
    const stream = this.stream()
    if (kernel !== this.kernel) this.checkKernel()
    const { input0, input1, more, output0 } = links
    if (output0 === null || (more !== null && (more.inputs.length > 0 || more.outputs.length > 0))) {
      this.longCall(stream, links, linked)
      return
    }
    const input2 = more === null ? null : more.input2
    const a = input0 === null ? 0 : this.refOf(input0)
    const b = input1 === null ? 0 : this.refOf(input1)
    const c = input2 === null ? 0 : this.refOf(input2)
    const count = input2 !== null ? 3 : input1 !== null ? 2 : input0 !== null ? 1 : 0

    const { packer } = stream
    const { cursor, step } = packer
    const { texts, policy } = this
    const array = output0.data
    texts.call(links, linked, mode.scope)
    policy.enter(step)
    const capture = policy.dropsOutputs ? CAPTURE_NOTHING : policy.ofOutput(array)
    const kept = capture === CAPTURE_NOTHING ? null : array
    if (this.sites !== null) packer.site = this.sites.of(step, texts.kind)
    const position = packer.call1(texts.signature, texts.attributes, count, a, b, c, kept, capture)
    links.owner = this
    links.ref = position
    this.made(output0, array, position)
    stream.appended(cursor, step)
    this.throwFailure()
  }

  /** A call of more than three inputs, or of another number of outputs than one. */
  private longCall(stream: EventStream, links: CallLinks, linked: boolean): void {
    const inputs: Ref[] = []
    for (let slot = 0; slot < links.inputCount; slot++) inputs.push(this.refOf(links.linkedInput(slot)))
    const { packer } = stream
    const { cursor, step } = packer
    const { texts, policy } = this
    texts.call(links, linked, mode.scope)
    policy.enter(step)
    if (this.sites !== null) packer.site = this.sites.of(step, texts.kind)
    const position = packer.call(texts.signature, texts.attributes, inputs.length)
    for (const input of inputs) packer.callInput(input)
    links.owner = this
    links.ref = position
    const outputs = links.outputCount
    packer.callOutputs(outputs)
    for (let slot = 0; slot < outputs; slot++) {
      const variable = links.outputAt(slot)
      const array = variable.data
      packer.callOutput(array, policy.ofOutput(array))
      this.made(variable, array, refOf(position, slot))
    }
    stream.appended(cursor, step)
    this.throwFailure()
  }

  /** A call of this run made the variable. */
  private made(variable: Variable, array: NDArray, ref: Ref): void {
    this.elementsComputed += array.size
    this.identify(variable, ref)
    this.noteOrigin(array, ref)
  }

  valueAssigned(variable: Variable, before: NDArray): void {
    this.assigned(variable, before)
    for (const run of this.others()) run.assigned(variable, before)
    this.throwFailure()
  }

  private assigned(variable: Variable, before: NDArray): void {
    const stream = this.stream()
    const ref = this.knownRef(variable)
    if (ref === 0) return // it is adopted with its new value when it is first used
    const array = variable.data
    const source = this.sourceOf(array)
    const { packer } = stream
    const { policy } = this
    const { cursor, step } = packer
    const form = this.texts.form(array)
    const outside = source === null ? array : null
    const capture = source === null ? policy.ofOutside(array) : policy.ofAssigned(array)
    let position: number
    if (!policy.measures(variable.role === 'parameter')) {
      position = packer.assigned(ref, source, form, outside, capture)
    } else if (policy.ofAssigned(array) === CAPTURE_NOTHING) {
      position = packer.measuredAssignment(ref, source, form, null, array, capture)
    } else {
      const { norm, value } =
        source === null ? { norm: updateNorm(array, before), value: array } : moved(array, before)
      position = packer.measuredAssignment(ref, source, form, norm, value, capture)
    }
    if (source === null) this.noteOrigin(array, position)
    if (!this.assignedTo.has(ref)) this.assignedTo.set(ref, new WeakRef(variable))
    stream.appended(cursor, step)
  }

  /**
   * Records the value of every living variable that was assigned to since the run began: parameters, optimizer state,
   * whatever the program carries from step to step. Gives how many bytes that is; 0 when there is none, and then no event.
   */
  takeCheckpoint(): number {
    const stream = this.stream()
    const variables: Ref[] = []
    const values: NDArray[] = []
    let bytes = 0
    for (const [ref, weak] of this.assignedTo) {
      const variable = weak.deref()
      if (variable === undefined) {
        this.assignedTo.delete(ref) // nobody can refer to it again
        continue
      }
      variables.push(ref)
      values.push(variable.data)
      bytes += variable.data.size * (variable.data.dtype === 'float64' ? 8 : 4)
    }
    if (variables.length === 0) return 0
    stream.append({ type: 'CheckpointTaken', variables, values })
    return bytes
  }

  variableNamed(variable: Variable): void {
    this.named(variable)
    for (const run of this.others()) run.named(variable)
    this.throwFailure()
  }

  private named(variable: Variable): void {
    const ref = this.knownRef(variable)
    if (ref !== 0) this.stream().append({ type: 'VariableNamed', variable: ref, name: variable.name })
  }

  gradientAssigned(variable: Variable, gradient: Variable): void {
    this.takeGradient(variable, gradient)
    this.throwFailure()
  }

  private takeGradient(variable: Variable, gradient: Variable): void {
    this.assignedGradient(variable, gradient)
    this.tellOthers(variable, gradient)
  }

  private assignedGradient(variable: Variable, gradient: Variable): void {
    const known = this.knownRef(variable)
    if (known !== 0)
      this.stream().append({ type: 'GradientAssigned', variable: known, gradient: this.refOf(gradient) })
    else if (variable.creator === null) this.adopt(variable) // and its gradient with it; else made by a call that is not on this tape
  }

  gradientCleared(variable: Variable): void {
    this.cleared(variable)
    for (const run of this.others()) run.cleared(variable)
    this.throwFailure()
  }

  private cleared(variable: Variable): void {
    const stream = this.stream()
    const ref = this.knownRef(variable)
    if (ref === 0) return
    const { cursor, step } = stream.packer
    stream.packer.cleared(ref)
    stream.appended(cursor, step)
  }

  variableUnchained(variable: Variable): void {
    this.unchained(variable)
    for (const run of this.others()) run.unchained(variable)
    this.throwFailure()
  }

  private unchained(variable: Variable): void {
    const ref = this.knownRef(variable)
    if (ref !== 0) this.stream().append({ type: 'VariableUnchained', variable: ref })
  }

  backwardStarted(request: PassRequest): number {
    this.throwFailure() // nothing is done yet; after BackwardStarted the pass itself must follow
    const roots = request.roots.map((root) =>
      root.creator === null ? this.refOf(root) : this.knownRef(root),
    )
    if (roots.includes(0) || this.leavesTheRun(request.roots)) return 0
    const gradients = request.seeds.map((seed, i) => (request.seedGiven[i] ? this.refOf(seed) : null))
    const targets =
      request.targets?.map((target) =>
        target.creator === null ? this.refOf(target) : this.knownRef(target),
      ) ?? null
    if (targets?.includes(0)) return 0
    this.sites?.passStarted(this.stream().step)
    const { createGraph, retainGrad } = request
    return this.stream().backwardStarted({
      type: 'BackwardStarted',
      roots,
      gradients,
      targets,
      createGraph,
      retainGrad,
    })
  }

  gradientComputed(pass: number, variable: Variable, contribution: Variable, held: Variable | null): boolean {
    const isRead = this.computed(pass, variable, contribution, held)
    if (held !== null) this.tellOthers(variable, held)
    this.throwFailure()
    return isRead
  }

  /** Gives whether an array of it waits to be read. */
  private computed(pass: number, variable: Variable, contribution: Variable, held: Variable | null): boolean {
    const ref = this.knownRef(variable)
    if (ref === 0) return false // it lies before the run; its gradient is adopted as a leaf if it is used
    const stream = this.stream()
    const { packer } = stream
    const { policy } = this
    policy.enter(packer.step)
    if (held === null && !policy.everyGradient) return false // nobody can refer to it, and a replay computes it again
    const maker = held === null ? 0 : this.knownRef(held)
    const form = this.texts.form(contribution.data)
    const { cursor, step } = packer
    const accumulated = held !== null && held !== contribution
    const capture = policy.ofGradient(contribution.data)
    const isSummarized = capture === CAPTURE_SUMMARY
    const given = isSummarized ? summarized(contribution.data) : contribution.data
    const sum = !accumulated ? null : isSummarized ? summarized(held.data) : held.data
    const position = packer.gradient(
      pass,
      ref,
      maker === 0 ? null : maker,
      form,
      held === null ? 0 : accumulated ? 2 : 1,
      given,
      sum,
      capture,
    )
    if (held !== null && maker === 0) {
      this.identify(held, position)
      this.noteOrigin(held.data, position)
    }
    const isRead = given === contribution.data || (sum !== null && sum === held?.data)
    // Before anybody hears of the event: who does may clear the gradient, whose array waits to be read.
    if (isRead) held?.markSeen()
    stream.appended(cursor, step)
    return isRead
  }

  get eventCount(): number {
    return this.stream().position
  }

  gradientReplaced(pass: number, variable: Variable, gradient: Variable): void {
    const ref = this.knownRef(variable)
    if (ref !== 0)
      this.stream().append({ type: 'GradientReplaced', pass, variable: ref, gradient: this.refOf(gradient) })
  }

  backwardAborted(pass: number): void {
    this.stream().append({ type: 'BackwardAborted', pass })
  }

  gradientHeld(variable: Variable): void {
    const { grad } = variable
    if (grad === null) return
    const ref = this.knownRef(variable)
    if (ref !== 0)
      this.stream().append({ type: 'GradientAssigned', variable: ref, gradient: this.refOf(grad) })
    this.tellOthers(variable, grad) // the pass is on the tape of no run
  }

  /**
   * Whether a pass from `roots` walks on into calls from before the run. The tape does not have them, so it cannot
   * repeat such a pass; it records the gradients that the pass leaves instead.
   */
  private leavesTheRun(roots: readonly Variable[]): boolean {
    if (!this.hasBoundaries) return false
    const seen = new Set<Func>()
    const waiting = [...roots]
    for (let variable = waiting.pop(); variable !== undefined; variable = waiting.pop()) {
      if (this.boundaries.has(variable)) return true
      const { creator } = variable
      if (creator === null || seen.has(creator)) continue
      seen.add(creator)
      for (let slot = 0; slot < creator.inputCount; slot++) waiting.push(creator.linkedInput(slot))
    }
    return false
  }

  /** The ref under which this run knows the variable; one it has not seen is adopted as a leaf. */
  refOf(variable: Variable): Ref {
    const ref = this.knownRef(variable)
    return ref === 0 ? this.adopt(variable) : ref
  }

  /** 0 for a variable that this run has not seen. */
  knownRef(variable: Variable): Ref {
    const { owner } = variable
    if (owner === this) return variable.ref
    return owner === null ? 0 : (this.foreign.get(variable) ?? 0)
  }

  stateKept(variable: Variable): void {
    const ref = this.refOf(variable)
    // A checkpoint that is taken before the next step assigns to it must have it, too.
    if (!this.assignedTo.has(ref)) this.assignedTo.set(ref, new WeakRef(variable))
    this.throwFailure()
  }

  passedOver(by: string, parameters: readonly Variable[]): void {
    const known = parameters.filter((parameter) => this.knownRef(parameter) !== 0)
    if (known.length === 0) return
    const variables = known.map((parameter) => this.knownRef(parameter))
    const names = known.map(({ name }, i) => name ?? `#${variables[i]}`)
    this.stream().append({ type: 'NoteAdded', text: noteOfPassedOver({ by, variables, names }) })
    this.throwFailure()
  }

  requiresGradChanging(variable: Variable): void {
    if (this.adopting === 0 && this.others().every(({ adopting }) => adopting === 0)) return
    throw new TapeError(
      'BAD_ARGUMENT',
      `${variable.describe()}.requiresGrad cannot be set while a run takes in what a call reads, as somebody who listens to LeafCreated would; set it before or after the call`,
    )
  }

  requiresGradSet(variable: Variable): void {
    this.frozen(variable)
    for (const run of this.others()) run.frozen(variable)
    this.throwFailure()
  }

  private frozen(variable: Variable): void {
    const stream = this.stream()
    const ref = this.knownRef(variable)
    if (ref === 0) return // the leaf says it when it is first used
    const { cursor, step } = stream.packer
    stream.packer.frozen(ref, variable.requiresGrad)
    stream.appended(cursor, step)
  }

  /** The other open runs. */
  private others(): readonly StreamRecorder[] {
    return this.open.length < 2 ? NONE : this.open.filter((run) => run !== this)
  }

  /** Throws what writing failed with: called when all events of an operation are taken. */
  protected throwFailure(): void {
    const { openStream } = this
    if (openStream !== null && openStream.failure !== null) throw openStream.failure
  }

  /** To another run a gradient that was computed in this one comes from outside, as an assigned one does. */
  private tellOthers(variable: Variable, gradient: Variable): void {
    for (const run of this.others())
      if (run.knownRef(variable) !== 0) run.assignedGradient(variable, gradient)
  }

  /** Called for everything that gets a ref here. */
  protected identify(variable: Variable, ref: Ref): void {
    if (variable.owner === null || variable.owner.finished) {
      variable.owner = this
      variable.ref = ref
    } else {
      this.foreign.set(variable, ref)
    }
  }

  /** Takes in a variable that no call of this run made. */
  adopt(variable: Variable): Ref {
    if (variable.versionOf !== null) {
      throw new TapeError(
        'STALE_VERSION',
        `${variable.describe()} was assigned after the call that backward with createGraph now differentiates, and the tape knows only its present value; ` +
          'run backward before assigning .data',
      )
    }
    this.adopting++
    try {
      return this.adoptLeaf(variable)
    } finally {
      this.adopting--
    }
  }

  private adoptLeaf(variable: Variable): Ref {
    const stream = this.stream()
    const array = variable.data
    variable.markSeen()
    const source = this.sourceOf(array)
    const { packer } = stream
    const form = this.texts.leaf(variable, array)
    const { cursor, step } = packer
    const position = packer.leaf(form, source, source === null ? array : null, this.policy.ofOutside(array))
    this.identify(variable, position)
    if (source === null) this.noteOrigin(array, position)
    if (variable.creator !== null && variable.requiresGrad) {
      this.boundaries.add(variable)
      this.hasBoundaries = true
    }
    stream.appended(cursor, step)
    // A gradient from before the run: the next pass adds to it, or the program clears it.
    const grad = variable.heldGrad
    if (grad !== null)
      this.stream().append({ type: 'GradientAssigned', variable: position, gradient: this.refOf(grad) })
    return position
  }

  /** The run's kernel stands in its first event; one that computes differently would make that a lie. */
  private checkKernel(): void {
    if (kernel.id !== this.kernel.id) {
      throw new TapeError(
        'KERNEL_MISMATCH',
        `the run began with kernel "${this.kernel.id}", and now "${kernel.id}" computes; choose the kernel before startRun, or startRun(name, { kernel })`,
      )
    }
    this.kernel = kernel
  }

  /** The open stream. Throws RUN_FINISHED. */
  protected stream(): EventStream {
    const stream = this.openStream
    if (stream === null)
      throw new TapeError('RUN_FINISHED', 'this run is finished and takes no more events; start another')
    return stream
  }

  /** An array knows the event that made it, so that assigning it elsewhere stores no bytes again. */
  private noteOrigin(array: NDArray, ref: Ref): void {
    array.recordedBy = this
    array.recordedAs = ref
  }

  private sourceOf(array: NDArray): Ref | null {
    return array.recordedBy === this ? array.recordedAs : null
  }
}
