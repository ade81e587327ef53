// Programs in which a number stops being one, or loses its digits.
import { learn, line, lineSet, type Planted, points, train } from './planted.js'

export const NUMBERS: readonly Planted[] = [
  {
    name: 'the logarithm of a probability that underflows',
    kind: 'non-finite-birth',
    says: [/step \d+: log \(#/, /−∞|NaN/, /row \d+/],
    needs: 'replay',
    program: async (r) => {
      const { g, planted } = r
      const run = r.start('likelihood', { seed: 3 })
      const model = new g.MLP([2, 24, 1])
      const data = points(r)
      const optimizer = new g.SGD(model.parameters(), { lr: 1 })
      train(r, run, {
        data,
        epochs: 12,
        optimizer,
        clear: () => model.clearGrads(),
        loss: (x, t) => {
          const z = g.mul(g.square(model.forward(g.mul(x, 4))), -60)
          const p = g.exp(z)
          const label = g.reshape(g.cast(g.equal(t, 1), 'float64'), [t.shape[0]!, 1])
          const safe = planted ? p : g.clip(p, { min: 1e-9, max: 1 })
          return g.mean(g.mul(label, g.neg(g.log(safe))))
        },
      })
      await run.finish()
    },
  },
  {
    name: 'a division by a spread that becomes 0',
    kind: 'non-finite-birth',
    says: [/step 7: div \(#/, /the divisor is 0/],
    needs: 'replay',
    program: async (r) => {
      const { g, planted } = r
      const { x, y } = line(r)
      // One batch of equal rows: its spread is 0.
      for (let i = 72; i < 84; i++) for (let j = 0; j < 3; j++) x[i * 3 + j] = 0.5
      const run = r.start('scaled', { seed: 1 })
      const model = new g.Linear(3, 1)
      train(r, run, {
        data: lineSet(g, x, y, 3),
        batchSize: 12,
        shuffle: false,
        epochs: 1,
        optimizer: new g.SGD(model.parameters(), { lr: 0.1 }),
        clear: () => model.clearGrads(),
        loss: (a, t) => {
          const centred = g.sub(a, g.mean(a, { axis: 0 }))
          const spread = g.mean(g.square(centred), { axis: 0 })
          const scaled = g.div(centred, planted ? spread : g.add(spread, 1e-3))
          return g.mean(g.square(g.sub(model.forward(scaled), t)))
        },
      })
      await run.finish()
    },
  },
  {
    name: 'an exponential that overflows',
    kind: 'non-finite-birth',
    says: [/step 5: exp \(#/, /the first ∞/, /row 49\b/],
    needs: 'replay',
    program: async (r) => {
      const { g, planted } = r
      const { x, y } = line(r)
      x[49 * 3] = 2_000
      const run = r.start('rates', { seed: 1 })
      const model = new g.Linear(3, 1)
      train(r, run, {
        data: lineSet(g, x, y, 3),
        batchSize: 12,
        shuffle: false,
        epochs: 1,
        optimizer: new g.SGD(model.parameters(), { lr: 1e-9 }),
        clear: () => model.clearGrads(),
        loss: (a, t) => {
          const z = g.sub(model.forward(a), t)
          const rate = g.exp(planted ? g.mul(g.square(z), 1) : g.clip(z, { min: -30, max: 30 }))
          return g.mean(g.mul(1e-3, rate))
        },
      })
      await run.finish()
    },
  },
  {
    name: 'an attention row that is masked altogether',
    kind: 'non-finite-birth',
    says: [/step 4: softmax \(#/, /NaN/, /−∞/],
    needs: 'replay',
    program: async (r) => {
      const { g, planted } = r
      const run = r.start('attention', { seed: 2 })
      const [wide, length, count] = [6, 5, 48]
      const tokens = Float64Array.from({ length: count * length * wide }, (_, i) => Math.sin(i * 1.7))
      const lengths = Int32Array.from({ length: count }, (_, i) =>
        i === 27 && planted ? 0 : 1 + (i % length),
      )
      const data = new g.TensorDataset(
        g.ndarray(tokens, { shape: [count, length, wide] }),
        g.ndarray(lengths),
      )
      const [q, k, head] = [new g.Linear(wide, wide), new g.Linear(wide, wide), new g.Linear(wide, 1)]
      const parameters = [q, k, head].flatMap((one) => [...one.parameters()])
      const optimizer = new g.SGD(parameters, { lr: 0.1 })
      train(r, run, {
        data,
        batchSize: 8,
        shuffle: false,
        epochs: 1,
        optimizer,
        clear: () => optimizer.clearGrads(),
        loss: (x, n) => {
          const scores = g.matmul(q.forward(x), k.forward(x), { transposeB: true })
          const place = g.reshape(g.ndarray(Int32Array.from({ length }, (_, i) => i)), [1, 1, length])
          const seen = g.less(place, g.reshape(n, [n.shape[0]!, 1, 1]))
          const masked = g.where(seen, scores, Number.NEGATIVE_INFINITY)
          return g.mean(g.square(head.forward(g.matmul(g.softmax(masked, { axis: -1 }), x))))
        },
      })
      await run.finish()
    },
  },
  {
    name: 'a root at distance 0, which only the way back cannot take',
    kind: 'non-finite-birth',
    says: [/step 9, backward: sqrt \(#/, /row(s 17 and)? ?33|17/],
    needs: 'replay',
    program: async (r) => {
      const { g, planted } = r
      const run = r.start('pairs', { seed: 2 })
      const { x } = line(r, 120)
      for (let j = 0; j < 3; j++) x[33 * 3 + j] = x[17 * 3 + j]!
      const data = g.constant(g.ndarray(x, { shape: [120, 3] }))
      const net = new g.Linear(3, 4)
      const optimizer = new g.SGD(net.parameters(), { lr: 0.05 })
      for (let i = 0; i < 20; i++) {
        const step = run.step()
        const left = Int32Array.from({ length: 6 }, (_, j) => (step === 9 && j === 2 ? 17 : (i * 6 + j) % 60))
        const right = Int32Array.from({ length: 6 }, (_, j) =>
          step === 9 && j === 2 ? 33 : 60 + ((i * 5 + j) % 60),
        )
        const [a, b] = [g.take(data, g.ndarray(left)), g.take(data, g.ndarray(right))]
        const squares = g.sum(g.square(g.sub(net.forward(a), net.forward(b))), { axis: 1 })
        const distance = g.sqrt(planted ? squares : g.add(squares, 1e-9))
        const loss = g.mean(g.square(g.sub(distance, 1)))
        learn(run, optimizer, optimizer, loss)
      }
      await run.finish()
    },
  },
  {
    name: 'a NaN in the data set',
    kind: 'non-finite-data',
    says: [/step 6: /, /take/, /NaN/, /row 63\b/, /\[63, 1\]/],
    needs: 'replay',
    program: async (r) => {
      const { g, planted } = r
      const { x, y } = line(r)
      if (planted) x[63 * 3 + 1] = Number.NaN
      const run = r.start('line', { seed: 1 })
      const model = new g.MLP([3, 8, 1])
      train(r, run, {
        data: lineSet(g, x, y, 3),
        batchSize: 12,
        shuffle: false,
        epochs: 2,
        optimizer: new g.Adam(model.parameters(), { lr: 0.01 }),
        clear: () => model.clearGrads(),
        loss: (a, t) => g.meanSquaredError(model.forward(a), t),
      })
      await run.finish()
    },
  },
  {
    name: 'a variance as the difference of two large means, in float32',
    kind: 'precision',
    says: [/step 1: /, /sub|mean|square/, /float64|float32/],
    needs: 'replay',
    program: async (r) => {
      const { g, planted } = r
      const { x, y } = line(r, 120)
      const wide = Float32Array.from(x, (value, i) => (i % 3 === 2 ? 20_000 + value : value))
      const run = r.start('standard', { seed: 1 })
      g.setDefaultDtype('float32')
      try {
        const model = new g.MLP([3, 8, 1])
        train(r, run, {
          data: new g.TensorDataset(
            g.ndarray(wide, { shape: [120, 3] }),
            g.ndarray(Float32Array.from(y), { shape: [120, 1] }),
          ),
          batchSize: 24,
          epochs: 3,
          optimizer: new g.SGD(model.parameters(), { lr: 0.01 }),
          clear: () => model.clearGrads(),
          loss: (a, t) => {
            const scaled = run.scope('standardise', () => {
              const middle = g.mean(a, { axis: 0 })
              const variance = planted
                ? g.sub(g.mean(g.square(a), { axis: 0 }), g.square(middle))
                : g.mean(g.square(g.sub(a, middle)), { axis: 0 })
              return g.div(g.sub(a, middle), g.sqrt(g.add(g.abs(variance), 1e-3)))
            })
            return g.meanSquaredError(model.forward(scaled), t)
          },
        })
      } finally {
        g.setDefaultDtype('float64')
      }
      await run.finish()
    },
  },
  {
    name: 'a deviation of equal numbers, of which another call reads what it reads, too',
    kind: 'non-finite-birth',
    says: [/step \d+, backward: sqrt \(#/],
    needs: 'replay',
    program: async (r) => {
      const { g, planted } = r
      const run = r.start('deviation', { seed: 1 })
      const scale = g.parameter(g.ndarray([0.5, 0.5]), { name: 'scale' })
      const model = new g.Linear(3, 1)
      const optimizer = new g.SGD([scale, ...model.parameters()], { lr: 0.01 })
      const { x, y } = line(r)
      if (planted) x.fill(0.25, 3 * 41, 3 * 42)
      train(r, run, {
        data: lineSet(g, x, y, 3),
        batchSize: 12,
        epochs: 1,
        optimizer,
        clear: () => optimizer.clearGrads(),
        loss: (a, t) => {
          const h = g.mul(a, g.sum(scale))
          const mean = g.mean(h, { axis: 1, keepdims: true })
          const spread = g.sqrt(g.mean(g.square(g.sub(h, mean)), { axis: 1 }))
          return g.add(g.meanSquaredError(model.forward(h), t), g.mul(0.01, g.mean(spread)))
        },
      })
      await run.finish()
    },
  },
  {
    name: 'an infinite target',
    kind: 'non-finite-data',
    says: [/step \d+: /, /∞/, /data row 12/],
    needs: 'replay',
    program: async (r) => {
      const { g, planted } = r
      const run = r.start('target', { seed: 1 })
      const model = new g.Linear(3, 1)
      const { x, y } = line(r)
      if (planted) y[12] = Number.POSITIVE_INFINITY
      train(r, run, {
        data: lineSet(g, x, y, 3),
        batchSize: 12,
        epochs: 1,
        optimizer: new g.SGD(model.parameters(), { lr: 0.01 }),
        clear: () => model.clearGrads(),
        loss: (a, t) => g.meanSquaredError(model.forward(a), t),
      })
      await run.finish()
    },
  },
]
