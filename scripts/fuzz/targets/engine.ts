/** Single calls: every function at every kind of shape and dtype. */
import * as gradtape from 'gradtape'
import { checkCall, type Engine, type Functions } from '../check-call.js'
import { drawCall, drawnNames } from '../draw-calls.js'
import type { Random } from '../random.js'
import type { Target } from '../target.js'

export const engine: Engine = {
  functions: gradtape as unknown as Functions,
  ndarray: gradtape.ndarray as Engine['ndarray'],
  Variable: gradtape.Variable,
  grad: gradtape.grad,
  isRefusal: (error) => error instanceof gradtape.TapeError,
}

export const target: Target = {
  name: 'engine',
  about:
    'what forward accepts, backward differentiates twice; operands are promoted first; where they lie changes nothing',
  check(random: Random) {
    checkCall(engine, drawCall(random.pick(drawnNames), random), random)
  },
}
