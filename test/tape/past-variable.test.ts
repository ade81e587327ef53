import { describe, expect, test } from 'vitest'
import '../../src/index.js'
import { ndarray } from '../../src/array/make-array.js'
import { add, mul, square, sub } from '../../src/functions/arithmetic.js'
import { tanh } from '../../src/functions/exponential.js'
import { split } from '../../src/functions/joining.js'
import { sum } from '../../src/functions/reductions.js'
import { constant, parameter } from '../../src/graph/leaves.js'
import { noGrad } from '../../src/graph/mode.js'
import { Variable } from '../../src/graph/variable.js'
import type { PastRun } from '../../src/tape/past-run.js'
import type { Run } from '../../src/tape/run.js'
import { openForTest, recordedTape } from './temporary-tape.js'

async function past(record: (run: Run) => void): Promise<PastRun> {
  return openForTest(await recordedTape(record), { readonly: true }).run('test')
}

/** Three steps of w ← w − 0.1·∂w²; the values w had in each. */
async function trained(): Promise<{ run: PastRun; values: number[]; last: number }> {
  const values: number[] = []
  let last = 0
  const run = await past((run) => {
    const w = parameter(1, { name: 'w' })
    for (let i = 0; i < 3; i++) {
      run.step()
      values.push(w.item())
      const loss = square(w)
      w.clearGrad()
      loss.backward()
      noGrad(() => {
        w.data = sub(w, mul(w.grad!, 0.1)).data
      })
      run.log({ loss })
    }
    last = w.item()
  })
  return { run, values, last }
}

describe('past.variable', () => {
  test('finds by name and by position, and gives the same object each time', async () => {
    let position = 0
    const run = await past((run) => {
      const y = square(new Variable(3, { name: 'x' }))
      position = y.position!
      y.name = 'y'
      run.note('later')
    })
    const y = run.variable('y')
    expect(y.item()).toBe(9)
    expect(run.variable('y')).toBe(y)
    expect(run.variable(position)).toBe(y)
    expect(run.variable('x')).toBe(y.creator!.input)
    expect(y.creator).toBe(run.variable(position).creator)
    expect(y.position).toBe(position)
    expect(y.creator!.position).toBe(position)
    expect(y.name).toBe('y')
    y.backward()
    expect(run.variable('x').grad!.item()).toBe(6)
  })

  test('keeps two readings of one run apart: what backward leaves is in its own graph', async () => {
    const file = await recordedTape((run) => run.log({ y: square(new Variable(3, { name: 'x' })) }))
    const tape = openForTest(file, { readonly: true })
    const [one, two] = [tape.run('test'), tape.run('test')]
    one.variable('y').backward()
    expect(one.variable('x').grad!.item()).toBe(6)
    expect(two.variable('x').grad).toBe(null)
  })

  test('gives the version of a parameter that the calls of a step read', async () => {
    const { run, values, last } = await trained()
    for (let step = 1; step <= 3; step++) {
      expect(run.variable('w', { step }).item()).toBe(values[step - 1])
      const loss = run.variable('loss', { step })
      expect(loss.item()).toBe(values[step - 1]! ** 2)
      expect(loss.creator!.input).toBe(run.variable('w', { step }))
      loss.backward()
      expect(run.variable('w', { step }).grad!.item()).toBe(2 * values[step - 1]!)
    }
    expect(run.variable('w').item()).toBe(last)
    expect(run.variable('w').grad!.item()).toBe(2 * values[2]!)
    expect(run.variable('loss').item()).toBe(values[2]! ** 2)
  })

  test('gives versions by position too', async () => {
    const { run, values } = await trained()
    const { position } = run.variable('w')
    expect([1, 2, 3].map((step) => run.variable(position!, { step }).item())).toEqual(values)
  })

  test('takes the last bearer of a name, in the step if it has one there, before it otherwise', async () => {
    const run = await past((run) => {
      square(new Variable(1, { name: 'h' }))
      run.step()
      const [first, second] = [square(new Variable(2)), square(new Variable(3))]
      first.name = 'h'
      second.name = 'h'
      run.step()
      run.note('nothing is named here')
      run.step()
      run.log({ h: square(new Variable(4)) })
    })
    expect([0, 1, 2, 3].map((step) => run.variable('h', { step }).item())).toEqual([1, 9, 9, 16])
    expect(run.variable('h').item()).toBe(16)
  })

  test('finds the last bearer among steps of which no two are alike, near and far', async () => {
    const steps = 90
    const run = await past((run) => {
      for (let step = 1; step <= steps; step++) {
        run.step()
        let y = new Variable(step, { name: 'x' })
        for (let i = 0; i < step; i++) {
          y = square(y)
          // An event that stands outside of the graph, so that a step is more than one block.
          if (i % 20 === 0) run.note('so far')
        }
        square(new Variable(-step, { name: step % 3 === 0 ? 'x' : 'other' }))
        if (step === 5) square(new Variable(0.5, { name: 'once' }))
      }
    })
    for (let step = 1; step <= steps; step++) {
      expect(run.variable('x', { step }).item()).toBe(step % 3 === 0 ? -step : step)
      const other = step % 3 === 0 ? step - 1 : step
      expect(run.variable('other', { step }).item()).toBe(-other)
      if (step >= 5) expect(run.variable('once', { step }).item()).toBe(0.5)
    }
    expect(run.variable('x').item()).toBe(-steps)
    expect(run.variable('other').item()).toBe(-(steps - 1))
    expect(run.variable('once').item()).toBe(0.5)
    expect(() => run.variable('once', { step: 4 })).toThrow('VARIABLE_NOT_FOUND')
  })

  test('does not find in a step what was named only after it', async () => {
    const run = await past((run) => {
      run.step()
      square(new Variable(1))
      run.step()
      run.log({ late: square(new Variable(2)) })
    })
    expect(() => run.variable('late', { step: 1 })).toThrow(/^VARIABLE_NOT_FOUND/)
    expect(run.variable('late', { step: 2 }).item()).toBe(4)
  })

  test('finds what was named after the call, renamed, and logged under another name than its own', async () => {
    const run = await past((run) => {
      const y = square(new Variable(3))
      y.name = 'first'
      y.name = 'second'
      run.log({ logged: y })
    })
    expect(run.variable('second').name).toBe('second')
    expect(run.variable('logged')).toBe(run.variable('second'))
    expect(run.variable('first')).toBe(run.variable('second'))
  })

  test('log() names a variable that has no name', async () => {
    let name: string | null = ''
    const run = await past((run) => {
      const y = square(new Variable(3))
      run.log({ y })
      name = y.name
    })
    expect(name).toBe('y')
    expect(run.variable('y').item()).toBe(9)
  })

  test('finds the other outputs of a call', async () => {
    let ref = 0
    const run = await past((run) => {
      const [left, right] = split(new Variable([1, 2, 3, 4], { name: 'x' }), 2)
      right!.name = 'right'
      ref = right!.position! + 2 ** 40
      run.log({ y: sum(mul(right!, left!)) })
    })
    const right = run.variable('right')
    expect(right.data.toArray()).toEqual([3, 4])
    expect(run.variable(ref)).toBe(right)
    expect(right.creator!.outputs[1]).toBe(right)
    run.variable('y').backward()
    expect(run.variable('x').grad!.data.toArray()).toEqual([3, 4, 1, 2])
  })

  test('finds a gradient by the position of its event', async () => {
    let position = 0
    const run = await past(() => {
      const x = new Variable(3)
      square(x).backward()
      position = x.grad!.position!
    })
    expect(run.variable(position).item()).toBe(6)
    expect(run.variable(position).creator).toBe(null)
  })

  test('gives values of versions made from variables, from outside, from gradients, and from versions', async () => {
    const run = await past((run) => {
      const w = new Variable([1, 2], { name: 'w' })
      const v = new Variable([9, 9], { name: 'v' })
      const use = () => sum(mul(w, v))
      run.step()
      use()
      w.data = square(w).data // from a call
      run.step()
      use()
      w.data = ndarray([5, 6]) // from outside
      run.step()
      use()
      v.data = w.data // from an assignment
      run.step()
      use().backward()
      w.data = v.grad!.data // from a gradient
      run.step()
      use()
    })
    const at = (name: string) => [1, 2, 3, 4, 5].map((step) => run.variable(name, { step }).data.toArray())
    expect(at('w')).toEqual([
      [1, 2],
      [1, 4],
      [5, 6],
      [5, 6],
      [5, 6],
    ])
    expect(at('v')).toEqual([
      [9, 9],
      [9, 9],
      [9, 9],
      [5, 6],
      [5, 6],
    ])
  })

  test('cuts the graph where it was unchained, and only for what came after', async () => {
    const live: number[] = []
    const run = await past((run) => {
      const w = parameter(0.5, { name: 'w' })
      let h = new Variable(1) as Variable
      for (let i = 0; i < 4; i++) {
        run.step()
        h = tanh(mul(h, w))
        h.name = 'h'
        const loss = square(sub(h, 1))
        w.clearGrad()
        loss.backward()
        live.push(w.grad!.item())
        run.log({ loss })
        if (i % 2 === 1) h.unchain()
      }
    })
    for (let step = 1; step <= 4; step++) {
      const loss = run.variable('loss', { step })
      run.variable('w', { step }).clearGrad()
      loss.backward()
      expect(run.variable('w', { step }).grad!.item(), `step ${step}`).toBe(live[step - 1])
    }
    expect(run.variable('h').creator).toBe(null)
  })

  test('knows constants, roles and what noGrad made', async () => {
    const run = await past((run) => {
      const w = parameter(2, { name: 'w' })
      const y = noGrad(() => mul(w, constant(3, { name: 'c' })))
      run.log({ y, z: add(y, w) })
    })
    expect(run.variable('c').requiresGrad).toBe(false)
    expect(run.variable('y').creator).toBe(null)
    expect(run.variable('y').requiresGrad).toBe(false)
    run.variable('z').backward()
    expect(run.variable('w').grad!.item()).toBe(1)
    expect(run.variable('y').grad).toBe(null)
  })

  test('of a closed run is computed with like any other, also in a new run', async () => {
    const run = await past((run) => run.log({ y: square(new Variable(3, { name: 'x' })) }))
    const z = mul(run.variable('y'), 2)
    z.backward()
    expect(run.variable('x').grad!.item()).toBe(12)
    run.variable('x').clearGrad()
    const file = await recordedTape((other) => {
      const w = parameter(5, { name: 'w' })
      other.log({ u: mul(w, run.variable('y').detach()) })
    })
    const other = openForTest(file, { readonly: true }).run('test')
    expect(other.variable('u').item()).toBe(45)
    expect(other.replay().verdict).toBe('bit-exact')
  })
})
