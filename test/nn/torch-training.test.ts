/**
 * Whole trainings against PyTorch, recorded on a tape: every loss agrees to 1e-9, and the tape replays bit for bit.
 */
import { afterAll, describe, expect, test } from 'vitest'
import { ndarray } from '../../src/array/make-array.js'
import { sin } from '../../src/array/math/trigonometry.js'
import { digits } from '../../src/data/digits.js'
import { TensorDataset } from '../../src/data/tensor-dataset.js'
import { relu, sigmoid } from '../../src/functions/activations.js'
import { slice } from '../../src/functions/joining.js'
import { meanSquaredError, softmaxCrossEntropy } from '../../src/functions/losses.js'
import { maxPool2d } from '../../src/functions/pooling.js'
import { reshape } from '../../src/functions/shapes.js'
import { constant } from '../../src/graph/leaves.js'
import type { Operand, Variable } from '../../src/graph/variable.js'
import { Conv2d } from '../../src/nn/convolution.js'
import { Linear } from '../../src/nn/linear.js'
import { Module } from '../../src/nn/module.js'
import { LSTM } from '../../src/nn/recurrent.js'
import { MLP } from '../../src/nn/sequential.js'
import { Adam } from '../../src/optim/adam.js'
import { SGD } from '../../src/optim/sgd.js'
import { newTapePath, openForTest } from '../tape/temporary-tape.js'
import { Congruential, fill, reference, relativeError } from './torch-reference.js'

const STEPS = 100
const TOLERANCE = 1e-9

interface Training {
  readonly model: Module
  readonly optimizer: { step(): void }
  readonly loss: (step: number) => Variable
}

function spiralMlp(): Training {
  const numbers = new Congruential(1)
  const points: number[][] = []
  const labels: number[] = []
  for (let i = 0; i < 300; i++) {
    const radius = Math.floor(i / 3) / 100
    const angle = 4 * (i % 3) + 4 * radius + 0.4 * (numbers.next() - 0.5)
    points.push([radius * sin(angle), radius * sin(angle + Math.PI / 2)])
    labels.push(i % 3)
  }
  const dataset = new TensorDataset(points, ndarray(labels, { dtype: 'int32' }))
  const model = new MLP([2, 10, 3], { activation: sigmoid })
  fill(model.parameters(), 2, 0.5)
  const batches = new Congruential(3)
  const loss = () => {
    const [x, t] = dataset.take(batches.integers(30, 300))
    return softmaxCrossEntropy(model.forward(x), t)
  }
  return { model, optimizer: new SGD(model.parameters(), { lr: 1 }), loss }
}

function digitsMlp(): Training {
  const dataset = digits()
  const model = new MLP([64, 32, 10])
  fill(model.parameters(), 4, 0.125)
  const batches = new Congruential(5)
  const loss = () => {
    const [x, t] = dataset.take(batches.integers(50, 1500))
    return softmaxCrossEntropy(model.forward(x), t)
  }
  return { model, optimizer: new Adam(model.parameters(), { lr: 0.01 }), loss }
}

class Cnn extends Module {
  readonly conv = new Conv2d(1, 8, 3, { padding: 1 })
  readonly last = new Linear(128, 10)

  override forward(x: Variable): Variable {
    const images = maxPool2d(relu(this.conv.forward(reshape(x, [-1, 1, 8, 8]))), { kernel: 2 })
    return this.last.forward(reshape(images, [-1, 128]))
  }
}

function digitsCnn(): Training {
  const dataset = digits()
  const model = new Cnn()
  fill(model.parameters(), 6, 0.25)
  const batches = new Congruential(7)
  const loss = () => {
    const [x, t] = dataset.take(batches.integers(32, 1500))
    return softmaxCrossEntropy(model.forward(x), t)
  }
  const optimizer = new SGD(model.parameters(), { lr: 0.05, momentum: 0.9, weightDecay: 1e-4 })
  return { model, optimizer, loss }
}

class Forecast extends Module {
  readonly lstm = new LSTM(1, 12)
  readonly last = new Linear(12, 1)

  override forward(x: Operand): Variable {
    const { outputs } = this.lstm.forward(x)
    return this.last.forward(reshape(slice(outputs, [null, [11, 12]]), [-1, 12]))
  }
}

function sineLstm(): Training {
  const wave = Array.from({ length: 300 }, (_, i) => sin(0.25 * i))
  const model = new Forecast()
  fill(model.parameters(), 8, 0.3)
  const starts = new Congruential(9)
  const loss = () => {
    const rows = [...starts.integers(8, 280).data]
    const x = rows.map((start) => wave.slice(start, start + 12).map((value) => [value]))
    return meanSquaredError(model.forward(constant(x)), constant(rows.map((start) => [wave[start + 12]!])))
  }
  return { model, optimizer: new SGD(model.parameters(), { lr: 0.1, momentum: 0.9 }), loss }
}

const trainings: Readonly<Record<string, () => Training>> = {
  'spiral MLP': spiralMlp,
  'digits MLP': digitsMlp,
  'digits CNN': digitsCnn,
  'sine LSTM': sineLstm,
}
const worst: string[] = []

afterAll(() => {
  process.stdout.write(`training against PyTorch, worst relative error of a loss: ${worst.join(', ')}\n`)
})

describe('100 steps', () => {
  test.each(Object.keys(trainings))(
    '%s: every loss is PyTorch’s, and the tape replays bit for bit',
    async (name) => {
      const path = newTapePath()
      const tape = openForTest(path)
      const { model, optimizer, loss } = trainings[name]!()
      const run = tape.startRun(name)
      const losses: number[] = []
      for (let step = 0; step < STEPS; step++) {
        run.step()
        const value = loss(step)
        model.clearGrads()
        value.backward()
        optimizer.step()
        run.log({ loss: value })
        losses.push(value.item())
      }
      await run.finish()
      tape.close()
      const error = relativeError(losses, reference.training[name]!)
      worst.push(`${name} ${error.toExponential(1)}`)
      expect(error).toBeLessThan(TOLERANCE)

      const report = openForTest(path, { readonly: true }).run(name).replay()
      expect(report.divergence).toBe(null)
      expect(report.verdict).toBe('bit-exact')
      expect(report.events).toBeGreaterThan(STEPS * 10)
    },
  )
})
