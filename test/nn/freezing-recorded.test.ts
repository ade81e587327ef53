/**
 * Freezing in the middle of a run: what live passes gave is what the file gives, replayed, differentiated again and forked, before and after
 * the change.
 */
import { expect, test } from 'vitest'
import '../../src/functions/methods.js'
import type { Capture } from '../../src/events/capture.js'
import type { BackwardStarted, GradientComputed } from '../../src/events/event.js'
import { relu } from '../../src/functions/activations.js'
import { meanSquaredError } from '../../src/functions/losses.js'
import { grad } from '../../src/graph/backward.js'
import { constant, parameter } from '../../src/graph/leaves.js'
import { noGrad } from '../../src/graph/mode.js'
import { recompute } from '../../src/graph/recompute.js'
import type { Variable } from '../../src/graph/variable.js'
import { vmap } from '../../src/graph/vmap.js'
import { Linear } from '../../src/nn/linear.js'
import { Module } from '../../src/nn/module.js'
import { Adam } from '../../src/optim/adam.js'
import { LBFGS } from '../../src/optim/lbfgs.js'
import { SGD } from '../../src/optim/sgd.js'
import type { PastRun } from '../../src/tape/past-run.js'
import type { Run } from '../../src/tape/run.js'
import type { Tape } from '../../src/tape/tape.js'
import { startChild } from '../tape/child-process.js'
import { newTapePath, openForTest } from '../tape/temporary-tape.js'

const x = [
  [1, 2],
  [3, -1],
  [0.5, 0.25],
]
const t = [[1], [0], [2]]

class Net extends Module {
  first = new Linear(2, 3)
  last = new Linear(3, 1)

  forward(input: Variable): Variable {
    return this.last.forward(relu(this.first.forward(input)))
  }
}

/** Records a program on a new tape, and gives the run from the closed file. */
async function recorded(
  program: (run: Run) => void | Promise<void>,
  capture: Capture = 'replayable',
): Promise<{ past: PastRun; tape: Tape; path: string }> {
  const path = newTapePath()
  const tape = openForTest(path)
  const run = tape.startRun('run', { seed: 3, capture })
  await program(run)
  await run.finish()
  await tape.close()
  const again = openForTest(path)
  return { past: again.run('run'), tape: again, path }
}

/** Checks all that the file says against what the run did. */
async function holds({ past, tape }: { past: PastRun; tape: Tape }): Promise<void> {
  expect(past.replay().verdict).toBe('bit-exact')
  const steps = Math.max(...[...past.events()].map(({ step }) => step))
  for (const step of new Set([1, 2, 3, 4, Math.ceil(steps / 2), steps].filter((one) => one <= steps))) {
    expect(past.replay({ to: step }).verdict).toBe('bit-exact')
    expect(past.replay({ from: step, to: step }).verdict).toBe('bit-exact')
  }
  expect((await tape.verify()).intact).toBe(true)
  passesAreTheSame(past, tape)
}

/** Runs each recorded pass again on the graph of the file: the same leaves get the same contributions, bit for bit. */
function passesAreTheSame(past: PastRun, tape: Tape): void {
  const events = [...past.events()]
  const aborted = new Set(events.flatMap((event) => (event.type === 'BackwardAborted' ? [event.pass] : [])))
  const passes = events.filter(
    (event): event is BackwardStarted =>
      event.type === 'BackwardStarted' &&
      event.targets === null &&
      !event.createGraph &&
      !aborted.has(event.position),
  )
  for (const pass of passes) {
    const given = new Map<number, number[]>()
    const computed = events.filter(
      (event): event is GradientComputed =>
        event.type === 'GradientComputed' && event.pass === pass.position && event.held !== 'nothing',
    )
    for (const { variable, contribution } of computed) given.set(variable, [...contribution!.data])
    const fresh = tape.run(past.id)
    const root = fresh.variable(pass.roots[0]!)
    root.backward()
    const found = new Map<number, number[]>()
    for (const leaf of leavesOf(root)) {
      const { heldGrad } = leaf as unknown as { heldGrad: Variable | null }
      if (heldGrad === null) continue
      const sum = found.get(leaf.position!)
      const data = [...heldGrad.data.data]
      found.set(leaf.position!, sum === undefined ? data : data.map((one, i) => one + sum[i]!))
    }
    expect(found, `pass ${pass.position}`).toEqual(given)
  }
}

function leavesOf(root: Variable): Set<Variable> {
  const leaves = new Set<Variable>()
  const waiting = [root]
  const seen = new Set<Variable>()
  for (let one = waiting.pop(); one !== undefined; one = waiting.pop()) {
    if (seen.has(one)) continue
    seen.add(one)
    const { creator } = one
    if (creator === null) leaves.add(one)
    else for (let slot = 0; slot < creator.inputCount; slot++) waiting.push(creator.linkedInput(slot))
  }
  return leaves
}

function train(net: Net, optimizer: Adam | SGD): Variable {
  const loss = meanSquaredError(net.forward(constant(x)), t)
  optimizer.clearGrads()
  loss.backward()
  optimizer.step()
  return loss
}

test('a layer that is unfrozen after some steps learns from there on, and the tape knows the steps', async () => {
  const net = new Net()
  const optimizer = new Adam(net.parameters(), { lr: 0.05 })
  net.first.freeze()
  const { past, tape } = await recorded((run) => {
    for (let i = 1; i <= 8; i++) {
      run.step()
      if (i === 4) net.first.unfreeze()
      if (i === 7) net.last.freeze()
      run.log({ loss: train(net, optimizer) })
    }
  })
  await holds({ past, tape })
  const states = (name: string) =>
    [1, 3, 4, 6, 7, 8].map((step) => past.variable(name, { step }).requiresGrad)
  expect(states('first.weight')).toEqual([false, false, true, true, true, true])
  expect(states('last.weight')).toEqual([true, true, true, true, false, false])
  expect(past.variable('first.weight', { step: 3 }).grad).toBeNull()
  expect(past.variable('first.weight', { step: 4 }).grad).not.toBeNull()
  expect(past.variable('last.weight', { step: 6 }).grad).not.toBeNull()
  expect(past.variable('last.weight', { step: 7 }).grad).toBeNull()
  const weight = (step: number) => past.variable('first.weight', { step }).data.toArray()
  expect(weight(4)).toEqual(weight(1))
  expect(weight(5)).not.toEqual(weight(4))
})

test('two networks that are frozen in turn in each step are stored as one form, and replay from any step', async () => {
  const generator = new Linear(2, 2)
  const judge = new Linear(2, 1)
  class Pair extends Module {
    generator = generator
    judge = judge
    forward(input: Variable): Variable {
      return this.judge.forward(this.generator.forward(input))
    }
  }
  const pair = new Pair()
  const ofGenerator = new Adam(generator.parameters(), { lr: 0.01 })
  const ofJudge = new SGD(judge.parameters(), { lr: 0.01, momentum: 0.9 })
  const input = constant(x)
  const { past, tape } = await recorded((run) => {
    for (let i = 0; i < 30; i++) {
      run.step()
      judge.freeze()
      const fooled = meanSquaredError(pair.forward(input), [[1], [1], [1]])
      pair.clearGrads()
      fooled.backward()
      ofGenerator.step()
      judge.unfreeze()
      generator.freeze()
      const judged = meanSquaredError(pair.forward(input), [[0], [0], [0]])
      pair.clearGrads()
      judged.backward()
      ofJudge.step()
      generator.unfreeze()
      run.log({ fooled, judged })
    }
  })
  await holds({ past, tape })
  const { db } = (past as unknown as { recording: { reader: { db: { prepare(sql: string): never } } } })
    .recording.reader
  const count = (sql: string) =>
    (db as unknown as { prepare(sql: string): { pluck(): { get(): number } } }).prepare(sql).pluck().get()
  expect(count('SELECT count(*) FROM _fact WHERE kind = 22')).toBe(0)
  // But for the first steps, the last, and those in which a checkpoint was taken.
  expect(count('SELECT max(n) FROM (SELECT count(*) AS n FROM _block GROUP BY template_id)')).toBeGreaterThan(
    20,
  )
  expect(count("SELECT count(*) FROM event WHERE type = 'RequiresGradSet'")).toBe(
    2 * 4 * 30 - 2, // the run met the judge frozen
  )
})

const w = () => parameter([2, 3], { name: 'w' })
const v = () => parameter([5, 7], { name: 'v' })

/** Programs in which something is frozen in an awkward place, each with what its passes must leave in `w`, as PyTorch does. */
const PLACES: Readonly<Record<string, (run: Run) => [Variable, number[] | null]>> = {
  'between forward and backward: no gradient'() {
    const [a, b] = [w(), v()]
    const loss = a.mul(b).sum()
    a.requiresGrad = false
    loss.backward()
    return [a, null]
  },
  'frozen at the call and unfrozen before backward: no gradient'() {
    const [a, b] = [w(), v()]
    a.requiresGrad = false
    const loss = a.mul(b).sum()
    a.requiresGrad = true
    loss.backward()
    return [a, null]
  },
  'frozen at one of two calls that it is read by: the gradient of the other'() {
    const [a, b] = [w(), v()]
    a.requiresGrad = false
    const frozen = a.mul(b)
    a.requiresGrad = true
    frozen.add(a.mul(3)).sum().backward()
    return [a, [3, 3]]
  },
  'frozen and unfrozen between two calls: the sum of both'() {
    const [a, b] = [w(), v()]
    const one = a.mul(b)
    a.requiresGrad = false
    a.requiresGrad = true
    one.add(a.mul(3)).sum().backward()
    return [a, [8, 10]]
  },
  'between backward and the optimizer: it is skipped, and its gradient forgotten'() {
    const [a, b] = [w(), v()]
    const optimizer = new SGD([a, b], { lr: 1 })
    a.mul(b).sum().backward()
    a.requiresGrad = false
    optimizer.step()
    expect(a.data.toArray()).toEqual([2, 3])
    return [a, null]
  },
  'with a gradient accumulated: the next pass begins anew'() {
    const [a, b] = [w(), v()]
    a.mul(b).sum().backward()
    a.requiresGrad = false
    a.mul(b).sum().backward()
    a.requiresGrad = true
    a.mul(2).sum().backward()
    return [a, [2, 2]]
  },
  'twice in a step, and to what it was'(run) {
    const [a, b] = [w(), v()]
    a.mul(b).sum().backward()
    run.step()
    a.requiresGrad = false
    a.requiresGrad = false
    a.requiresGrad = true
    a.requiresGrad = true
    a.mul(b).mul(2).sum().backward()
    return [a, [10, 14]]
  },
  'inside noGrad'() {
    const [a, b] = [w(), v()]
    const before = a.mul(b)
    noGrad(() => {
      a.requiresGrad = false
    })
    before.add(a.mul(b)).sum().backward()
    return [a, null]
  },
  'what noGrad made, made to learn'() {
    const [a, b] = [w(), v()]
    const made = noGrad(() => a.mul(b))
    made.requiresGrad = true
    made.name = 'made'
    made.mul(a).sum().backward()
    expect(made.grad!.data.toArray()).toEqual([2, 3])
    made.requiresGrad = false
    made.mul(a).sum().backward()
    expect(made.grad).toBeNull()
    return [a, [20, 42]]
  },
  'what was cut off, frozen'() {
    const [a, b] = [w(), v()]
    const y = a.mul(b)
    y.unchain()
    y.mul(a).sum().backward()
    y.requiresGrad = false
    y.mul(a).sum().backward()
    return [a, [20, 42]]
  },
  'through recompute'() {
    const [a, b] = [w(), v()]
    const before = recompute(() => a.mul(b).tanh(), [])
    a.requiresGrad = false
    const after = recompute(() => a.mul(b).tanh(), [])
    a.requiresGrad = true
    before.add(after).sum().backward()
    const expected = [1 - Math.tanh(10) ** 2, 1 - Math.tanh(21) ** 2].map((d, i) => d * [5, 7][i]!)
    expect(a.grad!.data.toArray()).toEqual([
      expect.closeTo(expected[0]!, 12),
      expect.closeTo(expected[1]!, 12),
    ])
    return [a, a.grad!.data.toArray() as number[]]
  },
  'inside and around vmap'() {
    const [a, b] = [w(), v()]
    a.requiresGrad = false
    const all = vmap((row: Variable) => row.mul(a).sum())
    const y = all(
      b.reshape([1, 2]).mul(
        constant([
          [1, 1],
          [2, 2],
        ]),
      ),
    )
    a.requiresGrad = true
    const z = vmap((row: Variable) => {
      a.requiresGrad = true
      return row.mul(a).sum()
    })(constant([[1, 2]]))
    y.sum().add(z.sum()).backward()
    return [a, [1, 2]]
  },
  'a value assigned while it is frozen'() {
    const [a, b] = [w(), v()]
    const before = a.mul(b)
    a.requiresGrad = false
    a.data = constant([10, 20]).data
    const between = a.mul(b)
    a.requiresGrad = true
    before.add(between).add(a.mul(a)).sum().backward()
    return [a, [25, 47]]
  },
}

for (const [name, program] of Object.entries(PLACES)) {
  for (const capture of ['replayable', 'full'] as const)
    test(`${name} (${capture})`, async () => {
      const { past, tape } = await recorded((run) => {
        run.step()
        const [leaf, expected] = program(run)
        expect(leaf.grad?.data.toArray() ?? null).toEqual(expected)
      }, capture)
      await holds({ past, tape })
    })
}

for (const [name, program] of Object.entries(PLACES))
  test(`${name}, in step 0, and outside of a run`, async () => {
    const { past, tape } = await recorded((run) => {
      program(run)
    })
    await holds({ past, tape })
    const [leaf, expected] = program({ step: () => {} } as never)
    expect(leaf.grad?.data.toArray() ?? null).toEqual(expected)
  })

test('a gradient of gradients reads what is frozen when the pass makes its calls', async () => {
  const program = () => {
    const [a, b] = [w(), v()]
    const y = a.mul(a).mul(b).sum()
    a.requiresGrad = false
    const [g] = grad([y], [b], { createGraph: true }) as [Variable]
    g.mul(b).sum().backward()
    expect(a.grad).toBeNull()
    expect(b.grad!.data.toArray()).toEqual([4, 9])
    expect(() => grad([y], [a])).toThrow('NOT_DIFFERENTIABLE')
    a.requiresGrad = true
    const [h] = grad([y], [a]) as [Variable]
    return h
  }
  const { past, tape } = await recorded((run) => {
    run.step()
    expect(program().data.toArray()).toEqual([20, 42])
  })
  expect(past.replay().verdict).toBe('bit-exact')
  expect((await tape.verify()).intact).toBe(true)
})

test('LBFGS skips what is frozen in its middle, and goes on with it', async () => {
  const net = new Net()
  const optimizer = new LBFGS(net.parameters(), { lr: 0.1 })
  const { past, tape } = await recorded((run) => {
    for (let i = 1; i <= 6; i++) {
      run.step()
      if (i === 3) net.first.freeze()
      if (i === 5) net.first.unfreeze()
      const before = net.first.weight.data
      optimizer.step(() => {
        const loss = meanSquaredError(net.forward(constant(x)), t)
        net.clearGrads()
        loss.backward()
        return loss
      })
      if (i === 3 || i === 4) expect(net.first.weight.data.toArray()).toEqual(before.toArray())
    }
  }, 'full')
  await holds({ past, tape })
})

test('of a weight that two layers share one setting is one event, and two open runs each have it', async () => {
  const shared = parameter([1, 2], { name: 'shared' })
  const other = openForTest(newTapePath())
  const inner = other.startRun('inner')
  const { past, tape } = await recorded((run) => {
    run.step()
    shared.mul(2).add(shared.mul(3)).sum().backward()
    inner.step()
    shared.requiresGrad = false
    shared.requiresGrad = true
    shared.mul(2).add(shared.mul(3)).sum().backward()
  })
  await inner.finish()
  await holds({ past, tape })
  for (const run of [past, other.run('inner')]) {
    const events = [...run.events()].filter(({ type }) => type === 'RequiresGradSet')
    expect(events.map((event) => 'requiresGrad' in event && event.requiresGrad)).toEqual(
      run === past ? [false, true] : expect.anything(),
    )
  }
  expect(other.run('inner').replay().verdict).toBe('bit-exact')
  await other.close()
})

test('what a tape could not repeat is refused, and leaves all as it was', async () => {
  const [a, b] = [w(), v()]
  const { past, tape } = await recorded((run) => {
    run.step()
    const set = () => {
      a.requiresGrad = false
    }
    const off = b.onGradient(set)
    expect(() => a.mul(b).sum().backward()).toThrow('in the middle of a backward pass')
    off()
    expect(a.requiresGrad).toBe(true)
    const inside = () => {
      set()
      return a.mul(b)
    }
    expect(() => recompute(inside, [])).toThrow('sets requiresGrad of w')
    expect(a.requiresGrad).toBe(true)
    a.clearGrad()
    b.clearGrad()
    const ofExample = (row: Variable) => {
      row.requiresGrad = false
      return row.mul(a)
    }
    expect(() => vmap(ofExample)(b.reshape([2, 1]))).toThrow('stands for an example')
    const refused: string[] = []
    const listening = run.events$.subscribe(({ type }) => {
      if (type !== 'LeafCreated' && type !== 'GradientComputed' && type !== 'BackwardStarted') return
      try {
        set()
      } catch (error) {
        refused.push(`${type}: ${(error as Error).message}`)
      }
    })
    a.mul(b)
      .add(constant([1, 2]))
      .sum()
      .backward()
    listening.unsubscribe()
    expect(refused.map((text) => text.split(':')[0])).toEqual([
      'LeafCreated',
      'BackwardStarted',
      'GradientComputed',
      'GradientComputed',
    ])
    expect(a.requiresGrad).toBe(true)
  })
  await holds({ past, tape })
})

test('somebody who listens for a step may freeze when it begins', async () => {
  const net = new Net()
  const optimizer = new SGD(net.parameters(), { lr: 0.1 })
  const { past, tape } = await recorded((run) => {
    run.events$.subscribe((event) => {
      if (event.type === 'StepStarted' && event.step === 3) net.first.freeze()
    })
    for (let i = 0; i < 5; i++) {
      run.step()
      train(net, optimizer)
    }
    expect(net.first.weight.requiresGrad).toBe(false)
  })
  await holds({ past, tape })
  expect(past.variable('first.weight', { step: 3 }).requiresGrad).toBe(false)
})

test('a leaf that is set more often than is remembered refuses a graph from before, and no other', async () => {
  const [a, b] = [w(), v()]
  const early = a.mul(b).sum()
  for (let i = 0; i < 150; i++) {
    a.requiresGrad = false
    a.requiresGrad = true
  }
  expect(() => early.backward()).toThrow('set more than 256 times')
  a.mul(b).sum().backward()
  expect(a.grad!.data.toArray()).toEqual([5, 7])
})

test('what was frozen when a process was killed is frozen on the tape', async () => {
  const path = newTapePath()
  const child = startChild(
    `
    const { Linear, SGD, constant, sum } = gradtape
    const run = gradtape.openTape(arg).startRun('killed')
    const layers = [new Linear(2, 2), new Linear(2, 1)]
    layers.forEach((layer, i) => { layer.weight.name = 'w' + i; layer.bias.name = 'b' + i })
    const optimizer = new SGD(layers.flatMap((layer) => layer.parameters()), { lr: 0.1 })
    for (let i = 0; i < 3; i++) {
      run.step()
      if (i === 2) layers[0].freeze()
      const loss = sum(layers[1].forward(layers[0].forward(constant([[1, 2]]))))
      optimizer.clearGrads()
      loss.backward()
      optimizer.step()
    }
    layers[1].freeze()
    run.flush()
    say('frozen')
    setInterval(() => {}, 1000)
    `,
    path,
  )
  await child.said('frozen')
  child.process.kill('SIGKILL')
  await child.ended
  const tape = openForTest(path)
  const past = tape.run('killed')
  await holds({ past, tape })
  expect(past.variable('w0', { step: 2 }).requiresGrad).toBe(true)
  expect(past.variable('w0', { step: 3 }).requiresGrad).toBe(false)
  const frozen = [...past.events()].filter(({ type }) => type === 'RequiresGradSet')
  expect(frozen).toHaveLength(4)
})

test('a hook of a run that is recorded may replay and fork another in which something was frozen', async () => {
  const [a, b] = [w(), v()]
  const { past } = await recorded((run) => {
    for (let i = 0; i < 4; i++) {
      run.step()
      a.requiresGrad = i % 2 === 0
      a.mul(b).sum().backward()
    }
  })
  const tape = openForTest(newTapePath())
  const run = tape.startRun('outer')
  const seen: unknown[] = []
  b.onGradient(() => {
    seen.push(past.replay().verdict, past.fork({ step: 2, steps: 2 }).run().equal)
  })
  a.requiresGrad = true
  a.mul(b).sum().backward()
  expect(seen).toEqual(['bit-exact', true])
  a.requiresGrad = false
  await run.finish()
  expect(tape.run('outer').replay().verdict).toBe('bit-exact')
})
