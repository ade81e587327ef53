// What a recorder computes of an array of the size of mnist's first layer, where native code does it.

import type { Sample } from '../workload.js'
import { timed } from './clock.js'
import { sums } from './internals.js'
import { sample } from './sample.js'

const SIZE = 784 * 128
const CALLS = 200

/** The least over `rounds` of each; none where there is no native code. */
export async function sumsOfArrays(rounds: number): Promise<Sample[]> {
  const found: Sample[] = []
  for (const dtype of ['float32', 'float64'] as const) {
    for (const [what, work] of Object.entries(await sums(dtype, SIZE))) {
      let least = Number.POSITIVE_INFINITY
      for (let round = 0; round < rounds; round++) {
        const { allMs } = timed(() => {
          for (let i = 0; i < CALLS; i++) work()
        })
        least = Math.min(least, (allMs * 1_000) / CALLS)
      }
      found.push(sample(`${what}, ${dtype}, CPU`, 'µs', least))
    }
  }
  return found
}
