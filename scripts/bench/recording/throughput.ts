// How fast calls go into the file: from a program to the file, and by the writer alone, fed with batches that were packed
// before. Forward calls only, FULL sync, the hash chain on.
import { statSync } from 'node:fs'
import { openTape } from 'gradtape'
import { inTemporaryFolder } from '../temporary-tape.js'
import { collectGarbage, type Sample } from '../workload.js'
import { wallMs } from './clock.js'
import { openWriter, packed } from './internals.js'
import { sample, say } from './sample.js'
import { GRAPH_CALLS, type Subject } from './subjects.js'

/** `PRAGMA synchronous`: FULL. */
const FULL = 2
const WARM_GRAPHS = 400
/** Batches of one transaction, as the writing thread has it when it is behind. */
const TOGETHER = 4

export interface ThroughputOptions {
  rounds: number
  /** Calls of a round. */
  calls: number
}

export async function throughput(subject: Subject, options: ThroughputOptions): Promise<Sample[]> {
  return [...(await endToEnd(subject, options)), ...(await writerAlone(subject, options))]
}

async function endToEnd(subject: Subject, { rounds, calls }: ThroughputOptions): Promise<Sample[]> {
  return inTemporaryFolder((folder) => {
    const path = `${folder}/bench.tape`
    const tape = openTape(path)
    const run = tape.startRun('bench')
    const step = subject(run)
    const record = (graphs: number) =>
      wallMs(() => {
        for (let i = 0; i < graphs; i++) step()
        run.flush()
      })
    record(WARM_GRAPHS)
    const graphs = calls / GRAPH_CALLS
    const samples: Sample[] = []
    for (let round = 0; round < rounds; round++) {
      collectGarbage()
      const ms = record(graphs)
      say(`program to file: ${shown((calls / ms) * 1_000)} calls/s`)
      samples.push(sample('program to file', 'calls/s', (calls / ms) * 1_000))
    }
    void run.finish()
    tape.close()
    const recorded = (WARM_GRAPHS + rounds * graphs) * GRAPH_CALLS
    return [...samples, sample('file', 'bytes/call', statSync(path).size / recorded)]
  })
}

/** Each round writes a new file, as a graph is known to a file that has it already. */
async function writerAlone(subject: Subject, { rounds, calls }: ThroughputOptions): Promise<Sample[]> {
  const { batches } = await packed((run) => {
    const step = subject(run as Parameters<Subject>[0])
    for (let i = 0; i < calls / GRAPH_CALLS; i++) step()
  })
  const samples: Sample[] = []
  for (let round = -1; round < rounds; round++) {
    await inTemporaryFolder(async (folder) => {
      const writer = await openWriter(`${folder}/bench.tape`)
      if (writer.synchronous !== FULL)
        throw new Error(`expected synchronous = FULL, got ${writer.synchronous}`)
      collectGarbage()
      const ms = wallMs(() => {
        for (let i = 0; i < batches.length; i += TOGETHER) writer.write(batches.slice(i, i + TOGETHER))
      })
      // What is committed waits beside the file until it is moved there: some of it while writing, the rest now.
      const closedMs = ms + wallMs(() => writer.close())
      if (round < 0) return // it has warmed up
      const rate = (milliseconds: number) => (calls / milliseconds) * 1_000
      say(`writer alone: ${shown(rate(ms))} calls/s`)
      samples.push(
        sample('writer alone, all committed', 'calls/s', rate(ms)),
        sample('writer alone, the file closed', 'calls/s', rate(closedMs)),
      )
    })
  }
  return samples
}

function shown(rate: number): string {
  return rate.toLocaleString('en-US', { maximumFractionDigits: 0 })
}
