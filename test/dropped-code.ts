/** Which compiled functions V8 drops when a full garbage collection finds no object of the classes they were compiled for. */
import { execFileSync } from 'node:child_process'
import process from 'node:process'
import { expect } from 'vitest'

/** The built library, for programs. */
export const LIBRARY = new URL('../dist/index.js', import.meta.url).href

/** Compiled where it is called, not beside: on a busy machine the program would end before its code is compiled. */
const FLAGS = ['--expose-gc', '--trace-deopt', '--no-concurrent-recompilation']

/** Of a class of which no object is left at the end: proof that this V8 drops code so, and says so in these words. */
const PROOF = `
  class Passing { constructor(x) { this.first = x; this.second = x } }
  let some = [new Passing(1), new Passing(2)]
  function passing() {
    let total = 0
    for (let i = 0; i < 1000; i++) total += some[i % 2].first + some[i % 2].second
    return total
  }
  for (let i = 0; i < 2000; i++) total += passing()
  some = []
`

/**
 * Runs a program that works until all of its code is compiled and lets go of what it made, collects garbage until hidden classes
 * are given up, and names the functions that were dropped.
 *
 * program  an ES module that declares `let total`, and adds numbers to it
 */
export function droppedCode(program: string, ...args: string[]): string[] {
  const whole = `${program}${PROOF}
  for (let i = 0; i < 6; i++) gc()
  if (!Number.isFinite(total)) throw new Error('no number')`
  const output = execFileSync(process.execPath, [...FLAGS, '--input-type=module', '--eval', whole, ...args], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  })
  const dropped = output
    .split('\n')
    .filter((line) => line.includes('weak objects'))
    .map((line) => /SharedFunctionInfo (?:get |set )?(\w*)/.exec(line)?.[1] ?? '')
  expect(dropped).toContain('passing')
  return dropped
}
