/** Real processes that use the built library: what a test says about ends, kills and neighbours is true of nothing less. */
import { type ChildProcess, spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { temporaryFolder } from './temporary-tape.js'

/** The folder of the built library; a child imports `index.js` from it as its `gradtape`. */
export const DIST = fileURLToPath(new URL('../../dist/', import.meta.url))

export interface Outcome {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

export class Child {
  readonly process: ChildProcess
  readonly ended: Promise<Outcome>
  stdout = ''
  stderr = ''
  private readonly waiting: { text: string; found: () => void; missed: (error: Error) => void }[] = []

  constructor(process: ChildProcess) {
    this.process = process
    process.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text
      for (const each of this.waiting) if (this.stdout.includes(each.text)) each.found()
    })
    process.stderr!.setEncoding('utf8').on('data', (text: string) => (this.stderr += text))
    this.ended = new Promise((resolve) => {
      process.on('close', (code, signal) => {
        for (const { text, missed } of this.waiting)
          missed(new Error(`the child ended before it said "${text}":\n${this.stdout}\n${this.stderr}`))
        resolve({ code, signal, stdout: this.stdout, stderr: this.stderr })
      })
    })
  }

  /** Resolves when the child has written `text`; rejects when it ends before. */
  said(text: string): Promise<void> {
    if (this.stdout.includes(text)) return Promise.resolve()
    return new Promise((found, missed) => this.waiting.push({ text, found, missed }))
  }
}

/** A reader that has no time leaves the pipe full: then writing says so, instead of waiting. */
const SAY = String.raw`
const say = (text) => {
  for (let rest = Buffer.from(text + '\n'); rest.length > 0; ) {
    try {
      rest = rest.subarray(fs.writeSync(1, rest))
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1)
    }
  }
}`

/**
 * Starts a module in a process of its own. In `body` stand `gradtape` (the library), `arg` (what it was given) and
 * `say(text)` (a line to standard output, written at once).
 *
 * wrap  a command line that starts Node: gets the words of the one it would have been
 */
export function startChild(
  body: string,
  arg: unknown,
  wrap: (command: string[]) => string[] = (command) => command,
): Child {
  const file = path.join(temporaryFolder(), 'child.mjs')
  const preamble = [
    `import fs from 'node:fs'`,
    `import * as gradtape from ${JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)}`,
    'const arg = JSON.parse(process.argv[2])',
    SAY,
  ].join('\n')
  fs.writeFileSync(file, `${preamble}\n${body}\n`)
  const [command, ...words] = wrap([process.execPath, file, JSON.stringify(arg)])
  const child = spawn(command!, words, { stdio: ['ignore', 'pipe', 'pipe'] })
  onTestFinished(() => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
  })
  return new Child(child)
}

/** Runs such a module to its end. */
export function runChild(
  body: string,
  arg: unknown,
  wrap?: (command: string[]) => string[],
): Promise<Outcome> {
  return startChild(body, arg, wrap).ended
}
