import { execFileSync } from 'node:child_process'
import process from 'node:process'
import { expect, test } from 'vitest'
import { newTapePath } from '../tape/temporary-tape.js'

const DIST = new URL('../../dist/index.js', import.meta.url).href

/** Compiled where it is called, not beside: on a busy machine the program would end before its code is compiled. */
const FLAGS = ['--expose-gc', '--trace-deopt', '--no-concurrent-recompilation']

/** Asks a file for the same gradient until all of it is compiled, lets go, and collects until hidden classes are given up. */
const PROGRAM = `
  import { mul, openTape, Variable } from ${JSON.stringify(DIST)}
  const file = process.argv[1]
  const tape = openTape(file)
  const run = tape.startRun('r')
  const x = new Variable(0.5, { name: 'x' })
  let y = x
  for (let i = 0; i < 20000; i++) y = mul(y, 1.0000001)
  y.name = 'y'
  await run.finish()
  tape.close()
  class Passing { constructor(x) { this.first = x; this.second = x } }
  let some = [new Passing(1), new Passing(2)]
  function passing() {
    let total = 0
    for (let i = 0; i < 1000; i++) total += some[i % 2].first + some[i % 2].second
    return total
  }
  function ask() {
    const past = openTape(file, { readonly: true })
    const again = past.run('r')
    again.variable('y').backward()
    const gradient = again.variable('x').grad.item()
    past.close()
    return gradient
  }
  let total = 0
  for (let i = 0; i < 12; i++) total += ask()
  for (let i = 0; i < 2000; i++) total += passing()
  some = []
  for (let i = 0; i < 6; i++) gc()
  if (!Number.isFinite(total)) throw new Error('no number')
`

test('a full garbage collection between two questions to a past graph drops no compiled code of the walks over it', () => {
  const output = execFileSync(
    process.execPath,
    [...FLAGS, '--input-type=module', '--eval', PROGRAM, newTapePath()],
    { encoding: 'utf8', maxBuffer: 2 ** 28 },
  )
  const dropped = output
    .split('\n')
    .filter((line) => line.includes('weak objects'))
    .map((line) => /SharedFunctionInfo (?:get |set )?(\w*)/.exec(line)?.[1] ?? '')
  // Proof that this V8 does so, and says so in these words: of Passing no object is left.
  expect(dropped).toContain('passing')
  const walks =
    'markInputs visitMarked opens visit wants resolved computeInPassing pageAtHand nextOn passedAsNumber pageWith isAsMade pushNumber arriveNumber'
  expect(dropped.filter((name) => walks.split(' ').includes(name))).toEqual([])
})
