import { spawnSync } from 'node:child_process'
import process from 'node:process'
import { expect, test } from 'vitest'

/**
 * Faults of pages for each addition of 10,000 elements, which makes an array of 20 pages: the fewest of five rounds, because a busy
 * machine collects late now and then, and then there are more arrays at once than before.
 */
const LOOP = `
  const { add } = await import('gradtape-array/elementwise.js')
  const { ndarray } = await import('gradtape-array/make-array.js')
  const x = ndarray(new Float64Array(10_000).fill(1.5))
  for (let i = 0; i < 2_000; i++) add(x, x)
  let fewest = Infinity
  for (let round = 0; round < 5; round++) {
    const before = process.resourceUsage().minorPageFault
    for (let i = 0; i < 1_000; i++) add(x, x)
    fewest = Math.min(fewest, (process.resourceUsage().minorPageFault - before) / 1_000)
  }
  console.log(fewest)
`

const report = process.report.getReport() as { header: { glibcVersionRuntime?: string } }

test.skipIf(report.header.glibcVersionRuntime === undefined)(
  'a loop that makes and drops arrays does not get fresh pages for each of them',
  () => {
    const built = new URL('../../dist/array/', import.meta.url).href
    const script = LOOP.replaceAll('gradtape-array/', built)
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
    })
    expect(stderr).toBe('')
    expect(Number(stdout)).toBeLessThan(4)
  },
)
