// Programs in which an update, a gradient or a setting is not what it should be.
import type { Variable } from '../../../src/index.js'
import { line, type Planted, points, train } from './planted.js'

export const UPDATES: readonly Planted[] = [
  {
    name: 'a learning rate that is another at one step',
    kind: 'settings',
    says: [/step 23: lr/, /\b20\b/, /sgdStep/],
    program: async (r) => {
      const { g, planted } = r
      const run = r.start('spiral', { seed: 1, config: { lr: 0.2 } })
      const model = new g.MLP([2, 16, 3])
      const optimizer = new g.SGD(model.parameters(), { lr: 0.2 })
      train(r, run, {
        data: points(r),
        epochs: 6,
        optimizer,
        clear: () => model.clearGrads(),
        before: (step) => {
          optimizer.lr = planted && step === 23 ? 20 : 0.2
        },
        loss: (x, t) => g.softmaxCrossEntropy(model.forward(x), t),
      })
      await run.finish()
    },
  },
  {
    name: 'a rate that is far too large from a step on, in an update written with functions',
    kind: 'loss-spike',
    says: [
      /step 32: loss jumps/,
      /the update of step 31 is \d+ times as large as usual/,
      /sub \(#\d+/,
      /moves fc\d\.weight/,
    ],
    // What is not measured at structure is the size of the update.
    needs: 'replay',
    program: async (r) => {
      const { g, planted } = r
      const run = r.start('by hand', { seed: 1 })
      const w = [g.normal([3, 8], { deviation: 0.5 }), g.normal([8, 1], { deviation: 0.5 })].map((value, i) =>
        g.parameter(value, { name: `fc${i + 1}.weight` }),
      ) as [Variable, Variable]
      let rate = 0.02
      train(r, run, {
        data: line(r).set,
        batchSize: 12,
        epochs: 4,
        optimizer: {
          lr: 0,
          step: () =>
            g.noGrad(() => {
              for (const p of w) p.data = g.sub(p, g.mul(p.grad!, rate)).data
            }),
        },
        clear: () => {
          for (const p of w) p.clearGrad()
        },
        before: (step) => {
          if (planted && step === 31) rate *= 300
        },
        loss: (x, t) => g.meanSquaredError(g.matmul(g.tanh(g.matmul(x, w[0])), w[1]), t),
      })
      await run.finish()
    },
  },
  {
    name: 'a slip in a schedule of learning rates',
    kind: 'settings',
    says: [/step 31: lr/, /adamStep/],
    program: async (r) => {
      const { g, planted } = r
      const run = r.start('spiral', { seed: 1 })
      const model = new g.MLP([2, 16, 3])
      const optimizer = new g.Adam(model.parameters(), { lr: 0.01 })
      train(r, run, {
        data: points(r),
        epochs: 6,
        optimizer,
        clear: () => model.clearGrads(),
        before: (step) => {
          const rate = (0.02 * Math.min(step, 10)) / 10 / Math.sqrt(Math.max(1, step / 10))
          optimizer.lr = planted && step === 31 ? rate * 100 : rate
        },
        loss: (x, t) => g.softmaxCrossEntropy(model.forward(x), t),
      })
      await run.finish()
    },
  },
  {
    name: 'a parameter that no optimizer has',
    kind: 'no-update',
    says: [/step 1: scale/, /mul/],
    program: async (r) => {
      const { g, planted } = r
      const run = r.start('scaled', { seed: 1 })
      const model = new g.MLP([3, 8, 1])
      const scale = g.parameter(g.ndarray([1, 1, 1]), { name: 'scale' })
      const optimizer = new g.SGD([...model.parameters(), ...(planted ? [] : [scale])], { lr: 0.05 })
      train(r, run, {
        data: line(r).set,
        epochs: 6,
        optimizer,
        clear: () => {
          model.clearGrads()
          scale.clearGrad()
        },
        loss: (x, t) => g.meanSquaredError(model.forward(g.mul(x, scale)), t),
      })
      await run.finish()
    },
  },
  {
    name: 'a branch whose output was detached',
    kind: 'no-gradient',
    says: [/side\.weight/, /tanh|concat/],
    program: async (r) => {
      const { g, planted } = r
      class Net extends g.Module {
        main = new g.Linear(2, 12)
        side = new g.Linear(2, 4)
        head = new g.Linear(16, 3)
        override forward(x: Parameters<typeof g.relu>[0]) {
          const side = g.tanh(this.side.forward(x))
          return this.head.forward(
            g.concat([g.relu(this.main.forward(x)), planted ? side.detach() : side], { axis: 1 }),
          )
        }
      }
      const run = r.start('branches', { seed: 1 })
      const model = new Net()
      train(r, run, {
        data: points(r),
        epochs: 4,
        optimizer: new g.Adam(model.parameters(), { lr: 0.01 }),
        clear: () => model.clearGrads(),
        loss: (x, t) => g.softmaxCrossEntropy(model.forward(x), t),
      })
      await run.finish()
    },
  },
  {
    name: 'gradients that are not cleared from some step on',
    kind: 'not-cleared',
    says: [/step 16: .*clear/],
    program: async (r) => {
      const { g, planted } = r
      const run = r.start('spiral', { seed: 1 })
      const model = new g.MLP([2, 16, 3])
      let step = 0
      train(r, run, {
        data: points(r),
        epochs: 5,
        optimizer: new g.SGD(model.parameters(), { lr: 0.02 }),
        before: (now) => {
          step = now
        },
        clear: () => {
          if (!planted || step < 16) model.clearGrads()
        },
        loss: (x, t) => g.softmaxCrossEntropy(model.forward(x), t),
      })
      await run.finish()
    },
  },
  {
    name: 'a loss whose gradient two passes count',
    kind: 'counted-twice',
    says: [/step 1: /, /twice/, /softmaxCrossEntropy/, /add/],
    program: async (r) => {
      const { g, planted } = r
      const run = r.start('penalty', { seed: 1 })
      const model = new g.MLP([2, 16, 3])
      const optimizer = new g.SGD(model.parameters(), { lr: 0.05 })
      const loader = new g.DataLoader(points(r), { batchSize: 30, shuffle: true, seed: 1 })
      for (let epoch = 0; epoch < 3; epoch++)
        for (const [x, t] of loader) {
          run.step()
          const fit = g.softmaxCrossEntropy(model.forward(x!), t!)
          const penalty = g.mul(
            1e-3,
            [...model.parameters()].map((w) => g.sum(g.square(w))).reduce((a, b) => g.add(a, b)),
          )
          const total = g.add(fit, penalty)
          model.clearGrads()
          if (planted) fit.backward()
          total.backward()
          optimizer.step()
          run.log({ loss: total })
        }
      await run.finish()
    },
  },
  {
    name: 'a weight that was assigned from outside',
    kind: 'outside-assignment',
    says: [/step 35: layers\.1\.weight/],
    program: async (r) => {
      const { g, planted } = r
      const run = r.start('spiral', { seed: 1 })
      const model = new g.MLP([2, 16, 3])
      const weight = model.namedParameters().get('layers.1.weight')!
      train(r, run, {
        data: points(r),
        epochs: 6,
        optimizer: new g.SGD(model.parameters(), { lr: 0.2 }),
        clear: () => model.clearGrads(),
        before: (step) => {
          if (planted && step === 35)
            weight.data = g.ndarray(
              Float64Array.from({ length: 48 }, (_, i) => 4 * Math.sin(i)),
              { shape: [16, 3] },
            )
        },
        loss: (x, t) => g.softmaxCrossEntropy(model.forward(x), t),
      })
      await run.finish()
    },
  },
  {
    name: 'a learning rate of 0',
    kind: 'no-update',
    says: [/step 1: lr/, /\b0\b/],
    program: async (r) => {
      const { g, planted } = r
      const run = r.start('spiral', { seed: 1 })
      const model = new g.MLP([2, 16, 3])
      train(r, run, {
        data: points(r),
        epochs: 2,
        optimizer: new g.SGD(model.parameters(), { lr: planted ? 0 : 0.1 }),
        clear: () => model.clearGrads(),
        loss: (x, t) => g.softmaxCrossEntropy(model.forward(x), t),
      })
      await run.finish()
    },
  },
  {
    name: 'a softmax over one class',
    kind: 'zero-gradient',
    says: [/step 1: softmax/, /1 everywhere/],
    needs: 'replay',
    program: async (r) => {
      const { g, planted } = r
      const run = r.start('binary', { seed: 1 })
      const model = new g.MLP([2, 12, 1])
      train(r, run, {
        data: points(r),
        epochs: 4,
        optimizer: new g.SGD(model.parameters(), { lr: 0.1 }),
        clear: () => model.clearGrads(),
        loss: (x, t) => {
          const scores = model.forward(x)
          const p = planted ? g.softmax(scores, { axis: 1 }) : g.sigmoid(scores)
          return g.meanSquaredError(p, g.reshape(g.cast(g.equal(t, 1), 'float64'), [t.shape[0]!, 1]))
        },
      })
      await run.finish()
    },
  },
  {
    name: 'an optimizer that begins anew when the run is resumed',
    kind: 'resumed-state',
    says: [/step 1: optimizer\.layers\.0\.weight\.t/, /adamStep/],
    needs: 'replay',
    program: async (r) => {
      const { g, planted } = r
      const data = line(r).set
      const model = new g.MLP([3, 8, 1])
      let optimizer = new g.Adam(model.parameters(), { lr: 0.01 })
      for (const part of [0, 1]) {
        const run = r.start('line', { seed: 1 })
        if (part === 1) {
          const state = optimizer.stateDict()
          optimizer = new g.Adam(model.parameters(), { lr: 0.01 })
          if (!planted) optimizer.loadStateDict(state)
        }
        train(r, run, {
          data,
          epochs: 3,
          optimizer,
          clear: () => model.clearGrads(),
          loss: (x, t) => g.meanSquaredError(model.forward(x), t),
        })
        await run.finish()
      }
    },
  },
  {
    name: 'one module that stands in several places of a list',
    kind: 'shared-weight',
    says: [/step 1: blocks\.0\.weight/, /linear/],
    program: async (r) => {
      const { g, planted } = r
      class Net extends g.Module {
        first = new g.Linear(2, 10)
        blocks: InstanceType<typeof g.Linear>[]
        last = new g.Linear(10, 3)
        constructor() {
          super()
          const make = () => new g.Linear(10, 10)
          this.blocks = planted ? new Array(3).fill(make()) : [make(), make(), make()]
        }
        override forward(x: Parameters<typeof g.relu>[0]) {
          let h = g.relu(this.first.forward(x))
          for (const block of this.blocks) h = g.relu(block.forward(h))
          return this.last.forward(h)
        }
      }
      const run = r.start('blocks', { seed: 1 })
      const model = new Net()
      train(r, run, {
        data: points(r),
        epochs: 3,
        optimizer: new g.SGD(model.parameters(), { lr: 0.05 }),
        clear: () => model.clearGrads(),
        loss: (x, t) => g.softmaxCrossEntropy(model.forward(x), t),
      })
      await run.finish()
    },
  },
  {
    name: 'a learning rate of one of two groups that is another at one step',
    kind: 'settings',
    says: [/step 17: lr/, /\b3\b/, /sgdStep/],
    program: async (r) => {
      const { g, planted } = r
      const run = r.start('groups', { seed: 1 })
      const model = new g.MLP([2, 16, 3])
      const [w, b, ...head] = [...model.parameters()]
      const optimizer = new g.SGD([{ parameters: [w!, b!] }, { parameters: head, lr: 0.05 }], { lr: 0.1 })
      train(r, run, {
        data: points(r),
        epochs: 4,
        optimizer,
        clear: () => model.clearGrads(),
        before: (step) => {
          optimizer.groups[1]!.lr = planted && step === 17 ? 3 : 0.05
        },
        loss: (x, t) => g.softmaxCrossEntropy(model.forward(x), t),
      })
      await run.finish()
    },
  },
  {
    name: 'an optimizer that is made anew in the middle of a run',
    kind: 'resumed-state',
    says: [/step 21: optimizer\.layers\.0\.weight/, /adamStep/],
    needs: 'replay',
    program: async (r) => {
      const { g, planted } = r
      const run = r.start('anew', { seed: 1 })
      const model = new g.MLP([2, 12, 3])
      let optimizer = new g.Adam(model.parameters(), { lr: 0.01 })
      const own = { lr: 0.01, step: () => optimizer.step() }
      train(r, run, {
        data: points(r),
        epochs: 4,
        optimizer: own,
        clear: () => model.clearGrads(),
        before: (step) => {
          if (planted && step === 21) optimizer = new g.Adam(model.parameters(), { lr: 0.01 })
        },
        loss: (x, t) => g.softmaxCrossEntropy(model.forward(x), t),
      })
      await run.finish()
    },
  },
  {
    name: 'a momentum that begins anew when the run is resumed',
    kind: 'resumed-state',
    says: [/step 1: optimizer\.layers\.\d\.\w+\.velocity/, /sgdStep/],
    needs: 'replay',
    program: async (r) => {
      const { g, planted } = r
      const data = line(r).set
      const model = new g.MLP([3, 8, 1])
      let optimizer = new g.SGD(model.parameters(), { lr: 0.01, momentum: 0.9 })
      for (const part of [0, 1]) {
        const run = r.start('line', { seed: 1 })
        if (part === 1) {
          const state = optimizer.stateDict()
          optimizer = new g.SGD(model.parameters(), { lr: 0.01, momentum: 0.9 })
          if (!planted) optimizer.loadStateDict(state)
        }
        train(r, run, {
          data,
          epochs: 3,
          optimizer,
          clear: () => model.clearGrads(),
          loss: (x, t) => g.meanSquaredError(model.forward(x), t),
        })
        await run.finish()
      }
    },
  },
  {
    name: 'a tower that is computed without a graph',
    kind: 'no-gradient',
    says: [/step 1: right\.weight/, /noGrad/],
    program: async (r) => {
      const { g, planted } = r
      class Net extends g.Module {
        left = new g.Linear(2, 8)
        right = new g.Linear(2, 8)
        head = new g.Linear(8, 3)
        override forward(x: Parameters<typeof g.relu>[0]) {
          const right = () => g.tanh(this.right.forward(x))
          return this.head.forward(g.add(g.relu(this.left.forward(x)), planted ? g.noGrad(right) : right()))
        }
      }
      const run = r.start('towers', { seed: 1 })
      const model = new Net()
      train(r, run, {
        data: points(r),
        epochs: 2,
        optimizer: new g.Adam(model.parameters(), { lr: 0.01 }),
        clear: () => model.clearGrads(),
        loss: (x, t) => g.softmaxCrossEntropy(model.forward(x), t),
      })
      await run.finish()
    },
  },
  {
    name: 'a branch whose numbers are copied',
    kind: 'no-gradient',
    says: [/step 1: side\.weight/, /copy/, /tanh/],
    needs: 'replay',
    program: async (r) => {
      const { g, planted } = r
      class Net extends g.Module {
        main = new g.Linear(2, 8)
        side = new g.Linear(2, 4)
        head = new g.Linear(12, 3)
        override forward(x: Parameters<typeof g.relu>[0]) {
          const side = g.tanh(this.side.forward(x))
          const { data, shape } = side.data
          const joined = planted ? g.constant(g.ndarray(data.slice(), { shape: [...shape] })) : side
          return this.head.forward(g.concat([g.relu(this.main.forward(x)), joined], { axis: 1 }))
        }
      }
      const run = r.start('copied', { seed: 1 })
      const model = new Net()
      train(r, run, {
        data: points(r),
        epochs: 2,
        optimizer: new g.Adam(model.parameters(), { lr: 0.01 }),
        clear: () => model.clearGrads(),
        loss: (x, t) => g.softmaxCrossEntropy(model.forward(x), t),
      })
      await run.finish()
    },
  },
  {
    name: 'a block of several layers that stands in several places of a list',
    kind: 'shared-weight',
    says: [/step 1: blocks\.0\.\w+\./],
    program: async (r) => {
      const { g, planted } = r
      class Block extends g.Module {
        norm = new g.LayerNorm(8)
        up = new g.Linear(8, 8)
        override forward(x: Parameters<typeof g.relu>[0]) {
          return g.add(x, g.gelu(this.up.forward(this.norm.forward(x))))
        }
      }
      class Net extends g.Module {
        first = new g.Linear(2, 8)
        blocks: Block[] = planted ? new Array<Block>(3).fill(new Block()) : [new Block(), new Block()]
        last = new g.Linear(8, 3)
        override forward(x: Parameters<typeof g.relu>[0]) {
          return this.last.forward(this.blocks.reduce((h, block) => block.forward(h), this.first.forward(x)))
        }
      }
      const run = r.start('residual', { seed: 1 })
      const model = new Net()
      train(r, run, {
        data: points(r),
        epochs: 1,
        optimizer: new g.SGD(model.parameters(), { lr: 0.05 }),
        clear: () => model.clearGrads(),
        loss: (x, t) => g.softmaxCrossEntropy(model.forward(x), t),
      })
      await run.finish()
    },
  },
]
