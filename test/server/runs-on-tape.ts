/** The tape that the tests of the inspector look at: a run that goes well, one that goes wrong, and one with hostile names. */
import {
  Linear,
  log,
  mul,
  noGrad,
  openTape,
  parameter,
  SGD,
  softmaxCrossEntropy,
  sub,
  Variable,
} from '../../src/index.js'

export const HOSTILE = [
  '<img src=x onerror="window.hurt=1">',
  '\u202egnp.exe',
  '__proto__',
  `${'long '.repeat(2_000)}`,
  "'; DROP TABLE run; --",
] as const

/** Step of run 2 from which the loss is NaN. */
export const BAD_STEP = 40

export async function writeRuns(file: string, { steps = 60 } = {}): Promise<void> {
  const tape = openTape(file)
  for (const [name, lr] of [
    ['good', 0.05],
    ['bad', 0.5],
  ] as const) {
    const run = tape.startRun(name, { capture: 'full', seed: 1, config: { lr, optimizer: { name: 'SGD' } } })
    const hidden = new Linear(8, 6)
    const head = new Linear(6, 3)
    const parameters = [...hidden.parameters(), ...head.parameters()]
    const optimizer = new SGD(parameters, { lr: 0.05 })
    for (let step = 1; step <= steps; step++) {
      run.step()
      const x = new Variable(
        Array.from({ length: 4 }, (_, row) =>
          Array.from({ length: 8 }, (_, column) => Math.sin(row * 7 + column + step)),
        ),
        { name: 'x', requiresGrad: false },
      )
      const h = run.scope('hidden', () => hidden.forward(x).relu())
      const logits = run.scope('head', () => head.forward(h))
      let loss = softmaxCrossEntropy(logits, [0, 1, 2, 0])
      if (name === 'bad' && step >= BAD_STEP) loss = mul(loss, log(sub(new Variable(0), new Variable(1))))
      for (const each of parameters) each.clearGrad()
      loss.backward()
      if (step < BAD_STEP) optimizer.step()
      run.log({ loss, lr })
      if (step === 10) run.note('a note at step 10')
    }
    if (name === 'bad') await run.fail(new Error('the loss is NaN'))
    else await run.finish()
  }
  const hostile = tape.startRun(HOSTILE[0], { seed: 1, config: { [HOSTILE[1]]: HOSTILE[3], constructor: 1 } })
  hostile.step()
  const w = parameter([1, 2], { name: HOSTILE[0] })
  const y = run(() => mul(w, w).sum())
  y.backward()
  hostile.log({ [HOSTILE[1]]: 1, [HOSTILE[2]]: 2, [HOSTILE[0]]: y, [HOSTILE[3].slice(0, 10_000)]: 3 })
  hostile.note(HOSTILE[0])
  noGrad(() => mul(w, 2))
  await hostile.finish()
  tape.close()

  function run<T>(act: () => T): T {
    return hostile.scope(HOSTILE[4], act)
  }
}
