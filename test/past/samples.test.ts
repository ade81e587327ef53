import { expect, test } from 'vitest'
import { droppedCode, LIBRARY } from '../dropped-code.js'
import { newTapePath } from '../tape/temporary-tape.js'

/** Asks a file for the same gradient again and again. */
const PROGRAM = `
  import { mul, openTape, Variable } from ${JSON.stringify(LIBRARY)}
  const file = process.argv[1]
  const tape = openTape(file)
  const run = tape.startRun('r')
  const x = new Variable(0.5, { name: 'x' })
  let y = x
  for (let i = 0; i < 20000; i++) y = mul(y, 1.0000001)
  y.name = 'y'
  await run.finish()
  tape.close()
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
`

test('a full garbage collection between two questions to a past graph drops no compiled code of the walks over it', () => {
  const walks =
    'findInputs visitFound opens visit wants resolved computeInPassing pageAtHand nextOn passedAsNumber pageWith isAsMade pushNumber arriveNumber'
  const dropped = droppedCode(PROGRAM, newTapePath())
  expect(dropped.filter((name) => walks.split(' ').includes(name))).toEqual([])
})
