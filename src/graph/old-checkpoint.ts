/**
 * The function of tapes that were recorded when `recompute` was called `checkpoint`: such a call has one output, and its
 * backward is a pass of its own. Nothing makes one any more, but tapes hold them.
 */
import type { NDArray } from '../array/ndarray.js'
import type { Attributes } from './attributes.js'
import { gradientsOf } from './backward.js'
import { Func } from './func.js'
import { mode, unrecorded, withLinking } from './mode.js'
import { isCount, knownAfter, type ProgramCall, refuse } from './program.js'
import { createFunc, registerFunc } from './registry.js'
import { Variable } from './variable.js'

/** @deprecated For tapes recorded before `recompute`. */
export class Checkpoint extends Func {
  private readonly program: readonly ProgramCall[]
  private readonly result: number

  constructor(attributes: Attributes) {
    super(attributes)
    const { program, result } = attributes
    const known = knownAfter(attributes)
    if (known < 0 || !isCount(result) || result >= known) refuse('checkpoint')
    this.program = program as unknown as readonly ProgramCall[]
    this.result = result
  }

  override forward(...xs: NDArray[]): NDArray {
    return unrecorded(() => this.run(xs.map((x) => new Variable(x, false, 'constant'))).data)
  }

  override backward(gy: Variable): (Variable | null)[] {
    const createGraph = mode.linking
    // Unless the gradients are to be differentiated, the graph that is made again ends at leaves: a pass over it must not
    // go on into what the inputs were computed from, which the pass outside of it does.
    const inputs = createGraph
      ? this.inputs
      : this.inputs.map(({ data, requiresGrad }) => new Variable(data, requiresGrad, 'variable'))
    const y = withLinking(true, () => this.run(inputs))
    const wanted = inputs.filter((input) => input.requiresGrad)
    const gradients = gradientsOf([y], wanted, [gy], createGraph)
    return inputs.map((input) => (input.requiresGrad ? gradients[wanted.indexOf(input)]! : null))
  }

  private run(inputs: readonly Variable[]): Variable {
    const made: Variable[] = [...inputs]
    for (const call of this.program) {
      const func = createFunc(call.function, call.attributes)
      made.push(...func.applyAll(...call.inputs.map((number) => made[number]!)))
    }
    return made[this.result]!
  }
}

registerFunc(Checkpoint, { name: 'checkpoint' })
