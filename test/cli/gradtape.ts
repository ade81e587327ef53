/** Runs the built command line, on tapes in temporary folders. */
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { afterAll, expect } from 'vitest'
import { runCommand } from '../../src/cli/run-command.js'
import {
  constant,
  Exp,
  Func,
  linear,
  mul,
  type NDArray,
  noGrad,
  openTape,
  parameter,
  registerFunc,
  relu,
  Square,
  softmaxCrossEntropy,
  sub,
  Variable,
} from '../../src/index.js'

export const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
/** What a user's module imports to meet the command line's own registry. */
export const DIST = new URL('../../dist/index.js', import.meta.url).href

export interface Ended {
  status: number | null
  stdout: string
  stderr: string
}

/** These live on, listen to signals or read what is typed; and a module of the user changes the process that loads it. */
const OWN_PROCESS = ['at', 'fleet', 'mcp', 'ui', 'watch', 'worker', '--import', '-']

let before: Promise<unknown> = Promise.resolve()

/**
 * What `gradtape` prints with these arguments and how it ends: the command runs in this process, one after another, which takes a
 * tenth of the time. `gradtapeProcess` gives it a process of its own.
 */
export function gradtape(...args: readonly string[]): Promise<Ended> {
  // Without a statement `sql` reads its standard input.
  const reads = args[0] === 'sql' && (args[2] === undefined || args[2].startsWith('-'))
  if (reads || OWN_PROCESS.some((word) => args.includes(word))) return gradtapeProcess(...args)
  const ended = before.then(() => ranHere(args))
  before = ended.catch(() => {})
  return ended
}

export function gradtapeProcess(...args: readonly string[]): Promise<Ended> {
  return started(args).ended
}

async function ranHere(args: readonly string[]): Promise<Ended> {
  const ended: Ended = { status: null, stdout: '', stderr: '' }
  const kept = { exitCode: process.exitCode, out: process.stdout.write, err: process.stderr.write }
  const taking = (name: 'stdout' | 'stderr') => (text: string | Uint8Array, then?: unknown) => {
    ended[name] += typeof text === 'string' ? text : Buffer.from(text).toString('utf8')
    if (typeof then === 'function') then()
    return true
  }
  process.exitCode = undefined
  process.stdout.write = taking('stdout')
  process.stderr.write = taking('stderr')
  try {
    await runCommand([process.execPath, MAIN, ...args])
    return { ...ended, status: Number(process.exitCode ?? 0) }
  } finally {
    process.stdout.write = kept.out
    process.stderr.write = kept.err
    process.exitCode = kept.exitCode
  }
}

/** With what `gradtape` printed read as JSON, and nothing else printed. */
export async function gradtapeJson<T = Record<string, unknown>>(...args: readonly string[]): Promise<T> {
  const { stdout, stderr } = await gradtape(...args, '--json')
  if (stdout === '') throw new Error(`nothing printed; stderr: ${stderr}`)
  return JSON.parse(stdout) as T
}

/** What it prints, line by line, when all is fine; how far it is may be said beside that. */
export async function lines(...args: readonly string[]): Promise<string[]> {
  const { status, stdout, stderr } = await gradtape(...args)
  expect([status, stderr.replaceAll(/^(computing|materialize|replay|compact) .*\n/gm, '')]).toEqual([0, ''])
  return stdout.trimEnd().split('\n')
}

export function started(args: readonly string[], options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}) {
  const child = spawn(process.execPath, [MAIN, ...args], { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
  const ended: Ended = { status: null, stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    ended.stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    ended.stderr += text
  })
  return {
    child,
    ended: new Promise<Ended>((resolve) => child.on('close', (status) => resolve({ ...ended, status }))),
  }
}

/** A folder that is removed after the tests of the file. */
export function temporaryFolder(): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gradtape-cli-'))
  afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Run 1, "chain": y = (e^(0.5²))². Run 2, "train": three steps of a small classifier, the last one's note included. */
export async function writeTape(file: string): Promise<void> {
  const tape = openTape(file)
  const chain = tape.startRun('chain')
  const x = new Variable(0.5, { name: 'x' })
  const y = new Square().apply(new Exp().apply(new Square().apply(x)))
  y.backward()
  chain.log({ y })
  await chain.finish()

  const train = tape.startRun('train', { seed: 7, config: { lr: 0.1, layers: [3, 4, 2] } })
  const weight = parameter(
    [
      [0.1, 0.2],
      [0.3, -0.4],
      [0.5, 0.6],
    ],
    { name: 'fc1.weight' },
  )
  const bias = parameter([0, 0], { name: 'fc1.bias' })
  for (let i = 1; i <= 3; i++) {
    train.step()
    const logits = train.scope('head', () =>
      relu(
        linear(
          constant([
            [1, 2, 3],
            [3, 2, i],
          ]),
          weight,
          bias,
        ),
      ),
    )
    const loss = softmaxCrossEntropy(logits, [0, 1])
    for (const variable of [weight, bias]) variable.clearGrad()
    loss.backward()
    noGrad(() => {
      for (const variable of [weight, bias]) {
        if (variable.grad !== null) variable.data = sub(variable, mul(variable.grad, 0.1)).data
      }
    })
    train.log({ loss, rate: i === 2 ? Number.NaN : 0.1 / i })
  }
  train.note('the end,\nalmost')
  await train.finish()
  tape.close()
}

/** x·2, with a name of its own that no other process knows. */
class Twice extends Func {
  override forward(x: NDArray) {
    return x.map((value) => value * 2)
  }

  override backward(gy: Variable) {
    return mul(gy, 2)
  }
}

export async function writeTapeOfOwnFunction(file: string): Promise<void> {
  registerFunc(Twice)
  const tape = openTape(file)
  const run = tape.startRun('own')
  run.step()
  const loss = new Twice().apply(parameter(3, { name: 'w' }))
  loss.backward()
  run.log({ loss })
  await run.finish()
  tape.close()
}

/** A module that registers "twice", computing `forward` and `backward` with these factors. */
export function writeModule(file: string, forward: number, backward: number): void {
  fs.writeFileSync(
    file,
    `import { Func, mul, registerFunc } from ${JSON.stringify(DIST)}
class Twice extends Func {
  forward(x) { return x.map((value) => value * ${forward}) }
  backward(gy) { return mul(gy, ${backward}) }
}
registerFunc(Twice)
`,
  )
}
