/**
 * The recorder of a replay: tells which variable got which ref, and settles which leaf a number is.
 *
 * A number as an operand (`mul(x, 2)`) becomes a constant that the engine keeps for the next 2. So the 2 of a program and
 * the 2 inside a pass with createGraph may be one leaf of the tape, or two when the engine had let go of it between. The
 * tape says which; a replay must not depend on what this process has kept.
 */
import { scalar } from '../array/ndarray.js'
import type { Ref, TapeEvent } from '../events/event.js'
import type { EventStream } from '../events/stream.js'
import type { Func } from '../graph/func.js'
import type { PassRequest } from '../graph/recorder.js'
import { Variable } from '../graph/variable.js'
import { StreamRecorder } from './recorder.js'

export interface ReplayContext {
  identified(variable: Variable, ref: Ref): void
  /** The event that the engine has to emit next; null at the end. */
  peek(): TapeEvent | null
  /** The variable that a ref names; null when there is none. */
  known(ref: Ref): Variable | null
  /** Throws when the tape says that the pass under way ended here in an exception. */
  stopIfAborted(): void
  /** What a hook of the recorded program put in the place of this variable's gradient; null for nothing. */
  replacementFor(ref: Ref): Variable | null
}

export class ReplayRecorder extends StreamRecorder {
  private readonly context: ReplayContext

  constructor(stream: EventStream, context: ReplayContext) {
    super(stream)
    this.context = context
  }

  override refOf(variable: Variable): Ref {
    return isNumber(variable) ? this.refOfNumber(variable) : super.refOf(variable)
  }

  override backwardStarted(request: PassRequest): number {
    const pass = super.backwardStarted(request)
    this.context.stopIfAborted()
    return pass
  }

  override gradientComputed(
    pass: number,
    variable: Variable,
    contribution: Variable,
    held: Variable | null,
  ): void {
    super.gradientComputed(pass, variable, contribution, held)
    this.context.stopIfAborted()
  }

  override functionCalled(func: Func, linked: boolean): void {
    super.functionCalled(func, linked)
    this.context.stopIfAborted()
  }

  replacementFor(variable: Variable): Variable | null {
    return this.context.replacementFor(this.knownRef(variable))
  }

  protected override identify(variable: Variable, ref: Ref): void {
    super.identify(variable, ref)
    this.context.identified(variable, ref)
  }

  private refOfNumber(variable: Variable): Ref {
    const expected = this.context.peek()
    if (expected?.type === 'FunctionCalled') {
      const ref = this.knownRef(variable)
      if (ref !== 0 && expected.inputs.includes(ref)) return ref
      const same = expected.inputs.find((input) => this.isSameNumber(input, variable))
      if (same !== undefined) return same
    } else if (expected?.type === 'LeafCreated' && expected.value !== null && expected.shape.length === 0) {
      const { role, name, dtype, value } = expected
      const isNext = role === 'constant' && name === null && dtype === variable.dtype
      // A leaf of its own: the one kept here may be on the tape already, and its array with it.
      if (isNext && Object.is(value.data[0], variable.item()))
        return this.enter(new Variable(scalar(variable.item(), variable.dtype), false, 'constant'))
    }
    return super.refOf(variable)
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
