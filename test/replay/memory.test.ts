// Replays and gradients of the past leave nothing behind. A process of its own, whose garbage is collected when it is told to.
import { expect, test } from 'vitest'
import '../../src/index.js'
import { mean, mul, noGrad, parameter, square, sub } from '../../src/index.js'
import { runChild } from '../tape/child-process.js'
import { recordedTape } from '../tape/temporary-tape.js'

const MEASURE = `
const tape = gradtape.openTape(arg.file, { readonly: true })
/** Bytes that are left, buffers outside of the heap counted. */
const used = () => { for (let i = 0; i < 3; i++) globalThis.gc(); const { heapUsed, external } = process.memoryUsage(); return heapUsed + external }
const each = async (count, doing) => {
  for (let i = 0; i < 20; i++) doing(i)
  await new Promise((resolve) => setImmediate(resolve))
  const before = used()
  for (let i = 0; i < count; i++) doing(i)
  await new Promise((resolve) => setImmediate(resolve))
  return (used() - before) / count
}
`

async function smallTape(): Promise<string> {
  return recordedTape(
    (run) => {
      const w = parameter([1, 2, 3], { name: 'w' })
      for (let step = 1; step <= 6; step++) {
        run.step()
        const loss = mean(square(sub(mul(w, step), 1)))
        w.clearGrad()
        loss.backward()
        noGrad(() => {
          w.data = sub(w, mul(w.grad!, 0.01)).data
        })
        run.log({ loss })
      }
    },
    { checkpointEvery: 2 },
  )
}

test('500 replays and 5,000 gradients of the past leave nothing behind', { timeout: 300_000 }, async () => {
  const file = await smallTape()
  const { stdout, stderr } = await runChild(
    `${MEASURE}
     const replays = await each(500, () => tape.run('test').replay())
     // Computed again: a summary is on the tape, and the bytes are not.
     const gradients = await each(5000, (i) => {
       const past = i % 50 === 0 ? tape.run('test') : globalThis.past
       globalThis.past = past
       past.variable('w', { step: 1 + (i % 6) }).grad.data.data[0]
     })
     say(JSON.stringify({ replays, gradients }))`,
    { file },
    ([node, ...words]) => [node!, '--expose-gc', ...words],
  )
  expect(stderr).toBe('')
  const { replays, gradients } = JSON.parse(stdout)
  // It was 6 MB a replay, for as long as the process lived.
  expect(replays).toBeLessThan(4_000)
  expect(gradients).toBeLessThan(1_000)
})
