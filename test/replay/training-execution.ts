/**
 * Carries a training program out, as often as wanted, recorded or not, and notes in memory what it really computed. It
 * knows nothing of how a tape keeps that.
 */
import { type NDArray, ndarray } from '../../src/array/ndarray.js'
import { seedRandom } from '../../src/array/random.js'
import { TapeError } from '../../src/errors.js'
import type { Capture } from '../../src/events/capture.js'
import type { TapeEvent } from '../../src/events/event.js'
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
import { mode, noGrad } from '../../src/graph/mode.js'
import { registerFunc } from '../../src/graph/registry.js'
import { constant, parameter, Variable } from '../../src/graph/variable.js'
import { Adam } from '../../src/optim/adam.js'
import { SGD } from '../../src/optim/sgd.js'
import type { StreamRecorder } from '../../src/replay/recorder.js'
import type { Run, RunOptions } from '../../src/tape/run.js'
import type { Tape } from '../../src/tape/tape.js'
import type { Instruction, Op, TrainingProgram } from './training-program.js'

/** Something that was computed, in the order in which it was. */
export interface Noted {
  what: 'output' | 'gradient' | 'version'
  /** The runs that have it. */
  places: Place[]
  data: NDArray
}

/** Under which ref a run knows a variable, by the run's index, and how far the run was then. */
export interface Place {
  run: number
  ref: number
  at: number
}

/** One run as it was recorded. */
export interface RecordedRun {
  id: number
  events: TapeEvent[]
}

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
  readonly noted: Noted[] = []
  readonly runs: RecordedRun[] = []
  passes = 0
  mishaps = 0
  private readonly homes = new Map<StreamRecorder, number>()
  private readonly streams: Run[] = []
  private readonly run: Run | null
  private readonly parameters: Variable[]
  private readonly state: Variable
  private readonly data: Variable
  private readonly optimizer: SGD | Adam
  private optimized: Variable[]
  /** Of this step. */
  private pool: Variable[] = []
  /** Over all steps. */
  private readonly kept: Variable[] = []
  private readonly snapshots: NDArray[] = []
  private hidden: Variable
  private readonly gradients = new WeakSet<Variable>()

  constructor(
    private readonly program: TrainingProgram,
    private readonly tape: Tape | null,
    private readonly capture: Capture,
  ) {
    const { width, seed } = program
    this.run = this.begin('program')
    if (this.run === null) seedRandom(seed)
    const numbers = (rows: number, columns: number, scale: number) =>
      Array.from({ length: rows }, (_, i) =>
        Array.from(
          { length: columns },
          (_, j) => scale * Math.fround((((i * 7 + j * 3 + seed) % 17) - 8) / 8),
        ),
      )
    this.data = constant(numbers(24, width, 1), { name: 'data' })
    this.parameters = [
      parameter(numbers(width, width, 0.5), { name: 'w' }),
      parameter(numbers(1, width, 0.25)[0]!, { name: 'b' }),
    ]
    this.optimized = [...this.parameters]
    const { optimizer } = program
    this.optimizer =
      optimizer === 'adam'
        ? new Adam(this.optimized, { lr: 0.01 })
        : new SGD(this.optimized, { lr: 0.01, momentum: optimizer === 'momentum' ? 0.9 : 0 })
    this.state = constant(numbers(width, width, 0.1), { name: 'average' })
    this.hidden = constant(numbers(width, width, 0.125), { name: 'h' })
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
    const recorded: RecordedRun = { id: run.id, events: [] }
    run.events$.subscribe((event) => recorded.events.push(event))
    this.homes.set(mode.recorder as StreamRecorder, this.runs.length)
    this.runs.push(recorded)
    this.streams.push(run)
    return run
  }

  perform(): void {
    const { ballast, prelude, body, steps, carries } = this.program
    if (ballast > 0) split(constant(Array.from({ length: 128 * ballast }, (_, i) => i % 11)), 128)
    this.sequence(prelude)
    for (const { skipsBody, detour } of steps) {
      this.run?.step()
      if (!carries) {
        this.pool = []
        for (const p of this.parameters) p.clearGrad()
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
    const p = this.parameters[a % this.parameters.length]!
    switch (op) {
      case 'leaf':
        this.keep(new Variable(this.matrixOf(x, b), { dtype: b % 5 === 0 ? 'float32' : 'float64' }))
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
        this.keep([square, tanh, sin, (v: Variable) => exp(tanh(v))][b % 4]!(this.pick(a)))
        return
      case 'binary':
        this.keep([add, sub, mul][b % 3]!(...this.pair(a, b)))
        return
      case 'shared': {
        const v = this.pick(a)
        this.keep(tanh(b % 2 === 0 ? mul(v, v) : add(add(v, v), v)))
        return
      }
      case 'split': {
        const v = this.matrix(a)
        const parts = split(v, [1, v.shape[1]! - 1], { axis: 1 })
        for (const part of parts) this.keep(part)
        this.keep(concat(b % 3 === 0 ? [parts[1]!, parts[0]!] : [parts[1]!, parts[1]!], { axis: 1 }))
        return
      }
      case 'matmul': {
        const v = this.matrix(a)
        this.keep(tanh(matmul(v, transpose(v))))
        return
      }
      case 'reduce':
        this.reduce(a, b)
        return
      case 'number':
        this.keep(mul(this.pick(a), [-0, 1, 2][b % 5] ?? x))
        return
      case 'batch': {
        const rows = ndarray([a % 24, b % 24, (a * b) % 24, (a + b) % 24], { dtype: 'int32' })
        const batch = this.keep(take(this.data, rows))
        const [w, bias] = this.parameters
        if (b % 4 !== 0) this.keep(tanh(add(matmul(batch, w!), bias!)))
        return
      }
      case 'dropout':
        this.keep(dropout(this.pick(a), { p: 0.25 + (b % 3) / 4 }))
        return
      case 'cast':
        this.keep(cast(this.pick(a), b % 2 === 0 ? 'float32' : 'float64'))
        return
      case 'branch':
        // The graph depends on what was computed, so it changes from step to step.
        if (mean(this.pick(a)).item() > 0) this.keep(square(mul(this.parameters[0]!, x)))
        else for (let i = 0; i < (b % 3) + 1; i++) this.keep(tanh(this.pick(a + i)))
        return
      case 'backward':
      case 'backwardSeed':
      case 'assignedSeed':
      case 'retain':
      case 'createGraph':
        this.backward(op, this.pick(a), x, b)
        return
      case 'grad':
      case 'gradCreateGraph': {
        const root = sum(square(this.pick(a)))
        if (!root.requiresGrad || this.isStale(root)) return
        this.passes++
        for (const gradient of grad([root], [p, this.pick(b)], { createGraph: op === 'gradCreateGraph' }))
          this.keep(gradient)
        return
      }
      case 'clear':
        p.clearGrad()
        return
      case 'update':
        if (p.grad !== null) noGrad(() => this.assign(p, sub(p, mul(p.grad!, 0.01)).data))
        return
      case 'optimize':
        if (this.optimized.every(({ grad }) => grad === null))
          this.backward('backward', this.parameters[0]!, x, b)
        this.optimizer.step()
        for (const q of this.optimized) if (q.grad !== null) this.noteVersion(q)
        return
      case 'state':
        noGrad(() => this.assign(this.state, add(mul(this.state, 0.9), mul(this.parameters[0]!, 0.1)).data))
        if (b % 2 === 0) this.keep(mul(this.state, this.parameters[0]!))
        return
      case 'outside': {
        const v = b % 4 === 0 ? this.state : p
        const next = new Float64Array(v.size).map((_, i) => (i % 3 === 0 ? x : i - b))
        if (b % 7 === 0) next[0] = -0
        this.assign(v, ndarray(next, { shape: v.shape, dtype: v.dtype }))
        return
      }
      case 'noGrad':
        noGrad(() => this.keep(mul(...this.pair(a, b))))
        return
      case 'detach':
        this.keep(this.pick(a).detach())
        return
      case 'parameter':
        if (this.parameters.length < 5)
          this.parameters.push(this.keep(parameter(this.matrixOf(x, b), { name: `p${b % 3}` })))
        return
      case 'name':
        this.pick(a).name = b % 4 === 0 ? null : `name${b % 4}`
        return
      case 'log': {
        const metric = b % 2 === 0 ? x : this.keep(sum(this.pick(a)))
        this.run?.log({ [`metric${b % 3}`]: metric })
        return
      }
      case 'scope': {
        const body = () => this.keep(square(this.pick(a)))
        if (this.run === null) body()
        else this.run.scope(`scope${b % 2}`, body)
        return
      }
      case 'useGrad':
        if (p.grad !== null) this.pool.push(p.grad)
        return
      case 'assignGrad':
        p.grad = b % 2 === 0 ? x : mul(p, x)
        return
      case 'throwsInCall':
        try {
          matmul(this.matrix(a), new Variable([[1, 2, 3]]))
        } catch (error) {
          if (error instanceof TapeError) return
          throw error
        }
        return
      case 'throwsInPass': {
        const y = sum(
          mul(new RefusesToGoBack().apply(square(this.parameters[0]!)), tanh(this.pick(a).mean())),
        )
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
          this.keep(square(this.pick(a)))
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
        this.hidden = this.keep(tanh(add(mul(this.hidden, 0.5), b % 2 === 0 ? this.parameters[0]! : x)))
        if (b % 4 === 0) this.hidden.unchain()
        if (b % 4 === 1) this.hidden = this.hidden.detach()
        return
      }
      case 'unchain':
        this.pick(a).unchain()
        return
      case 'snapshot':
        this.snapshots.push(b % 2 === 0 ? p.data : this.pick(a).data)
        return
      case 'restore': {
        const fitting = this.snapshots.filter(
          ({ shape, dtype }) => dtype === p.dtype && String(shape) === String(p.shape),
        )
        const array = fitting[b % Math.max(1, fitting.length)]
        if (array !== undefined) this.assign(p, array)
        else if (this.snapshots.length > 0)
          this.keep(new Variable(this.snapshots[b % this.snapshots.length]!))
        return
      }
      case 'keep':
        this.kept.push(this.pick(a))
        return
      case 'assignOutput': {
        const v = this.pick(a)
        const next =
          b % 2 === 0
            ? noGrad(() => this.keep(mul(v, 0.5))).data
            : ndarray(new Float64Array(v.size).fill(x), { shape: v.shape, dtype: v.dtype })
        if (next.dtype === v.dtype) this.assign(v, next)
        return
      }
      case 'useKept':
        if (this.kept.length > 0) this.keep(square(this.kept[a % this.kept.length]!))
    }
  }

  private nested(a: number, b: number, x: number): void {
    const inner = this.begin('nested')
    const [w] = this.parameters
    try {
      if (b % 2 === 0) inner?.step()
      const y = this.note(sum(square(this.pick(a))))
      inner?.log({ y })
      if (b % 3 === 1) square(w!).backward({ gradient: 1 })
      if (b % 3 === 2) w!.clearGrad()
      if (b % 5 === 0) noGrad(() => this.assign(w!, mul(w!, 0.5).data))
      if (b % 5 === 1) this.assign(w!, ndarray(new Float64Array(w!.size).fill(x), { shape: w!.shape }))
      if (b % 7 === 0) throw new Mishap('inside a nested run')
      if (b % 2 === 1) this.pool.push(y)
      this.noteGradients()
    } finally {
      inner?.end('finished', null)
    }
  }

  private backward(op: Op, from: Variable, x: number, b: number): void {
    const root = this.note(op === 'backwardSeed' ? tanh(from) : sum(tanh(from)))
    if (!root.requiresGrad || (op === 'createGraph' && this.isStale(root))) return
    if (op === 'assignedSeed') root.grad = x
    this.passes++
    root.backward({
      retainGrad: op === 'retain',
      createGraph: op === 'createGraph',
      ...(op === 'backwardSeed' ? { gradient: b % 2 === 0 ? x : mul(root.detach(), x) } : {}),
    })
    if (op === 'retain' && from.grad !== null) this.noteGradient(from)
  }

  private assign(variable: Variable, array: NDArray): void {
    variable.data = array
    this.noteVersion(variable)
  }

  /** An assignment is an event of every open run that knows the variable. A run that is over has earlier versions only. */
  private noteVersion(variable: Variable): void {
    const places: Place[] = []
    for (const [recorder, run] of this.homes) {
      const ref = recorder.finished ? 0 : recorder.knownRef(variable)
      if (ref !== 0) places.push(this.placeIn(run, ref))
    }
    this.noted.push({ what: 'version', places, data: variable.data })
  }

  private take(what: 'output' | 'gradient', variable: Variable): void {
    const { home, ref, data } = variable
    const run = this.homes.get(home as StreamRecorder)
    this.noted.push({ what, places: run === undefined ? [] : [this.placeIn(run, ref)], data })
  }

  private placeIn(run: number, ref: number): Place {
    return { run, ref, at: this.streams[run]!.position }
  }

  private noteGradients(): void {
    for (const variable of [...this.parameters, ...this.pool]) this.noteGradient(variable)
  }

  private noteGradient(variable: Variable): void {
    const gradient = variable.heldGrad
    if (gradient === null || this.gradients.has(gradient)) return
    this.gradients.add(gradient)
    this.take('gradient', gradient)
  }

  private keep(variable: Variable): Variable {
    this.pool.push(variable)
    return this.note(variable)
  }

  private note(variable: Variable): Variable {
    this.take('output', variable)
    return variable
  }

  /** Whether something was assigned after a call of this graph read it: then `createGraph` refuses to be recorded. */
  private isStale(root: Variable): boolean {
    const found = new Set([root])
    for (const v of found) {
      for (const input of v.creator?.inputs ?? []) {
        if (input.versionOf !== null) return true
        found.add(input)
      }
      for (const output of v.creator?.outputs ?? []) if (output.versionOf !== null) return true
    }
    return false
  }

  private matrixOf(x: number, b: number): number[][] {
    const { width } = this.program
    return b % 3 === 0
      ? [
          [x, 1],
          [b % 7, -x],
        ]
      : Array.from({ length: width }, (_, i) =>
          Array.from({ length: width }, (_, j) => x * ((i * b + j) % 5)),
        )
  }

  private pick(n: number): Variable {
    const all = this.pool.length > 0 ? this.pool : this.parameters
    // Young variables rather than old ones, so that graphs grow deep.
    const back = Math.floor(((n % 100) / 100) ** 2 * all.length)
    return all[all.length - 1 - back]!
  }

  private reduce(a: number, b: number): void {
    const v = this.pick(a)
    this.keep([sum, mean, v.size > 0 ? max : sum][b % 3]!(v))
  }

  /** Two variables that can be added. */
  private pair(a: number, b: number): [Variable, Variable] {
    const [u, v] = [this.pick(a), this.pick(b)]
    return String(u.shape) === String(v.shape) ? [u, v] : [u, mean(v)]
  }

  private matrix(n: number): Variable {
    const v = this.pick(n)
    return v.ndim === 2 && v.shape[1]! > 1 ? v : this.parameters[0]!
  }
}
