// A target that is among the features is found whatever loss it goes to, also where that is several calls, or the program's own.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import * as g from '../../src/index.js'

type Loss = (score: g.Variable, t: g.Variable) => g.Variable

const column = (t: g.Variable) => g.reshape(t, [-1])
const labels = (t: g.Variable) => g.cast(column(t), 'int32')
/** From one score, those of two classes. */
const scores = (y: g.Variable) => g.concat([y, g.neg(y)], { axis: 1 })

/** Each loss, of predictions [n, 1] and targets [n, 1] of 0 and 1. */
const LOSSES: Readonly<Record<string, Loss>> = {
  binaryCrossEntropy: (y, t) => g.binaryCrossEntropy(g.sigmoid(y), t),
  binaryCrossEntropyWithLogits: (y, t) => g.binaryCrossEntropyWithLogits(y, t, { posWeight: 2 }),
  cosineEmbeddingLoss: (y, t) => g.cosineEmbeddingLoss(scores(y), g.ones([12, 2]), column(t)),
  crossEntropy: (y, t) => g.crossEntropy(scores(y), labels(t), { labelSmoothing: 0.1, weight: [1, 2] }),
  gaussianNllLoss: (y, t) => g.gaussianNllLoss(y, t, g.exp(y)),
  hingeLoss: (y, t) => g.hingeLoss(y, t),
  huberLoss: (y, t) => g.huberLoss(y, t),
  klDivergence: (y, t) => g.klDivergence(g.logSigmoid(y), t),
  l1Loss: (y, t) => g.l1Loss(y, t, { reduction: 'sum' }),
  marginRankingLoss: (y, t) => g.marginRankingLoss(y, g.square(y), t, { margin: 0.1 }),
  meanSquaredError: (y, t) => g.meanSquaredError(y, t),
  nllLoss: (y, t) => g.nllLoss(g.logSoftmax(scores(y)), labels(t), { weight: [1, 2] }),
  poissonNllLoss: (y, t) => g.poissonNllLoss(y, t),
  smoothL1Loss: (y, t) => g.smoothL1Loss(y, t, { beta: 0.5 }),
  softmaxCrossEntropy: (y, t) => g.softmaxCrossEntropy(scores(y), labels(t)),
  'poissonNllLoss of rates': (y, t) => g.poissonNllLoss(g.exp(y), t, { logInput: false, full: true }),
  'a square of its own': (y, t) => g.mean(g.square(g.sub(t, y))),
  'a distance of its own': (y, t) => g.sum(g.abs(g.sub(y, t))),
}
/** They have no target that stands on the tape: three predictions, and labels of which the calls know the places alone. */
const WITHOUT = ['tripletMarginLoss', 'ctcLoss']

/** Of these targets are 1 and −1. */
const SIGNED: ReadonlySet<Loss> = new Set([
  LOSSES.cosineEmbeddingLoss!,
  LOSSES.marginRankingLoss!,
  LOSSES.hingeLoss!,
])

/** A small table whose last column is the target; `leaked`, the model reads it too. */
async function findings(
  loss: Loss,
  leaked: boolean,
  also: (y: g.Variable, x: g.Variable) => g.Variable = (y) => y,
) {
  const tape = g.openTape(':memory:')
  try {
    const run = tape.startRun('leak', { seed: 1 })
    const cells = Float64Array.from({ length: 60 * 4 }, (_, i) => {
      if (i % 4 !== 3) return Math.sin(i * i)
      const is = (i >> 2) % 2
      return SIGNED.has(loss) ? 2 * is - 1 : is
    })
    const table = g.constant(g.ndarray(cells, { shape: [60, 4] }))
    const model = new g.MLP([3, 5, 1])
    const optimizer = new g.SGD(model.parameters(), { lr: 0.01 })
    for (let i = 0; i < 3; i++) {
      run.step()
      const rows = g.take(table, g.ndarray(Int32Array.from({ length: 12 }, (_, j) => (i * 12 + j * 7) % 60)))
      const columns = (from: number, to: number) =>
        g.slice(rows, [
          [null, null],
          [from, to],
        ])
      const x = leaked ? columns(1, 4) : columns(0, 3)
      const value = loss(also(model.forward(x), x), columns(3, 4))
      model.clearGrads()
      value.backward()
      optimizer.step()
    }
    await run.finish()
    return tape
      .run('leak')
      .why()
      .findings.filter(({ kind }) => kind === 'target-leak')
  } finally {
    tape.close()
  }
}

test.each(Object.entries(LOSSES))(
  '%s: a leaked target is found, and none where there is none',
  async (_, loss) => {
    expect((await findings(loss, true))[0]?.text).toMatch(/column/)
    expect(await findings(loss, false)).toEqual([])
  },
)

test('every loss is tried', () => {
  const page = readFileSync(new URL('../../docs/functions.md', import.meta.url), 'utf8')
  const losses = [
    ...page.matchAll(/^- `(\w*(?:Loss|Entropy|EntropyWithLogits|Divergence|SquaredError))\(/gm),
  ].map(([, name]) => name!)
  expect(losses.length).toBeGreaterThan(12)
  expect(losses.filter((name) => !(name in LOSSES) && !WITHOUT.includes(name))).toEqual([])
})

test('what a model was given may shift and scale its prediction, and mask a loss', async () => {
  const first = (x: g.Variable) =>
    g.slice(x, [
      [null, null],
      [0, 1],
    ])
  for (const also of [
    (y: g.Variable, x: g.Variable) => g.add(y, first(x)),
    (y: g.Variable, x: g.Variable) => g.mul(y, first(x)),
    (y: g.Variable, x: g.Variable) => g.sub(first(x), y),
    (y: g.Variable, x: g.Variable) => g.mul(y, g.cast(g.greater(first(x), 0), 'float64')),
  ])
    expect(await findings((y, t) => g.mean(g.square(g.sub(y, t))), false, also)).toEqual([])
})
