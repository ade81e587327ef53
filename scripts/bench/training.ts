// What a training step costs: small classifiers of several sizes, not recorded (see the group
// `recording`). The data are random: only the shapes matter here.
import {
  constant,
  linear,
  mul,
  ndarray,
  noGrad,
  parameter,
  relu,
  sigmoid,
  softmaxCrossEntropy,
  sub,
} from 'gradtape'
import { nsOf, OURS, randomArray, randomNumbers, type Workload } from './workload.js'

type Floating = 'float64' | 'float32'

interface Training {
  name: string
  sizes: readonly number[]
  batch: number
  activation: 'sigmoid' | 'relu'
}

const TRAININGS: readonly Training[] = [
  { name: 'spiral 2-10-3 batch 30', sizes: [2, 10, 3], batch: 30, activation: 'sigmoid' },
  { name: 'digits 64-32-10 batch 50', sizes: [64, 32, 10], batch: 50, activation: 'relu' },
  { name: 'mnist 784-128-10 batch 32', sizes: [784, 128, 10], batch: 32, activation: 'relu' },
  { name: 'mnist 784-100-10 batch 100', sizes: [784, 100, 10], batch: 100, activation: 'relu' },
]

export const trainingWorkloads: Workload[] = TRAININGS.flatMap((training) =>
  (['float64', 'float32'] as const).map((dtype) => ({
    name: `${training.name} ${dtype}`,
    run: async ({ targetMs }) => {
      const ns = nsOf(targetMs, stepOf(training, dtype))
      return [{ who: OURS, measure: 'step', unit: 'µs/step', value: ns / 1_000 }]
    },
  })),
)

function stepOf({ sizes, batch, activation }: Training, dtype: Floating): () => void {
  const layers = sizes.slice(1).map((outputs, i) => {
    const inputs = sizes[i] ?? 0
    const bound = Math.sqrt(3 / inputs)
    const weights = ndarray(randomArray(inputs * outputs, i + 1, -bound, bound), {
      shape: [inputs, outputs],
      dtype,
    })
    return {
      w: parameter(weights, { name: `fc${i + 1}.weight` }),
      b: parameter(new Array<number>(outputs).fill(0), { dtype, name: `fc${i + 1}.bias` }),
    }
  })
  const parameters = layers.flatMap(({ w, b }) => [w, b])
  const inputs = sizes[0] ?? 0
  const classes = sizes.at(-1) ?? 0
  const random = randomNumbers(9)
  const x = constant(ndarray(randomArray(batch * inputs, 8), { shape: [batch, inputs], dtype }))
  const t = constant(
    Array.from({ length: batch }, () => Math.floor(random() * classes)),
    { dtype: 'int32' },
  )
  const activate = activation === 'relu' ? relu : sigmoid

  return () => {
    let h = x
    layers.forEach(({ w, b }, i) => {
      h = linear(h, w, b)
      if (i < layers.length - 1) h = activate(h)
    })
    const loss = softmaxCrossEntropy(h, t)
    for (const p of parameters) p.clearGrad()
    loss.backward()
    noGrad(() => {
      for (const p of parameters) if (p.grad !== null) p.data = sub(p, mul(p.grad, 0.1)).data
    })
  }
}
