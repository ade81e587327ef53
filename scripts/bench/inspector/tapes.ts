// The long tapes that the inspector looks at.
import { add, mul, noGrad, openTape, parameter, square, sub, tanh } from 'gradtape'

/** A line fitted to points: two gradients a step. */
export async function recordSteps(file: string, steps: number): Promise<void> {
  const tape = openTape(file)
  const run = tape.startRun('long', { seed: 1 })
  const w = parameter(0.1, { name: 'w' })
  const b = parameter(0.2, { name: 'b' })
  for (let step = 0; step < steps; step++) {
    run.step()
    const x = Math.sin(step)
    const loss = square(sub(add(mul(w, x), b), 3 * x + 1))
    w.clearGrad()
    b.clearGrad()
    loss.backward()
    for (const each of [w, b]) each.data = noGrad(() => sub(each, mul(each.grad!, 1e-3))).data
    run.log({ loss })
  }
  await run.finish()
  tape.close()
}

const CALLS_PER_STEP = 1_000
const BLOCK_NAMES = 10

/** Steps of a thousand calls each; with `inOneStep` scopes of a thousand calls in one step. */
export async function recordCalls(file: string, calls: number, { inOneStep = false } = {}): Promise<void> {
  const tape = openTape(file)
  const run = tape.startRun('calls', { seed: 1 })
  const w = parameter(1.0001, { name: 'w' })
  const thousand = () => {
    let loss = mul(w, 1)
    for (let i = 1; i < CALLS_PER_STEP; i++)
      loss = i % 3 === 0 ? add(loss, 1) : i % 3 === 1 ? mul(loss, w) : tanh(loss)
    return loss
  }
  if (inOneStep) run.step()
  for (let block = 0; block < calls / CALLS_PER_STEP; block++) {
    if (!inOneStep) run.step()
    const loss = inOneStep ? run.scope(`block${block % BLOCK_NAMES}`, thousand) : thousand()
    run.log({ loss })
  }
  await run.finish()
  tape.close()
}
