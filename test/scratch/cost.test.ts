import { test } from 'vitest'
import '../../src/functions/methods.js'
import { digits } from '../../src/data/digits.js'
import { DataLoader } from '../../src/data/data-loader.js'
import { MLP } from '../../src/nn/sequential.js'
import { Adam } from '../../src/optim/adam.js'
import { SGD } from '../../src/optim/sgd.js'
import { ExponentialLR } from '../../src/optim/schedules.js'
import { softmaxCrossEntropy } from '../../src/functions/losses.js'
import { newTapePath, openForTest } from '../tape/temporary-tape.js'
import fs from 'node:fs'
test('cost', async () => {
  for (const [kind, recorded] of [['sgd', false], ['sgd', true], ['adam', false], ['adam', true], ['adam+schedule', true]] as const) {
    const path = newTapePath()
    const tape = openForTest(path)
    const run = recorded ? tape.startRun('x') : null
    const model = new MLP([64, 32, 10])
    const optimizer = kind === 'sgd' ? new SGD(model.parameters(), { lr: 0.1 }) : new Adam(model.parameters())
    const schedule = new ExponentialLR(optimizer, { gamma: 0.9999 })
    const loader = new DataLoader(digits({ part: 'train' }), { batchSize: 50, shuffle: true })
    let total = 0, steps = 0, clear = 0, fwd = 0
    const start = performance.now()
    for (let epoch = 0; epoch < 20; epoch++) for (const [x, t] of loader) {
      run?.step()
      const f = performance.now()
      const loss = softmaxCrossEntropy(model.forward(x), t)
      if (epoch > 3) fwd += performance.now() - f
      const c = performance.now()
      model.clearGrads()
      if (epoch > 3) clear += performance.now() - c
      loss.backward()
      const a = performance.now()
      optimizer.step()
      if (epoch > 3) { total += performance.now() - a; steps++ }
      if (kind === 'adam+schedule') schedule.step()
    }
    const ms = performance.now() - start
    await run?.finish()
    tape.close()
    console.log(kind, recorded, 'optimizer µs/step', (total / steps * 1000).toFixed(1), 'clear', (clear / steps * 1000).toFixed(1), 'fwd', (fwd/steps*1000).toFixed(1), 'all', (ms / 600 * 1000).toFixed(0), 'file', fs.statSync(path).size)
  }
})
