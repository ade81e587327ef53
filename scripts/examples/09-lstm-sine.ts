// An LSTM learns to continue a noisy sine, and then goes on by itself.
import {
  Adam,
  DataLoader,
  Linear,
  LSTM,
  Module,
  meanSquaredError,
  ndarray,
  noGrad,
  normal,
  slice,
  squeeze,
  TensorDataset,
  Variable,
} from 'gradtape'
import { line } from '../demo/terminal.js'
import { ask, isTold, record } from './recorded.js'

const WINDOW = 20
const ROWS = 200
const PERIOD = 25
const EPOCHS = 15

class Forecast extends Module {
  lstm = new LSTM(1, 16)
  fc = new Linear(16, 1)

  /** [n, times, 1] → [n, 1]: the number that comes next. */
  override forward(x: Variable): Variable {
    const { outputs } = this.lstm.forward(x)
    return this.fc.forward(squeeze(slice(outputs, [null, [WINDOW - 1, WINDOW]]), 1))
  }
}

const model = new Forecast()

const file = await record('09-lstm-sine', { seed: 1, config: { window: WINDOW, rows: ROWS } }, (run) => {
  const noise = normal([ROWS + WINDOW], { deviation: 0.05, key: { seed: 1, counter: 0 } }).data
  const sine = Array.from(noise, (value, i) => Math.sin((2 * Math.PI * i) / PERIOD) + value)
  const windows = ndarray(
    Array.from({ length: ROWS }, (_, row) => sine.slice(row, row + WINDOW).map((value) => [value])),
  )
  const next = ndarray(Array.from({ length: ROWS }, (_, row) => [sine[row + WINDOW] ?? 0]))
  const loader = new DataLoader(new TensorDataset(windows, next), { batchSize: 20, shuffle: true, seed: 1 })
  const optimizer = new Adam(model.parameters(), { lr: 0.01 })
  for (let epoch = 1; epoch <= EPOCHS; epoch++) {
    let total = 0
    for (const [x, t] of loader) {
      run.step()
      const loss = meanSquaredError(model.forward(x), t)
      model.clearGrads()
      loss.backward()
      optimizer.step()
      run.log({ loss })
      total += loss.item()
    }
    if (isTold(epoch, 5))
      line(`epoch ${String(epoch).padStart(2)}  loss ${(total / loader.length).toFixed(5)}`)
  }
})

drawContinuation(Array.from({ length: WINDOW }, (_, i) => Math.sin((2 * Math.PI * i) / PERIOD)))

ask('how far back does the loss of step 1, and of the last step, reach?', file, (past) => {
  const steps = [1, past.stepCount]
  const norms = steps.map((step) => {
    const loss = past.variable('loss', { step })
    loss.backward({ retainGrad: true })
    const hidden = hiddenStates(past.events(), step)
    return hidden.map((position) => Math.hypot(...(past.variable(position).grad?.data.data ?? [])))
  })
  line(
    `${'times ago'.padEnd(12)}${steps.map((step) => `step ${step}`.padStart(12)).join('')}   ‖∂loss/∂hidden‖`,
  )
  for (const ago of [1, 2, 5, 10, WINDOW - 1]) {
    line(
      `${String(ago).padEnd(12)}${norms.map((of) => (of[of.length - ago] ?? 0).toExponential(2).padStart(12)).join('')}`,
    )
  }
})

/** In each step the LSTM's linear calls but the first, which is for all inputs at once, read one hidden state each. */
function hiddenStates(events: Iterable<{ type: string; step: number }>, step: number): number[] {
  const found: number[] = []
  for (const event of events) {
    if (event.type !== 'FunctionCalled' || event.step !== step) continue
    const call = event as unknown as { function: string; scope: string; inputs: number[] }
    if (call.function === 'linear' && call.scope === 'lstm') found.push(call.inputs[0] ?? 0)
  }
  return found.slice(2) // the first of the others reads the zeros at the beginning
}

/** Each prediction is appended to what the next is made from. */
function drawContinuation(start: readonly number[]): void {
  const curve = [...start]
  noGrad(() => {
    for (let i = 0; i < 2 * PERIOD; i++) {
      const x = new Variable([curve.slice(-WINDOW).map((value) => [value])])
      curve.push(model.forward(x).item())
    }
  })
  line(`${'given'.padEnd(WINDOW)}its own`)
  for (let level = 4; level >= -4; level--) {
    line(
      curve
        .map((value, i) => (Math.round(value * 4) !== level ? ' ' : i < WINDOW ? 'o' : '*'))
        .join('')
        .trimEnd(),
    )
  }
}
