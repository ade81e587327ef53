/**
 * Programs of several calls: the gradients of one that is recorded, closed and read again have the bits of the live ones, and so
 * have those of one whose graph is kept.
 */
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { constant, grad, openTape, parameter, type Run, type Variable } from 'gradtape'
import { type DrawnArray, type DrawnCall, describeCall, drawCall, drawnNames } from '../draw-calls.js'
import type { Random } from '../random.js'
import type { Target } from '../target.js'
import { engine } from './engine.js'

interface Program {
  readonly leaves: readonly DrawnArray[]
  /** Each call reads leaves and earlier outputs, whatever their shapes are: element by element, around and around. */
  readonly calls: readonly { readonly call: DrawnCall; readonly sources: readonly number[] }[]
  /** Leaves that are frozen, or unfrozen, before the call of that number, or before the pass. */
  readonly freezes: readonly { readonly before: number; readonly leaf: number }[]
}

const LEAVES = 3

function drawProgram(random: Random): Program {
  const leaves = Array.from({ length: LEAVES }, () => {
    const { inputs } = drawCall('tanh', random)
    return inputs[0]!.shape.includes(0) ? { ...inputs[0]!, shape: [], values: [0.5] } : inputs[0]!
  })
  const calls = Array.from({ length: random.integer(1, 6) }, (_, i) => {
    const call = drawCall(random.pick(drawnNames), random)
    return { call, sources: call.inputs.map(() => random.integer(0, LEAVES + i - 1)) }
  })
  const freezes = Array.from({ length: random.oneIn(3) ? random.integer(1, 3) : 0 }, () => ({
    before: random.integer(0, calls.length),
    leaf: random.integer(0, LEAVES - 1),
  }))
  return { leaves, calls, freezes }
}

interface Outcome {
  readonly leaves: readonly Variable[]
  readonly loss: Variable
}

/** Runs the program; null when one of its calls is refused, or when nothing of it can be differentiated. */
function execute(program: Program): Outcome | null {
  const { functions, ndarray, isRefusal } = engine
  const leaves = program.leaves.map(({ values, shape }, i) =>
    parameter(ndarray([...values], { shape }), { name: `leaf${i}` }),
  )
  const made: Variable[] = [...leaves]
  const freeze = (now: number) => {
    for (const { before, leaf } of program.freezes)
      if (before === now) leaves[leaf]!.requiresGrad = !leaves[leaf]!.requiresGrad
  }
  for (const [i, { call, sources }] of program.calls.entries()) {
    freeze(i)
    try {
      const operands = call.inputs.map((input, i) => operandOf(input, made[sources[i]!]!))
      const list = call.asList === true ? [operands] : operands
      const outputs = [functions[call.name]!(...(call.before ?? []), ...list, ...call.args)].flat()
      made.push(outputs.find(({ requiresGrad }) => requiresGrad) ?? outputs[0]!)
    } catch (error) {
      if (isRefusal(error)) return null
      throw error
    }
  }
  const terms = made.filter((one) => one.requiresGrad && one.size > 0).map((one) => one.tanh().sum())
  if (terms.length === 0) return null
  const loss = terms.reduce((sum, term) => sum.add(term))
  freeze(program.calls.length)
  return { leaves, loss }
}

/** The shape and the range that the call was drawn with, from elements of another variable. */
function operandOf(input: DrawnArray, source: Variable): Variable {
  const { ndarray } = engine
  const size = input.values.length
  if (input.role === 'other' || source.size === 0 || !source.requiresGrad)
    return constant(ndarray([...input.values], { shape: input.shape, dtype: input.dtype }))
  const indices = ndarray(Int32Array.from({ length: size }, (_, i) => (i * 7) % source.size))
  const elements = source.reshape([-1]).take(indices).reshape(input.shape)
  // Near what was drawn, so that logarithms and roots stay where they are defined.
  return elements
    .tanh()
    .mul(0.05)
    .add(ndarray([...input.values], { shape: input.shape }))
}

function bitsOf(variable: Variable | null): string {
  if (variable === null) return 'none'
  const { data } = variable.data
  return `${variable.dtype} [${variable.shape}] ${Array.from(data, (value) => (Object.is(value, -0) ? '-0' : String(value))).join(' ')}`
}

function same(got: readonly string[], expected: readonly string[], what: string): void {
  const at = expected.findIndex((one, i) => got[i] !== one)
  if (at >= 0) throw new Error(`${what}: leaf ${at} expected ${expected[at]}, got ${got[at]}`)
}

async function recorded(program: Program, expected: readonly string[]): Promise<void> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gradtape-fuzz-'))
  try {
    const tape = openTape(path.join(folder, 'program.tape'))
    const run: Run = tape.startRun('program', { capture: 'full' })
    run.step()
    const { leaves, loss } = execute(program)!
    run.log({ loss })
    loss.backward()
    same(
      leaves.map(({ grad }) => bitsOf(grad)),
      expected,
      'recorded',
    )
    await run.finish()
    const past = tape.run('program')
    past.variable('loss', { step: 1 }).backward()
    const read = leaves.map((_, i) =>
      bitsOf(expected[i] === 'none' ? null : past.variable(`leaf${i}`, { step: 1 }).grad),
    )
    same(read, expected, 'read from the file')
    const report = past.replay()
    if (report.divergence !== null) throw new Error(`replay diverged: ${JSON.stringify(report)}`)
    tape.close()
  } finally {
    fs.rmSync(folder, { recursive: true, force: true })
  }
}

export const target: Target = {
  name: 'programs',
  about: 'gradients of random programs: with their graph kept, recorded, read from the closed file, replayed',
  async check(random: Random) {
    const program = drawProgram(random)
    try {
      const live = execute(program)
      if (live === null) return
      live.loss.backward()
      const expected = live.leaves.map(({ grad: gradient }) => bitsOf(gradient))
      const kept = execute(program)!
      const used = kept.leaves.filter((_, i) => expected[i] !== 'none')
      const gradients = grad([kept.loss], used, { createGraph: true })
      same(
        gradients.map(bitsOf),
        expected.filter((one) => one !== 'none'),
        'with its graph',
      )
      if (random.oneIn(10)) await recorded(program, expected)
    } catch (error) {
      if (!(error instanceof Error)) throw error
      const lines = program.calls.map(({ call, sources }) => `${describeCall(call)} of ${sources.join(', ')}`)
      throw new Error(`${error.message}\n${lines.join('\n')}`, { cause: error })
    }
  },
}
