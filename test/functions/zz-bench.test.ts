import { test } from 'vitest'
import '../../src/graph/backward.js'
import '../../src/functions/methods.js'
import { add, mul } from '../../src/functions/arithmetic.js'
import { relu } from '../../src/functions/activations.js'
import { linear } from '../../src/functions/products.js'
import { softmaxCrossEntropy } from '../../src/functions/losses.js'
import { Variable } from '../../src/graph/variable.js'
import { ndarray } from '../../src/array/ndarray.js'
import { mul as amul } from '../../src/array/elementwise.js'
function time(name: string, n: number, f: () => void) {
  const t: number[] = []
  for (let r = 0; r < 15; r++) { const a = performance.now(); for (let i = 0; i < n; i++) f(); t.push((performance.now() - a) / n * 1e6) }
  t.sort((x, y) => x - y); console.log(name, t[7]!.toFixed(0), 'ns')
}
test('bench', () => {
  const w = new Variable(0.5), x = new Variable(1.1)
  time('array mul', 100000, () => { amul(w.data, x.data) })
  time('mul fn', 100000, () => { mul(w, x) })
  time('mul method', 100000, () => { w.mul(x) })
  time('chain fn', 30000, () => { let y = x; for (let i = 0; i < 3; i++) y = add(mul(y, w), x) })
  time('fwd+bwd chain 10 calls', 10000, () => { let y = x; for (let i = 0; i < 5; i++) y = add(mul(y, w), x); x.clearGrad(); w.clearGrad(); y.backward() })
  const X = new Variable(ndarray(Float64Array.from({ length: 30 * 2 }, (_, i) => Math.sin(i)), { shape: [30, 2] }), { requiresGrad: false })
  const w1 = new Variable(ndarray(Float64Array.from({ length: 20 }, (_, i) => Math.cos(i)), { shape: [2, 10] })), b1 = new Variable(ndarray(new Float64Array(10)))
  const w2 = new Variable(ndarray(Float64Array.from({ length: 30 }, (_, i) => Math.cos(i)), { shape: [10, 3] })), b2 = new Variable(ndarray(new Float64Array(3)))
  const t = ndarray(Int32Array.from({ length: 30 }, (_, i) => i % 3))
  time('linear fwd', 3000, () => { linear(X, w1, b1) })
  const h0 = linear(X, w1, b1)
  time('relu fwd', 3000, () => { relu(h0) })
  time('MLP 2-10-3 fwd', 3000, () => { softmaxCrossEntropy(linear(relu(linear(X, w1, b1)), w2, b2), t) })
  time('MLP 2-10-3 fwd+bwd', 2000, () => { const l = softmaxCrossEntropy(linear(relu(linear(X, w1, b1)), w2, b2), t); for (const p of [w1, b1, w2, b2]) p.clearGrad(); l.backward() })
})
