import { spawnSync } from 'node:child_process'
import process from 'node:process'
import { expect, test } from 'vitest'

/** Faults of pages for each of 3,000 additions of 10,000 elements, of which each makes an array of 20 pages. */
const LOOP = `
  const { add } = await import('gradtape-array/elementwise.js')
  const { ndarray } = await import('gradtape-array/make-array.js')
  const x = ndarray(new Float64Array(10_000).fill(1.5))
  for (let i = 0; i < 2_000; i++) add(x, x)
  const before = process.resourceUsage().minorPageFault
  for (let i = 0; i < 3_000; i++) add(x, x)
  console.log((process.resourceUsage().minorPageFault - before) / 3_000)
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
    // Fresh ones would be 20; some come when collecting waits for a busy processor.
    expect(Number(stdout)).toBeLessThan(12)
  },
)
