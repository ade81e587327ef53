// Handwritten digits by a multilayer perceptron and Adam. The accuracy on the test digits is not measured while it
// trains; the tape is asked for it afterwards.
import { Adam, DataLoader, digits, MLP, noGrad, softmaxCrossEntropy, summary } from 'gradtape'
import { line, percent } from '../demo/terminal.js'
import { ask, record, shareRight, stateAt } from './recorded.js'

const EPOCHS = 8
const BATCH = 50

const makeModel = () => new MLP([64, 32, 10])
const test = digits({ part: 'test' })

const file = await record('07-digits-mlp', { seed: 1, config: { epochs: EPOCHS, batch: BATCH } }, (run) => {
  const model = makeModel()
  const optimizer = new Adam(model.parameters(), { lr: 0.01 })
  const loader = new DataLoader(digits({ part: 'train' }), { batchSize: BATCH, shuffle: true, seed: 1 })
  for (const each of summary(model, test.arrays[0]).toString().split('\n')) line(each)
  for (let epoch = 1; epoch <= EPOCHS; epoch++) {
    let total = 0
    for (const [x, t] of loader) {
      run.step()
      const loss = softmaxCrossEntropy(model.forward(x), t)
      model.clearGrads()
      loss.backward()
      optimizer.step()
      run.log({ loss })
      total += loss.item()
    }
    line(`epoch ${epoch}  loss ${(total / loader.length).toFixed(4)}`)
  }
})

ask('how many of the test digits were right, which nobody measured at the time?', file, (past) => {
  const model = makeModel()
  const [x, t] = test.arrays
  for (const step of [1, 3, 10, 30, 100, past.stepCount]) {
    model.loadStateDict(stateAt(past, model, step))
    const right = shareRight(noGrad(() => model.forward(x)).data, t.data)
    line(`with the weights of step ${String(step).padStart(3)}  ${percent(right)}`)
  }
})
