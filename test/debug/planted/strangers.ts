// Defects as somebody plants them who knows nothing of the detectors: short runs, each with a mistake that the others do not have.
import type { Variable } from '../../../src/index.js'
import { learn, line, lineSet, type Planted, points, type Recording, train } from './planted.js'

/** A loop over a straight line whose optimizer and clear are the test's business. */
function onLine(
  r: Recording,
  name: string,
  how: {
    lr?: number
    after?: (parameters: readonly Variable[], step: () => void) => void
    epochs?: number
  } = {},
) {
  const { g } = r
  const run = r.start(name, { seed: 1 })
  const model = new g.MLP([3, 6, 1])
  const optimizer = new g.SGD(model.parameters(), { lr: how.lr ?? 0.05 })
  const update = () => optimizer.step()
  train(r, run, {
    data: line(r, 60).set,
    batchSize: 12,
    epochs: how.epochs ?? 2,
    optimizer: {
      lr: 0,
      step: () => (how.after === undefined ? update() : how.after([...model.parameters()], update)),
    },
    clear: () => model.clearGrads(),
    loss: (x, t) => g.meanSquaredError(model.forward(x), t),
  })
  return run.finish()
}

export const STRANGERS: readonly Planted[] = [
  {
    name: 'an optimizer that steps twice on one gradient',
    kind: 'counted-twice',
    says: [/step 1: a gradient is used twice: sgdStep \(#/, /layers\.0\.weight/, /no pass is between/],
    program: (r) =>
      onLine(r, 'twice', {
        after: (_, step) => {
          step()
          if (r.planted) step()
        },
      }),
  },
  {
    name: 'gradients that are clipped, and not cleared any more',
    kind: 'not-cleared',
    says: [/step 4: gradients are not cleared/, /layers\.0\.weight, layers\.0\.bias/],
    program: async (r) => {
      const { g, planted } = r
      const run = r.start('clipped', { seed: 1 })
      const model = new g.MLP([3, 6, 1])
      const optimizer = new g.Adam(model.parameters(), { lr: 0.01 })
      let step = 0
      train(r, run, {
        data: line(r, 60).set,
        batchSize: 12,
        epochs: 2,
        optimizer: {
          lr: 0,
          step: () => {
            g.clipGradNorm(model.parameters(), 0.5)
            optimizer.step()
          },
        },
        clear: () => {
          if (!planted || ++step < 4) model.clearGrads()
        },
        loss: (x, t) => g.meanSquaredError(model.forward(x), t),
      })
      await run.finish()
    },
  },
  {
    name: "a judge that keeps what the forger's pass left in it",
    kind: 'not-cleared',
    says: [/step 2: gradients are not cleared/, /of step 1 left there for the update of others/],
    program: async (r) => {
      const { g, planted } = r
      const run = r.start('forger', { seed: 1 })
      const [forger, judge] = [new g.Linear(2, 2), new g.Linear(2, 1)]
      const [first, second] = [forger, judge].map((one) => new g.SGD(one.parameters(), { lr: 0.01 }))
      const [x] = points(r).arrays as [Variable]
      const real = g.slice(x, [[0, 30]])
      const noise = g.constant(g.uniform([30, 2], { least: -1, most: 1, key: { seed: 3, counter: 0 } }))
      const [one, none] = [g.constant(g.ones([30, 1])), g.constant(g.zeros([30, 1]))]
      for (let i = 0; i < 8; i++) {
        run.step()
        const made = forger.forward(noise)
        if (!planted) judge.clearGrads()
        const judged = g.add(
          g.binaryCrossEntropyWithLogits(judge.forward(real), one),
          g.binaryCrossEntropyWithLogits(judge.forward(made.detach()), none),
        )
        judged.backward()
        second!.step()
        forger.clearGrads()
        if (planted) judge.clearGrads()
        const forged = g.binaryCrossEntropyWithLogits(judge.forward(made), one)
        forged.backward()
        first!.step()
        run.log({ judged, forged })
      }
      await run.finish()
    },
  },
  {
    name: 'a front that is cut off, though the optimizer was given it',
    kind: 'no-gradient',
    says: [/step 1: layers\.0\.weight and layers\.0\.bias have no gradient/, /is detached/],
    program: async (r) => {
      const { g, planted } = r
      const run = r.start('front', { seed: 1 })
      const model = new g.MLP([2, 8, 3])
      const [front, back] = model.layers as unknown as [
        { forward(x: Variable): Variable },
        { forward(x: Variable): Variable },
      ]
      train(r, run, {
        data: points(r),
        batchSize: 60,
        epochs: 2,
        optimizer: new g.SGD(model.parameters(), { lr: 0.1 }),
        clear: () => model.clearGrads(),
        loss: (x, t) => {
          const hidden = g.tanh(front.forward(x))
          return g.softmaxCrossEntropy(back.forward(planted ? g.constant(hidden.data) : hidden), t)
        },
      })
      await run.finish()
    },
  },
  {
    name: 'a schedule that is stepped far too often',
    kind: 'no-update',
    says: [/step \d+: lr of sgdStep \(#.* is \S+, 0\.05 in step 1/, /move no weight/],
    program: async (r) => {
      const { g, planted } = r
      const run = r.start('schedule', { seed: 1 })
      const model = new g.MLP([3, 6, 1])
      const optimizer = new g.SGD(model.parameters(), { lr: 0.05 })
      const schedule = new g.ExponentialLR(optimizer, { gamma: 0.1 })
      train(r, run, {
        data: line(r, 60).set,
        batchSize: 12,
        epochs: 5,
        optimizer,
        clear: () => model.clearGrads(),
        after: (step) => {
          if (planted || step % 20 === 0) schedule.step()
        },
        loss: (x, t) => g.meanSquaredError(model.forward(x), t),
      })
      await run.finish()
    },
  },
  {
    name: 'gradients that are clipped to nothing',
    kind: 'no-update',
    says: [/step 1: clipGradNorm \(#/, /norm 1e-9 at most/, /move no weight/],
    program: (r) =>
      onLine(r, 'nothing', {
        epochs: 4,
        after: (parameters, step) => {
          r.g.clipGradNorm(parameters, r.planted ? 1e-9 : 1)
          step()
        },
      }),
  },
  {
    name: 'a rate that grows fortyfold for good, and a loss that comes back',
    kind: 'settings',
    says: [/step 16: lr of adamStep/, /is 8, 0\.2 before and stays so/],
    program: async (r) => {
      const { g, planted } = r
      const run = r.start('rate', { seed: 1 })
      const model = new g.Linear(3, 1)
      const optimizer = new g.Adam(model.parameters(), { lr: 0.2 })
      const { x, y } = line(r, 60)
      const data = lineSet(g, x, y, 3)
      train(r, run, {
        data,
        batchSize: 12,
        epochs: 8,
        optimizer,
        clear: () => model.clearGrads(),
        before: (step) => {
          if (planted && step === 16) optimizer.lr = 8
        },
        loss: (a, t) => g.add(g.meanSquaredError(model.forward(a), t), 5),
      })
      await run.finish()
    },
  },
  {
    name: 'an epoch that nobody shuffled',
    kind: 'row-order',
    says: [/step 16: take \(#/, /epoch 4 is not shuffled/, /rows? 0, 1, 2/],
    needs: 'replay',
    program: async (r) => {
      const { g, planted } = r
      const run = r.start('order', { seed: 1 })
      const model = new g.MLP([2, 8, 3])
      const optimizer = new g.SGD(model.parameters(), { lr: 0.1 })
      const data = points(r)
      for (let epoch = 0; epoch < 5; epoch++) {
        const how = planted && epoch === 3 ? {} : { shuffle: true, seed: epoch }
        for (const [x, t] of new g.DataLoader(data, { batchSize: 60, ...how })) {
          run.step()
          learn(run, model, optimizer, g.softmaxCrossEntropy(model.forward(x!), t!))
        }
      }
      await run.finish()
    },
  },
  {
    name: 'a validation that was cut from the data with an overlap',
    kind: 'row-shared',
    says: [/step 1: take \(#/, /in validation/, /4 rows/, /data rows 48, 49, 50 and 51/],
    needs: 'replay',
    program: async (r) => {
      const { g, planted } = r
      const run = r.start('overlap', { seed: 1 })
      const all = line(r, 60).set
      const [seen, unseen] = [all.slice(0, planted ? 52 : 48), all.slice(48)]
      const model = new g.MLP([3, 6, 1])
      train(r, run, {
        data: seen,
        batchSize: 12,
        epochs: 2,
        optimizer: new g.SGD(model.parameters(), { lr: 0.05 }),
        clear: () => model.clearGrads(),
        loss: (x, t) => g.meanSquaredError(model.forward(x), t),
      })
      const [x, t] = unseen.arrays as [Variable, Variable]
      run.scope('validation', () =>
        g.noGrad(() => run.log({ unseen: g.meanSquaredError(model.forward(x), t) })),
      )
      await run.finish()
    },
  },
  {
    name: 'labels that are joined with the features of a batch',
    kind: 'target-leak',
    says: [/step 1: concat \(#/, /among the features/],
    program: async (r) => {
      const { g, planted } = r
      const run = r.start('joined', { seed: 1 })
      const model = new g.MLP([5, 8, 3])
      train(r, run, {
        data: points(r),
        batchSize: 60,
        epochs: 2,
        optimizer: new g.SGD(model.parameters(), { lr: 0.1 }),
        clear: () => model.clearGrads(),
        loss: (x, t) => {
          const known = g.cast(g.oneHot(t, { classes: 3 }), 'float64')
          const other = planted ? known : g.concat([x, g.square(g.slice(x, [null, [0, 1]]))], { axis: 1 })
          return g.softmaxCrossEntropy(model.forward(g.concat([x, other], { axis: 1 })), t)
        },
      })
      await run.finish()
    },
  },
  {
    name: 'one row that is far off, in batches that are always the same',
    kind: 'loss-spike',
    says: [/step 3: loss jumps/, /row 1 of the batch/, /data row 25/],
    needs: 'replay',
    program: async (r) => {
      const { g, planted } = r
      const run = r.start('same', { seed: 1 })
      const { x, y } = line(r, 120)
      if (planted) y[25] = 500
      const model = new g.Linear(3, 1)
      train(r, run, {
        data: lineSet(g, x, y, 3),
        batchSize: 12,
        shuffle: false,
        epochs: 4,
        optimizer: new g.Adam(model.parameters(), { lr: 0.01 }),
        clear: () => model.clearGrads(),
        loss: (a, t) => g.meanSquaredError(model.forward(a), t),
      })
      await run.finish()
    },
  },
  {
    name: 'a square that overflows float32 and leaves no trace',
    kind: 'precision',
    says: [/step 1: square \(#/, /overflows float32/, /1e\+50 in float64/, /data row 30/],
    needs: 'replay',
    program: async (r) => {
      const { g, planted } = r
      g.setDefaultDtype('float32')
      try {
        const run = r.start('overflow', { seed: 1 })
        const { x, y } = line(r, 60)
        if (planted) x[30 * 3 + 1] = 1e25
        const model = new g.Linear(3, 1)
        train(r, run, {
          data: new g.TensorDataset(
            g.ndarray(Float32Array.from(x), { shape: [60, 3] }),
            g.ndarray(Float32Array.from(y), { shape: [60, 1] }),
          ),
          batchSize: 60,
          epochs: 4,
          optimizer: new g.SGD(model.parameters(), { lr: 0.05 }),
          clear: () => model.clearGrads(),
          loss: (a, t) => {
            const length = g.sqrt(g.sum(g.square(a), { axis: 1, keepdims: true }))
            return g.meanSquaredError(model.forward(g.div(a, length)), t)
          },
        })
        await run.finish()
      } finally {
        g.setDefaultDtype('float64')
      }
    },
  },
  {
    name: 'a gate that is sure from the first step on',
    kind: 'saturated',
    says: [/step 1: softmax \(#/, /saturated: in \d+ % of its rows/],
    needs: 'replay',
    program: async (r) => {
      const { g, planted } = r
      const run = r.start('gate', { seed: 1 })
      const [gate, experts] = [new g.Linear(3, 4), new g.Linear(3, 4)]
      const parameters = [...gate.parameters(), ...experts.parameters()]
      const optimizer = new g.SGD(parameters, { lr: 0.01 })
      train(r, run, {
        data: line(r, 60).set,
        batchSize: 12,
        epochs: 2,
        optimizer,
        clear: () => optimizer.clearGrads(),
        loss: (x, t) => {
          const shares = g.softmax(g.mul(gate.forward(x), planted ? 5000 : 1), { axis: 1 })
          return g.meanSquaredError(g.sum(g.mul(shares, experts.forward(x)), { axis: 1, keepdims: true }), t)
        },
      })
      await run.finish()
    },
  },
]
