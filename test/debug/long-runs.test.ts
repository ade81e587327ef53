// What is asked of long runs computes few steps again, and reads each kind of step a few times.
import { expect, test } from 'vitest'
import * as g from '../../src/index.js'

const STEPS = 150
const CHECKPOINTS = 20

/** Epochs of six batches; before a step the program may change the bias of the hidden layer, or leave gradients as they are. */
async function trained(
  capture: g.CaptureLevel,
  { dies, keeps }: { dies?: number; keeps?: number },
): Promise<g.Tape> {
  const tape = g.openTape(':memory:')
  const run = tape.startRun('long', { seed: 1, capture, checkpointEvery: CHECKPOINTS } as g.RunOptions)
  const [hidden, head] = [new g.Linear(2, 20), new g.Linear(20, 3)]
  const parameters = [...hidden.parameters(), ...head.parameters()]
  const optimizer = new g.SGD(parameters, { lr: 0.05, momentum: 0.9 })
  const loader = new g.DataLoader(g.spiral({ perClass: 16 }), { batchSize: 8, shuffle: true, seed: 1 })
  for (let step = 0; step < STEPS; )
    for (const [x, t] of loader) {
      step = run.step()
      if (step === dies) hidden.bias!.data = g.noGrad(() => g.sub(hidden.bias!, 40)).data
      const loss = g.softmaxCrossEntropy(head.forward(g.relu(hidden.forward(x!))), t!)
      if (step !== keeps) for (const parameter of parameters) parameter.clearGrad()
      loss.backward()
      optimizer.step()
      run.log({ loss })
      if (step === STEPS) break
    }
  await run.finish()
  return tape
}

test.each(['replayable', 'full'] as const)(
  'units that die in the middle of a long run are found by what few steps computed, at capture %s',
  async (capture) => {
    for (const dies of [57, 60, 61]) {
      const tape = await trained(capture, { dies })
      const found = tape.run(1).why({ only: ['dead-units'] }).findings
      expect(found).toMatchObject([{ kind: 'dead-units', step: dies, variable: 'bias', level: 'cause' }])
      expect(found[0]?.text).toContain('in 20 of 20 units')
      expect(found[0]?.cost?.stepsReplayed).toBeLessThanOrEqual(capture === 'full' ? 0 : 5)
      tape.close()
    }
    const tape = await trained(capture, {})
    expect(tape.run(1).why({ only: ['dead-units'] }).findings).toEqual([])
    tape.close()
  },
)

test('a clear that is missing late is found after epochs that were alike, and counted once', async () => {
  for (const keeps of [40, 41, 130]) {
    const tape = await trained('replayable', { keeps })
    const [found] = tape.run(1).why({ only: ['not-cleared'] }).findings
    expect(found).toMatchObject({ kind: 'not-cleared', step: keeps })
    expect(found?.evidence.join('\n')).toContain('an update uses such a sum in 1 step')
    tape.close()
  }
})
