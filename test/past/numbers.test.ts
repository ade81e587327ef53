/** Numbers as operands: the engine keeps a constant for each, and a replay must not depend on which it has kept. */
import { describe, expect, test } from 'vitest'
import { add, constant, mul, noGrad, openTape, pow, type Run, sub, tanh, Variable } from '../../src/index.js'
import { newTapePath } from '../tape/temporary-tape.js'

async function verdictOf(program: (run: Run) => void) {
  const file = newTapePath()
  const tape = openTape(file)
  const run = tape.startRun('numbers')
  program(run)
  await run.finish()
  tape.close()
  const past = openTape(file, { readonly: true })
  try {
    return past.run('numbers').replay()
  } finally {
    past.close()
  }
}

/** A pass whose own calls use the numbers 2 and 1. */
function differentiate(x: Variable): void {
  x.clearGrad()
  pow(x, 2).backward({ createGraph: true })
}

/** More numbers than the engine keeps. */
function useManyNumbers(x: Variable): void {
  noGrad(() => {
    for (let i = 0; i < 5_000; i++) mul(x, i + 0.5)
  })
}

const bitExact = { verdict: 'bit-exact', divergence: null }

describe('a replay is bit-exact', () => {
  test('when the program and a pass with createGraph use the same number', async () => {
    const report = await verdictOf(() => {
      const x = new Variable(3, { name: 'x' })
      mul(2, x)
      differentiate(x)
    })
    expect(report).toMatchObject(bitExact)
  })

  test('when they use equal numbers that are two leaves', async () => {
    const report = await verdictOf(() => {
      const x = new Variable(3, { name: 'x' })
      mul(constant(2), x)
      mul(constant(2), x)
      differentiate(x)
      mul(2, x)
    })
    expect(report).toMatchObject(bitExact)
  })

  test('when the engine has let go of a number between two passes', async () => {
    const report = await verdictOf(() => {
      const x = new Variable(3, { name: 'x' })
      differentiate(x)
      useManyNumbers(x)
      differentiate(x)
      useManyNumbers(x)
      mul(2, x)
      differentiate(x)
    })
    expect(report).toMatchObject(bitExact)
  })

  test('when the seeds of passes are ones, and so are numbers of the calls', async () => {
    const report = await verdictOf(() => {
      const x = new Variable(1, { name: 'x' })
      let derivative = tanh(x)
      for (let order = 1; order <= 4; order++) {
        x.clearGrad()
        derivative.backward({ createGraph: true })
        derivative = x.grad ?? derivative
      }
    })
    expect(report).toMatchObject(bitExact)
  })

  test('when a call reads an old number and a new leaf with the same value', async () => {
    const report = await verdictOf(() => {
      const x = new Variable(1, { name: 'x' })
      mul(x, 1)
      add(1, constant(1))
      add(constant(1), 1)
      tanh(x).backward({ createGraph: true })
      useManyNumbers(x)
      tanh(x).backward({ createGraph: true })
      add(1, constant(1))
    })
    expect(report).toMatchObject(bitExact)
  })

  test("of Newton's method as the book writes it", async () => {
    const report = await verdictOf((run) => {
      const x = new Variable(2, { name: 'x' })
      for (let i = 0; i < 5; i++) {
        run.step()
        const y = sub(pow(x, 4), mul(2, pow(x, 2)))
        x.clearGrad()
        y.backward({ createGraph: true })
        const gx = add(x.grad ?? 0, 0)
        x.clearGrad()
        gx.backward()
        const gx2 = x.grad
        noGrad(() => {
          if (gx2 !== null) x.data = sub(x, gx.div(gx2)).data
        })
      }
    })
    expect(report).toMatchObject(bitExact)
  })
})
