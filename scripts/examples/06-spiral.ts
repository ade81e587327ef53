// A multilayer perceptron that parts three arms of a spiral, by SGD, as the book does.
import { DataLoader, MLP, noGrad, SGD, sigmoid, softmaxCrossEntropy, spiral, Variable } from 'gradtape'
import { line, percent } from '../demo/terminal.js'
import { ask, isTold, record, shareRight, stateAt } from './recorded.js'

const EPOCHS = 200
const BATCH = 30
const SIDE = 30

const makeModel = () => new MLP([2, 10, 3], { activation: sigmoid })
const points = spiral()
const [x, t] = points.arrays

const file = await record('06-spiral', { seed: 1, config: { epochs: EPOCHS, batch: BATCH } }, (run) => {
  const model = makeModel()
  const optimizer = new SGD(model.parameters(), { lr: 1 })
  const loader = new DataLoader(points, { batchSize: BATCH, shuffle: true, seed: 1 })
  for (let epoch = 1; epoch <= EPOCHS; epoch++) {
    let total = 0
    for (const [batch, labels] of loader) {
      run.step()
      const loss = softmaxCrossEntropy(model.forward(batch), labels)
      model.clearGrads()
      loss.backward()
      optimizer.step()
      run.log({ loss })
      total += loss.item()
    }
    if (isTold(epoch, 40))
      line(`epoch ${String(epoch).padStart(3)}  loss ${(total / loader.length).toFixed(4)}`)
  }
})

ask('which part of the plane belonged to which arm, at step 200 and at the end?', file, (past) => {
  const steps = [200, past.stepCount]
  const maps = steps.map((step) => {
    const model = makeModel()
    model.loadStateDict(stateAt(past, model, step))
    const right = noGrad(() => shareRight(model.forward(x).data, t.data))
    return [`step ${step}: ${percent(right)} right`, ...mapOf(model)]
  })
  for (let row = 0; row <= SIDE / 2; row++) line(maps.map((map) => (map[row] ?? '').padEnd(SIDE)).join('   '))
})

/** The arm with the highest score at each place from −1 to 1. */
function mapOf(model: MLP): string[] {
  const rows = SIDE / 2
  const places = Array.from({ length: SIDE * rows }, (_, i) => [
    ((i % SIDE) / (SIDE - 1)) * 2 - 1,
    1 - (Math.floor(i / SIDE) / (rows - 1)) * 2,
  ])
  const scores = noGrad(() => model.forward(new Variable(places))).data.data
  return Array.from({ length: rows }, (_, row) =>
    Array.from({ length: SIDE }, (_, column) => {
      const of = scores.subarray((row * SIDE + column) * 3, (row * SIDE + column) * 3 + 3)
      return '.o#'.charAt(of.indexOf(Math.max(...of)))
    }).join(''),
  )
}
