// Matrix products, copies included: square ones, and those of a layer of 784 inputs and 128 outputs for 32 rows.
import { constant, matmul, ndarray } from 'gradtape'
import { nsOf, OURS, randomArray, type Workload } from './workload.js'

interface Product {
  /** Peers read from it what to do. */
  readonly name: string
  readonly a: readonly [number, number]
  readonly b: readonly [number, number]
  readonly transposeA?: boolean
  readonly transposeB?: boolean
  readonly operations: number
}

const square = (size: number): Product => ({
  name: `matmul ${size}×${size}`,
  a: [size, size],
  b: [size, size],
  operations: 2 * size ** 3,
})

/** m×k times k×n, as its operands lie in memory: n as they are, t transposed. */
function product(form: 'nn' | 'tn' | 'nt', m: number, k: number, n: number): Product {
  return {
    name: `product ${form} ${m}×${k}×${n}`,
    a: form === 'tn' ? [k, m] : [m, k],
    b: form === 'nt' ? [n, k] : [k, n],
    transposeA: form === 'tn',
    transposeB: form === 'nt',
    operations: 2 * m * k * n,
  }
}

const PRODUCTS: readonly Product[] = [
  ...[32, 64, 128, 256].map(square),
  product('nn', 32, 784, 128),
  product('tn', 784, 32, 128),
  product('nt', 32, 128, 784),
]

export const productWorkloads: Workload[] = PRODUCTS.flatMap((each) =>
  (['float64', 'float32'] as const).map((dtype) => ({
    name: `${each.name} ${dtype}`,
    run: async ({ targetMs }) => {
      const { transposeA = false, transposeB = false } = each
      const [a, b] = [each.a, each.b].map((shape, i) =>
        constant(ndarray(randomArray(shape[0] * shape[1], i + 1, -1, 1), { shape: [...shape], dtype })),
      ) as [ReturnType<typeof constant>, ReturnType<typeof constant>]
      const ns = nsOf(targetMs, () => matmul(a, b, { transposeA, transposeB }))
      return [{ who: OURS, measure: 'product', unit: 'GFLOP/s', value: each.operations / ns }]
    },
  })),
)
