/**
 * The recorder of a replay: tells which variable got which ref, and settles which leaf a number is.
 *
 * A number as an operand (`mul(x, 2)`) becomes a constant that the engine keeps for the next 2. So the 2 of a program and
 * the 2 inside a pass with createGraph may be one leaf of the tape, or two when the engine had let go of it between. The
 * tape says which; a replay must not depend on what this process has kept.
 */
import { scalar } from '../array/ndarray.js'
import { CAPTURE_BYTES, CapturePolicy } from '../events/capture.js'
import type { FunctionCalled, Ref, TapeEvent } from '../events/event.js'
import type { EventStream } from '../events/stream.js'
import type { CallLinks } from '../graph/call-links.js'
import type { Func } from '../graph/func.js'
import { Variable } from '../graph/variable.js'
import { StreamRecorder } from '../recorder/stream-recorder.js'
import { CheckpointState } from './checkpoint-state.js'

interface ReplayContext {
  identified(variable: Variable, ref: Ref): void
  /** The event that the engine has to emit next, or one further on; null at the end. */
  peek(further?: number): TapeEvent | null
  /** The variable that a ref names; null when there is none. */
  known(ref: Ref): Variable | null
  /** Throws when the tape says that the pass under way ended here in an exception. */
  stopIfAborted(): void
  /** What a hook of the recorded program put in the place of this variable's gradient; null for nothing. */
  replacementFor(ref: Ref): Variable | null
}

/** Events are made as in the run, but with every array: the tape says which of them it can compare. */
export class ReplayPolicy extends CapturePolicy {
  override ofOutput(): typeof CAPTURE_BYTES {
    return CAPTURE_BYTES
  }

  override ofOutside(): typeof CAPTURE_BYTES {
    return CAPTURE_BYTES
  }

  override ofGradient(): typeof CAPTURE_BYTES {
    return CAPTURE_BYTES
  }
}

export class ReplayRecorder extends StreamRecorder {
  /** What it was told is compared with the tape later. */
  override readonly leavesGradients = false
  private readonly context: ReplayContext
  /** The call that is being recorded. */
  private calling: Func | null = null

  constructor(stream: EventStream, policy: ReplayPolicy, context: ReplayContext) {
    super(stream, policy)
    this.context = context
  }

  /** What stood before the replay began is known under its ref, though it has another owner. */
  override knownRef(variable: Variable): Ref {
    return variable.owner instanceof CheckpointState ? variable.ref : super.knownRef(variable)
  }

  override refOf(variable: Variable): Ref {
    return isNumber(variable) ? this.refOfNumber(variable) : super.refOf(variable)
  }

  override gradientComputed(
    pass: number,
    variable: Variable,
    contribution: Variable,
    held: Variable | null,
  ): boolean {
    const isRead = super.gradientComputed(pass, variable, contribution, held)
    this.context.stopIfAborted()
    return isRead
  }

  override functionCalled(call: CallLinks, linked: boolean): void {
    this.calling = call.func
    super.functionCalled(call, linked)
    this.calling = null
    this.context.stopIfAborted()
  }

  replacementFor(variable: Variable): Variable | null {
    this.context.stopIfAborted()
    return this.context.replacementFor(this.knownRef(variable))
  }

  sharedGradient(variable: Variable): Variable | null {
    const next = this.context.peek()
    if (next?.type !== 'GradientComputed' || next.variable !== this.knownRef(variable)) return null
    return next.gradient === null ? null : this.context.known(next.gradient)
  }

  protected override identify(variable: Variable, ref: Ref): void {
    super.identify(variable, ref)
    this.context.identified(variable, ref)
  }

  /** The call under way reads, in the slots where the variable stands, what the tape says, if that is the same number. */
  private refOfNumber(variable: Variable): Ref {
    const { calling } = this
    const expected = calling === null ? null : this.nextCall()
    if (calling === null || expected === null) return super.refOf(variable)
    for (let slot = 0; slot < expected.inputs.length; slot++) {
      const ref = expected.inputs[slot]!
      if (slot >= calling.inputCount || calling.linkedInput(slot) !== variable) continue
      if (this.isSameNumber(ref, variable)) return ref
      // A leaf that comes now. The variable may be on the tape already, and its array with it: then another takes its place.
      const isNext = this.context.known(ref) === null && this.context.peek()?.position === ref
      if (isNext && this.knownRef(variable) !== 0) {
        return this.adopt(new Variable(scalar(variable.item(), variable.dtype), false, 'constant'))
      }
    }
    return super.refOf(variable)
  }

  /** The next call on the tape: only leaves, which are adopted with it, stand before it. */
  private nextCall(): FunctionCalled | null {
    let further = 0
    let event = this.context.peek()
    while (event?.type === 'LeafCreated') event = this.context.peek(++further)
    return event?.type === 'FunctionCalled' ? event : null
  }

  private isSameNumber(ref: Ref, variable: Variable): boolean {
    const other = this.context.known(ref)
    if (other === null || !isNumber(other)) return false
    return other.dtype === variable.dtype && Object.is(other.item(), variable.item())
  }
}

function isNumber({ role, creator, name, requiresGrad, data }: Variable): boolean {
  return role === 'constant' && creator === null && name === null && !requiresGrad && data.shape.length === 0
}
