// What single functions cost, bare, by size; and matrix products.
import * as gradtape from 'gradtape'
import { constant, matmul, ndarray, Variable } from 'gradtape'
import { nsOf, OURS, randomArray, type Workload } from './workload.js'

/** Functions of one operand, and of two of the same shape; peers know them by the same names. */
const UNARY = 'neg abs square sqrt exp log sin cos tanh relu sigmoid softplus gelu sum mean max'.split(' ')
const BINARY = 'add sub mul div'.split(' ')
const SIZES = [1, 100, 10_000]
const SIZES_QUICK = [1, 10_000]
const MATRICES = [32, 128, 256]

type Apply = (...operands: Variable[]) => Variable

export function functionWorkloads(quick: boolean): Workload[] {
  const sizes = quick ? SIZES_QUICK : SIZES
  return [...UNARY, ...BINARY].flatMap((name) => sizes.map((size) => functionWorkload(name, size)))
}

function functionWorkload(name: string, size: number): Workload {
  return {
    name: `${name} of ${size}`,
    run: ({ targetMs }) => {
      const apply = (gradtape as unknown as Record<string, Apply>)[name]
      if (apply === undefined) throw new Error(`gradtape has no function ${name}`)
      const operands = (BINARY.includes(name) ? [1, 2] : [1]).map(
        (seed) => new Variable(randomArray(size, seed, 0.1, 2)),
      )
      const gradient = constant(apply(...operands).data)
      let y = apply(...operands)
      const forward = nsOf(targetMs / 2, () => {
        y = apply(...operands)
      })
      const both = nsOf(targetMs / 2, () => {
        y = apply(...operands)
        y.backward({ gradient })
        for (const operand of operands) operand.clearGrad()
      })
      return [
        { who: OURS, measure: 'forward', unit: 'ns/call', value: forward },
        { who: OURS, measure: 'forward + backward', unit: 'ns/call', value: both },
      ]
    },
  }
}

export const matrixWorkloads: Workload[] = MATRICES.flatMap((size) =>
  (['float64', 'float32'] as const).map((dtype) => ({
    name: `matmul ${size}×${size} ${dtype}`,
    run: ({ targetMs }) => {
      const [a, b] = [1, 2].map((seed) =>
        constant(ndarray(randomArray(size * size, seed), { shape: [size, size], dtype })),
      ) as [Variable, Variable]
      const ns = nsOf(targetMs, () => {
        matmul(a, b)
      })
      return [{ who: OURS, measure: 'product', unit: 'GFLOP/s', value: (2 * size ** 3) / ns }]
    },
  })),
)
