// Two copies of the built package in one process, as in two `node_modules`. Real processes.
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { DIST, runChild } from './tape/child-process.js'
import { newTapePath, temporaryFolder } from './tape/temporary-tape.js'

/** Another copy of the package, and its door. */
function secondCopy(): string {
  const folder = path.join(temporaryFolder(), 'node_modules', 'gradtape')
  fs.cpSync(DIST, path.join(folder, 'dist'), { recursive: true })
  fs.writeFileSync(path.join(folder, 'package.json'), '{"name":"gradtape","type":"module"}')
  fs.symlinkSync(
    fileURLToPath(new URL('../node_modules', import.meta.url)),
    path.join(folder, 'node_modules'),
  )
  return path.join(folder, 'dist/index.js')
}

const CODE_OF = `const codeOf = (act) => { try { act(); return 'accepted' } catch (error) { return error.code ?? error.name } }`

test('what one copy made is refused by the other, wherever it is given to it, and nothing of it is recorded', async () => {
  const { stdout, stderr } = await runChild(
    `const other = await import(arg.other)
     ${CODE_OF}
     const theirs = other.parameter([1, 2], { name: 'theirs' })
     const ours = gradtape.parameter([1, 2], { name: 'ours' })
     const tape = gradtape.openTape(arg.file)
     const run = tape.startRun('r')
     class Net extends gradtape.Module { layer = new other.Linear(2, 2); forward(x) { return x } }
     class Twice extends other.Func { forward(x) { return x } backward(gy) { return gy } }
     const before = run.position
     const codes = {
       operand: codeOf(() => ours.mul(theirs)),
       first: codeOf(() => gradtape.add(theirs, 1)),
       list: codeOf(() => gradtape.concat([ours, theirs])),
       nested: codeOf(() => gradtape.constant([theirs, theirs])),
       array: codeOf(() => gradtape.constant(theirs.data)),
       assigned: codeOf(() => (ours.data = theirs.data)),
       seed: codeOf(() => (ours.grad = theirs)),
       root: codeOf(() => gradtape.grad(theirs.sum(), [ours])),
       input: codeOf(() => gradtape.grad(ours.sum(), [theirs])),
       optimizer: codeOf(() => new gradtape.SGD([theirs], { lr: 0.1 })),
       clip: codeOf(() => gradtape.clipGradNorm([theirs], 1)),
       logged: codeOf(() => run.log({ loss: theirs.sum() })),
       layer: codeOf(() => new gradtape.Sequential(new other.Linear(2, 2))),
       field: codeOf(() => new Net().parameters()),
       registered: codeOf(() => gradtape.registerFunc(Twice)),
       transform: codeOf(() => gradtape.jacobian(() => theirs.mul(2), ours)),
     }
     await run.finish()
     say(JSON.stringify({ codes, theirs: run.position - before }))`,
    { file: newTapePath(), other: secondCopy() },
  )
  const { codes } = JSON.parse(stdout) as { codes: Record<string, string> }
  expect(new Set(Object.values(codes))).toEqual(new Set(['TWO_COPIES']))
  expect(stderr.match(/\[TWO_COPIES\] Warning: a run is recorded by the copy/g)).toHaveLength(1)
})

test.each([
  [
    'before it',
    `const other = await import(arg.other); const run = gradtape.openTape(arg.file).startRun('r')`,
  ],
  [
    'while it goes on',
    `const run = gradtape.openTape(arg.file).startRun('r'); const other = await import(arg.other)`,
  ],
])('a run says once that another copy was loaded %s', async (_, load) => {
  const { stderr } = await runChild(
    `${load}
     other.parameter(1).mul(2)
     await run.finish()
     await gradtape.openTape(arg.file).startRun('second').finish()`,
    { file: newTapePath(), other: secondCopy() },
  )
  expect(stderr.match(/TWO_COPIES/g)).toHaveLength(1)
})

test('two copies without a run say nothing, and neither does one copy', async () => {
  const quiet = await runChild(
    `const other = await import(arg.other); other.parameter(1).mul(2); gradtape.parameter(1).mul(2)`,
    {
      other: secondCopy(),
    },
  )
  const one = await runChild(`await gradtape.openTape(arg.file).startRun('r').finish()`, {
    file: newTapePath(),
  })
  expect([quiet.stderr, one.stderr]).toEqual(['', ''])
})
