/**
 * Pseudo-random arguments for the tests of the elementary functions, from a seed: uniform in value, uniform in
 * exponent, near thresholds, and plain random bit patterns. It uses no function of `Math` that an engine may choose.
 */
import { erf, gelu } from '../../../src/array/math/erf.js'
import { exp, exp2, expm1 } from '../../../src/array/math/exp.js'
import { log, log1p } from '../../../src/array/math/log.js'
import { pow } from '../../../src/array/math/pow.js'
import { sigmoid, softplus } from '../../../src/array/math/sigmoid.js'
import { tanh } from '../../../src/array/math/tanh.js'
import { cos, sin } from '../../../src/array/math/trigonometry.js'

export class Source {
  private state: number
  private readonly number = new Float64Array(1)
  private readonly words = new Uint32Array(this.number.buffer)

  constructor(seed: number) {
    this.state = seed >>> 0
  }

  /** 32 bits: a Weyl sequence through a mixer. */
  word(): number {
    this.state = (this.state + 0x9e3779b9) >>> 0
    let z = this.state
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad)
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
    return (z ^ (z >>> 15)) >>> 0
  }

  between(low: number, high: number): number {
    const unit = (this.word() * 2097152 + (this.word() >>> 11)) / 9007199254740992
    return low + (high - low) * unit
  }

  /** A number of either sign whose exponent is uniform in [low, high). */
  spread(low: number, high: number): number {
    let scale = this.between(1, 2)
    const exponent = Math.floor(this.between(low, high))
    for (let n = exponent; n > 0; n--) scale *= 2
    for (let n = exponent; n < 0; n++) scale /= 2
    return this.word() & 1 ? scale : -scale
  }

  /** Any finite float64. */
  anything(): number {
    do {
      this.words[0] = this.word()
      this.words[1] = this.word()
    } while (!Number.isFinite(this.number[0]))
    return this.number[0] as number
  }
}

export interface Subject {
  name: string
  of: (x: number, y: number) => number
  /** The promised bound. */
  ulps: number
  arguments: (s: Source) => [x: number, y: number]
}

/** One of the choices, each as likely as the others. */
function one(s: Source, ...choices: (() => number)[]): [number, number] {
  return [(choices[s.word() % choices.length] as () => number)(), 0]
}

/** The functions, their promised bounds and their interesting arguments, all inside their domains. */
export const subjects: readonly Subject[] = [
  {
    name: 'exp',
    of: exp,
    ulps: 1,
    arguments: (s) =>
      one(
        s,
        () => s.between(-745.2, 709.8),
        () => s.between(-2, 2),
        () => s.spread(-60, 9),
        () => s.between(-745.2, -707),
        () => s.between(709, 709.79),
      ),
  },
  {
    name: 'exp2',
    of: exp2,
    ulps: 1,
    arguments: (s) =>
      one(
        s,
        () => s.between(-1074.9, 1024),
        () => s.between(-2, 2),
        () => s.spread(-60, 9),
        () => s.between(-1074.9, -1019),
        () => s.between(1019, 1024),
      ),
  },
  {
    name: 'expm1',
    of: expm1,
    ulps: 1.5,
    arguments: (s) =>
      one(
        s,
        () => s.between(-45, 709.8),
        () => s.between(-2, 2),
        () => s.spread(-60, 9),
        () => s.spread(-1070, 0),
      ),
  },
  {
    name: 'log',
    of: log,
    ulps: 1,
    arguments: (s) =>
      one(
        s,
        () => s.between(0.5, 2),
        () => 1 + s.spread(-52, -2),
        () => Math.abs(s.spread(-1073, 1023)),
        () => Math.abs(s.anything()) || 1,
      ),
  },
  {
    name: 'log1p',
    of: log1p,
    ulps: 1.5,
    arguments: (s) =>
      one(
        s,
        () => s.between(-0.999, 2),
        () => s.spread(-60, 0) / 2,
        () => Math.abs(s.spread(-1073, 1023)),
        () => -1 + Math.abs(s.spread(-52, -1)),
      ),
  },
  {
    name: 'tanh',
    of: tanh,
    ulps: 2,
    arguments: (s) =>
      one(
        s,
        () => s.between(-2, 2),
        () => s.between(-25, 25),
        () => s.spread(-60, 6),
        () => s.spread(-1073, 1023),
      ),
  },
  {
    name: 'sigmoid',
    of: sigmoid,
    ulps: 2.5,
    arguments: (s) =>
      one(
        s,
        () => s.between(-4, 4),
        () => s.between(-40, 40),
        () => s.between(-745, -700),
        () => s.spread(-60, 9),
      ),
  },
  {
    name: 'softplus',
    of: softplus,
    ulps: 2.5,
    arguments: (s) =>
      one(
        s,
        () => s.between(-4, 4),
        () => s.between(-40, 40),
        () => s.between(-745, -700),
        () => s.spread(-60, 9),
      ),
  },
  {
    name: 'erf',
    of: erf,
    ulps: 2,
    arguments: (s) =>
      one(
        s,
        () => s.between(-1.2, 1.2),
        () => s.between(-6.5, 6.5),
        () => s.spread(-60, 3),
        () => s.spread(-1073, 0),
      ),
  },
  {
    name: 'gelu',
    of: gelu,
    ulps: 2.5,
    arguments: (s) =>
      one(
        s,
        () => s.between(-3, 3),
        () => s.between(-38.6, 9),
        () => s.spread(-60, 5),
        () => s.spread(-1070, 0),
      ),
  },
  {
    name: 'pow',
    of: pow,
    ulps: 2,
    arguments: (s) => {
      const [x] = one(
        s,
        () => s.between(0.001, 3),
        () => 1 + s.spread(-52, -2),
        () => Math.abs(s.spread(-1073, 1023)),
      )
      // Most of the interest lies where the result spans the format.
      const span = log(x) || 1
      const [y] = one(
        s,
        () => s.between(-745, 709) / span,
        () => s.between(-745, -700) / span,
        () => s.between(-10, 10) / (1 + Math.abs(span)),
      )
      return [x, y]
    },
  },
  {
    name: 'sin',
    of: sin,
    ulps: 1.5,
    arguments: (s) =>
      one(
        s,
        () => s.between(-4, 4),
        () => s.between(-2e6, 2e6),
        () => s.spread(-60, 1023),
        () => Math.round(s.between(0, 600000)) * (Math.PI / 2),
        () => 5.319372648326541e255,
      ),
  },
  {
    name: 'cos',
    of: cos,
    ulps: 1.5,
    arguments: (s) =>
      one(
        s,
        () => s.between(-4, 4),
        () => s.between(-2e6, 2e6),
        () => s.spread(-60, 1023),
        () => (2 * Math.round(s.between(0, 300000)) + 1) * (Math.PI / 2),
        () => 5.319372648326541e255,
      ),
  },
]
