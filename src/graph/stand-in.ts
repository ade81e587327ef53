/**
 * A variable that stands for another: same value, an identity of its own. Transforms give their function one for each
 * input, so that the derivative by one input cannot flow into another, whatever the inputs have to do with each other.
 */
import type { NDArray } from '../array/ndarray.js'
import type { CallLinks } from './call-links.js'
import { Func } from './func.js'
import { withLinking } from './mode.js'
import { registerFunc } from './registry.js'
import { exampleLike, Variable } from './variable.js'

/** The same value again.  Backward: gx = gy. */
export class StandIn extends Func {
  override forward(x: NDArray): NDArray {
    return x
  }

  override backward(gy: Variable): Variable {
    return gy
  }
}

registerFunc(StandIn, { name: 'standIn' })

/**
 * A variable of its own for `variable`, of which derivatives can be asked. It is connected to `variable` in the graph, so that results
 * can be differentiated further outside; for a constant it is a leaf.
 */
export function standInFor(variable: Variable, linked: boolean): Variable {
  const { mapped } = variable
  const original =
    linked && variable.requiresGrad
      ? variable
      : mapped !== null
        ? exampleLike(mapped, true)
        : new Variable(variable.data, true, 'variable')
  return withLinking(true, () => new StandIn().apply1(original))
}

/**
 * Where a pass that asks for these variables ends: at the order of the oldest, when they all are stand-ins. What is older
 * was made outside of the function they are inputs of, so it cannot depend on them. 0 for variables of another kind.
 */
export function oldestStandIn(targets: readonly Variable[]): number {
  let oldest = 0
  for (const { knownLinks } of targets) {
    if (!isStandIn(knownLinks)) return 0
    if (oldest === 0 || knownLinks.order < oldest) oldest = knownLinks.order
  }
  return oldest
}

function isStandIn(links: CallLinks | null | undefined): links is CallLinks {
  return links !== null && links !== undefined && links.order > 0 && links.func instanceof StandIn
}
