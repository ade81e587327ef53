/**
 * A hook is the program's: whatever it does in the middle of a pass is on the tape where it happened, and a replay, which has no hooks,
 * does it there, too.
 */
import { describe, expect, test } from 'vitest'
import {
  add,
  constant,
  mul,
  ndarray,
  noGrad,
  parameter,
  SGD,
  square,
  sum,
  type Variable,
} from '../../src/index.js'
import type { Run } from '../../src/tape/run.js'
import { newTapePath, openForTest, recordedTape } from '../tape/temporary-tape.js'

interface Scene {
  readonly run: Run
  readonly w: Variable
  readonly u: Variable
  /** What the pass walks back through. */
  readonly h: Variable
  readonly optimizer: SGD
  /** What the hook leaves for the program to use later. */
  left: Variable | null
}

const DEEDS: Record<string, (scene: Scene) => unknown> = {
  'assigns to another variable': ({ u }) => {
    u.data = ndarray([7, 8])
  },
  'assigns to the variable that it hooks': ({ w }) => {
    w.data = ndarray([7, 8])
  },
  'computes what it assigns': ({ u }) =>
    noGrad(() => {
      u.data = mul(u, 2).data
    }),
  'updates with an optimizer': ({ optimizer }) => optimizer.step(),
  'clears a gradient': ({ u }) => u.clearGrad(),
  'clears the gradient that is being added to': ({ w }) => w.clearGrad(),
  'assigns a gradient': ({ u }) => {
    u.grad = constant([3, 4])
  },
  'gives a name': ({ u }) => {
    u.name = 'renamed'
  },
  'cuts the graph that is walked': ({ h }) => h.unchain(),
  'logs a number': ({ run }) => run.log({ inner: 1 }),
  'logs what it computes': ({ run, u }) => run.log({ inner: sum(u) }),
  'adds a note': ({ run }) => run.note('in a pass'),
  'computes something for later': (scene) => {
    scene.left = square(scene.u)
  },
  'logs, assigns and clears': ({ run, u, w }) => {
    run.log({ inner: 2 })
    u.data = ndarray([5, 6])
    w.clearGrad()
    run.note('done')
  },
  'logs, and puts another gradient in the place': ({ run }) => {
    run.log({ inner: 3 })
    return [9, 9]
  },
  'assigns, and throws': ({ run, u }) => {
    u.data = ndarray([5, 6])
    run.log({ inner: 4 })
    throw new Error('not today')
  },
}

/** Trains three steps with a hook on a parameter, and gives the tape's file and what the gradients and values were live. */
async function trained(deed: (scene: Scene) => unknown, createGraph: boolean) {
  const live: number[][] = []
  const file = await recordedTape((run) => {
    const w = parameter([1, 2], { name: 'w' })
    const u = parameter([3, 4], { name: 'u' })
    const optimizer = new SGD([u], { lr: 0.1 })
    run.step()
    sum(square(u)).backward()
    let scene: Scene | null = null
    w.onGradient(() => (scene === null ? undefined : (deed(scene) as undefined)))
    for (let step = 0; step < 3; step++) {
      run.step()
      const h = mul(w, u)
      const loss = sum(square(h))
      const now: Scene = { run, w, u, h, optimizer, left: null }
      scene = now
      try {
        loss.backward({ createGraph })
      } catch (error) {
        expect((error as Error).message).toBe('not today')
      }
      scene = null
      if (now.left !== null) run.log({ later: sum(add(now.left, u)) })
      run.log({ loss, total: sum(mul(u, u)) })
      if (u.grad !== null) run.log({ slope: sum(u.grad) })
      optimizer.step()
      live.push([...u.data.data, ...w.data.data, ...(w.grad?.data.data ?? [])] as number[])
    }
  })
  return { file, live }
}

describe.each([
  ['a pass', false],
  ['a pass with createGraph', true],
] as const)('in %s, a hook that', (_, createGraph) => {
  test.each(Object.entries(DEEDS))('%s is repeated by a replay without it', async (_name, deed) => {
    const { file, live } = await trained(deed, createGraph)
    const past = openForTest(file, { readonly: true }).run('test')
    const report = past.replay()
    expect(report.divergence).toBe(null)
    expect(report.events).toBe(past.lastPosition)
    const end = past.at({ position: past.lastPosition })
    const name = past
      .at(3)
      .variables()
      .some((one) => one.name === 'renamed')
      ? 'renamed'
      : 'u'
    const grad = end.grad('w')
    expect([...end.value(name).data, ...end.value('w').data, ...(grad?.data ?? [])]).toEqual(live.at(-1))
  })
})

test.each([
  ['finishes its run', (run: Run) => void run.finish()],
  ['calls its run failed', (run: Run) => void run.fail(new Error('not today'))],
])('a pass whose hook %s is repeated up to there', async (_, end) => {
  const file = newTapePath()
  const tape = openForTest(file)
  const run = tape.startRun('test')
  const w = parameter([1, 2], { name: 'w' })
  const u = parameter([3, 4], { name: 'u' })
  w.onGradient(() => end(run))
  run.step()
  expect(() => sum(square(mul(w, u))).backward()).toThrow('RUN_FINISHED')
  tape.close()
  const past = openForTest(file, { readonly: true }).run('test')
  const report = past.replay()
  expect(report.divergence).toBe(null)
  expect(report.events).toBe(past.lastPosition)
})

test('a step does not begin in the middle of a pass', async () => {
  await recordedTape((run) => {
    const w = parameter([1, 2], { name: 'w' })
    w.onGradient(() => void run.step())
    expect(() => sum(square(w)).backward()).toThrow('BAD_ARGUMENT: run.step() expected no backward pass')
    expect(run.step()).toBe(1)
  })
})

test('a fork goes over a hook that logged, and says what it cannot repeat of one that assigned', async () => {
  const fork = async (name: string) => {
    const { file } = await trained(DEEDS[name]!, false)
    return openForTest(file, { readonly: true })
      .run('test')
      .fork({ step: 3, set: { w: ndarray([1, 1]) } })
      .run()
  }
  await fork('logs a number')
  await expect(fork('clears a gradient')).rejects.toThrow('what a hook did in the middle of a pass')
})
