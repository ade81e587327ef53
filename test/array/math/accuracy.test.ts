import { describe, expect, test } from 'vitest'
import { Source, subjects } from './corpus.js'
import {
  cos,
  erf,
  exp,
  expm1,
  gelu,
  log,
  log1p,
  pow,
  type Real,
  sigmoid,
  sin,
  softplus,
  tanh,
  ulpError,
} from './reference.js'

const truths: Record<string, (x: number, y: number) => Real> = {
  exp,
  exp2: (x) => pow(2, x),
  expm1,
  log,
  log1p,
  tanh,
  sigmoid,
  softplus,
  erf,
  gelu,
  pow,
  sin,
  cos,
}

const seed = Number(process.env.GRADTAPE_SEED ?? Math.floor(Math.random() * 2 ** 32))
const count = Number(process.env.GRADTAPE_POINTS ?? 20000)

describe(`with GRADTAPE_SEED=${seed}`, () => {
  for (const subject of subjects) {
    test(`${subject.name} stays within ${subject.ulps} ulp of the reference`, () => {
      const source = new Source(seed)
      const truth = truths[subject.name]
      if (!truth) throw new Error(`no reference for ${subject.name}`)
      let worst = 0
      let where = ''
      for (let i = 0; i < count; i++) {
        const [x, y] = subject.arguments(source)
        const error = ulpError(subject.of(x, y), truth(x, y))
        if (error > worst) {
          worst = error
          where = `${subject.name}(${x}, ${y}) = ${subject.of(x, y)}`
        }
      }
      expect(worst, where).toBeLessThanOrEqual(subject.ulps)
      // Nothing is correctly rounded on so many points by these methods: less would mean that nothing was measured.
      expect(worst, where).toBeGreaterThan(0.45)
    })
  }
})
