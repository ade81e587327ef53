// Programs in which what flows through a network dies, saturates, vanishes or explodes.
import { type Planted, points, train } from './planted.js'

export const SIGNALS: readonly Planted[] = [
  {
    name: 'relu units that are dead for every row',
    kind: 'dead-units',
    says: [/step 1: relu \(#/, /layers\.0\.bias/, /12 of 16/],
    needs: 'replay',
    program: async (r) => {
      const { g, planted } = r
      const run = r.start('spiral', { seed: 1 })
      const model = new g.MLP([2, 16, 3])
      const bias = model.namedParameters().get('layers.0.bias')!
      if (planted) bias.data = g.ndarray(Float64Array.from({ length: 16 }, (_, i) => (i < 4 ? 0 : -50)))
      train(r, run, {
        data: points(r),
        epochs: 5,
        optimizer: new g.SGD(model.parameters(), { lr: 0.1 }),
        clear: () => model.clearGrads(),
        loss: (x, t) => g.softmaxCrossEntropy(model.forward(x), t),
      })
      await run.finish()
    },
  },
  {
    name: 'gradients that vanish through sigmoids',
    kind: 'vanishing',
    says: [/step 1: /, /sigmoid/, /layers\.0\.weight/],
    program: async (r) => {
      const { g, planted } = r
      class Deep extends g.Module {
        layers = Array.from({ length: 8 }, (_, i) => new g.Linear(i === 0 ? 2 : 12, i === 7 ? 3 : 12))
        override forward(x: Parameters<typeof g.relu>[0]) {
          return this.layers.reduce(
            (h, layer, i) => {
              const z = layer.forward(h)
              return i === 7 ? z : planted ? g.sigmoid(z) : g.relu(g.mul(z, 2))
            },
            g.mul(x, 1),
          )
        }
      }
      const run = r.start('deep', { seed: 1 })
      const model = new Deep()
      train(r, run, {
        data: points(r),
        epochs: 4,
        optimizer: new g.SGD(model.parameters(), { lr: 0.1 }),
        clear: () => model.clearGrads(),
        loss: (x, t) => g.softmaxCrossEntropy(model.forward(x), t),
      })
      await run.finish()
    },
  },
  {
    name: 'gradients that explode through time',
    kind: 'exploding',
    says: [/step 1: /, /relu|linear/, /hidden\.weight/, /time/],
    needs: 'replay',
    program: async (r) => {
      const { g, planted } = r
      class Net extends g.Module {
        input = new g.Linear(1, 12)
        hidden = new g.Linear(12, 12)
        head = new g.Linear(12, 1)
        constructor() {
          super()
          const size = planted ? 1.35 : 0.9
          this.hidden.weight.data = g.ndarray(
            Float64Array.from({ length: 144 }, (_, i) => (Math.floor(i / 12) === i % 12 ? size : 0)),
            { shape: [12, 12] },
          )
        }
        override forward(x: Parameters<typeof g.relu>[0]) {
          const [count, length] = (x as { shape: readonly number[] }).shape as [number, number]
          let h = g.relu(
            this.input.forward(
              g.slice(x, [
                [null, null],
                [0, 1],
              ]),
            ),
          )
          for (let i = 1; i < length; i++)
            h = g.relu(
              g.add(
                this.input.forward(
                  g.slice(x, [
                    [null, null],
                    [i, i + 1],
                  ]),
                ),
                this.hidden.forward(h),
              ),
            )
          return g.reshape(this.head.forward(h), [count, 1])
        }
      }
      const run = r.start('sequence', { seed: 1 })
      const model = new Net()
      const x = Float64Array.from({ length: 64 * 40 }, (_, i) => Math.sin(i * 0.37))
      const y = Float64Array.from({ length: 64 }, (_, i) => Math.sin(i))
      const data = new g.TensorDataset(g.ndarray(x, { shape: [64, 40] }), g.ndarray(y, { shape: [64, 1] }))
      train(r, run, {
        data,
        batchSize: 16,
        epochs: 3,
        optimizer: new g.SGD(model.parameters(), { lr: 1e-13 }),
        clear: () => model.clearGrads(),
        loss: (a, t) => g.meanSquaredError(model.forward(a), t),
      })
      await run.finish()
    },
  },
  {
    name: 'tanh units that are saturated from the start',
    kind: 'saturated',
    says: [/step 1: tanh \(#/],
    needs: 'replay',
    program: async (r) => {
      const { g, planted } = r
      class Net extends g.Module {
        first = new g.Linear(2, 16)
        last = new g.Linear(16, 3)
        override forward(x: Parameters<typeof g.relu>[0]) {
          return this.last.forward(g.tanh(this.first.forward(planted ? g.mul(x, 500) : x)))
        }
      }
      const run = r.start('tanh', { seed: 1 })
      const model = new Net()
      train(r, run, {
        data: points(r),
        epochs: 4,
        optimizer: new g.SGD(model.parameters(), { lr: 0.05 }),
        clear: () => model.clearGrads(),
        loss: (x, t) => g.softmaxCrossEntropy(model.forward(x), t),
      })
      await run.finish()
    },
  },
  {
    name: 'relu units that die in the middle of the run',
    kind: 'dead-units',
    says: [/step 2[0-2]: relu \(#/, /layers\.0\.bias/, /are dead/],
    needs: 'replay',
    program: async (r) => {
      const { g, planted } = r
      const run = r.start('dying', { seed: 1 })
      const model = new g.MLP([2, 20, 3])
      const bias = model.namedParameters().get('layers.0.bias')!
      train(r, run, {
        data: points(r),
        epochs: 6,
        optimizer: new g.SGD(model.parameters(), { lr: 0.1 }),
        clear: () => model.clearGrads(),
        before: (step) => {
          if (planted && step === 21) bias.data = g.noGrad(() => g.sub(bias, 40)).data
        },
        loss: (x, t) => g.softmaxCrossEntropy(model.forward(x), t),
      })
      await run.finish()
    },
  },
]
