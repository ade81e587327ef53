/**
 * Carries a training program out, as often as wanted, recorded or not: what each instruction does, and which run hears of
 * it. Knows nothing of how a tape keeps that.
 */

import { ndarray } from '../../src/array/make-array.js'
import type { NDArray } from '../../src/array/ndarray.js'
import { seedRandom } from '../../src/array/random.js'
import { TapeError } from '../../src/errors.js'
import type { Capture } from '../../src/events/capture.js'
import { add, mul, square, sub } from '../../src/functions/arithmetic.js'
import { cast } from '../../src/functions/casting.js'
import { dropout } from '../../src/functions/dropout.js'
import { exp, sin, tanh } from '../../src/functions/exponential.js'
import { take } from '../../src/functions/indexing.js'
import { concat, split } from '../../src/functions/joining.js'
import { matmul } from '../../src/functions/products.js'
import { max, mean, sum } from '../../src/functions/reductions.js'
import { transpose } from '../../src/functions/shapes.js'
import { grad } from '../../src/graph/backward.js'
import { Func } from '../../src/graph/func.js'
import { constant, parameter } from '../../src/graph/leaves.js'
import { noGrad } from '../../src/graph/mode.js'
import { registerFunc } from '../../src/graph/registry.js'
import { Variable } from '../../src/graph/variable.js'
import { Adam } from '../../src/optim/adam.js'
import { SGD } from '../../src/optim/sgd.js'
import type { Run, RunOptions } from '../../src/tape/run.js'
import type { Tape } from '../../src/tape/tape.js'
import { TrainingNotes } from './training-notes.js'
import type { Instruction, Op, TrainingProgram } from './training-program.js'
import { isStale, TrainingVariables } from './training-variables.js'

/** Thrown away with the rest of the step it happens in. */
class Mishap extends Error {}

class RefusesToGoBack extends Func {
  override forward(x: NDArray): NDArray {
    return x
  }
  override backward(): never {
    throw new Mishap('no further')
  }
}
registerFunc(RefusesToGoBack)

export class Execution {
  readonly notes = new TrainingNotes()
  passes = 0
  mishaps = 0
  private readonly run: Run | null
  private readonly variables: TrainingVariables
  private readonly optimizer: SGD | Adam
  private readonly optimized: readonly Variable[]

  /** Begins a run on the tape; records nothing without one. */
  constructor(
    private readonly program: TrainingProgram,
    private readonly tape: Tape | null,
    private readonly capture: Capture,
  ) {
    this.run = this.begin('program')
    if (this.run === null) seedRandom(program.seed)
    this.variables = new TrainingVariables(program)
    const { optimizer } = program
    const optimized = [...this.variables.parameters]
    this.optimized = optimized
    this.optimizer =
      optimizer === 'adam'
        ? new Adam(optimized, { lr: 0.01 })
        : new SGD(optimized, { lr: 0.01, momentum: optimizer === 'momentum' ? 0.9 : 0 })
  }

  private begin(name: string): Run | null {
    if (this.tape === null) return null
    const { seed, checkpointEvery, eventsMax } = this.program
    const options: RunOptions = {
      capture: this.capture,
      batch: { eventsMax, bytesMax: 2 ** 20, ageMaxMs: 1e6 },
    }
    if (name === 'program') options.seed = seed
    if (checkpointEvery !== null) options.checkpointEvery = checkpointEvery
    const run = this.tape.startRun(name, options)
    this.notes.listen(run)
    return run
  }

  perform(): void {
    const { ballast, prelude, body, steps, carries } = this.program
    if (ballast > 0) split(constant(Array.from({ length: 128 * ballast }, (_, i) => i % 11)), 128)
    this.sequence(prelude)
    for (const { skipsBody, detour } of steps) {
      this.run?.step()
      if (!carries) {
        this.variables.pool = []
        for (const p of this.variables.parameters) p.clearGrad()
      }
      this.sequence(skipsBody ? detour : [...body, ...detour])
    }
    this.run?.end('finished', null)
  }

  private sequence(list: readonly Instruction[]): void {
    try {
      for (const instruction of list) {
        this.one(instruction)
        this.noteGradients()
      }
    } catch (error) {
      if (!(error instanceof Mishap)) throw error
      this.mishaps++
    }
  }

  private one({ op, a, b, x }: Instruction): void {
    const { variables } = this
    const p = variables.parameters[a % variables.parameters.length]!
    switch (op) {
      case 'leaf':
        this.keep(new Variable(variables.matrixOf(x, b), { dtype: b % 5 === 0 ? 'float32' : 'float64' }))
        return
      case 'special':
        this.keep(
          new Variable(
            [
              [x, -0, [Number.NaN, -0, Infinity, -Infinity, 5e-324][b % 5]!],
              [0, 1, -0],
            ],
            { dtype: b % 7 === 0 ? 'float32' : 'float64' },
          ),
        )
        if (b % 4 === 0) this.keep(new Variable([Number.NaN, -0, Infinity][b % 3]!))
        return
      case 'unary':
        this.keep([square, tanh, sin, (v: Variable) => exp(tanh(v))][b % 4]!(variables.pick(a)))
        return
      case 'binary':
        this.keep([add, sub, mul][b % 3]!(...variables.pair(a, b)))
        return
      case 'shared': {
        const v = variables.pick(a)
        this.keep(tanh(b % 2 === 0 ? mul(v, v) : add(add(v, v), v)))
        return
      }
      case 'split': {
        const v = variables.matrix(a)
        const parts = split(v, [1, v.shape[1]! - 1], { axis: 1 })
        for (const part of parts) this.keep(part)
        this.keep(concat(b % 3 === 0 ? [parts[1]!, parts[0]!] : [parts[1]!, parts[1]!], { axis: 1 }))
        return
      }
      case 'matmul': {
        const v = variables.matrix(a)
        this.keep(tanh(matmul(v, transpose(v))))
        return
      }
      case 'reduce': {
        const v = variables.pick(a)
        // Parts of a split may be empty, and nothing has no largest element.
        this.keep((v.size === 0 ? sum : [sum, mean, max][b % 3]!)(v))
        return
      }
      case 'number':
        this.keep(mul(variables.pick(a), [-0, 1, 2][b % 5] ?? x))
        return
      case 'batch': {
        const rows = ndarray([a % 24, b % 24, (a * b) % 24, (a + b) % 24], { dtype: 'int32' })
        const batch = this.keep(take(variables.data, rows))
        const [w, bias] = variables.parameters
        if (b % 4 !== 0) this.keep(tanh(add(matmul(batch, w!), bias!)))
        return
      }
      case 'dropout':
        this.keep(dropout(variables.pick(a), { p: 0.25 + (b % 3) / 4 }))
        return
      case 'cast':
        this.keep(cast(variables.pick(a), b % 2 === 0 ? 'float32' : 'float64'))
        return
      case 'branch':
        // The graph depends on what was computed, so it changes from step to step.
        if (mean(variables.pick(a)).item() > 0) this.keep(square(mul(variables.parameters[0]!, x)))
        else for (let i = 0; i < (b % 3) + 1; i++) this.keep(tanh(variables.pick(a + i)))
        return
      case 'backward':
      case 'backwardSeed':
      case 'assignedSeed':
      case 'retain':
      case 'createGraph':
        this.backward(op, variables.pick(a), x, b)
        return
      case 'grad':
      case 'gradCreateGraph': {
        const root = sum(square(variables.pick(a)))
        if (!root.requiresGrad || isStale(root)) return
        this.passes++
        const inputs = [p, variables.pick(b)].filter(({ requiresGrad }) => requiresGrad)
        for (const gradient of grad([root], inputs, {
          createGraph: op === 'gradCreateGraph',
        }))
          this.keep(gradient)
        return
      }
      case 'clear':
        if (b % 5 === 0) variables.pick(a).clearGrad()
        else p.clearGrad()
        return
      case 'update':
        if (p.grad !== null) noGrad(() => this.assign(p, sub(p, mul(p.grad!, 0.01)).data))
        return
      case 'optimize':
        if (this.optimized.every(({ grad }) => grad === null))
          this.backward('backward', variables.parameters[0]!, x, b)
        if (this.optimized.every(({ grad, requiresGrad }) => grad === null || !requiresGrad)) return
        this.optimizer.step()
        for (const q of this.optimized) if (q.grad !== null && q.requiresGrad) this.notes.version(q)
        return
      case 'state':
        noGrad(() =>
          this.assign(
            variables.state,
            add(mul(variables.state, 0.9), mul(variables.parameters[0]!, 0.1)).data,
          ),
        )
        if (b % 2 === 0) this.keep(mul(variables.state, variables.parameters[0]!))
        return
      case 'outside': {
        const v = b % 4 === 0 ? variables.state : p
        const next = new Float64Array(v.size).map((_, i) => (i % 3 === 0 ? x : i - b))
        if (b % 7 === 0) next[0] = -0
        this.assign(v, ndarray(next, { shape: v.shape, dtype: v.dtype }))
        return
      }
      case 'noGrad':
        noGrad(() => this.keep(mul(...variables.pair(a, b))))
        return
      case 'detach':
        this.keep(variables.pick(a).detach())
        return
      case 'parameter':
        if (variables.parameters.length < 5)
          variables.parameters.push(this.keep(parameter(variables.matrixOf(x, b), { name: `p${b % 3}` })))
        return
      case 'name':
        variables.pick(a).name = b % 4 === 0 ? null : `name${b % 4}`
        return
      case 'log': {
        const metric = b % 2 === 0 ? x : this.keep(sum(variables.pick(a)))
        this.run?.log({ [`metric${b % 3}`]: metric })
        return
      }
      case 'scope': {
        const body = () => this.keep(square(variables.pick(a)))
        if (this.run === null) body()
        else this.run.scope(`scope${b % 2}`, body)
        return
      }
      case 'useGrad':
        if (p.grad !== null) variables.pool.push(p.grad)
        return
      case 'assignGrad': {
        const v = b % 5 === 0 ? variables.pick(a) : p
        v.grad = b % 2 === 0 ? x : mul(v, x)
        return
      }
      case 'freeze': {
        const leaf = b % 5 === 0 ? variables.pick(a) : p
        if (leaf.creator === null && leaf.role !== 'constant' && leaf.dtype.startsWith('float'))
          leaf.requiresGrad = !leaf.requiresGrad
        return
      }
      case 'throwsInCall':
        try {
          matmul(variables.matrix(a), new Variable([[1, 2, 3]]))
        } catch (error) {
          if (error instanceof TapeError) return
          throw error
        }
        return
      case 'throwsInPass': {
        const y = sum(
          mul(new RefusesToGoBack().apply(square(variables.parameters[0]!)), tanh(variables.pick(a).mean())),
        )
        if (!y.requiresGrad) return
        try {
          y.backward()
        } catch (error) {
          if (!(error instanceof Mishap)) throw error
          this.mishaps++
        }
        return
      }
      case 'throwsInStep':
        if (b % 3 === 0) throw new Mishap('the step ends here')
        noGrad(() => {
          this.keep(square(variables.pick(a)))
          if (b % 3 === 1) throw new Mishap('the step ends inside noGrad')
        })
        return
      case 'note':
        this.run?.note(`note ${b}`)
        return
      case 'flush':
        this.run?.flush()
        return
      case 'nested':
        this.nested(a, b, x)
        return
      case 'hidden': {
        variables.hidden = this.keep(
          tanh(add(mul(variables.hidden, 0.5), b % 2 === 0 ? variables.parameters[0]! : x)),
        )
        if (b % 4 === 0) variables.hidden.unchain()
        if (b % 4 === 1) variables.hidden = variables.hidden.detach()
        return
      }
      case 'unchain':
        variables.pick(a).unchain()
        return
      case 'snapshot':
        variables.snapshots.push(b % 2 === 0 ? p.data : variables.pick(a).data)
        return
      case 'restore': {
        const fitting = variables.snapshots.filter(
          ({ shape, dtype }) => dtype === p.dtype && String(shape) === String(p.shape),
        )
        const array = fitting[b % Math.max(1, fitting.length)]
        if (array !== undefined) this.assign(p, array)
        else if (variables.snapshots.length > 0)
          this.keep(new Variable(variables.snapshots[b % variables.snapshots.length]!))
        return
      }
      case 'keep':
        variables.kept.push(variables.pick(a))
        return
      case 'assignOutput': {
        const v = variables.pick(a)
        const next =
          b % 2 === 0
            ? noGrad(() => this.keep(mul(v, 0.5))).data
            : ndarray(new Float64Array(v.size).fill(x), { shape: v.shape, dtype: v.dtype })
        if (next.dtype === v.dtype) this.assign(v, next)
        return
      }
      case 'useKept':
        if (variables.kept.length > 0) this.keep(square(variables.kept[a % variables.kept.length]!))
    }
  }

  private nested(a: number, b: number, x: number): void {
    const inner = this.begin('nested')
    const [w] = this.variables.parameters
    try {
      if (b % 2 === 0) inner?.step()
      const y = this.notes.output(sum(square(this.variables.pick(a))))
      inner?.log({ y })
      if (b % 3 === 1 && w!.requiresGrad) square(w!).backward({ gradient: 1 })
      if (b % 3 === 2) w!.clearGrad()
      if (b % 5 === 0) noGrad(() => this.assign(w!, mul(w!, 0.5).data))
      if (b % 5 === 1) this.assign(w!, ndarray(new Float64Array(w!.size).fill(x), { shape: w!.shape }))
      if (b % 7 === 0) throw new Mishap('inside a nested run')
      if (b % 2 === 1) this.variables.pool.push(y)
      this.noteGradients()
    } finally {
      inner?.end('finished', null)
    }
  }

  private backward(op: Op, from: Variable, x: number, b: number): void {
    const root = this.notes.output(op === 'backwardSeed' ? tanh(from) : sum(tanh(from)))
    if (!root.requiresGrad || (op === 'createGraph' && isStale(root))) return
    if (op === 'assignedSeed') root.grad = x
    this.passes++
    root.backward({
      retainGrad: op === 'retain',
      createGraph: op === 'createGraph',
      ...(op === 'backwardSeed' ? { gradient: b % 2 === 0 ? x : mul(root.detach(), x) } : {}),
    })
    if (op === 'retain' && from.grad !== null) this.notes.gradientOf(from)
  }

  private assign(variable: Variable, array: NDArray): void {
    variable.data = array
    this.notes.version(variable)
  }

  private noteGradients(): void {
    for (const variable of [...this.variables.parameters, ...this.variables.pool])
      this.notes.gradientOf(variable)
  }

  private keep(variable: Variable): Variable {
    this.variables.pool.push(variable)
    return this.notes.output(variable)
  }
}
