// Calls of very many operands, read back from a tape: the time grows with their number, and not with its square, which would be
// longer than a test may take.
import { expect, test } from 'vitest'
import { concat, parameter, split } from '../../src/index.js'
import { openForTest, recordedTape } from '../tape/temporary-tape.js'

test('the gradient through lists of 60,000 operands, some of them the same, comes from the file', async () => {
  const count = 60_000
  const file = await recordedTape((run) => {
    run.step()
    const x = parameter(
      Float64Array.from({ length: count }, (_, i) => i),
      { name: 'x' },
    )
    const parts = split(x, count)
    const y = concat([...parts, parts[7]!, parts[7]!]).sum()
    y.name = 'y'
  })
  const past = openForTest(file, { readonly: true }).run('test')
  past.variable('y').backward()
  const { data } = past.variable('x').grad!.data
  expect([data.length, data[0], data[7], data[count - 1]]).toEqual([count, 1, 3, 1])
})
