// A pass uses the memory of its own gradients again. For any program: nothing that the program can see changes by it, though all memory
// that a pass gives back is spoiled at once.
import { randomInt } from 'node:crypto'
import fc from 'fast-check'
import { afterEach, expect, test } from 'vitest'
import { nativeWay } from '../../src/array/native/library.js'
import { useSpare } from '../../src/array/spare-memory.js'
import {
  AdamW,
  add,
  type BackwardResult,
  type Capture,
  clipGradNorm,
  concat,
  constant,
  Func,
  gelu,
  grad,
  linear,
  matmul,
  maximum,
  mul,
  type NDArray,
  ndarray,
  openTape,
  parameter,
  recompute,
  relu,
  reshape,
  SGD,
  slice,
  softmax,
  split,
  sub,
  sum,
  type TapeEvent,
  take,
  tanh,
  transpose,
  type Variable,
} from '../../src/index.js'

const PROGRAMS = Number(process.env.GRADTAPE_PROGRAMS ?? 25)
/** A square of this edge is just large enough to have memory of its own. */
const EDGE = 64

afterEach(() => useSpare('all'))

/** Keeps the gradients that it gets, and passes one of them on as it is. */
class Keeper extends Func {
  static kept: Variable[] = []
  override forward(a: NDArray, b: NDArray): NDArray {
    return a.map((value, i) => value - (b.data[i] as number))
  }
  override backward(gy: Variable): Variable[] {
    Keeper.kept.push(gy)
    const other = mul(gy, -1)
    Keeper.kept.push(other)
    return [gy, other]
  }
}

/** Of ours by its forward alone. */
class KeepingTanh extends Func {
  override forward(x: NDArray): NDArray {
    return x.map(Math.tanh)
  }
  override backward(gy: Variable): Variable {
    Keeper.kept.push(gy)
    return mul(gy, sub(1, mul(this.output, this.output)))
  }
}

type Binary = (a: Variable, b: Variable) => Variable
const OPERATIONS: readonly Binary[] = [
  add,
  sub,
  mul,
  maximum,
  (a, b) => mul(matmul(a, b), 1 / EDGE),
  (a, b) => mul(linear(a, b, sum(b, { axis: 0 })), 1 / EDGE),
  (a) => transpose(a),
  (a) => transpose(reshape(a, [EDGE / 2, 2 * EDGE])).reshape([EDGE, EDGE]),
  (a) => relu(a),
  (a) => gelu(a),
  (a) => tanh(a),
  (a) => softmax(a),
  (a, b) => slice(concat([a, b]), [[EDGE / 2, EDGE + EDGE / 2]]),
  (a) => take(a, [...Array(EDGE).keys()].reverse()),
  (a, b) => add(a, sum(b, { axis: 1, keepdims: true })),
  (a) => concat(split(a, [EDGE - 1]).reverse()),
  (a, b) => concat([split(a, [EDGE - 1])[0]!, slice(b, [[0, 1]])]),
  (a, b) => new Keeper().apply(a, b),
  (a) => new KeepingTanh().apply(a),
  (a, b) => recompute((x, y) => mul(tanh(x), add(y, x)), a, b),
  (a) => a.detach(),
]
const WATCHES = ['nothing', 'nothing', 'nothing', 'hook', 'replace', 'name'] as const
const PASSES = ['pass', 'pass', 'pass', 'pass twice', 'retain', 'graph', 'targets'] as const
const AFTER = ['sgd', 'adam', 'clip', 'see', 'see some', 'no clearing', 'nothing', 'assign'] as const

interface Call {
  operation: number
  a: number
  b: number
  watch: (typeof WATCHES)[number]
}
interface Round {
  calls: readonly Call[]
  pass: (typeof PASSES)[number]
  after: (typeof AFTER)[number]
}

const anyCall = fc.record({
  operation: fc.nat(OPERATIONS.length - 1),
  a: fc.nat(9),
  b: fc.nat(9),
  watch: fc.constantFrom(...WATCHES),
})
const anyRound = fc.record({
  calls: fc.array(anyCall, { minLength: 1, maxLength: 8 }),
  pass: fc.constantFrom(...PASSES),
  after: fc.constantFrom(...AFTER),
})

/** Runs a program; gives all that it saw, as it is at the very end. `prepare` gets its leaves, and what it has seen. */
function run(
  rounds: readonly Round[],
  use: 'nothing' | 'spoil',
  prepare: (leaves: readonly Variable[], seen: (Variable | NDArray)[]) => void = () => {},
): number[] {
  useSpare(use)
  Keeper.kept = []
  const seen: (Variable | NDArray)[] = []
  const leaves = [1, 2, 3].map((seed) => parameter(square(seed), { name: `p${seed}` }))
  prepare(leaves, seen)
  const sgd = new SGD(leaves, { lr: 0.1, momentum: 0.9 })
  const adam = new AdamW(leaves, { lr: 0.01 })
  for (const { calls, pass, after } of rounds) {
    const made: Variable[] = [...leaves, constant(square(4))]
    for (const { operation, a, b, watch } of calls) {
      const y = OPERATIONS[operation]!(made.at(-1 - (a % made.length))!, made[b % made.length]!)
      if (watch === 'hook') y.onGradient((gradient) => void seen.push(gradient))
      if (watch === 'replace') {
        y.onGradient((gradient) => {
          const other = mul(gradient, 0.5)
          seen.push(gradient, other.data)
          return other
        })
      }
      made.push(y)
    }
    const loss = sum(mul(made.at(-1)!, add(made.at(-2)!, leaves[0]!)))
    if (pass === 'targets') seen.push(...grad(loss, made.filter((each) => each.requiresGrad).slice(0, 5)))
    else loss.backward({ retainGrad: pass === 'retain', createGraph: pass === 'graph' })
    if (pass === 'pass twice' || pass === 'retain') loss.backward({ retainGrad: pass === 'retain' })
    if (pass === 'retain') for (const [i, each] of made.entries()) if (i > 3 && i % 3 === 0) each.clearGrad()
    if (pass === 'retain') for (const { grad } of made) if (grad !== null) seen.push(grad)
    if (pass === 'graph') {
      for (const { grad } of leaves) seen.push(...(grad?.creator?.inputs ?? []))
      const slopes = leaves.flatMap(({ grad }) => (grad === null ? [] : [sum(mul(grad, grad))]))
      if (slopes.some((slope) => slope.requiresGrad))
        seen.push(
          ...grad(
            slopes.filter((each) => each.requiresGrad),
            leaves,
          ),
        )
    }
    const hasGradient = pass !== 'targets' // asking the leaves would be seeing
    if (after === 'clip' && hasGradient) seen.push(clipGradNorm(leaves, 1))
    if (after === 'sgd' && hasGradient) sgd.step()
    if ((after === 'adam' || after === 'clip') && hasGradient) adam.step()
    if (after === 'see') for (const { grad } of leaves) if (grad !== null) seen.push(grad)
    if (after === 'see some' && leaves[1]!.grad !== null) seen.push(leaves[1]!.grad.data)
    if (after === 'assign') leaves[2]!.grad = leaves[0]!.grad
    if (after !== 'no clearing') for (const leaf of leaves) leaf.clearGrad()
    seen.push(loss)
  }
  for (const leaf of leaves) {
    seen.push(leaf.data)
    if (leaf.grad !== null) seen.push(leaf.grad)
  }
  return [...seen, ...Keeper.kept].map((each) =>
    fingerprint('data' in each && !ArrayBuffer.isView(each.data) ? each.data : (each as NDArray)),
  )
}

function square(seed: number): NDArray {
  return ndarray(
    Float64Array.from({ length: EDGE * EDGE }, (_, i) => Math.sin(seed * 77 + i * (seed + 0.37))),
    { shape: [EDGE, EDGE] },
  )
}

/** One number that nearly every change of a bit changes. */
function fingerprint({ data }: NDArray): number {
  const words = new Int32Array(data.slice().buffer)
  let hash = words.length
  for (let i = 0; i < words.length; i++) hash = (Math.imul(hash, 31) + words[i]!) | 0
  return hash
}

test('whatever a program sees is the same when passes use memory again and spoil it first', () => {
  const seed = Number(process.env.GRADTAPE_SEED ?? randomInt(2 ** 31))
  process.stderr.write(`memory of passes: GRADTAPE_SEED=${seed}\n`)
  fc.assert(
    fc.property(fc.array(anyRound, { minLength: 1, maxLength: 4 }), (rounds) => {
      expect(run(rounds, 'spoil')).toEqual(run(rounds, 'nothing'))
    }),
    { seed, numRuns: PROGRAMS },
  )
})

/** What somebody does who is told of a gradient in the middle of a pass. */
const LISTENERS = {
  nobody: () => {},
  computes: (seen, leaves, nth) => seen.push(mul(leaves[nth % 3]!, nth), square(nth)),
  clears: (_, leaves, nth) => leaves[1 + (nth % 2)]!.clearGrad(), // an optimizer wants one gradient at least
  'passes and looks': (seen, leaves, nth, others) => {
    others[nth % 3]!.backward()
    if (nth % 4 === 0) seen.push(leaves[(nth + 1) % 3]!.grad ?? square(1))
  },
} satisfies Record<string, Listener>

type Listener = (
  seen: (Variable | NDArray)[],
  leaves: readonly Variable[],
  nth: number,
  others: readonly Variable[],
) => void

/** What a tape of the program says, when another run may be open beside, and somebody may listen. */
function tapeOf(
  rounds: readonly Round[],
  use: 'nothing' | 'spoil',
  capture: Capture,
  beside: boolean,
  listens: keyof typeof LISTENERS,
): unknown[] {
  const tape = openTape(':memory:')
  const others = beside ? [tape.startRun('beside', { capture: 'full' })] : []
  const program = tape.startRun('program', { capture })
  const runs = [...others, program]
  let told = 0
  let isListening = false
  const seen = run(rounds, use, (leaves, seen) => {
    const others = leaves.map((leaf) => sum(tanh(leaf)))
    program.events$.subscribe(({ type }) => {
      if (type !== 'GradientComputed' || isListening || listens === 'nobody') return
      isListening = true // what it does may be events
      LISTENERS[listens](seen, leaves, ++told, others)
      isListening = false
    })
  })
  for (const each of runs.reverse()) void each.finish()
  const said = runs.flatMap(({ name }) => [...tape.run(name).events()].map(withoutTime))
  tape.close()
  return [seen, said]
}

function withoutTime(event: TapeEvent): string {
  return JSON.stringify(event, (key, value: unknown) => {
    if (key === 'elapsedMs' || key === 'startedAt' || key === 'environment') return null
    return ArrayBuffer.isView(value) ? Buffer.from(value.buffer, value.byteOffset, value.byteLength) : value
  })
}

test('a tape says the same of any program whose passes use memory again, also when two runs record it and somebody listens', () => {
  const seed = Number(process.env.GRADTAPE_SEED ?? randomInt(2 ** 31))
  process.stderr.write(`memory of recorded passes: GRADTAPE_SEED=${seed}\n`)
  const rounds = fc.array(anyRound, { minLength: 1, maxLength: 3 })
  const captures = fc.constantFrom<Capture[]>('replayable', 'replayable', 'structure', 'full')
  const listeners = fc.constantFrom(...(Object.keys(LISTENERS) as (keyof typeof LISTENERS)[]))
  fc.assert(
    fc.property(rounds, captures, fc.boolean(), listeners, (program, capture, beside, listens) => {
      const spoiled = tapeOf(program, 'spoil', capture, beside, listens)
      expect(spoiled).toEqual(tapeOf(program, 'nothing', capture, beside, listens))
    }),
    { seed, numRuns: Math.ceil(PROGRAMS / 6) },
  )
})

test('a backward of ours that a program replaced may keep what it gets and makes, of one output or of several', () => {
  const keep = (kept: Variable[], gradients: readonly Variable[], made: BackwardResult) => {
    kept.push(...gradients, ...[made].flat().filter((each) => each !== null))
    return made
  }
  const keptBy = (use: 'nothing' | 'spoil') => {
    useSpare(use)
    const kept: Variable[] = []
    const w = parameter(square(1))
    for (let i = 0; i < 2; i++) {
      const parts = split(tanh(tanh(w)), [EDGE - 1], { axis: 0 })
      const cut = parts[0]!.creator!
      const { backwardList } = cut
      cut.backwardList = (gys) => keep(kept, gys, backwardList.call(cut, gys))
      const before = cut.inputs[0]!.creator!
      const { backward } = before
      before.backward = (...gys) => keep(kept, gys, backward.apply(before, gys))
      sum(tanh(mul(concat(parts), square(2)))).backward()
      w.clearGrad()
    }
    return kept.map(({ data }) => fingerprint(data))
  }
  const kept = keptBy('nothing')
  expect(kept.length).toBe(10)
  expect(keptBy('spoil')).toEqual(kept)
})

test('the memory of a gradient is used again once it is cleared, and never when the program has seen it', () => {
  const w = parameter(square(1))
  const memories = (look: () => void) =>
    new Set(
      Array.from({ length: 10 }, () => {
        sum(mul(w, constant(square(2)))).backward()
        look()
        const { buffer } = w.passingGrad!.data
        w.clearGrad()
        return buffer
      }),
    )
  expect(memories(() => {}).size).toBe(2)
  expect(memories(() => w.grad).size).toBe(10)
  // Recorded it is the same from the step on of which no hash is kept; without native code the array is copied for its summary.
  const tape = openTape(':memory:')
  const run = tape.startRun('recorded')
  run.step()
  run.step()
  expect(memories(() => {}).size).toBe(nativeWay() === null ? 10 : 2)
  const sgd = new SGD([w], { lr: 0.1 })
  expect(memories(() => sgd.step()).size).toBe(nativeWay() === null ? 10 : 2)
  expect(memories(() => w.grad).size).toBe(10)
  void run.finish()
  tape.close()
})

test('what a listener makes in the middle of a recorded pass is its own, and a gradient that it clears is still on the tape', () => {
  const recorded = (use: 'nothing' | 'spoil') => {
    useSpare(use)
    const tape = openTape(':memory:')
    const run = tape.startRun('heard')
    const [v, w] = [parameter(square(1)), parameter(square(2))]
    const made: NDArray[] = []
    run.events$.subscribe((event) => {
      if (event.type !== 'GradientComputed') return
      made.push(square(made.length))
      for (const each of [v, w]) if (each.position === event.variable) each.clearGrad()
    })
    for (let step = 0; step < 3; step++) {
      run.step()
      sum(tanh(matmul(v, tanh(matmul(v, w))))).backward()
    }
    void run.finish()
    const said = [...tape.run('heard').events()].map(withoutTime)
    tape.close()
    return [made.map(fingerprint), said]
  }
  expect(recorded('spoil')).toEqual(recorded('nothing'))
})
