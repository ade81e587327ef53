// A second shape of each kind: another network, another optimizer, another loss than the first has.
import type { Variable } from '../../../src/index.js'
import { type Engine, learn, line, type Planted, points, type Recording, train } from './planted.js'

/** The rows of batch `i` of an epoch in order, and the same as a leaf. */
function inOrder({ g }: Recording, place: number, size: number, count: number): Variable {
  return g.constant(g.ndarray(Int32Array.from({ length: size }, (_, j) => (place * size + j) % count)))
}

/** How far the activation moves with each call. */
const DRIFT = { size: 0, calls: 0 }
const DRIFTING = new WeakMap<Engine, (x: Variable) => Variable>()

/** An activation of the program's own, which counts its calls. */
function driftingOf(g: Engine): (x: Variable) => Variable {
  const known = DRIFTING.get(g)
  if (known !== undefined) return known
  class Drifting extends g.Func {
    override forward(x: InstanceType<typeof g.NDArray>) {
      const shift = ++DRIFT.calls * DRIFT.size
      return g.ndarray(
        Float64Array.from(x.data, (value) => Math.max(0, value) + shift),
        { shape: x.shape },
      )
    }
    override backward(gy: Variable) {
      return gy
    }
  }
  g.registerFunc(Drifting)
  const drifting = (x: Variable) => new Drifting().apply(x) as Variable
  DRIFTING.set(g, drifting)
  return drifting
}

export const OTHERS: readonly Planted[] = [
  {
    name: 'gradients that explode through a deep chain of matrices',
    kind: 'exploding',
    says: [/step 1: /, /\btimes\b/, /cell/],
    needs: 'replay',
    program: async (r) => {
      const { g, planted } = r
      const run = r.start('chain', { seed: 2 })
      const cell = g.parameter(
        g.mul(
          planted ? 3 : 0.6,
          g.ndarray(
            Float64Array.from({ length: 36 }, (_, i) => (i % 7 === 0 ? 1 : 0.05 * Math.sin(i))),
            { shape: [6, 6] },
          ),
        ).data,
        { name: 'cell' },
      )
      const optimizer = new g.Adam([cell], { lr: 1e-9 })
      const x = g.constant(g.normal([8, 6], { deviation: 1e-6 }))
      for (let i = 0; i < 12; i++) {
        run.step()
        let h: Variable = x
        for (let t = 0; t < 24; t++) h = g.matmul(h, cell)
        learn(run, { clearGrads: () => cell.clearGrad() }, optimizer, g.mean(g.square(h)))
      }
      await run.finish()
    },
  },
  {
    name: 'a recurrent network that explodes, of which the sums overflow a step later',
    kind: 'exploding',
    says: [/step 1: the gradient grows/, /a time/, /hidden\.weight/],
    needs: 'replay',
    program: async (r) => {
      const { g, planted } = r
      const run = r.start('overflow', { seed: 5 })
      const [input, hidden, head] = [new g.Linear(1, 6), new g.Linear(6, 6), new g.Linear(6, 1)]
      hidden.weight.data = g.ndarray(
        Float64Array.from({ length: 36 }, (_, i) => (i % 7 === 0 ? (planted ? 1.5 : 0.7) : 0)),
        { shape: [6, 6] },
      )
      class Net extends g.Module {
        input = input
        hidden = hidden
        head = head
        override forward(...times: Variable[]) {
          const h = times.reduce<Variable | null>((h, x) => {
            const own = input.forward(x)
            return g.relu(h === null ? own : g.add(own, hidden.forward(h)))
          }, null)
          return head.forward(h!)
        }
      }
      const model = new Net()
      const optimizer = new g.SGD(model.parameters(), { lr: planted ? 1e-3 : 1e-4 })
      const times = Array.from({ length: 30 }, (_, t) =>
        g.constant(
          g.ndarray(
            Float64Array.from({ length: 8 }, (__, i) => Math.sin(i + t)),
            { shape: [8, 1] },
          ),
        ),
      )
      for (let i = 0; i < 8; i++) {
        run.step()
        learn(run, model, optimizer, g.mean(g.square(g.sub(model.forward(...times), 1))))
      }
      await run.finish()
    },
  },
  {
    name: 'gradients that vanish through a chain of tanh with small weights',
    kind: 'vanishing',
    says: [/step 1: /, /layers\.0\.weight/],
    program: async (r) => {
      const { g, planted } = r
      const run = r.start('narrow', { seed: 3 })
      const layers = Array.from({ length: 6 }, (_, i) => {
        const layer = new g.Linear(i === 0 ? 3 : 10, i === 5 ? 1 : 10)
        if (planted && i > 0 && i < 5) layer.weight.data = g.mul(layer.weight, 0.05).data
        return layer
      })
      const model = new g.Sequential(...layers.flatMap((layer, i) => (i === 5 ? [layer] : [layer, g.tanh])))
      train(r, run, {
        data: line(r).set,
        batchSize: 24,
        epochs: 4,
        optimizer: new g.Adam(model.parameters(), { lr: 1e-5 }),
        clear: () => model.clearGrads(),
        loss: (x, t) => g.meanSquaredError(model.forward(x), t),
      })
      await run.finish()
    },
  },
  {
    name: 'sigmoid gates that are shut by data that nobody scaled',
    kind: 'saturated',
    says: [/step 1: sigmoid \(#/],
    needs: 'replay',
    program: async (r) => {
      const { g, planted } = r
      const run = r.start('gates', { seed: 1 })
      const [gate, body, head] = [new g.Linear(3, 12), new g.Linear(3, 12), new g.Linear(12, 1)]
      const model = new g.Sequential(gate, body, head)
      const { x, y } = line(r)
      const wide = planted ? x.map((value) => value * 2_000) : x
      train(r, run, {
        data: new g.TensorDataset(g.ndarray(wide, { shape: [120, 3] }), g.ndarray(y, { shape: [120, 1] })),
        batchSize: 20,
        epochs: 2,
        optimizer: new g.RMSProp(model.parameters(), { lr: 1e-6 }),
        clear: () => model.clearGrads(),
        loss: (a, t) =>
          g.meanSquaredError(
            head.forward(
              g.mul(g.sigmoid(gate.forward(a)), g.tanh(g.mul(body.forward(a), planted ? 1e-4 : 1))),
            ),
            t,
          ),
      })
      await run.finish()
    },
  },
  {
    name: 'gradients that are cleared after the backward pass of every second step only',
    kind: 'not-cleared',
    says: [/step [23]: gradients are not cleared/],
    program: async (r) => {
      const { g, planted } = r
      const run = r.start('alternate', { seed: 1 })
      const model = new g.Linear(3, 1)
      const optimizer = new g.AdamW(model.parameters(), { lr: 0.01 })
      for (let i = 0; i < 20; i++) {
        const step = run.step()
        const rows = inOrder(r, i, 12, 120)
        const { arrays } = line(r).set
        const loss = g.meanSquaredError(model.forward(g.take(arrays[0]!, rows)), g.take(arrays[1]!, rows))
        loss.backward()
        optimizer.step()
        if (!planted || step % 2 === 0) model.clearGrads()
        run.log({ loss })
      }
      await run.finish()
    },
  },
  {
    name: 'a backward pass that is called again for a loss that was logged',
    kind: 'counted-twice',
    says: [/step 1: gradients are counted twice/],
    program: async (r) => {
      const { g, planted } = r
      const run = r.start('again', { seed: 1 })
      const model = new g.MLP([3, 8, 1])
      const optimizer = new g.Adam(model.parameters(), { lr: 0.01 })
      const loader = new g.DataLoader(line(r).set, { batchSize: 20, shuffle: true, seed: 2 })
      for (let epoch = 0; epoch < 3; epoch++)
        for (const [x, t] of loader) {
          run.step()
          const loss = g.mean(g.abs(g.sub(model.forward(x!), t!)))
          model.clearGrads()
          loss.backward()
          if (planted) loss.backward()
          optimizer.step()
          run.log({ absolute: loss })
        }
      await run.finish()
    },
  },
  {
    name: 'a layer that is initialised again while it trains',
    kind: 'outside-assignment',
    says: [/step 15: layers\.0\.weight(, | and )/],
    program: async (r) => {
      const { g, planted } = r
      const run = r.start('anew', { seed: 4 })
      const model = new g.Sequential(new g.Linear(3, 10), g.tanh, new g.Linear(10, 1))
      const [weight, bias] = [...model.parameters()] as [Variable, Variable]
      train(r, run, {
        data: line(r).set,
        batchSize: 20,
        epochs: 5,
        optimizer: new g.Adam(model.parameters(), { lr: 0.02 }),
        clear: () => model.clearGrads(),
        before: (step) => {
          if (!planted || step !== 15) return
          weight.data = g.normal([3, 10], { deviation: 0.3 })
          bias.data = g.ndarray(new Float64Array(10))
        },
        loss: (x, t) => g.meanSquaredError(model.forward(x), t),
      })
      await run.finish()
    },
  },
  {
    name: 'a window of a series that is cut from the wrong place',
    kind: 'row-order',
    says: [/step 18: take/, /out of order/],
    needs: 'replay',
    program: async (r) => {
      const { g, planted } = r
      const run = r.start('series', { seed: 1 })
      const cell = new g.LSTM(1, 6)
      const head = new g.Linear(6, 1)
      const model = new g.Sequential(head)
      const data = g.constant(
        g.ndarray(
          Float64Array.from({ length: 200 }, (_, i) => Math.sin(i / 5)),
          { shape: [200, 1] },
        ),
      )
      const parameters = [...cell.parameters(), ...model.parameters()]
      const optimizer = new g.RMSProp(parameters, { lr: 0.003 })
      for (let i = 0; i < 24; i++) {
        const step = run.step()
        const x = g.take(data, inOrder(r, planted && step === 18 ? 3 : i, 8, 192))
        const { outputs: states } = cell.forward(g.reshape(x, [2, 4, 1]))
        const loss = g.mean(g.square(g.sub(head.forward(g.reshape(states, [8, 6])), g.mul(x, 0.5))))
        learn(run, { clearGrads: () => optimizer.clearGrads() }, optimizer, loss)
      }
      await run.finish()
    },
  },
  {
    name: 'labels that were shuffled on their own from some step on',
    kind: 'row-mismatch',
    says: [/step 9: take/, /other rows/],
    needs: 'replay',
    program: async (r) => {
      const { g, planted } = r
      const run = r.start('own shuffle', { seed: 1 })
      const model = new g.MLP([3, 6, 1])
      const optimizer = new g.NAdam(model.parameters(), { lr: 0.01 })
      const { arrays } = line(r).set
      for (let i = 0; i < 24; i++) {
        const step = run.step()
        const rows = Int32Array.from({ length: 10 }, (_, j) => (i * 17 + j * 7) % 120)
        const other = planted && step >= 9 ? Int32Array.from(rows).reverse() : rows
        const loss = g.smoothL1Loss(
          model.forward(g.take(arrays[0]!, g.ndarray(rows))),
          g.take(arrays[1]!, g.ndarray(other)),
        )
        learn(run, model, optimizer, loss)
      }
      await run.finish()
    },
  },
  {
    name: 'rows of the validation that are in the batches of training from the first step on',
    kind: 'row-shared',
    says: [/take \(#/, /valid/, /row/],
    needs: 'replay',
    program: async (r) => {
      const { g, planted } = r
      const run = r.start('leak', { seed: 1 })
      const model = new g.MLP([2, 12, 3])
      const optimizer = new g.Adam(model.parameters(), { lr: 0.01 })
      const [x, t] = points(r).arrays as [Variable, Variable]
      const lossOf = (rows: Int32Array) => {
        const by = g.constant(g.ndarray(rows))
        return g.crossEntropy(model.forward(g.take(x, by)), g.take(t, by))
      }
      for (let i = 0; i < 30; i++) {
        const step = run.step()
        const loss = lossOf(
          Int32Array.from({ length: 20 }, (_, j) => (i * 37 + j * 11) % (planted ? 270 : 240)),
        )
        learn(run, model, optimizer, loss)
        if (step % 6 === 0)
          run.scope('validation', () =>
            g.noGrad(() =>
              run.log({ validLoss: lossOf(Int32Array.from({ length: 60 }, (_, j) => 240 + j)) }),
            ),
          )
      }
      await run.finish()
    },
  },
  {
    name: 'an activation of the program that keeps a state',
    kind: 'not-deterministic',
    says: [/step 1: drifting \(#/],
    needs: 'replay',
    program: async (r) => {
      const { g, planted } = r
      const drifting = driftingOf(g)
      DRIFT.size = planted ? 1e-3 : 0
      const run = r.start('drift', { seed: 1 })
      const model = new g.Linear(3, 4)
      const head = new g.Linear(4, 1)
      const optimizer = new g.SGD([...model.parameters(), ...head.parameters()], { lr: 0.01 })
      train(r, run, {
        data: line(r).set,
        batchSize: 24,
        epochs: 2,
        optimizer,
        clear: () => optimizer.clearGrads(),
        loss: (x, t) => g.meanSquaredError(head.forward(drifting(model.forward(x))), t),
      })
      await run.finish()
    },
  },
  {
    name: 'a small term that is lost in a large one, in float32',
    kind: 'precision',
    says: [/step 1: sub \(#/, /float32/],
    needs: 'replay',
    program: async (r) => {
      const { g, planted } = r
      const run = r.start('offset', { seed: 1 })
      g.setDefaultDtype('float32')
      try {
        const model = new g.Linear(3, 1)
        const { x, y } = line(r, 60)
        train(r, run, {
          data: new g.TensorDataset(
            g.ndarray(Float32Array.from(x), { shape: [60, 3] }),
            g.ndarray(Float32Array.from(y), { shape: [60, 1] }),
          ),
          batchSize: 20,
          epochs: 3,
          optimizer: new g.Adam(model.parameters(), { lr: 0.01 }),
          clear: () => model.clearGrads(),
          loss: (a, t) => {
            const offset = planted ? 3e7 : 3
            const moved = g.sub(g.add(model.forward(a), offset), offset)
            return g.mean(g.square(g.sub(moved, t)))
          },
        })
      } finally {
        g.setDefaultDtype('float64')
      }
      await run.finish()
    },
  },
  {
    name: 'an output that is clipped where it always is',
    kind: ['zero-gradient', 'no-gradient'],
    says: [/step 1: /, /clip|clamp/],
    needs: 'replay',
    program: async (r) => {
      const { g, planted } = r
      const run = r.start('clipped', { seed: 1 })
      const model = new g.MLP([3, 8, 1])
      train(r, run, {
        data: line(r).set,
        batchSize: 24,
        epochs: 3,
        optimizer: new g.Adam(model.parameters(), { lr: 0.01 }),
        clear: () => model.clearGrads(),
        loss: (x, t) =>
          g.meanSquaredError(g.clip(g.add(model.forward(x), planted ? 50 : 0), { min: -10, max: 10 }), t),
      })
      await run.finish()
    },
  },
  {
    name: 'rows that are drawn with replacement in one epoch of six',
    kind: 'row-repeated',
    says: [/take \(#/, /this epoch had before/],
    needs: 'replay',
    program: async (r) => {
      const { g, planted } = r
      const run = r.start('drawn', { seed: 1 })
      const model = new g.MLP([2, 8, 3])
      const optimizer = new g.SGD(model.parameters(), { lr: 0.1, momentum: 0.9 })
      const [x, t] = points(r).arrays as [Variable, Variable]
      for (let epoch = 0; epoch < 6; epoch++)
        for (let at = 0; at < 300; at += 60) {
          run.step()
          const rows = Int32Array.from({ length: 60 }, (_, j) =>
            planted && epoch === 3 ? ((at + j) * (at + j)) % 300 : ((at + j) * 71 + epoch) % 300,
          )
          const by = g.constant(g.ndarray(rows))
          learn(run, model, optimizer, g.softmaxCrossEntropy(model.forward(g.take(x, by)), g.take(t, by)))
        }
      await run.finish()
    },
  },
]
