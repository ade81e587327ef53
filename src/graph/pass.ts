/**
 * One pass: a walk over calls in descending order, the same for a live graph and for one read from a file.
 *
 * Order of execution is already a topological order, so the walk takes the latest call that has a gradient, asks it for
 * the gradients of its inputs, and goes on with the next latest: a heap, no recursion, no sort. It follows that the
 * gradients of a variable that is used more than once are added in descending order of the calls that used it
 * (within one call: in ascending order of slots), which fixes every bit of the sum.
 */

import type { DType } from '../array/dtype.js'
import { add } from '../array/elementwise.js'
import { currentKernel, useKernel } from '../array/kernel.js'
import { zeros } from '../array/make-array.js'
import { formatShape, type Shape, sameShape } from '../array/shape.js'
import { refuseOtherCopy } from '../copies.js'
import { TapeError } from '../errors.js'
import { CallHeap } from './call-heap.js'
import { type CallLinks, leftOut, type MoreLinks, type Unfolding } from './call-links.js'
import type { Func } from './func.js'
import { LeafGradients } from './leaf-gradients.js'
import { mode } from './mode.js'
import { PassMemory } from './pass-memory.js'
import type { PassRequest, PastOwner, PendingGradients, Recorder } from './recorder.js'
import { createFunc } from './registry.js'
import { oldestStandIn, StandIn } from './stand-in.js'
import { gradientLike, Variable } from './variable.js'

/** Of a call whose gradients lie in no memory that counts: when it is done, only what it made is nobody's. */
const NONE: readonly null[] = [null]

let passCount = 0

/** What an outer pass had noted at a call. */
interface Borrowed {
  readonly call: CallLinks
  readonly pass: number
  readonly pending: Variable | null
  readonly rest: (Variable | null)[] | null
}

/** A pass that is over, for the next one to use; a pass inside a pass makes its own. */
let idle: Pass | null = null

/** Walks; gives the gradients of the targets, where there are targets. */
export function runPass(request: PassRequest): Map<Variable, Variable> | null {
  const pass = idle ?? new Pass()
  idle = null
  try {
    return pass.run(request)
  } finally {
    pass.forget()
    idle = pass
  }
}

class Pass {
  private id = 0
  private readonly heap = new CallHeap()
  private readonly atLeaves = new LeafGradients()
  private readonly memory = new PassMemory()
  private request: PassRequest | null = null
  private createGraph = false
  private retainGrad = false
  private targets: Set<Variable> | null = null
  private found: Map<Variable, Variable> | null = null
  /** The order of the oldest target, where the pass goes no further back: all targets are stand-ins. 0: it goes everywhere. */
  private floor = 0
  /** What the clock said when the pass began: what is older, the program may hold. */
  private startedAt = 0
  /** Calls that an outer pass is collecting for: given back to it at the end. */
  private borrowed: Borrowed[] | null = null
  /** With createGraph: gradients that are a variable's own by now. */
  private readonly handedOut = new Set<Variable>()
  /** What arrived at calls of past runs. */
  private past: Map<PastOwner, PendingGradients> | null = null
  private recorder: Recorder | null = null
  private recordedPass = 0
  /** Records what the program does meanwhile: the recorder from before the pass. */
  private outer: Recorder | null = null

  run(request: PassRequest): Map<Variable, Variable> | null {
    const { targets } = request
    const { recorder, linking, inPass, watching } = mode
    const kernel = currentKernel()
    this.id = ++passCount
    this.request = request
    this.createGraph = request.createGraph
    this.retainGrad = request.retainGrad
    this.targets = targets === null ? null : new Set(targets)
    this.found = targets === null ? null : new Map()
    this.floor = targets === null ? 0 : oldestStandIn(targets)
    this.startedAt = mode.clock
    const isMapped = request.roots.some(isExample) || request.seeds.some(isExample)
    if (isMapped && targets === null) refuseMapped()
    this.recorder = isMapped ? null : recorder
    if (this.recorder !== null) {
      mode.inPass = true // also for those who listen to the event
      try {
        this.recordedPass = this.recorder.backwardStarted(request)
      } finally {
        mode.inPass = inPass
      }
    }
    if (this.recordedPass === 0) this.recorder = null
    this.outer = isMapped ? null : recorder
    // Without createGraph the arithmetic of a pass is not on the tape, which can recompute it. A pass between the examples of a vmap
    // is not on the tape, which knows no examples: its arithmetic is.
    if (!this.createGraph && !isMapped) mode.recorder = null
    mode.linking = this.createGraph
    mode.inPass ||= this.recorder !== null
    this.memory.open(!this.createGraph && !isMapped && (recorder === null || recorder.leavesGradients))
    try {
      try {
        this.walk(request)
      } finally {
        mode.recorder = recorder
        mode.linking = linking
        mode.inPass = inPass
        mode.watching = watching
        useKernel(kernel)
        this.memory.close()
      }
    } catch (error) {
      this.recorder?.backwardAborted(this.recordedPass)
      throw error
    } finally {
      this.giveBack()
    }
    if (recorder !== null && this.recordedPass === 0 && this.targets === null)
      for (const leaf of this.atLeaves.leaves) recorder.gradientHeld(leaf)
    return this.found
  }

  /** Leaves nothing for the next pass, nor anything alive. */
  forget(): void {
    this.atLeaves.clear()
    if (this.handedOut.size > 0) this.handedOut.clear()
    this.request = null
    this.targets = null
    this.found = null
    this.borrowed = null
    this.past = null
    this.recorder = null
    this.outer = null
    this.recordedPass = 0
  }

  private walk({ roots, seeds }: PassRequest): void {
    const { memory } = this
    for (let i = 0; i < roots.length; i++) this.arrive(roots[i]!, seeds[i]!)
    for (let call = this.latest(); call !== null; call = this.latest()) {
      const { func, more } = call
      if (more === null ? call.output0 !== null : more.unfolding === null && call.outputCount === 1) {
        const gradient = call.pending!
        call.pending = null
        call.pass = 0
        const complete = this.finish(call.output0!, gradient)
        if (memory.isBusy) memory.shows(func, complete)
        const result = func.backward(complete)
        if (memory.isBusy) memory.made(func)
        this.distribute(call, result)
        if (memory.isBusy) memory.done(gradient)
      } else if (more !== null && more.unfolding !== null) {
        this.unfold(call, more, more.unfolding)
      } else {
        const pending = memory.isBusy ? [call.pending, ...(more?.pending ?? [])] : NONE
        const gradients = this.gradientsOfOutputs(call)
        call.pass = 0
        if (memory.isBusy) for (const gradient of gradients) memory.shows(func, gradient)
        const result = func.backwardList(gradients)
        if (memory.isBusy) memory.made(func)
        this.distribute(call, result)
        if (memory.isBusy) for (const each of pending) memory.done(each)
      }
    }
    const { leaves, gradients } = this.atLeaves
    for (let i = 0; i < leaves.length; i++) {
      this.finish(leaves[i]!, gradients[i]!)
      if (memory.isBusy) memory.done(gradients[i]!)
    }
  }

  /** The latest call that has gradients. All live ones are later than those of the past. */
  private latest(): CallLinks | null {
    return this.heap.pop() ?? (this.past === null ? null : this.latestOfPast(this.past))
  }

  private latestOfPast(past: Map<PastOwner, PendingGradients>): CallLinks | null {
    for (const pending of past.values()) {
      const call = pending.next()
      if (call === null) continue
      this.memory.stop()
      // With its own kernel a past run gives the gradients that it had. A run that records now names the kernel of today.
      if (this.recorder === null && pending.kernel !== null) useKernel(pending.kernel)
      return call
    }
    return null
  }

  /** Goes on through the calls that a call stands for, with what was collected for its outputs. */
  private unfold(call: CallLinks, more: MoreLinks, unfolding: Unfolding): void {
    const gradients = [call.pending, ...(more.pending ?? [])]
    call.pending = null
    more.pending = null
    call.pass = 0
    const { madeSoFar } = this.memory
    const outputs = unfolding.unfold(call, this.createGraph)
    this.memory.leave(madeSoFar)
    for (let slot = 0; slot < gradients.length; slot++) {
      const gradient = gradients[slot]!
      if (gradient === null) continue
      this.arrive(outputs[slot]!, gradient)
      this.memory.done(gradient)
    }
  }

  /** Takes the collected gradients of a call of several outputs; an output that none arrived for gets zeros. */
  private gradientsOfOutputs(call: CallLinks): Variable[] {
    const first = call.pending
    const rest = call.more === null ? null : call.more.pending
    call.pending = null
    if (call.more !== null) call.more.pending = null
    return call.func.outputs.map((output, slot) => {
      const pending = slot === 0 ? first : (rest?.[slot - 1] ?? null)
      return pending === null
        ? new Variable(zeros(output.shape, output.dtype), false, 'constant')
        : this.finish(output, pending)
    })
  }

  private distribute(call: CallLinks, result: ReturnType<Func['backward']>): void {
    if (result instanceof Variable) {
      if (!call.hasOneInput)
        this.refuse(
          call,
          `one gradient for ${call.inputCount} inputs; return a list, with null for inputs that get none`,
        )
      this.give(call, 0, call.input0!, result)
      return
    }
    if (result === null) return
    if (!Array.isArray(result) || result.length !== call.inputCount) {
      this.refuse(
        call,
        `${Array.isArray(result) ? `${result.length} gradients` : typeof result} for ${call.inputCount} input(s)`,
      )
    }
    for (let slot = 0; slot < result.length; slot++) {
      const gradient = result[slot]
      if (gradient !== null && gradient !== undefined) this.give(call, slot, call.linkedInput(slot), gradient)
    }
  }

  private give(call: CallLinks, slot: number, input: Variable, gradient: Variable): void {
    if (!input.requiresGrad || (input.gradSet && this.leavesOut(call, input))) return
    if (!(gradient instanceof Variable)) refuseOtherCopy(gradient, call.func.name)
    if (!(gradient instanceof Variable))
      this.refuse(call, `a ${typeof gradient} for input ${slot}; return Variables`)
    const wanted: { readonly shape: Shape; readonly dtype: DType } = input.loadedData ?? input
    if (!sameShape(gradient.shape, wanted.shape)) {
      this.refuse(
        call,
        `shape ${formatShape(gradient.shape)} for input ${slot} of shape ${formatShape(wanted.shape)}`,
      )
    }
    this.arrive(input, gradient.dtype === wanted.dtype ? gradient : this.cast(gradient, wanted.dtype))
  }

  /** Whether the input was frozen when the call read it, or, of a past run, when that took gradients. */
  private leavesOut(call: CallLinks, input: Variable): boolean {
    if (leftOut(call, input)) return true
    const past = input.owner?.past
    return past != null && this.pendingOf(past).isFrozen(input.ref)
  }

  private arrive(variable: Variable, gradient: Variable): void {
    const call = variable.knownLinks
    if (this.floor > 0 && this.endsAt(variable, call, gradient)) return
    if (call === null) {
      const leaf = variable.versionOf
      if (leaf === null) this.arriveAtLeaf(variable, gradient)
      else if (leaf.requiresGrad) this.arriveAtLeaf(leaf, gradient)
      return
    }
    if (call === undefined || call.order < 0) {
      const owner = call === undefined ? variable.owner : call.owner
      this.arriveInPast(owner!.past!, variable.ref, gradient)
      return
    }
    if (call.pass !== this.id) this.visit(call)
    const { slot } = variable
    if (slot === 0) {
      const { pending } = call
      const sum = pending === null ? gradient : this.sum(pending, gradient)
      call.pending = sum
      if (this.memory.isBusy) this.memory.replaced(pending, sum)
      return
    }
    const more = call.more!
    more.pending ??= new Array<Variable | null>(more.outputs.length).fill(null)
    const pending = more.pending[slot - 1] ?? null
    const sum = pending === null ? gradient : this.sum(pending, gradient)
    more.pending[slot - 1] = sum
    if (this.memory.isBusy) this.memory.replaced(pending, sum)
  }

  private arriveInPast(owner: PastOwner, ref: number, gradient: Variable): void {
    this.memory.stop()
    const pending = this.pendingOf(owner)
    const leaf = pending.cutLeaf(ref)
    if (leaf === null) pending.arrive(ref, gradient)
    else this.arriveAtLeaf(leaf, gradient)
  }

  /** Whether a pass inside a function goes no further: the variable is one of its inputs, or was taken from around it. */
  private endsAt(variable: Variable, call: CallLinks | null | undefined, gradient: Variable): boolean {
    const itself = variable.versionOf ?? variable
    if (this.targets!.has(itself)) {
      this.arriveAtLeaf(itself, gradient)
      return true
    }
    return call === null || call === undefined || call.order < this.floor
  }

  private pendingOf(owner: PastOwner): PendingGradients {
    this.past ??= new Map()
    let pending = this.past.get(owner)
    if (pending === undefined) {
      const lasting = this.retainGrad || this.createGraph || this.recorder !== null
      pending = owner.pendingGradients(
        (a, b) => this.sum(a, b),
        (variable, gradient) => this.arrive(variable, gradient),
        this.request!.targets,
        lasting,
        this.request!.roots,
      )
      this.past.set(owner, pending)
    }
    return pending
  }

  private arriveAtLeaf(leaf: Variable, gradient: Variable): void {
    const { atLeaves } = this
    const place = atLeaves.find(leaf)
    const before = place < 0 ? null : atLeaves.gradients[place]!
    const sum = before === null ? gradient : this.sum(before, gradient)
    if (before === null) atLeaves.add(leaf, sum)
    else atLeaves.gradients[place] = sum
    if (this.memory.isBusy) this.memory.replaced(before, sum)
  }

  /** Begins to collect at a call. */
  private visit(call: CallLinks): void {
    if (call.pass !== 0) {
      this.borrowed ??= []
      const rest = call.more === null ? null : call.more.pending
      this.borrowed.push({ call, pass: call.pass, pending: call.pending, rest })
      call.pending = null
      if (call.more !== null) call.more.pending = null
    }
    call.pass = this.id
    this.heap.push(call)
  }

  /** A gradient is complete: hooks see it, `.grad` or the answer takes it, the recorder hears of it. */
  private finish(variable: Variable, complete: Variable): Variable {
    const watched = variable.gradientHooks !== null || this.recorder !== null
    const gradient = watched ? this.watched(variable, complete) : complete
    if (this.targets !== null || this.recorder !== null || this.retainGrad || variable.knownLinks === null)
      this.keep(variable, gradient, gradient !== complete)
    return gradient
  }

  /** What those who watch make of a gradient; it and what they made are theirs. */
  private watched(variable: Variable, complete: Variable): Variable {
    const { memory } = this
    if (!memory.isOpen) return this.replaced(variable, complete)
    if (variable.gradientHooks === null) return complete // the recorder alone, which says in `keep` whether it reads it later
    memory.forget(complete)
    const { madeSoFar } = memory
    const gradient = this.replaced(variable, complete)
    memory.leave(madeSoFar)
    return gradient
  }

  /** What becomes of a gradient besides being passed on. */
  private keep(variable: Variable, gradient: Variable, replaced: boolean): void {
    let held: Variable | null = null
    // What the recorder is told of: the same value, as the Variable that is kept.
    let contribution = gradient
    if (this.targets !== null) {
      if (this.targets.has(variable)) {
        contribution = held = this.ownGradient(variable, gradient, replaced)
        this.found!.set(variable, held)
        this.memory.forget(gradient)
      }
    } else if (variable.knownLinks === null || this.retainGrad) {
      const before = variable.passingGrad
      if (before === null) {
        contribution = held = this.ownGradient(variable, gradient, replaced)
        variable.holdGrad(held)
        this.leave(variable, held, gradient)
      } else {
        held = this.accumulate(variable, before, gradient)
      }
    }
    if (this.recorder === null) return
    const { memory } = this
    const { madeSoFar } = memory
    const { watching } = mode
    mode.watching = this.outer
    const isRead = this.recorder.gradientComputed(this.recordedPass, variable, contribution, held)
    mode.watching = watching
    memory.leave(madeSoFar) // those who listen to events made it
    if (isRead && memory.isBusy) memory.forget(gradient)
  }

  /** The program may look at it from now on; until it does so, the memory of a leaf's gradient is nobody else's. */
  private leave(variable: Variable, held: Variable, gradient: Variable): void {
    if (variable.knownLinks !== null) this.memory.forget(gradient)
    else if (this.memory.handOver(gradient)) held.markUnseen()
  }

  /** What the variable's hooks, or those of a recorded pass, make of a gradient. */
  private replaced(variable: Variable, complete: Variable): Variable {
    const hooks = variable.gradientHooks
    let gradient = this.recorder?.replacementFor?.(variable) ?? complete
    if (hooks !== null) {
      const before = this.recorder?.eventCount
      const { watching } = mode
      mode.watching = this.outer
      try {
        for (const hook of hooks) {
          const made = hook(gradient)
          if (made !== undefined && made !== null)
            gradient = gradientLike(made, variable, 'what a hook returned as gradient')
        }
      } finally {
        mode.watching = watching
      }
      // So that a replay can tell the calls of hooks from those of the pass: what stands before a replaced gradient is theirs.
      const isTold = gradient === complete && this.createGraph && this.recorder?.eventCount !== before
      if (isTold && this.recorder !== null) gradient = new StandIn().apply1(complete)
    }
    if (gradient !== complete) this.recorder?.gradientReplaced(this.recordedPass, variable, gradient)
    return gradient
  }

  private accumulate(variable: Variable, before: Variable, gradient: Variable): Variable {
    // The assigned gradient of a root is its seed; it stays as the user assigned it.
    if (variable.gradientAssigned && this.request!.roots.includes(variable)) return before
    if (!this.memory.isOpen) before.markSeen()
    const held = this.sum(before, gradient)
    variable.holdGrad(held)
    this.leave(variable, held, held)
    before.giveBackUnseen()
    return held
  }

  /**
   * The gradient as a Variable that nothing else is: not the gradient of another variable, not the seed, nothing that a hook
   * or the backward of a user's function may have kept. Assigning to one gradient must not change another.
   */
  private ownGradient(variable: Variable, gradient: Variable, replaced: boolean): Variable {
    if (this.createGraph) {
      const call = gradient.knownLinks
      const isFresh = call !== null && call !== undefined && call.order > this.startedAt && !replaced
      if (isFresh && !this.handedOut.has(gradient)) {
        this.handedOut.add(gradient)
        return gradient
      }
    }
    const shared = this.recorder?.sharedGradient?.(variable) ?? null
    if (shared !== null) return shared
    // What is between examples is not a value that could be kept by itself: a call gives it a name of its own.
    if (gradient.mapped !== null) return new StandIn().apply1(gradient)
    if (!this.createGraph || !gradient.requiresGrad) return new Variable(gradient.data, false, 'variable')
    return new StandIn().apply1(gradient)
  }

  private sum(a: Variable, b: Variable): Variable {
    if (this.createGraph || a.mapped !== null || b.mapped !== null) return createFunc('add').apply2(a, b)
    return new Variable(add(a.data, b.data), false, 'variable')
  }

  private cast(gradient: Variable, dtype: Variable['dtype']): Variable {
    if (this.createGraph || gradient.mapped !== null) return createFunc('cast', { dtype }).apply1(gradient)
    return new Variable(gradient.data.astype(dtype), false, 'variable')
  }

  private giveBack(): void {
    // A pass that threw leaves notes at the calls it visited; put them back, so that the next pass starts clean.
    for (let call = this.heap.pop(); call !== null; call = this.heap.pop()) putBack(call, 0, null, null)
    if (this.borrowed === null) return
    for (const { call, pass, pending, rest } of this.borrowed) putBack(call, pass, pending, rest)
  }

  private refuse(call: CallLinks, got: string): never {
    throw new TapeError(
      'BAD_GRADIENT',
      `${call.func.name}.backward expected one gradient per input, each of its input's shape; got ${got}`,
    )
  }
}

function isExample({ mapped }: Variable): boolean {
  return mapped !== null
}

function refuseMapped(): never {
  throw new TapeError(
    'BAD_ARGUMENT',
    'inside vmap backward() would leave the gradients of all examples in one .grad; take them with grad(loss, inputs) and return them',
  )
}

/** Puts a call's notes back to what they were before a pass came. */
function putBack(
  call: CallLinks,
  pass: number,
  pending: Variable | null,
  rest: (Variable | null)[] | null,
): void {
  call.pass = pass
  call.pending = pending
  if (call.more !== null) call.more.pending = rest
}
