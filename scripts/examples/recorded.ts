// What every example does: record one run on its tape, close the file, and then ask the file a question. Knows nothing
// of what is computed. An example run alone keeps its tape in a temporary folder, or in the one named by --folder.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import {
  type Module,
  type NDArray,
  openTape,
  type PastRun,
  type Run,
  type RunOptions,
  type StateDict,
} from 'gradtape'
import { command, line, paint } from '../demo/terminal.js'

/** Where tapes and pictures go. */
export const folder = folderFromArguments()

/** Records `program` on the tape `<name>.tape` and gives its path when the file is closed. */
export async function record(
  name: string,
  options: RunOptions,
  program: (run: Run) => unknown,
): Promise<string> {
  const file = path.join(folder, `${name}.tape`)
  const tape = openTape(file)
  const run = tape.startRun(name, options)
  try {
    await program(run)
    await run.finish()
  } catch (error) {
    await run.fail(error)
    throw error
  } finally {
    tape.close()
  }
  return file
}

/** Opens the newest run of a closed tape, as somebody would who was not there. */
export function ask(question: string, file: string, answer: (past: PastRun) => void): void {
  line()
  line(paint('bold', `Asked of the tape: ${question}`))
  const tape = openTape(file, { readonly: true })
  try {
    const newest = tape.runs().at(-1)
    if (newest === undefined) throw new Error(`${file} holds no run`)
    answer(tape.run(newest.id))
  } finally {
    tape.close()
  }
}

/** Asks in SQL, through the command line. `newest` in the query is the newest run. */
export function askSql(question: string, file: string, query: string): void {
  line()
  line(paint('bold', `Asked of the tape: ${question}`))
  const sql = query.trim().replaceAll('newest', '(SELECT max(id) FROM run)')
  command(`npx gradtape sql ${path.basename(file)} "${sql}"`)
  const main = fileURLToPath(new URL('cli/main.js', import.meta.resolve('gradtape')))
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, 'sql', file, sql], {
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`gradtape sql ended with status ${status}\n${stderr}`)
  for (const each of stdout.trimEnd().split('\n')) line(each)
}

/** The parameters of a model as the calls of a step read them. */
export function stateAt(past: PastRun, model: Module, step: number): StateDict {
  const paths = [...model.namedParameters().keys()]
  return Object.fromEntries(paths.map((name) => [name, past.variable(name, { step }).data]))
}

/** A step of the run, past or live, for the reader: one in this many, and the first. */
export const isTold = (step: number, every: number): boolean => step === 1 || step % every === 0

/** The share of rows whose largest score is at the label. */
export function shareRight(scores: NDArray, labels: NDArray): number {
  const classes = scores.shape[1] ?? 1
  let right = 0
  for (let row = 0; row < labels.size; row++) {
    const of = scores.data.subarray(row * classes, (row + 1) * classes)
    let best = 0
    for (let i = 1; i < classes; i++) if (Number(of[i]) > Number(of[best])) best = i
    if (best === labels.data[row]) right++
  }
  return right / labels.size
}

/** Numbers from 0 to 1 as characters, dark to light. */
export function shade(value: number): string {
  const shades = ' .:-=+*#%@'
  return shades[Math.min(shades.length - 1, Math.max(0, Math.floor(value * shades.length)))] ?? ' '
}

function folderFromArguments(): string {
  const at = process.argv.indexOf('--folder')
  const named = at < 0 ? undefined : process.argv[at + 1]
  if (named === undefined) return mkdtempSync(path.join(os.tmpdir(), 'gradtape-example-'))
  mkdirSync(named, { recursive: true })
  return path.resolve(named)
}
