/**
 * Programs by chance: a list of instructions, each carried out on whatever variables there are by then. While a program
 * runs, hooks note every gradient it really computes, so that tapes can be held to it.
 */
import fc from 'fast-check'
import { ndarray } from '../../src/array/make-array.js'
import { add, mul, square, sub } from '../../src/functions/arithmetic.js'
import { exp, sin, tanh } from '../../src/functions/exponential.js'
import { concat, split } from '../../src/functions/joining.js'
import { matmul } from '../../src/functions/products.js'
import { max, mean, sum } from '../../src/functions/reductions.js'
import { transpose } from '../../src/functions/shapes.js'
import { grad } from '../../src/graph/backward.js'
import { constant, parameter } from '../../src/graph/leaves.js'
import { noGrad } from '../../src/graph/mode.js'
import { Variable } from '../../src/graph/variable.js'
import { clipGradNorm } from '../../src/optim/clip-grad-norm.js'
import type { Run } from '../../src/tape/run.js'
import type { Tape } from '../../src/tape/tape.js'

export interface Instruction {
  op: Op
  a: number
  b: number
  x: number
}

const OPS = [
  'leaf',
  'parameter',
  'constant',
  'unary',
  'binary',
  'shared',
  'split',
  'matmul',
  'reduce',
  'number',
  'step',
  'backward',
  'backward',
  'backwardSeed',
  'assignedSeed',
  'retain',
  'createGraph',
  'grad',
  'gradCreateGraph',
  'clear',
  'update',
  'updateLater',
  'outside',
  'noGrad',
  'detach',
  'unchain',
  'name',
  'log',
  'scope',
  'nested',
  'throws',
  'assignGrad',
  'useGrad',
  'clip',
  'scaleGrad',
  'moveGrad',
  'freeze',
  'freeze',
  'note',
  'flush',
] as const
type Op = (typeof OPS)[number]

export const program: fc.Arbitrary<Instruction[]> = fc.array(
  fc.record({
    op: fc.constantFrom(...OPS),
    a: fc.nat(1000),
    b: fc.nat(1000),
    x: fc.double({ min: -2, max: 2, noNaN: true }),
  }),
  { minLength: 5, maxLength: 60 },
)

/** One backward pass as it really went. */
export interface Pass {
  root: Variable
  rootPosition: number
  seed: number | null
  /** What each variable was given, by its place: [position, slot]. */
  given: Map<string, { data: number[]; variable: Variable }>
  /** Whether the graph from a file may be another by now: something in it was unchained after a call had read it. */
  unchained: boolean
}

export class Program {
  readonly passes: Pass[] = []
  private readonly pool: Variable[] = []
  private readonly parameters: Variable[] = []
  private readonly unchained = new Set<Variable>()
  private noting: Pass | null = null

  constructor(
    private readonly tape: Tape,
    private readonly run: Run,
  ) {
    this.keep(new Variable(0.5, { name: 'x' }))
    this.parameters.push(
      this.keep(
        parameter(
          [
            [0.5, -0.25],
            [1.5, 2],
          ],
          { name: 'w' },
        ),
      ),
    )
  }

  perform(instructions: readonly Instruction[]): void {
    for (const instruction of instructions) this.one(instruction)
  }

  /** What the parameters hold at the end, of those that the run knows. */
  heldGradients(): { position: number; grad: number[] }[] {
    return this.parameters.flatMap(({ position, grad }) =>
      position === null || grad === null ? [] : [{ position, grad: [...grad.data.data] }],
    )
  }

  private one({ op, a, b, x }: Instruction): void {
    const p = this.parameters[a % this.parameters.length]!
    switch (op) {
      case 'leaf':
        this.keep(
          new Variable(
            b % 3 === 0
              ? x
              : [
                  [x, 1],
                  [b % 7, -x],
                ],
            { dtype: b % 5 === 0 ? 'float32' : 'float64' },
          ),
        )
        return
      case 'parameter':
        this.parameters.push(
          this.keep(
            parameter(
              [
                [x, -1],
                [0.5, x / 2],
              ],
              { name: `p${b % 3}` },
            ),
          ),
        )
        return
      case 'constant':
        this.keep(
          constant([
            [x, b % 3],
            [1, 2],
          ]),
        )
        return
      case 'unary':
        this.keep([square, tanh, sin, (v: Variable) => exp(tanh(v))][b % 4]!(this.pick(a)))
        return
      case 'binary':
        this.keep([add, sub, mul][b % 3]!(this.pick(a), this.pick(b)))
        return
      case 'shared': {
        const v = this.pick(a)
        this.keep(tanh(b % 2 === 0 ? mul(v, v) : add(add(v, v), v)))
        return
      }
      case 'split': {
        const [left, right] = split(this.matrix(a), 2, { axis: b % 2 })
        if (b % 3 === 0) this.keep(concat([right!, left!], { axis: b % 2 }))
        else this.keep(concat([right!, right!], { axis: b % 2 }))
        return
      }
      case 'matmul':
        this.keep(tanh(matmul(this.matrix(a), this.matrix(b))))
        return
      case 'reduce':
        this.keep([sum, mean, max][b % 3]!(this.pick(a)))
        return
      case 'number':
        // 1 and 2 are numbers that backward passes use too: with createGraph they are leaves of the tape.
        this.keep(mul(this.pick(a), [-0, 1, 2][b % 5] ?? x))
        return
      case 'step':
        this.run.step()
        return
      case 'backward':
      case 'backwardSeed':
      case 'assignedSeed':
      case 'retain':
      case 'createGraph':
        this.backward(op, this.pick(a), x)
        return
      case 'grad':
      case 'gradCreateGraph': {
        const root = sum(square(this.pick(a)))
        if (!root.requiresGrad || this.stale(root)) return
        const inputs = [p, this.pick(b)].filter(({ requiresGrad }) => requiresGrad)
        for (const gradient of grad([root], inputs, { createGraph: op === 'gradCreateGraph' }))
          this.keep(gradient)
        return
      }
      case 'clear':
        p.clearGrad()
        return
      case 'update':
        if (p.grad !== null) noGrad(() => (p.data = sub(p, mul(p.grad!, 0.01)).data))
        return
      case 'updateLater': {
        const next = noGrad(() => mul(p, 0.9)).data
        this.keep(square(p))
        p.data = next
        return
      }
      case 'outside':
        p.data = ndarray([
          [x, 1],
          [2, b % 5],
        ])
        return
      case 'noGrad':
        noGrad(() => this.keep(mul(this.pick(a), this.pick(b))))
        return
      case 'detach':
        this.keep(this.pick(a).detach())
        return
      case 'unchain': {
        const v = this.pick(a)
        if (v.creator !== null) this.unchained.add(v)
        v.unchain()
        return
      }
      case 'name':
        this.pick(a).name = b % 4 === 0 ? null : `name${b % 4}`
        return
      case 'log':
        this.run.log({ [`metric${b % 3}`]: b % 2 === 0 ? x : sum(this.pick(a)) })
        return
      case 'scope':
        this.run.scope(`scope${b % 2}`, () => this.keep(square(this.pick(a))))
        return
      case 'nested': {
        const inner = this.tape.startRun('nested')
        const y = sum(square(this.pick(a)))
        inner.log({ y })
        if (b % 3 === 1 && p.requiresGrad) square(p).backward({ gradient: 1 })
        if (b % 3 === 2) p.clearGrad()
        if (b % 5 === 0)
          p.data = ndarray([
            [x, 2],
            [3, 4],
          ])
        inner.end('finished', null)
        return
      }
      case 'throws':
        try {
          matmul(this.matrix(a), new Variable([[1, 2, 3]]))
        } catch {
          return
        }
        throw new Error('a matrix product of [2, 2] and [1, 3] was taken')
      case 'assignGrad':
        p.grad =
          b % 2 === 0
            ? x
            : [
                [1, x],
                [2, 3],
              ]
        return
      case 'useGrad':
        if (p.grad !== null) this.keep(p.grad)
        return
      case 'clip':
        if (p.grad !== null) clipGradNorm([p], 0.1 + Math.abs(x))
        return
      case 'scaleGrad':
        noGrad(() => {
          // From a file a retained gradient of what a call made stays with the value that the call made, not with later ones.
          if (p.grad !== null && p.grad.creator === null) p.grad.data = mul(p.grad, x).data
        })
        return
      case 'moveGrad': {
        const other = this.parameters[b % this.parameters.length]!
        if (p.grad !== null) other.grad = p.grad
        return
      }
      case 'freeze': {
        const leaf = b % 3 === 0 ? this.pick(a) : p
        const isLeaf = leaf.creator === null && leaf.role !== 'constant'
        if (isLeaf) leaf.requiresGrad = !leaf.requiresGrad
        return
      }
      case 'note':
        this.run.note(`note ${b}`)
        return
      case 'flush':
        this.run.flush()
    }
  }

  private backward(op: Op, from: Variable, x: number): void {
    const root = sum(tanh(from))
    if (!root.requiresGrad) return
    if (op === 'createGraph' && this.stale(root)) return
    this.watch(root)
    const seed = op === 'backwardSeed' || op === 'assignedSeed' ? x : null
    const pass: Pass = {
      root,
      rootPosition: root.position!,
      seed,
      given: new Map(),
      unchained: this.ancestors(root).some((v) => this.unchained.has(v)),
    }
    if (op === 'assignedSeed') root.grad = x
    this.noting = pass
    try {
      root.backward({
        retainGrad: op === 'retain',
        createGraph: op === 'createGraph',
        ...(op === 'backwardSeed' ? { gradient: x } : {}),
      })
    } finally {
      this.noting = null
    }
    this.passes.push(pass)
  }

  /** Whether something was assigned after a call of this graph read it: then `createGraph` refuses to be recorded. */
  private stale(root: Variable): boolean {
    return this.ancestors(root).some((v) => v.versionOf !== null)
  }

  private ancestors(root: Variable): Variable[] {
    const found = new Set([root])
    for (const v of found) for (const input of v.creator?.inputs ?? []) found.add(input)
    return [...found]
  }

  private keep(variable: Variable): Variable {
    this.watch(variable)
    this.pool.push(variable)
    return variable
  }

  private watch(variable: Variable): void {
    const told = variable.gradientHooks
    if (told !== null) return
    variable.onGradient((gradient) => {
      const place = `${variable.position}.${variable.slot}`
      this.noting?.given.set(place, { data: [...gradient.data.data], variable })
    })
  }

  private pick(n: number): Variable {
    // Young variables rather than old ones, so that graphs grow deep.
    const back = Math.floor(((n % 100) / 100) ** 2 * this.pool.length)
    return this.pool[this.pool.length - 1 - back]!
  }

  private matrix(n: number): Variable {
    const v = this.pick(n)
    if (v.ndim === 2) return n % 2 === 0 ? v : transpose(v)
    return this.parameters[n % this.parameters.length]!
  }
}
