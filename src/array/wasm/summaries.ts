/** Summaries through staging memory, in the order of src/events/content.ts, which says what they are. */
import { copyIn, STAGE, type Staging } from './staging.js'

const CHUNK = 1024
/** Elements staged at once: whole chunks, and few enough to stay in the second cache. */
const PIECE = 16 * CHUNK
const RESULTS = STAGE + PIECE * 8
const NUMBERS = 5

export interface Sums {
  sum: number
  squares: number
  min: number
  max: number
  zeroCount: number
}

/** Of `count` elements; where the squares are not finite, the rest is not to be relied on. */
export function sumsStaged(memory: Staging, x: Float64Array | Float32Array, at: number, count: number): Sums {
  const sums: Sums = { sum: 0, squares: 0, min: Infinity, max: -Infinity, zeroCount: 0 }
  const { run, float64, float32 } = memory
  for (let done = 0; done < count; done += PIECE) {
    const some = Math.min(PIECE, count - done)
    if (x instanceof Float64Array) {
      copyIn(x, at + done, some, float64, STAGE / 8)
      run.summarize64(STAGE, some, RESULTS)
    } else {
      copyIn(x, at + done, some, float32, STAGE / 4)
      run.summarize32(STAGE, some, RESULTS)
    }
    const end = RESULTS / 8 + Math.ceil(some / CHUNK) * NUMBERS
    for (let i = RESULTS / 8; i < end; i += NUMBERS) {
      sums.sum += float64[i]!
      sums.squares += float64[i + 1]!
      sums.min = Math.min(sums.min, float64[i + 2]!)
      sums.max = Math.max(sums.max, float64[i + 3]!)
      sums.zeroCount += float64[i + 4]!
    }
  }
  return sums
}
