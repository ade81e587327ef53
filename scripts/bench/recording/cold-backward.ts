// Backward from a file that was just opened, against backward of the same graph live: one process, by turns. The time of the
// file has everything in it: opening, reading, making the graph, and the pass.
import { type Capture, openTape } from 'gradtape'
import { inTemporaryFolder } from '../temporary-tape.js'
import { collectGarbage, type Sample } from '../workload.js'
import { wallMs } from './clock.js'
import { sample, say } from './sample.js'
import type { Ends } from './subjects.js'

export interface ColdOptions {
  calls: number
  capture: Capture
  /** At most: none begins when those before have taken long. */
  rounds: number
}

const ROUNDS_MAX_MS = 8_000

const WARM_CALLS = 50_000

export async function coldBackward(graph: (calls: number) => Ends, options: ColdOptions): Promise<Sample[]> {
  await turns(graph, { ...options, calls: WARM_CALLS, rounds: 1 })
  return turns(graph, options)
}

async function turns(
  graph: (calls: number) => Ends,
  { calls, capture, rounds }: ColdOptions,
): Promise<Sample[]> {
  return inTemporaryFolder((folder) => {
    const path = `${folder}/cold.tape`
    const tape = openTape(path)
    const run = tape.startRun('cold', { capture })
    graph(calls).y.name = 'y'
    void run.finish()
    tape.close()
    const samples: Sample[] = []
    const from = performance.now()
    for (let round = 0; round < rounds; round++) {
      if (round > 0 && performance.now() - from > ROUNDS_MAX_MS) break
      const live = fromMemory(graph, calls)
      const file = fromFile(path)
      if (live.gradient !== file.gradient)
        throw new Error(`the file gives ${file.gradient}, the live graph gave ${live.gradient}`)
      if (calls !== WARM_CALLS)
        say(`file ${(file.openMs + file.backwardMs).toFixed(0)} ms, live ${live.backwardMs.toFixed(0)} ms`)
      samples.push(
        sample('file ÷ live', '×', (file.openMs + file.backwardMs) / live.backwardMs),
        sample('open, read and make the graph', 'ms', file.openMs),
        sample('then backward', 'ms', file.backwardMs),
        sample('backward, live', 'ms', live.backwardMs),
      )
    }
    return samples
  })
}

function fromMemory(graph: (calls: number) => Ends, calls: number): { backwardMs: number; gradient: number } {
  collectGarbage()
  const { x, y } = graph(calls)
  const backwardMs = wallMs(() => y.backward())
  return { backwardMs, gradient: x.grad?.item() ?? Number.NaN }
}

function fromFile(path: string): { openMs: number; backwardMs: number; gradient: number } {
  collectGarbage()
  const from = performance.now()
  const tape = openTape(path, { readonly: true })
  const past = tape.run('cold')
  const y = past.variable('y')
  const between = performance.now()
  y.backward()
  const backwardMs = performance.now() - between
  const gradient = past.variable('x').grad?.item() ?? Number.NaN
  tape.close()
  return { openMs: between - from, backwardMs, gradient }
}
