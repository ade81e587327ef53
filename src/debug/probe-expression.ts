/**
 * The small language of `probe`: names of variables, calls of a step (`#relu@layers.0`), numbers, and functions of these by name.
 * It is parsed into functions of ours; nothing of it is evaluated as a program.
 *
 *   expression  name | number | #function[@scope][:n] | function(expression, …)
 */
import type { NDArray } from '../array/ndarray.js'
import { TapeError } from '../errors.js'
import { nearest } from '../nearest.js'

/** What names stand for in a step. */
export interface ProbeSource {
  value(name: string): NDArray
  /** The gradient of `of` with respect to `by`, both as the step's calls read them. */
  gradient(of: string, by: string): NDArray
  /** The gradient that the run recorded. */
  recorded(name: string): NDArray
  /** The output of the `nth` call of a function in a scope (any for null). */
  output(name: string, scope: string | null, nth: number): NDArray
}

type Expression = (source: ProbeSource) => number | ArrayLike<number>

const REDUCTIONS: Readonly<Record<string, (values: ArrayLike<number>) => number>> = {
  norm: (values) => Math.sqrt(sum(values, (value) => value * value)),
  rms: (values) => Math.sqrt(sum(values, (value) => value * value) / values.length),
  sum: (values) => sum(values, (value) => value),
  mean: (values) => sum(values, (value) => value) / values.length,
  min: (values) => extreme(values, (a, b) => a < b),
  max: (values) => extreme(values, (a, b) => a > b),
  std: (values) => {
    const mean = sum(values, (value) => value) / values.length
    return Math.sqrt(sum(values, (value) => (value - mean) ** 2) / values.length)
  },
  zeros: (values) => sum(values, (value) => (value === 0 ? 1 : 0)) / values.length,
  nonfinite: (values) => sum(values, (value) => (Number.isFinite(value) ? 0 : 1)),
  size: (values) => values.length,
}

const ELEMENTWISE: Readonly<Record<string, (value: number) => number>> = {
  abs: Math.abs,
  neg: (value) => -value,
  square: (value) => value * value,
  sqrt: Math.sqrt,
  log: Math.log,
  log10: Math.log10,
}

const PAIRS: Readonly<Record<string, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
}

const PROBE_FUNCTIONS: readonly string[] = [
  'grad',
  ...Object.keys(REDUCTIONS),
  ...Object.keys(ELEMENTWISE),
  ...Object.keys(PAIRS),
]

/** Throws  BAD_ARGUMENT with the place of the mistake */
export function parseProbe(text: string): Expression {
  return new Parser(text).whole()
}

class Parser {
  private at = 0
  private readonly text: string

  constructor(text: string) {
    this.text = text
  }

  whole(): Expression {
    const expression = this.expression()
    this.space()
    if (this.at < this.text.length) this.refuse('the end')
    return expression
  }

  private expression(): Expression {
    this.space()
    if (this.text[this.at] === '#') return this.call()
    const number = this.matched(/[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?/iy)
    if (number !== null) return () => Number(number)
    const quoted = this.matched(/"[^"]+"/y)
    if (quoted !== null) return (source) => source.value(quoted.slice(1, -1)).data
    const name = this.name()
    this.space()
    if (this.text[this.at] !== '(') return (source) => source.value(name).data
    return this.applied(name)
  }

  private call(): Expression {
    const found = this.matched(/#([A-Za-z_]\w*)(?:@([\w.]*))?(?::(\d+))?/y)
    if (found === null) this.refuse('#function, #function@scope or #function@scope:2')
    const [, name, scope, nth] = /#([A-Za-z_]\w*)(?:@([\w.]*))?(?::(\d+))?/.exec(found)!
    return (source) => source.output(name!, scope ?? null, Number(nth ?? 1)).data
  }

  private applied(name: string): Expression {
    const start = this.at
    if (name === 'grad') return this.gradient()
    const args = this.args(() => this.expression())
    const reduction = REDUCTIONS[name]
    const elementwise = ELEMENTWISE[name]
    const pair = PAIRS[name]
    if (Object.hasOwn(PAIRS, name) && pair !== undefined) {
      const [a, b] = this.count(name, args, 2, start) as [Expression, Expression]
      return (source) => broadcast(pair, a(source), b(source), name)
    }
    if (Object.hasOwn(REDUCTIONS, name) && reduction !== undefined) {
      const [a] = this.count(name, args, 1, start) as [Expression]
      return (source) => reduction(listOf(a(source)))
    }
    if (Object.hasOwn(ELEMENTWISE, name) && elementwise !== undefined) {
      const [a] = this.count(name, args, 1, start) as [Expression]
      return (source) => {
        const value = a(source)
        return typeof value === 'number' ? elementwise(value) : Float64Array.from(value, elementwise)
      }
    }
    const near = nearest(name, PROBE_FUNCTIONS)
    throw new TapeError(
      'BAD_ARGUMENT',
      `a probe expected one of ${PROBE_FUNCTIONS.join(', ')}, got "${name}"${near === null ? '' : `; did you mean "${near}"?`}`,
    )
  }

  private gradient(): Expression {
    const start = this.at
    const names = this.args(() => this.name())
    if (names.length === 1) return (source) => source.recorded(names[0]!).data
    const [of, by] = this.count('grad', names, 2, start) as [string, string]
    return (source) => source.gradient(of, by).data
  }

  private args<T>(one: () => T): T[] {
    this.at++
    const args: T[] = []
    for (;;) {
      args.push(one())
      this.space()
      const next = this.text[this.at++]
      if (next === ')') return args
      if (next !== ',') {
        this.at--
        this.refuse('"," or ")"')
      }
    }
  }

  private count<T>(name: string, args: readonly T[], count: number, at: number): readonly T[] {
    if (args.length === count) return args
    this.at = at
    return this.refuse(`${count} argument${count === 1 ? '' : 's'} of ${name}, not ${args.length}`)
  }

  private name(): string {
    this.space()
    return (
      this.matched(/[A-Za-z_][\w.]*/y) ?? this.refuse('a name, a number, #function or a function of them')
    )
  }

  private matched(pattern: RegExp): string | null {
    pattern.lastIndex = this.at
    const found = pattern.exec(this.text)?.[0] ?? null
    this.at += found?.length ?? 0
    return found
  }

  private space(): void {
    this.matched(/\s*/y)
  }

  private refuse(expected: string): never {
    throw new TapeError(
      'BAD_ARGUMENT',
      `a probe expected ${expected} at character ${this.at + 1} of ${JSON.stringify(this.text)}`,
    )
  }
}

function listOf(value: number | ArrayLike<number>): ArrayLike<number> {
  return typeof value === 'number' ? [value] : value
}

function broadcast(
  pair: (a: number, b: number) => number,
  a: number | ArrayLike<number>,
  b: number | ArrayLike<number>,
  name: string,
): number | ArrayLike<number> {
  if (typeof a === 'number' && typeof b === 'number') return pair(a, b)
  const [x, y] = [listOf(a), listOf(b)]
  if (x.length !== y.length && x.length !== 1 && y.length !== 1)
    throw new TapeError(
      'SHAPE_MISMATCH',
      `${name} of a probe expected as many elements on both sides, got ${x.length} and ${y.length}`,
    )
  return Float64Array.from({ length: Math.max(x.length, y.length) }, (_, i) =>
    pair(x[x.length === 1 ? 0 : i]!, y[y.length === 1 ? 0 : i]!),
  )
}

function sum(values: ArrayLike<number>, of: (value: number) => number): number {
  let total = 0
  for (let i = 0; i < values.length; i++) total += of(values[i]!)
  return total
}

/** NaN when one is. */
function extreme(values: ArrayLike<number>, better: (a: number, b: number) => boolean): number {
  let best = values[0] ?? Number.NaN
  for (let i = 1; i < values.length; i++)
    if (Number.isNaN(values[i]!) || better(values[i]!, best)) best = values[i]!
  for (let i = 0; i < values.length; i++) if (Number.isNaN(values[i]!)) return Number.NaN
  return best
}
