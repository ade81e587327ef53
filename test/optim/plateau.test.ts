/** ReduceLROnPlateau and the averages of weights. */
import { describe, expect, test } from 'vitest'
import { parameter } from '../../src/graph/leaves.js'
import { ExponentialMovingAverage } from '../../src/optim/averages.js'
import { ReduceLROnPlateau } from '../../src/optim/plateau.js'
import { SGD } from '../../src/optim/sgd.js'

const made = () => new SGD([parameter(1)], { lr: 1 })

describe('ReduceLROnPlateau', () => {
  test('lets the rate fall after more than patience steps without improvement, never below the least', () => {
    const optimizer = made()
    const plateau = new ReduceLROnPlateau(optimizer, { patience: 1, factor: 0.5, least: 0.3 })
    const rates = [1, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5].map((loss) => {
      plateau.step(loss)
      return optimizer.lr
    })
    expect(rates).toEqual([1, 1, 1, 0.5, 0.5, 0.3, 0.3, 0.3])
    expect(plateau.best).toBe(0.5)
  })
  test('waits during its cooldown, takes larger for better when told, and does not take NaN for better', () => {
    const optimizer = made()
    const plateau = new ReduceLROnPlateau(optimizer, { mode: 'max', patience: 0, cooldown: 2, factor: 0.5 })
    expect([1, NaN, 0, 0, 0, 2].map((metric) => plateau.step(metric))).toEqual([
      false,
      true,
      false,
      false,
      true,
      false,
    ])
    expect(optimizer.lr).toBe(0.25)
  })
  test('goes on from a saved state, and refuses another', () => {
    const [a, b] = [made(), made()]
    const first = new ReduceLROnPlateau(a, { patience: 1 })
    first.step(1)
    first.step(1)
    const second = new ReduceLROnPlateau(b, { patience: 1 })
    second.loadStateDict(first.stateDict())
    expect([first.step(1), second.step(1)]).toEqual([true, true])
    expect(() => second.loadStateDict({})).toThrow(/^STATE_MISMATCH/)
    expect(() => new ReduceLROnPlateau(a, { factor: 1 })).toThrow(/^BAD_ARGUMENT/)
    expect(() => first.step('1' as never)).toThrow(/^BAD_ARGUMENT/)
  })
})

describe('averages of weights', () => {
  test('move by 1 − decay, are in place while a function runs, and are gone afterwards, also when it throws', () => {
    const p = parameter([0, 8])
    const averages = new ExponentialMovingAverage([p], { decay: 0.75 })
    p.data = parameter([4, 0]).data
    averages.update()
    expect(averages.averages[0]!.data.toArray()).toEqual([1, 6])
    expect(averages.swapped(() => p.data.toArray())).toEqual([1, 6])
    expect(() =>
      averages.swapped(() => {
        throw new Error('no')
      }),
    ).toThrow('no')
    expect(p.data.toArray()).toEqual([4, 0])
    const others = new ExponentialMovingAverage([p])
    others.loadStateDict(averages.stateDict())
    others.copyTo()
    expect(p.data.toArray()).toEqual([1, 6])
    expect(() => others.loadStateDict({})).toThrow(/^STATE_MISMATCH/)
    expect(() => new ExponentialMovingAverage([])).toThrow(/^BAD_ARGUMENT/)
  })
})
