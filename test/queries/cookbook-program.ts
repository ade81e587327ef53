/**
 * The program whose tape the cookbook asks: a small classifier of 24 rows, trained twice with different learning rates, and a run
 * that goes NaN. It also writes down what the answers must be, as the live program knows them.
 */
import {
  Adam,
  argmax,
  constant,
  DataLoader,
  equal,
  MLP,
  mean,
  noGrad,
  openTape,
  parameter,
  type Run,
  SGD,
  softmaxCrossEntropy,
  square,
  sum,
  TensorDataset,
} from '../../src/index.js'

/** What the live program saw of a run: a place for each step. */
export interface Seen {
  readonly loss: number[]
  readonly accuracy: number[]
  /** By name: the gradient's elements. */
  readonly gradients: Map<string, number[][]>
  /** By name: the elements before the first step, and after each. */
  readonly weights: Map<string, number[][]>
  readonly labels: number[][]
}

const X = Array.from({ length: 24 }, (_, i) => {
  const angle = (2 * Math.PI * (i % 3)) / 3
  return [Math.cos(angle) + 0.25 * (i % 5) - 0.5, Math.sin(angle) + 0.3 * (i % 4) - 0.5]
})
const T = X.map((_, i) => i % 3)

export async function recordCookbook(file: string): Promise<Seen[]> {
  const tape = openTape(file)
  const seen: Seen[] = []
  for (const lr of [0.05, 0.1]) {
    const config = { optimizer: { kind: 'adam', lr }, batch: 8 }
    seen.push(
      await train(tape.startRun('classifier', { seed: 1, config, capture: 'full', checkpointEvery: 6 }), lr),
    )
  }
  await diverge(tape.startRun('diverged', { seed: 1, config: { optimizer: { kind: 'sgd', lr: 1e150 } } }))
  tape.close()
  return seen
}

async function train(run: Run, lr: number): Promise<Seen> {
  const model = new MLP([2, 5, 3])
  const parameters = model.namedParameters()
  const optimizer = new Adam(model.parameters(), { lr })
  const rows = new TensorDataset(constant(X, { name: 'x' }), constant(T, { name: 't', dtype: 'int32' }))
  const batches = new DataLoader(rows, { batchSize: 8, shuffle: true, seed: 3 })
  const seen: Seen = { loss: [], accuracy: [], gradients: new Map(), weights: new Map(), labels: [] }
  for (const [name, { data }] of parameters) {
    seen.gradients.set(name, [])
    seen.weights.set(name, [[...data.data]])
  }
  for (let epoch = 1; epoch <= 4; epoch++) {
    for (const [x, t] of batches) {
      run.step()
      const loss = softmaxCrossEntropy(model.forward(x), t)
      model.clearGrads()
      loss.backward()
      optimizer.step()
      run.log({ loss, epoch })
      seen.loss.push(loss.item())
      seen.labels.push([...t.data.data])
      for (const [name, variable] of parameters) {
        seen.gradients.get(name)?.push([...(variable.grad?.data.data ?? [])])
        seen.weights.get(name)?.push([...variable.data.data])
      }
    }
    const accuracy = noGrad(() =>
      mean(equal(argmax(model.forward(rows.arrays[0]), { axis: 1 }), rows.arrays[1])),
    )
    run.log({ accuracy })
    seen.accuracy.push(accuracy.item())
  }
  await run.finish()
  return seen
}

/** A learning rate that was a slip: the loss overflows in the second step. */
async function diverge(run: Run): Promise<void> {
  const w = parameter([1, -2, 3], { name: 'w' })
  const optimizer = new SGD([w], { lr: 1e150 })
  for (let i = 0; i < 5; i++) {
    run.step()
    const loss = sum(square(square(w)))
    w.clearGrad()
    loss.backward()
    optimizer.step()
    run.log({ loss })
  }
  run.note('the learning rate was a slip')
  await run.finish()
}
