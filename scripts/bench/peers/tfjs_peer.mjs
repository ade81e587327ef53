// TensorFlow.js (WebAssembly, SIMD, one thread) beside the bench: `node tfjs_peer.mjs FOLDER`, where FOLDER has it in its
// node_modules. Requests come on stdin, one JSON object a line: {work, targetMs}; each is answered with a JSON list of
// {measure, unit, value}, empty when there is nothing like that work.
import { createRequire } from 'node:module'
import { join, sep } from 'node:path'
import process from 'node:process'
import { createInterface } from 'node:readline'

const folder = process.argv[2]
const require = createRequire(join(folder, 'peer.cjs'))
// It warns and advises on the console, where our answers go.
for (const word of ['log', 'info', 'warn']) console[word] = () => {}
const tf = require('@tensorflow/tfjs')
require('@tensorflow/tfjs-backend-wasm').setWasmPaths(
  join(folder, 'node_modules', '@tensorflow', 'tfjs-backend-wasm', 'dist') + sep,
)
await tf.setBackend('wasm')
await tf.ready()

const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`)
say({ name: `TF.js ${tf.version.tfjs} wasm` })
for await (const line of createInterface({ input: process.stdin })) {
  const { work, targetMs } = JSON.parse(line)
  say(answer(work, targetMs))
}

function answer(work, targetMs) {
  const training = /^\w+ ([\d-]+) batch (\d+) float32$/.exec(work)
  if (training !== null) {
    const activation = work.startsWith('spiral') ? 'sigmoid' : 'relu'
    const step = stepOf(training[1].split('-').map(Number), Number(training[2]), activation)
    for (let i = 0; i < 5; i++) step()
    const value = nsOf(targetMs, step) / 1_000
    tf.disposeVariables()
    return [{ measure: 'step', unit: 'µs/step', value }]
  }
  const product = /^matmul (\d+)×\d+ float32$/.exec(work)
  if (product !== null) {
    const size = Number(product[1])
    const [a, b] = [0, 1].map(() => tf.randomUniform([size, size], -1, 1))
    const ns = nsOf(targetMs, () => tf.dispose(tf.matMul(a, b)))
    tf.dispose([a, b])
    return [{ measure: 'product', unit: 'GFLOP/s', value: (2 * size ** 3) / ns }]
  }
  const oblong = /^product (\w)(\w) (\d+)×(\d+)×(\d+) float32$/.exec(work)
  if (oblong !== null) {
    const [transposeA, transposeB] = [oblong[1] === 't', oblong[2] === 't']
    const [m, k, n] = oblong.slice(3).map(Number)
    const a = tf.randomUniform(transposeA ? [k, m] : [m, k], -1, 1)
    const b = tf.randomUniform(transposeB ? [n, k] : [k, n], -1, 1)
    const ns = nsOf(targetMs, () => tf.dispose(tf.matMul(a, b, transposeA, transposeB)))
    tf.dispose([a, b])
    return [{ measure: 'product', unit: 'GFLOP/s', value: (2 * m * k * n) / ns }]
  }
  return []
}

function stepOf(sizes, batch, activation) {
  const layers = sizes.slice(1).map((outputs, i) => {
    const bound = Math.sqrt(3 / sizes[i])
    return {
      w: tf.variable(tf.randomUniform([sizes[i], outputs], -bound, bound)),
      b: tf.variable(tf.zeros([outputs])),
    }
  })
  const x = tf.randomUniform([batch, sizes[0]], -1, 1)
  const labels = tf.randomUniform([batch], 0, sizes.at(-1), 'int32')
  const t = tf.cast(tf.oneHot(labels, sizes.at(-1)), 'float32')
  const loss = () => {
    let h = x
    layers.forEach(({ w, b }, i) => {
      h = tf.add(tf.matMul(h, w), b)
      if (i < layers.length - 1) h = tf[activation](h)
    })
    return tf.losses.softmaxCrossEntropy(t, h)
  }
  const optimizer = tf.train.sgd(0.1)
  return () => optimizer.minimize(loss)
}

/** Nanoseconds of one `work()`: the median over the calls in this time, three at least. */
function nsOf(targetMs, work) {
  const start = performance.now()
  const calls = []
  for (let from = start; calls.length < 3 || from - start < targetMs; ) {
    work()
    const to = performance.now()
    calls.push(to - from)
    from = to
  }
  return calls.sort((a, b) => a - b)[calls.length >> 1] * 1e6
}
