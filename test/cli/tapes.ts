/** Tapes for the commands that look at what a capture left out: a small classifier, large enough that arrays are not small. */
import {
  DataLoader,
  digits,
  MLP,
  openTape,
  type Run,
  type RunOptions,
  SGD,
  softmaxCrossEntropy,
} from '../../src/index.js'
import { startChild } from '../tape/child-process.js'

export function trainOnDigits(run: Run, steps: number): void {
  const model = new MLP([64, 20, 10])
  const optimizer = new SGD(model.parameters(), { lr: 0.1 })
  const loader = new DataLoader(digits({ part: 'test' }), { batchSize: 10, shuffle: true, seed: 1 })
  for (let done = 0; done < steps; ) {
    for (const [x, t] of loader) {
      if (done++ === steps) break
      run.step()
      const loss = softmaxCrossEntropy(model.forward(x), t)
      model.clearGrads()
      loss.backward()
      optimizer.step()
      run.log({ loss })
    }
  }
}

/** Adds a finished run, "digits", to the tape. */
export async function writeDigits(file: string, steps: number, options: RunOptions = {}): Promise<void> {
  const tape = openTape(file)
  const run = tape.startRun('digits', { seed: 1, ...options })
  trainOnDigits(run, steps)
  await run.finish()
  tape.close()
}

/** A process that records into the tape until it is killed; resolves when it does. */
export async function recorder(file: string) {
  const child = startChild(
    `const run = gradtape.openTape(arg.file).startRun('going on')
    run.step(); run.flush(); say('recording'); setInterval(() => run, 1000)`,
    { file },
  )
  await child.said('recording')
  return child
}
