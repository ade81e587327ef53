// Whether a recorded loop keeps anything for each step it has done: the memory of the process, sampled as it goes on.
import { statSync } from 'node:fs'
import process from 'node:process'
import { openTape } from 'gradtape'
import { inTemporaryFolder } from '../temporary-tape.js'
import { collectGarbage, type Sample } from '../workload.js'
import { sample, say } from './sample.js'
import { trainings } from './subjects.js'

/** The pages that a connection to a tape keeps in memory at most: in a short run they are what grows. */
const CACHE_BYTES = 65_536 * 1_024
const SAMPLES = 40
const TELLS = 4

interface Point {
  step: number
  rss: number
  /** What is left of V8's heap and of arrays after a full collection. */
  live: number
}

export async function memory(steps: number): Promise<Sample[]> {
  return inTemporaryFolder((folder) => {
    const path = `${folder}/memory.tape`
    const tape = openTape(path)
    const run = tape.startRun('bench')
    const step = trainings.spiral(run)
    const points: Point[] = []
    for (let done = 1; done <= steps; done++) {
      step()
      if (done % Math.floor(steps / SAMPLES) !== 0) continue
      collectGarbage()
      const { rss, heapUsed, arrayBuffers } = process.memoryUsage()
      points.push({ step: done, rss, live: heapUsed + arrayBuffers })
      if (points.length % (SAMPLES / TELLS) === 0) say(`step ${done}: RSS ${(rss / 1e6).toFixed(0)} MB`)
    }
    void run.finish()
    tape.close()
    const { size } = statSync(path)
    if (size < 2 * CACHE_BYTES)
      say(
        `the file has ${(size / 1e6).toFixed(0)} MB: SQLite keeps up to 67 of them, so RSS grew with it; take more steps`,
      )
    // In the first half the process finds its size.
    const steady = points.slice(points.length / 2)
    return [
      sample(
        'RSS, growth',
        'bytes/step',
        slope(steady, ({ rss }) => rss),
      ),
      sample(
        'heap and arrays after a collection, growth',
        'bytes/step',
        slope(steady, ({ live }) => live),
      ),
      sample('RSS at the end', 'MB', (points.at(-1)?.rss ?? Number.NaN) / 1e6),
    ]
  })
}

/** Of the line nearest to the points, by least squares. */
function slope(points: readonly Point[], of: (point: Point) => number): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  const meanStep = mean(points.map(({ step }) => step))
  const meanValue = mean(points.map(of))
  const covariance = points.map((point) => (point.step - meanStep) * (of(point) - meanValue))
  const variance = points.map(({ step }) => (step - meanStep) ** 2)
  return mean(covariance) / mean(variance)
}
