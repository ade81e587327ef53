// Training loops written in other ways: own updates, gradients added over batches, sums of losses, evaluation without noGrad.
import { expect, test } from 'vitest'
import { isEvaluation } from '../../src/detectors/evaluation.js'
import { WITHOUT_GRADIENT } from '../../src/detectors/reach.js'
import { createFunc, registeredFuncs } from '../../src/graph/registry.js'
import * as g from '../../src/index.js'

type Loop = (run: g.Run, planted: boolean) => void

/** What why() tells of a program with a defect and of its clean twin; live, detectors must have told the same as on history. */
async function told(loop: Loop): Promise<{ first: g.Finding | undefined; clean: string[] }> {
  const findings: g.Finding[][] = []
  for (const planted of [true, false]) {
    const tape = g.openTape(':memory:')
    const run = tape.startRun('loop', { seed: 1 })
    const watch = run.watch(g.allDetectors(), { on: () => {} })
    loop(run, planted)
    await run.finish()
    const past = tape.run('loop')
    expect(watch.findings).toEqual(past.watch())
    findings.push([...past.why().findings, ...(planted ? [] : watch.findings)])
    tape.close()
  }
  const isTold = ({ level }: g.Finding) => level !== 'note'
  return { first: findings[0]!.find(isTold), clean: findings[1]!.filter(isTold).map(({ text }) => text) }
}

/** 120 rows of four numbers, and what is to be learnt of them. */
function line() {
  let seed = 99
  const next = () => {
    seed = (seed * 16807) % 2147483647
    return seed / 1073741823.5 - 1
  }
  const x = Float64Array.from({ length: 480 }, next)
  const y = Float64Array.from({ length: 120 }, (_, i) => x[4 * i]! - 2 * x[4 * i + 1]!)
  const [X, Y] = [g.ndarray(x, { shape: [120, 4] }), g.ndarray(y, { shape: [120, 1] })]
  return { X: g.constant(X), Y: g.constant(Y), set: new g.TensorDataset(X, Y) }
}

const SETTINGS: readonly (readonly [string, RegExp, Loop])[] = [
  [
    'a clear that is missing in one round of gradient accumulation, at its first batch',
    /^step 13: gradients are not cleared: backward from mul \(#\d+, .*loops\.test\.ts:\d+:\d+\) adds/,
    (run, planted) => {
      const model = new g.MLP([4, 6, 1])
      const optimizer = new g.AdamW(model.parameters(), { lr: 0.01 })
      const loader = new g.DataLoader(line().set, { batchSize: 12 })
      for (let epoch = 0; epoch < 2; epoch++)
        for (const [x, t] of loader) {
          const step = run.step()
          if (step % 4 === 1 && !(planted && step === 13)) optimizer.clearGrads()
          g.mul(g.meanSquaredError(model.forward(x!), t!), 0.25).backward()
          if (step % 4 === 0) optimizer.step()
        }
    },
  ],
  [
    'a part of the loss that has a pass of its own, after the whole',
    /^step 1: gradients are counted twice: backward from total = add .*, then from aux = mul .*, which the first has/,
    (run, planted) => {
      const model = new g.MLP([4, 6, 1])
      const optimizer = new g.Adam(model.parameters(), { lr: 0.01 })
      for (const [x, t] of new g.DataLoader(line().set, { batchSize: 30 })) {
        run.step()
        optimizer.clearGrads()
        const p = model.forward(x!)
        const aux = g.mul(0.1, g.mean(g.abs(p)))
        const total = g.add(g.meanSquaredError(p, t!), aux)
        total.backward()
        if (planted) aux.backward()
        optimizer.step()
        run.log({ total, aux })
      }
    },
  ],
  [
    'a loss that stands twice in the list of losses',
    /^step 1: a loss is counted twice: the sum in add \(#\d+, .*\) is given meanSquaredError \(#\d+\), which it has already/,
    (run, planted) => {
      const model = new g.MLP([4, 6, 1])
      const optimizer = new g.Adam(model.parameters(), { lr: 0.01 })
      for (const [x, t] of new g.DataLoader(line().set, { batchSize: 30 })) {
        run.step()
        optimizer.clearGrads()
        const p = model.forward(x!)
        const losses = [g.meanSquaredError(p, t!), g.mul(0.01, g.mean(g.abs(p)))]
        if (planted) losses.push(losses[0]!)
        const total = losses.reduce((a, b) => g.add(a, b))
        total.backward()
        optimizer.step()
        run.log({ total })
      }
    },
  ],
  [
    'a loss that is computed a second time and added',
    /^step 1: a loss is counted twice: the sum in mean \(#\d+, .*\) is given meanSquaredError .*, which computes the same as meanSquaredError/,
    (run, planted) => {
      const model = new g.MLP([4, 6, 1])
      const optimizer = new g.SGD(model.parameters(), { lr: 0.01 })
      for (const [x, t] of new g.DataLoader(line().set, { batchSize: 30 })) {
        run.step()
        optimizer.clearGrads()
        const p = model.forward(x!)
        const losses = [g.meanSquaredError(p, t!), planted ? g.meanSquaredError(p, t!) : g.l1Loss(p, t!)]
        g.mean(g.stack(losses)).backward()
        optimizer.step()
      }
    },
  ],
  [
    'a choice by argmax, which has no derivative',
    /^step 1: score\.weight and score\.bias have no gradient: argmax \(#\d+, .*\) has no derivative, and mul \(#\d+\) reads/,
    (run, planted) => {
      class Hard extends g.Module {
        score = new g.Linear(4, 3)
        value = new g.Linear(4, 3)
        out = new g.Linear(3, 1)
        override forward(x: g.Variable) {
          const s = this.score.forward(x)
          const chosen = planted
            ? g.oneHot(g.argmax(s, { axis: 1 }), { classes: 3 })
            : g.softmax(s, { axis: 1 })
          return this.out.forward(g.mul(chosen, this.value.forward(x)))
        }
      }
      const model = new Hard()
      const optimizer = new g.RMSProp(model.parameters(), { lr: 0.01 })
      for (const [x, t] of new g.DataLoader(line().set, { batchSize: 10 })) {
        run.step()
        const loss = g.meanSquaredError(model.forward(x!), t!)
        optimizer.clearGrads()
        loss.backward()
        optimizer.step()
      }
    },
  ],
  [
    'a schedule that ends long before the run',
    /^step 10: lr of sgdStep \(#\d+, .* in optimizer\) is 0 from here on, 0\.005 before: no update/,
    (run, planted) => {
      const model = new g.MLP([4, 6, 1])
      const optimizer = new g.SGD(model.parameters(), { lr: 0.05 })
      const loader = new g.DataLoader(line().set, { batchSize: 12 })
      for (let epoch = 0; epoch < 3; epoch++)
        for (const [x, t] of loader) {
          const step = run.step()
          optimizer.lr = 0.05 * Math.max(0, 1 - step / (planted ? 10 : 31))
          const loss = g.meanSquaredError(model.forward(x!), t!)
          model.clearGrads()
          loss.backward()
          optimizer.step()
          run.log({ loss })
        }
    },
  ],
  [
    'a weight decay that jumps and stays, after which the loss rises',
    /^step 25: weightDecay of sgdStep \(#\d+, .*\) is 19, 0 before and stays so/,
    (run, planted) => {
      const model = new g.MLP([4, 6, 1])
      const optimizer = new g.SGD(model.parameters(), { lr: 0.05 })
      const loader = new g.DataLoader(line().set, { batchSize: 12 })
      for (let epoch = 0; epoch < 6; epoch++)
        for (const [x, t] of loader) {
          if (run.step() === 25 && planted) optimizer.groups[0]!.set({ weightDecay: 19 })
          const loss = g.meanSquaredError(model.forward(x!), t!)
          model.clearGrads()
          loss.backward()
          optimizer.step()
          run.log({ loss })
        }
    },
  ],
  [
    'a learning rate that is too large from the first step on: units that die and sums that overflow are its effects',
    /^step 2: the training diverges: the gradient of layers\.\d\.\w+ grows from .* in step 1 to .*, after the update by sgdStep \(#\d+, .*\) with lr 2\.5/,
    (run, planted) => {
      const model = new g.MLP([4, 16, 16, 1])
      const optimizer = new g.SGD(model.parameters(), { lr: planted ? 2.5 : 0.02 })
      const loader = new g.DataLoader(line().set, { batchSize: 12 })
      for (let epoch = 0; epoch < 2; epoch++)
        for (const [x, t] of loader) {
          run.step()
          const loss = g.meanSquaredError(model.forward(x!), t!)
          model.clearGrads()
          loss.backward()
          optimizer.step()
          run.log({ loss })
        }
    },
  ],
  [
    'one row that is far off, after which the training diverges: the row is to blame',
    /^step 10: loss jumps to .* of it from row 1 of the batch in meanSquaredError .*data row 55$/,
    (run, planted) => {
      const { set } = line()
      const x = Float64Array.from(set.arrays[0]!.data.data)
      if (planted) x[55 * 4] = 3e4
      const model = new g.MLP([4, 8, 1])
      const optimizer = new g.SGD(model.parameters(), { lr: 0.05 })
      const data = new g.TensorDataset(g.ndarray(x, { shape: [120, 4] }), set.arrays[1]!)
      for (const [a, t] of new g.DataLoader(data, { batchSize: 6 })) {
        run.step()
        const loss = g.meanSquaredError(model.forward(a!), t!)
        model.clearGrads()
        loss.backward()
        optimizer.step()
        run.log({ loss })
      }
    },
  ],
  [
    'dropout in a validation that makes a graph, too',
    /^step 6: dropout \(#\d+, .* in layers\.2\) drops elements \(p 0\.4\) in an evaluation \(no pass/,
    (run, planted) => {
      const model = new g.Sequential(new g.Linear(4, 8), g.relu, new g.Dropout(0.4), new g.Linear(8, 1))
      const optimizer = new g.Adam(model.parameters(), { lr: 0.01 })
      const { X, Y, set } = line()
      for (let epoch = 0; epoch < 2; epoch++) {
        for (const [x, t] of new g.DataLoader(set, { batchSize: 20 })) {
          run.step()
          const loss = g.meanSquaredError(model.forward(x!), t!)
          optimizer.clearGrads()
          loss.backward()
          optimizer.step()
          run.log({ loss })
        }
        if (!planted) model.eval()
        run.log({ validation: g.meanSquaredError(model.forward(X), Y) })
        model.train()
      }
    },
  ],
]

test.each(SETTINGS)('%s', async (_, says, loop) => {
  const { first, clean } = await told(loop)
  expect(first?.text).toMatch(says)
  expect(first?.level).toBe('cause')
  expect(clean).toEqual([])
})

test.each<[string, Loop]>([
  [
    'steps whose loss is small and is logged, but not walked back through',
    (run) => {
      const model = new g.Sequential(new g.Linear(4, 8), g.relu, new g.Dropout(0.1), new g.Linear(8, 1))
      const optimizer = new g.SGD(model.parameters(), { lr: 0.02 })
      for (const [x, t] of new g.DataLoader(line().set, { batchSize: 6 })) {
        const step = run.step()
        const loss = g.meanSquaredError(model.forward(x!), t!)
        run.log({ loss })
        if (step % 4 === 0) continue
        model.clearGrads()
        loss.backward()
        optimizer.step()
      }
    },
  ],
  [
    'a front whose rate is 0 at first and at last',
    (run) => {
      const [w, b, ...head] = [...new g.MLP([4, 6, 1]).parameters()]
      const optimizer = new g.Adam([{ parameters: [w!, b!], lr: 0 }, { parameters: head }], { lr: 0.01 })
      const loader = new g.DataLoader(line().set, { batchSize: 12 })
      for (let epoch = 0; epoch < 4; epoch++)
        for (const [x, t] of loader) {
          const step = run.step()
          optimizer.groups[0]!.lr = step > 12 && step < 28 ? 0.01 : 0
          const h = g.relu(g.linear(x!, w!, b!))
          const loss = g.meanSquaredError(g.linear(h, head[0]!, head[1]!), t!)
          optimizer.clearGrads()
          loss.backward()
          optimizer.step()
        }
    },
  ],
])('nothing is told of %s', async (_, loop) => {
  expect((await told(loop)).clean).toEqual([])
})

test('what a run that went well has, too, is a note; what it has not is still told', async () => {
  const tape = g.openTape(':memory:')
  for (const isBad of [false, true]) {
    const run = tape.startRun('net', { seed: 1 })
    const model = new g.MLP([4, 6, 1])
    const scale = g.parameter([1, 1, 1, 1], { name: 'scale' })
    const optimizer = new g.SGD(model.parameters(), { lr: 0.01 })
    let step = 0
    for (let epoch = 0; epoch < 3; epoch++)
      for (const [x, t] of new g.DataLoader(line().set, { batchSize: 20 })) {
        step = run.step()
        optimizer.lr = isBad && step === 12 ? 1 : 0.01
        const loss = g.meanSquaredError(model.forward(g.mul(x!, scale)), t!)
        model.clearGrads()
        scale.clearGrad()
        loss.backward()
        optimizer.step()
        run.log({ loss })
      }
    await run.finish()
  }
  const kinds = (findings: readonly g.Finding[]) =>
    findings.filter(({ kind }) => kind !== 'loss-spike').map(({ kind, level }) => [kind, level])
  expect(kinds(tape.run(2).why().findings)).toEqual([
    ['settings', 'cause'],
    ['no-update', 'cause'],
  ])
  const { findings } = tape.run(2).why({ like: tape.run(1) })
  expect(kinds(findings)).toEqual([
    ['settings', 'cause'],
    ['no-update', 'note'],
  ])
  expect(findings.find(({ kind }) => kind === 'no-update')!.evidence.at(-1)).toMatch(
    /^usual +run 1 \("net"\) has it too: step 1: scale/,
  )
  expect(() => tape.run(2).why({ like: 1 as never })).toThrow(/BAD_ARGUMENT.*a run that went well/)
  expect(() => tape.run(2).why({ like: tape.run(2) })).toThrow(/BAD_ARGUMENT.*another run.*itself/)
  tape.close()
})

test('a failure is told, also beside a run that failed; and what a training that diverges brings about is a note where the other run has it', async () => {
  const tape = g.openTape(':memory:')
  for (const reason of ['no room', 'disk full']) {
    const run = tape.startRun('fails', { seed: 1 })
    const w = g.parameter([0.5], { name: 'w' })
    const optimizer = new g.SGD([w], { lr: 5 })
    for (let i = 0; i < 40; i++) {
      run.step()
      const loss = g.meanSquaredError(g.mul(w, [1, 2]), [3, 1])
      w.clearGrad()
      loss.backward()
      optimizer.step()
      run.log({ loss })
    }
    await run.fail(new Error(reason))
  }
  const levels = ({ findings }: g.Findings) => findings.map(({ kind, level }) => [kind, level])
  expect(levels(tape.run(2).why())).toEqual([
    ['diverging', 'cause'],
    ['loss-spike', 'symptom'],
    ['run-failed', 'symptom'],
  ])
  expect(levels(tape.run(2).why({ like: tape.run(1) }))).toEqual([
    ['run-failed', 'symptom'],
    ['diverging', 'note'],
    ['loss-spike', 'note'],
  ])
  tape.close()
})

test('a gradient that grows slowly diverges from the first step that began it', async () => {
  const tape = g.openTape(':memory:')
  const run = tape.startRun('slow', { seed: 1 })
  const w = g.parameter([0.5], { name: 'w' })
  const optimizer = new g.SGD([w], { lr: 2.7 })
  for (let i = 0; i < 50; i++) {
    run.step()
    // Each step takes 1 − 2·lr/2 = −1.7 times the way to 0.
    const loss = g.mul(0.5, g.mean(g.square(w)))
    w.clearGrad()
    loss.backward()
    optimizer.step()
    run.log({ loss })
  }
  await run.finish()
  const [first] = tape.run('slow').why().findings
  expect(first).toMatchObject({ kind: 'diverging', level: 'cause', step: 2 })
  expect(first!.text).toMatch(
    /^step 2: .* grows from 0\.5 in step 1 to 0\.85, after the update .* with lr 2\.7/,
  )
  tape.close()
})

test('scopes of evaluations are told from words that have one in them', () => {
  const named = [
    'test',
    'validation',
    'epoch.eval',
    'epoch/eval',
    'heldOut',
    'runTest',
    'TEST',
    'val',
    'epoch.val',
    'val.forward',
    'loop/val',
    'dev',
    'test_2',
  ]
  expect(named.filter((scope) => !isEvaluation(scope))).toEqual([])
  const others = [
    'latest',
    'retrieval',
    'contest/invalid',
    'LATEST',
    'medieval',
    'interval',
    'value',
    'q_val',
    'model.value',
    'device',
    '',
  ]
  expect(others.filter(isEvaluation)).toEqual([])
})

test('the functions without a gradient are those that detectors know', () => {
  const without = registeredFuncs().filter((name) => {
    try {
      return !createFunc(name, (name === 'oneHot' ? { classes: 2 } : {}) as never).differentiable
    } catch {
      // One that needs attributes; all of those but oneHot have a gradient.
      return false
    }
  })
  expect(without).toEqual([...WITHOUT_GRADIENT].sort())
})
