// Programs that read the wrong rows, or read them in the wrong mode.
import type { Variable } from '../../../src/index.js'
import { type Engine, learn, line, lineSet, type Planted, points, type Recording, train } from './planted.js'

type Own = (x: Variable) => Variable

const OWN = new WeakMap<Engine, { noisy: Own; quiet: Own }>()

/** Two functions of the program's own; one of them does not always give the same. */
function functionsOf(g: Engine): { noisy: Own; quiet: Own } {
  const known = OWN.get(g)
  if (known !== undefined) return known
  class Noisy extends g.Func {
    override forward(x: InstanceType<typeof g.NDArray>) {
      return g.ndarray(
        Float64Array.from(x.data, (value) => value + 0.01 * Math.random()),
        { shape: x.shape },
      )
    }
    override backward(gy: Variable) {
      return gy
    }
  }
  class Quiet extends g.Func {
    override forward(x: InstanceType<typeof g.NDArray>) {
      return g.ndarray(
        Float64Array.from(x.data, (value) => value + 0.01),
        { shape: x.shape },
      )
    }
    override backward(gy: Variable) {
      return gy
    }
  }
  g.registerFunc(Noisy)
  g.registerFunc(Quiet)
  const own = {
    noisy: (x: Variable) => new Noisy().apply(x) as Variable,
    quiet: (x: Variable) => new Quiet().apply(x) as Variable,
  }
  OWN.set(g, own)
  return own
}

/** A classifier that is evaluated every ten steps; planted, without being told so. */
async function evaluated(
  r: Recording,
  name: string,
  make: () => InstanceType<Engine['Sequential']>,
): Promise<void> {
  const { g, planted } = r
  const run = r.start(name, { seed: 1 })
  const model = make()
  const data = points(r)
  const [x, t] = data.take([...Array(40).keys()])
  train(r, run, {
    data,
    epochs: 4,
    optimizer: new g.SGD(model.parameters(), { lr: 0.1 }),
    clear: () => model.clearGrads(),
    loss: (a, b) => g.softmaxCrossEntropy(model.forward(a), b),
    after: (step) => {
      if (step % 10 !== 0) return
      if (!planted) model.eval()
      g.noGrad(() => run.log({ accuracy: g.mean(g.equal(g.argmax(model.forward(x!), { axis: 1 }), t!)) }))
      model.train()
    },
  })
  await run.finish()
}

export const DATA: readonly Planted[] = [
  {
    name: 'two batches in the wrong order',
    kind: 'row-order',
    says: [/step 14: take/, /row/],
    needs: 'replay',
    program: async (r) => {
      const { g, planted } = r
      const run = r.start('ordered', { seed: 1 })
      const model = new g.Linear(3, 1)
      const { arrays } = line(r).set
      const optimizer = new g.SGD(model.parameters(), { lr: 0.05 })
      for (let i = 0; i < 40; i++) {
        const step = run.step()
        const place = planted && step === 14 ? 14 : planted && step === 15 ? 13 : i
        const rows = g.constant(
          g.ndarray(Int32Array.from({ length: 12 }, (_, j) => ((place * 12) % 120) + j)),
        )
        const loss = g.meanSquaredError(model.forward(g.take(arrays[0]!, rows)), g.take(arrays[1]!, rows))
        learn(run, model, optimizer, loss)
      }
      await run.finish()
    },
  },
  {
    name: 'labels of other rows than the inputs',
    kind: 'row-mismatch',
    says: [/step 21: take/, /row/],
    needs: 'replay',
    program: async (r) => {
      const { g, planted } = r
      const run = r.start('pairs', { seed: 1 })
      const model = new g.MLP([2, 12, 3])
      const [x, t] = points(r).arrays as [Parameters<typeof g.take>[0], Parameters<typeof g.take>[0]]
      const optimizer = new g.SGD(model.parameters(), { lr: 0.1 })
      for (let i = 0; i < 50; i++) {
        const step = run.step()
        const rows = Int32Array.from({ length: 20 }, (_, j) => (i * 37 + j * 11) % 300)
        const others = planted && step > 20 ? Int32Array.from(rows, (row) => (row + 1) % 300) : rows
        const loss = g.softmaxCrossEntropy(
          model.forward(g.take(x, g.ndarray(rows))),
          g.take(t, g.ndarray(others)),
        )
        learn(run, model, optimizer, loss)
      }
      await run.finish()
    },
  },
  {
    name: 'rows that an epoch gives twice',
    kind: 'row-repeated',
    says: [/step 26: take/, /row 4\b/],
    needs: 'replay',
    program: async (r) => {
      const { g, planted } = r
      const run = r.start('epochs', { seed: 1 })
      const model = new g.Linear(3, 1)
      const { arrays } = line(r).set
      const optimizer = new g.SGD(model.parameters(), { lr: 0.05 })
      let step = 0
      for (let epoch = 0; epoch < 4; epoch++) {
        const order = Int32Array.from({ length: 120 }, (_, i) => (i * 43 + epoch * 17) % 120)
        for (let at = 0; at < 120; at += 12) {
          step = run.step()
          const rows = order.slice(at, at + 12)
          // Row 4 was in an earlier batch of this epoch.
          if (planted && step === 26) rows[3] = 4
          const by = g.constant(g.ndarray(rows))
          const loss = g.meanSquaredError(model.forward(g.take(arrays[0]!, by)), g.take(arrays[1]!, by))
          learn(run, model, optimizer, loss)
        }
      }
      await run.finish()
    },
  },
  {
    name: 'rows of the test that are trained on',
    kind: 'row-shared',
    says: [/step 31: take/, /row/, /test/],
    needs: 'replay',
    program: async (r) => {
      const { g, planted } = r
      const run = r.start('split', { seed: 1 })
      const model = new g.Linear(3, 1)
      const { arrays } = line(r).set
      const optimizer = new g.SGD(model.parameters(), { lr: 0.05 })
      const forward = (rows: Int32Array) => {
        const by = g.constant(g.ndarray(rows))
        return g.meanSquaredError(model.forward(g.take(arrays[0]!, by)), g.take(arrays[1]!, by))
      }
      for (let i = 0; i < 60; i++) {
        const step = run.step()
        const size = planted && step > 30 ? 120 : 96
        const loss = forward(Int32Array.from({ length: 12 }, (_, j) => (i * 31 + j * 7) % size))
        learn(run, model, optimizer, loss)
        if (step % 10 === 0)
          run.scope('test', () =>
            g.noGrad(() => run.log({ testLoss: forward(Int32Array.from({ length: 24 }, (_, j) => 96 + j)) })),
          )
      }
      await run.finish()
    },
  },
  {
    name: 'one row with a label that is far off',
    kind: 'loss-spike',
    says: [/step 18: /, /row 77\b/],
    needs: 'replay',
    program: async (r) => {
      const { g, planted } = r
      const { x, y } = line(r)
      if (planted) y[77] = 5_000
      const run = r.start('line', { seed: 1 })
      const model = new g.Linear(3, 1)
      const data = lineSet(g, x, y, 3)
      const optimizer = new g.SGD(model.parameters(), { lr: 1e-3 })
      for (let i = 0; i < 60; i++) {
        const step = run.step()
        const rows = Int32Array.from({ length: 10 }, (_, j) =>
          (step === 18 || step === 44) && j === 4 ? 77 : (i * 10 + j) % 77,
        )
        const [a, t] = data.take(g.ndarray(rows))
        const loss = g.mean(g.square(g.sub(model.forward(a!), t!)))
        learn(run, model, optimizer, loss)
      }
      await run.finish()
    },
  },
  {
    name: 'dropout that is at work in evaluation',
    kind: 'evaluation-mode',
    says: [/step 10: dropout \(#/, /evaluation/],
    program: (r) => {
      const { g } = r
      return evaluated(
        r,
        'dropout',
        () => new g.Sequential(new g.Linear(2, 16), g.relu, new g.Dropout(0.3), new g.Linear(16, 3)),
      )
    },
  },
  {
    name: 'attention that drops weights in evaluation',
    kind: 'evaluation-mode',
    says: [/step 10: scaledDotProductAttention \(#/, /drops elements \(p 0.3\) in an evaluation/],
    program: (r) => {
      const { g } = r
      return evaluated(
        r,
        'attention',
        () =>
          new g.Sequential(
            new g.Linear(2, 16),
            (x) => g.reshape(x, [-1, 4, 4]),
            new g.MultiHeadAttention(4, 2, { dropout: 0.3 }),
            (x) => g.reshape(x, [-1, 16]),
            new g.Linear(16, 3),
          ),
      )
    },
  },
  {
    name: 'statistics of the batch in evaluation',
    kind: 'evaluation-mode',
    says: [/step 10: batchNorm \(#/, /evaluation/],
    program: (r) => {
      const { g } = r
      return evaluated(
        r,
        'norm',
        () => new g.Sequential(new g.Linear(2, 16), new g.BatchNorm(16), g.relu, new g.Linear(16, 3)),
      )
    },
  },
  {
    name: 'a function of the program that draws its own noise',
    kind: 'not-deterministic',
    says: [/step 1: (noisy|quiet) \(#/],
    needs: 'replay',
    program: async (r) => {
      const { g, planted } = r
      const { noisy, quiet } = functionsOf(g)
      const run = r.start('noise', { seed: 1 })
      const model = new g.MLP([3, 8, 1])
      train(r, run, {
        data: line(r).set,
        epochs: 2,
        optimizer: new g.SGD(model.parameters(), { lr: 0.05 }),
        clear: () => model.clearGrads(),
        loss: (x, t) => g.meanSquaredError(model.forward(planted ? noisy(x) : quiet(x)), t),
      })
      await run.finish()
    },
  },
  {
    name: 'targets that are not shifted',
    kind: 'target-leak',
    says: [/step 1: slice \(#/],
    program: async (r) => {
      const { g, planted } = r
      const run = r.start('language', { seed: 1 })
      const table = g.parameter(
        g.ndarray(
          Float64Array.from({ length: 80 }, (_, i) => Math.sin(i * i)),
          { shape: [10, 8] },
        ),
        { name: 'table' },
      )
      const head = new g.Linear(8, 10)
      const text = g.ndarray(
        Int32Array.from({ length: 60 * 9 }, (_, i) => (i * i + (i >> 2)) % 10),
        { shape: [60, 9] },
      )
      const tokens = g.constant(text)
      const optimizer = new g.Adam([table, ...head.parameters()], { lr: 0.02 })
      for (let i = 0; i < 40; i++) {
        run.step()
        const rows = g.take(tokens, g.ndarray(Int32Array.from({ length: 12 }, (_, j) => (i * 12 + j) % 60)))
        const input = g.slice(rows, [
          [null, null],
          [0, 8],
        ])
        const target = g.slice(rows, [[null, null], planted ? [0, 8] : [1, 9]])
        const scores = head.forward(g.embedding(table, input))
        const loss = g.softmaxCrossEntropy(g.reshape(scores, [96, 10]), g.reshape(target, [96]))
        learn(run, optimizer, optimizer, loss)
      }
      await run.finish()
    },
  },
  {
    name: 'a label that stands among the features',
    kind: 'target-leak',
    says: [/step 1: slice/, /column/, /linear/],
    program: async (r) => {
      const { g, planted } = r
      const run = r.start('table', { seed: 1 })
      const model = new g.MLP([3, 8, 2])
      const { x } = line(r)
      const cells = Float64Array.from({ length: 80 * 4 }, (_, i) => (i % 4 === 3 ? (i >> 2) % 2 : x[i]!))
      const table = g.constant(g.ndarray(cells, { shape: [80, 4] }))
      const optimizer = new g.SGD(model.parameters(), { lr: 0.1 })
      for (let i = 0; i < 12; i++) {
        run.step()
        const rows = g.take(
          table,
          g.ndarray(Int32Array.from({ length: 10 }, (_, j) => (i * 10 + j * 7) % 80)),
        )
        const columns = (from: number, to: number) =>
          g.slice(rows, [
            [null, null],
            [from, to],
          ])
        const labels = g.cast(g.reshape(columns(3, 4), [10]), 'int32')
        const loss = g.softmaxCrossEntropy(model.forward(planted ? columns(1, 4) : columns(0, 3)), labels)
        model.clearGrads()
        loss.backward()
        optimizer.step()
        run.log({ loss })
      }
      await run.finish()
    },
  },
  {
    name: 'one row with a label that is far off, in the first steps already',
    kind: 'loss-spike',
    says: [/step \d+: loss/, /data row 21/],
    needs: 'replay',
    program: async (r) => {
      const { g, planted } = r
      const run = r.start('early', { seed: 1 })
      const model = new g.Linear(3, 1)
      const { x, y } = line(r)
      if (planted) y[21] = 3000
      train(r, run, {
        data: lineSet(g, x, y, 3),
        batchSize: 12,
        epochs: 5,
        optimizer: new g.SGD(model.parameters(), { lr: 1e-4 }),
        clear: () => model.clearGrads(),
        loss: (a, t) => g.meanSquaredError(model.forward(a), t),
      })
      await run.finish()
    },
  },
]
