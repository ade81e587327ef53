/**
 * Steps of optimizers through staging memory, in pieces that stay in the second cache.
 */
import type { AdamNumbers, MomentumNumbers } from '../primitives.js'
import { copyIn, copyOut, STAGE, type Staging } from './staging.js'

type Floats = Float64Array | Float32Array

/** Elements a piece; the operands are staged one piece behind the other. */
const PIECE = 4096

/** Arguments as `Kernel.sgdStep`. */
export function sgdStaged(
  memory: Staging,
  w: Floats,
  wo: number,
  g: Floats,
  go: number,
  out: Floats,
  oo: number,
  count: number,
  lr: number,
  weightDecay: number,
): void {
  const wide = w instanceof Float64Array
  const bytes = wide ? 8 : 4
  const heap = wide ? memory.float64 : memory.float32
  const compute = wide ? memory.run.sgdStep64 : memory.run.sgdStep32
  const [atW, atG] = [STAGE, STAGE + PIECE * bytes]
  for (let done = 0; done < count; done += PIECE) {
    const some = Math.min(PIECE, count - done)
    copyIn(w, wo + done, some, heap, atW / bytes)
    copyIn(g, go + done, some, heap, atG / bytes)
    compute(atW, atG, some, lr, weightDecay)
    copyOut(heap, atW / bytes, some, out, oo + done)
  }
}

/** Arguments as `Kernel.momentumStep`. */
export function momentumStaged(
  memory: Staging,
  w: Floats,
  wo: number,
  g: Floats,
  go: number,
  v: Floats,
  vo: number,
  outW: Floats,
  outWo: number,
  outV: Floats,
  outVo: number,
  count: number,
  numbers: MomentumNumbers,
): void {
  const wide = w instanceof Float64Array
  const bytes = wide ? 8 : 4
  const heap = wide ? memory.float64 : memory.float32
  const compute = wide ? memory.run.momentumStep64 : memory.run.momentumStep32
  const { lr, momentum, fresh, weightDecay } = numbers
  const nesterov = numbers.nesterov ? 1 : 0
  const atW = STAGE
  const atG = atW + PIECE * bytes
  const atV = atG + PIECE * bytes
  for (let done = 0; done < count; done += PIECE) {
    const some = Math.min(PIECE, count - done)
    copyIn(w, wo + done, some, heap, atW / bytes)
    copyIn(g, go + done, some, heap, atG / bytes)
    copyIn(v, vo + done, some, heap, atV / bytes)
    compute(atW, atG, atV, some, lr, momentum, fresh, weightDecay, nesterov)
    copyOut(heap, atW / bytes, some, outW, outWo + done)
    copyOut(heap, atV / bytes, some, outV, outVo + done)
  }
}

/** Arguments as `Kernel.adamStep`. */
export function adamStaged(
  memory: Staging,
  w: Floats,
  wo: number,
  g: Floats,
  go: number,
  m: Floats,
  mo: number,
  v: Floats,
  vo: number,
  outW: Floats,
  outWo: number,
  outM: Floats,
  outMo: number,
  outV: Floats,
  outVo: number,
  count: number,
  numbers: AdamNumbers,
): void {
  const wide = w instanceof Float64Array
  const bytes = wide ? 8 : 4
  const heap = wide ? memory.float64 : memory.float32
  const compute = wide ? memory.run.adamStep64 : memory.run.adamStep32
  const { beta1, fresh1, beta2, fresh2, decay, keep, size, correction, eps } = numbers
  const atW = STAGE
  const atG = atW + PIECE * bytes
  const atM = atG + PIECE * bytes
  const atV = atM + PIECE * bytes
  for (let done = 0; done < count; done += PIECE) {
    const some = Math.min(PIECE, count - done)
    copyIn(w, wo + done, some, heap, atW / bytes)
    copyIn(g, go + done, some, heap, atG / bytes)
    copyIn(m, mo + done, some, heap, atM / bytes)
    copyIn(v, vo + done, some, heap, atV / bytes)
    compute(atW, atG, atM, atV, some, beta1, fresh1, beta2, fresh2, decay, keep, size, correction, eps)
    copyOut(heap, atW / bytes, some, outW, outWo + done)
    copyOut(heap, atM / bytes, some, outM, outMo + done)
    copyOut(heap, atV / bytes, some, outV, outVo + done)
  }
}
