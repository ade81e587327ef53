// Programs in which nothing is wrong, though some of it looks odd: what is silent on them is silent in practice.
import type { Variable } from '../../../src/index.js'
import { type Engine, learn, line, type Planted, points, train } from './planted.js'

type X = Parameters<Engine['relu']>[0]
type Healthy = Pick<Planted, 'name' | 'program'>

export const HEALTHY: readonly Healthy[] = [
  {
    name: 'a small transformer with causal masks',
    program: async (r) => {
      const { g } = r
      g.setDefaultDtype('float32')
      try {
        const run = r.start('gpt', { seed: 1 })
        const [wide, length, vocabulary] = [16, 8, 12]
        class Block extends g.Module {
          norm1 = new g.LayerNorm(wide)
          qkv = new g.Linear(wide, 3 * wide)
          out = new g.Linear(wide, wide)
          norm2 = new g.LayerNorm(wide)
          up = new g.Linear(wide, 2 * wide)
          down = new g.Linear(2 * wide, wide)
          override forward(x: X) {
            const [q, k, v] = g.split(this.qkv.forward(this.norm1.forward(x)), 3, { axis: -1 })
            const h = g.add(x, this.out.forward(g.scaledDotProductAttention(q!, k!, v!, { causal: true })))
            return g.add(h, this.down.forward(g.gelu(this.up.forward(this.norm2.forward(h)))))
          }
        }
        class GPT extends g.Module {
          tokens = new g.Embedding(vocabulary, wide)
          places = new g.Embedding(length, wide)
          blocks = [new Block(), new Block()]
          norm = new g.LayerNorm(wide)
          override forward(x: X) {
            const places = g.ndarray(Int32Array.from({ length }, (_, i) => i))
            let h = g.add(this.tokens.forward(x), this.places.forward(places))
            for (const block of this.blocks) h = block.forward(h)
            // The table of tokens is the head, too.
            return g.matmul(this.norm.forward(h), this.tokens.weight, { transposeB: true })
          }
        }
        const model = new GPT()
        const optimizer = new g.AdamW(model.parameters(), { lr: 3e-3 })
        const text = Int32Array.from({ length: 40 * 9 }, (_, i) => (i * i + 3 * i) % vocabulary)
        const data = g.constant(g.ndarray(text, { shape: [40, 9] }))
        for (let i = 0; i < 40; i++) {
          const step = run.step()
          optimizer.lr = 3e-3 * Math.min(1, step / 10) * (0.1 + 0.45 * (1 + Math.cos((Math.PI * step) / 40)))
          const rows = g.take(data, g.ndarray(Int32Array.from({ length: 6 }, (_, j) => (i * 7 + j * 3) % 40)))
          const scores = model.forward(
            g.slice(rows, [
              [null, null],
              [0, 8],
            ]),
          )
          const loss = g.softmaxCrossEntropy(
            g.reshape(scores, [48, vocabulary]),
            g.reshape(
              g.slice(rows, [
                [null, null],
                [1, 9],
              ]),
              [48],
            ),
          )
          model.clearGrads()
          loss.backward()
          g.clipGradNorm(model.parameters(), 1)
          optimizer.step()
          run.log({ loss })
        }
        await run.finish()
      } finally {
        g.setDefaultDtype('float64')
      }
    },
  },
  {
    name: 'a convolution with batch normalisation, evaluated as it should be',
    program: async (r) => {
      const { g } = r
      const run = r.start('cnn', { seed: 1 })
      class Net extends g.Module {
        conv = new g.Conv2d(1, 4, 3, { padding: 1 })
        norm = new g.BatchNorm(4)
        drop = new g.Dropout(0.2)
        head = new g.Linear(64, 10)
        override forward(x: X) {
          const h = g.maxPool2d(g.relu(this.norm.forward(this.conv.forward(x))), { kernel: 2 })
          return this.head.forward(this.drop.forward(g.reshape(h, [h.shape[0]!, 64])))
        }
      }
      const model = new Net()
      const data = g.digits({ part: 'train' }).slice(0, 240)
      const test = g.digits({ part: 'test' }).slice(0, 40)
      train(r, run, {
        data,
        batchSize: 24,
        epochs: 3,
        optimizer: new g.SGD(model.parameters(), { lr: 0.1, momentum: 0.9 }),
        clear: () => model.clearGrads(),
        loss: (x, t) => g.softmaxCrossEntropy(model.forward(g.reshape(x, [x.shape[0]!, 1, 8, 8])), t),
        after: (step) => {
          if (step % 10 !== 0) return
          model.eval()
          const [x, t] = test.arrays
          run.scope('test', () =>
            g.noGrad(() => {
              const scores = model.forward(g.reshape(x!, [40, 1, 8, 8]))
              run.log({ testAccuracy: g.mean(g.equal(g.argmax(scores, { axis: 1 }), t!)) })
            }),
          )
          model.train()
        },
      })
      await run.finish()
    },
  },
  {
    name: 'a recurrent network over twenty steps of time',
    program: async (r) => {
      const { g } = r
      const run = r.start('rnn', { seed: 1 })
      const cell = new g.LSTM(1, 12)
      const head = new g.Linear(12, 1)
      const optimizer = new g.Adam([...cell.parameters(), ...head.parameters()], { lr: 0.01 })
      const x = Float64Array.from({ length: 48 * 20 }, (_, i) => Math.sin(i * 0.3))
      const y = Float64Array.from({ length: 48 }, (_, i) => Math.sin((i + 1) * 6))
      const data = new g.TensorDataset(g.ndarray(x, { shape: [48, 20, 1] }), g.ndarray(y, { shape: [48, 1] }))
      train(r, run, {
        data,
        batchSize: 12,
        epochs: 5,
        optimizer,
        clear: () => optimizer.clearGrads(),
        loss: (a, t) => {
          return g.meanSquaredError(head.forward(cell.forward(a).hidden), t)
        },
      })
      await run.finish()
    },
  },
  {
    name: 'two networks against each other, each with its optimizer',
    program: async (r) => {
      const { g } = r
      const run = r.start('gan', { seed: 1 })
      const maker = new g.Sequential(new g.Linear(2, 12), new g.BatchNorm(12), g.relu, new g.Linear(12, 2))
      const judge = new g.Sequential(new g.Linear(2, 12), g.tanh, new g.Linear(12, 1))
      const [forMaker, forJudge] = [
        new g.Adam(maker.parameters(), { lr: 2e-3 }),
        new g.Adam(judge.parameters(), { lr: 2e-3 }),
      ]
      const real = points(r)
      const loader = new g.DataLoader(real, { batchSize: 30, shuffle: true, seed: 2 })
      for (let epoch = 0; epoch < 4; epoch++)
        for (const [x] of loader) {
          run.step()
          const noise = g.constant(g.normal([30, 2]))
          const fake = g.noGrad(() => maker.forward(noise))
          const [yes, no] = [
            g.constant(g.ndarray(new Float64Array(30).fill(1), { shape: [30, 1] })),
            g.constant(g.ndarray(new Float64Array(30), { shape: [30, 1] })),
          ]
          const judged = g.add(
            g.meanSquaredError(judge.forward(x!), yes),
            g.meanSquaredError(judge.forward(fake), no),
          )
          forJudge.clearGrads()
          judged.backward()
          forJudge.step()
          const fooled = g.meanSquaredError(judge.forward(maker.forward(noise)), yes)
          forMaker.clearGrads()
          fooled.backward()
          forMaker.step()
          run.log({ judged, fooled })
        }
      await run.finish()
    },
  },
  {
    name: 'gradients added over four batches on purpose',
    program: async (r) => {
      const { g } = r
      const run = r.start('accumulated', { seed: 1 })
      const model = new g.MLP([2, 16, 3])
      const optimizer = new g.SGD(model.parameters(), { lr: 0.1 })
      const loader = new g.DataLoader(points(r), { batchSize: 15, shuffle: true, seed: 2 })
      let micro = 0
      for (let epoch = 0; epoch < 5; epoch++)
        for (const [x, t] of loader) {
          run.step()
          if (micro % 4 === 0) model.clearGrads()
          const loss = g.div(g.softmaxCrossEntropy(model.forward(x!), t!), 4)
          loss.backward()
          if (micro % 4 === 3) optimizer.step()
          micro++
          run.log({ loss })
        }
      await run.finish()
    },
  },
  {
    name: 'two losses on one trunk, each with a pass of its own',
    program: async (r) => {
      const { g } = r
      const run = r.start('tasks', { seed: 1 })
      const trunk = new g.Linear(2, 12)
      const [one, two] = [new g.Linear(12, 3), new g.Linear(12, 1)]
      const optimizer = new g.SGD(
        [trunk, one, two].flatMap((part) => [...part.parameters()]),
        { lr: 0.05 },
      )
      const loader = new g.DataLoader(points(r), { batchSize: 30, shuffle: true, seed: 2 })
      for (let epoch = 0; epoch < 4; epoch++)
        for (const [x, t] of loader) {
          run.step()
          const h = g.tanh(trunk.forward(x!))
          const kind = g.softmaxCrossEntropy(one.forward(h), t!)
          const size = g.meanSquaredError(two.forward(h), g.sum(g.square(x!), { axis: 1, keepdims: true }))
          optimizer.clearGrads()
          kind.backward()
          size.backward()
          optimizer.step()
          run.log({ kind, size })
        }
      await run.finish()
    },
  },
  {
    name: 'a front that is frozen on purpose, with a warm-up and a drop of the rate',
    program: async (r) => {
      const { g } = r
      const run = r.start('fine-tuned', { seed: 1 })
      const front = new g.MLP([2, 12, 12])
      const head = new g.Linear(12, 3)
      const optimizer = new g.SGD(head.parameters(), { lr: 0.1 })
      train(r, run, {
        data: points(r),
        epochs: 6,
        optimizer,
        clear: () => head.clearGrads(),
        before: (step) => {
          optimizer.lr = step <= 5 ? 0.02 * step : step > 40 ? 0.01 : 0.1
        },
        loss: (x, t) => g.softmaxCrossEntropy(head.forward(g.relu(front.forward(x)).detach()), t),
      })
      await run.finish()
    },
  },
  {
    name: 'the best weights are put back at the end, and an average of weights is kept',
    program: async (r) => {
      const { g } = r
      const run = r.start('early', { seed: 1 })
      const model = new g.MLP([3, 8, 1])
      const average = new Map([...model.namedParameters()].map(([name]) => [name, null as null | X]))
      const data = line(r).set
      let [best, kept] = [Number.POSITIVE_INFINITY, new Map<string, X>()]
      train(r, run, {
        data,
        epochs: 6,
        optimizer: new g.RMSProp(model.parameters(), { lr: 0.01 }),
        clear: () => model.clearGrads(),
        loss: (x, t) => g.meanSquaredError(model.forward(x), t),
        after: (_, loss) => {
          if (loss.item() < best) {
            best = loss.item()
            kept = new Map(
              [...model.namedParameters()].map(([name, one]) => [name, one.data as unknown as X]),
            )
          }
          g.noGrad(() => {
            for (const [name, one] of model.namedParameters()) {
              const before = average.get(name) ?? one
              average.set(name, g.add(g.mul(0.9, before), g.mul(0.1, one)))
            }
          })
        },
      })
      for (const [name, one] of model.namedParameters())
        one.data = kept.get(name) as unknown as typeof one.data
      await run.finish()
    },
  },
  {
    name: 'parts of the graph that are computed again on the way back',
    program: async (r) => {
      const { g } = r
      const run = r.start('recomputed', { seed: 1 })
      const [first, drop, last] = [new g.Linear(2, 16), new g.Dropout(0.1), new g.Linear(16, 3)]
      const optimizer = new g.SGD([...first.parameters(), ...last.parameters()], { lr: 0.1 })
      train(r, run, {
        data: points(r),
        epochs: 3,
        optimizer,
        clear: () => optimizer.clearGrads(),
        loss: (x, t) =>
          g.softmaxCrossEntropy(
            last.forward(g.recompute((h) => drop.forward(g.relu(first.forward(h))), x)),
            t,
          ),
      })
      await run.finish()
    },
  },
  {
    name: 'a noisy regression with targets of thousands',
    program: async (r) => {
      const { g } = r
      const run = r.start('prices', { seed: 1 })
      const model = new g.Linear(3, 1)
      const { set } = line(r)
      train(r, run, {
        data: set,
        batchSize: 4,
        epochs: 3,
        optimizer: new g.SGD(model.parameters(), { lr: 0.01 }),
        clear: () => model.clearGrads(),
        loss: (x, t) => g.meanSquaredError(model.forward(x), g.mul(3_000, t)),
      })
      await run.finish()
    },
  },
  {
    name: 'an autoencoder, whose target is its input',
    program: async (r) => {
      const { g } = r
      const run = r.start('autoencoder', { seed: 1 })
      const model = new g.MLP([64, 12, 64])
      train(r, run, {
        data: g.digits({ part: 'train' }).slice(0, 300),
        batchSize: 30,
        epochs: 3,
        optimizer: new g.Adam(model.parameters(), { lr: 0.01 }),
        clear: () => model.clearGrads(),
        loss: (x) => g.meanSquaredError(model.forward(x), x),
      })
      await run.finish()
    },
  },
  {
    name: 'a run without steps, without a loss and without anything',
    program: async (r) => {
      const { g } = r
      const run = r.start('sums', { seed: 1 })
      g.add(g.constant(1), 2)
      await run.finish()
    },
  },
  {
    name: 'numbers that are −0, and a rate that follows a slow schedule',
    program: async (r) => {
      const { g } = r
      const run = r.start('nothing left', { seed: 1 })
      const w = g.parameter([0.5], { name: 'w' })
      const optimizer = new g.Adam([w], { lr: 0.001 })
      for (let i = 0; i < 60; i++) {
        const step = run.step()
        optimizer.lr = 0.001 * 0.97 ** step
        learn(run, { clearGrads: () => w.clearGrad() }, optimizer, g.sum(g.square(w)))
        run.log({ below: g.neg(g.sum(g.relu(g.mul(w, -1)))), gap: -0 })
      }
      await run.finish()
    },
  },
  {
    name: 'a learning rate that goes round in a circle of four steps',
    program: async (r) => {
      const { g } = r
      const run = r.start('cycle', { seed: 1 })
      const model = new g.MLP([2, 12, 3])
      const optimizer = new g.SGD(model.parameters(), { lr: 0.1 })
      train(r, run, {
        data: points(r),
        epochs: 4,
        optimizer,
        clear: () => model.clearGrads(),
        before: (step) => {
          optimizer.lr = [0.01, 0.1, 0.3, 0.1][step % 4]!
        },
        loss: (x, t) => g.softmaxCrossEntropy(model.forward(x), t),
      })
      await run.finish()
    },
  },
  {
    name: 'a student and its teacher, who is not frozen and has no optimizer',
    program: async (r) => {
      const { g } = r
      const run = r.start('student', { seed: 1 })
      const [teacher, student] = [new g.MLP([2, 12, 3]), new g.MLP([2, 6, 3])]
      train(r, run, {
        data: points(r),
        epochs: 2,
        optimizer: new g.Adam(student.parameters(), { lr: 0.01 }),
        clear: () => student.clearGrads(),
        loss: (x, t, step) => {
          const wanted = step % 2 === 0 ? teacher.forward(x).detach() : g.noGrad(() => teacher.forward(x))
          const scores = student.forward(x)
          return g.add(g.softmaxCrossEntropy(scores, t), g.meanSquaredError(scores, wanted))
        },
      })
      await run.finish()
    },
  },
  {
    name: 'a second phase with a new optimizer and a smaller rate',
    program: async (r) => {
      const { g } = r
      const run = r.start('phases', { seed: 1 })
      const model = new g.MLP([2, 12, 3])
      let optimizer = new g.Adam(model.parameters(), { lr: 0.01 })
      train(r, run, {
        data: points(r),
        epochs: 4,
        optimizer: { lr: 0, step: () => optimizer.step() },
        clear: () => model.clearGrads(),
        before: (step) => {
          if (step === 21) optimizer = new g.Adam(model.parameters(), { lr: 0.001 })
        },
        loss: (x, t) => g.softmaxCrossEntropy(model.forward(x), t),
      })
      await run.finish()
    },
  },
  {
    name: 'norms of gradients that are logged while they are added up, and an epoch in order before the others',
    program: async (r) => {
      const { g } = r
      const run = r.start('norms', { seed: 1 })
      const model = new g.MLP([2, 8, 3])
      const [weight] = [...model.parameters()] as [Variable]
      const optimizer = new g.SGD(model.parameters(), { lr: 0.1 })
      const data = points(r)
      for (let epoch = 0; epoch < 4; epoch++) {
        const how = epoch === 0 ? {} : { shuffle: true, seed: epoch }
        for (const [x, t] of new g.DataLoader(data, { batchSize: 60, ...how })) {
          const step = run.step()
          const loss = g.softmaxCrossEntropy(model.forward(x!), t!)
          loss.backward()
          run.log({ loss, norm: g.noGrad(() => g.norm(weight.grad!)) })
          if (step % 5 !== 0) continue
          optimizer.step()
          model.clearGrads()
        }
      }
      await run.finish()
    },
  },
  {
    name: 'a rate that is looked for in each step, with the same gradient',
    program: async (r) => {
      const { g } = r
      const run = r.start('search', { seed: 1 })
      const model = new g.Linear(3, 1)
      const optimizer = new g.SGD(model.parameters(), { lr: 1 })
      const [x, t] = line(r, 40).set.arrays as [Variable, Variable]
      for (let i = 0; i < 12; i++) {
        run.step()
        const loss = g.meanSquaredError(model.forward(x), t)
        model.clearGrads()
        loss.backward()
        const kept = model.stateDict()
        for (let rate = 8; rate > 0.1; rate /= 2) {
          optimizer.lr = rate
          optimizer.step()
          if (g.noGrad(() => g.meanSquaredError(model.forward(x), t).item()) <= loss.item()) break
          model.loadStateDict(kept)
        }
        run.log({ loss })
      }
      await run.finish()
    },
  },
]
