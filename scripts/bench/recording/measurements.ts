// Every measurement of recording, by name, and how long each is. `node measurements.js NAME OPTIONS` does one in a process of
// its own, where no other has filled the heap or had V8 compile for it, and prints its samples as JSON.
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import type { Sample } from '../workload.js'
import { coldBackward } from './cold-backward.js'
import { largeTape } from './large-tape.js'
import { lookUp } from './look-up.js'
import { memory } from './memory.js'
import { pastGradient } from './past-gradient.js'
import { startUp } from './start-up.js'
import { stepRatio } from './step-ratio.js'
import {
  chain,
  chainBothWays,
  chainForward,
  GRAPH_CALLS,
  tangle,
  tangleForward,
  trainings,
} from './subjects.js'
import { sumsOfArrays } from './sums.js'
import { throughput } from './throughput.js'
import { wholeProcess } from './whole-process.js'

export const SELF = fileURLToPath(import.meta.url)

export interface RecordingOptions {
  quick: boolean
  /** Of the large tape. */
  tapeMegabytes: number
  /** Of the tape in which calls are looked up. */
  lookUpCalls: number
  memorySteps: number
}

type Measurement = (options: RecordingOptions) => Promise<Sample[]>

/** Many short rounds: a machine that changes its speed now and then changes it in few of them. */
const ratio = ({ quick }: RecordingOptions) =>
  quick ? { rounds: 2, roundMs: 200 } : { rounds: 40, roundMs: 60 }
const writing = (options: RecordingOptions, calls: number) => ({
  rounds: options.quick ? 2 : 3,
  calls: options.quick ? calls / 4 : calls,
})
const cold = ({ quick }: RecordingOptions) => ({ rounds: quick ? 1 : 3, calls: quick ? 200_000 : 1_000_000 })

export const MEASUREMENTS: Record<string, Measurement> = {
  'spiral 2-10-3 batch 30': (options) =>
    stepRatio(trainings.spiral, { ...ratio(options), capture: 'replayable' }),
  'digits 64-32-10 batch 50': (options) =>
    stepRatio(trainings.digits, { ...ratio(options), capture: 'replayable' }),
  'digits 64-32-10 batch 50, full': (options) =>
    stepRatio(trainings.digits, { ...ratio(options), capture: 'full' }),
  'mnist 784-128-10 batch 32': (options) =>
    stepRatio(trainings.mnist, { ...ratio(options), capture: 'replayable' }),
  'mnist 784-128-10 batch 32, full': (options) =>
    stepRatio(trainings.mnist, { ...ratio(options), capture: 'full' }),
  'scalar chain, 1000-call graphs': (options) =>
    stepRatio(chainBothWays, { ...ratio(options), capture: 'replayable', calls: GRAPH_CALLS }),
  'scalar chain, 1000-call graphs, forward only': (options) =>
    stepRatio(chainForward, { ...ratio(options), capture: 'replayable', calls: GRAPH_CALLS }),
  'calls into the file, repeating graph': (options) => throughput(chainForward, writing(options, 2_000_000)),
  'calls into the file, no graph like another': (options) =>
    throughput(tangleForward, writing(options, 1_000_000)),
  'start of a recorded run, digits': (options) => startUp(trainings.digits, options.quick ? 2 : 3, 1_500),
  'whole process, 600 steps of digits': ({ quick }) => wholeProcess(quick ? 2 : 5),
  'arrays of 100,352 elements': ({ quick }) => sumsOfArrays(quick ? 10 : 40),
  'digits run of the past': (options) => pastGradient(options.quick ? 2_000 : 10_000, options.quick ? 1 : 3),
  'large tape': ({ tapeMegabytes, quick }) => largeTape(tapeMegabytes * 1e6, quick ? 2 : 5),
  'one call among many': ({ lookUpCalls }) => lookUp(lookUpCalls),
  'cold file, scalar chain': (options) => coldBackward(chain, { ...cold(options), capture: 'replayable' }),
  'cold file, scalar chain, full': (options) => coldBackward(chain, { ...cold(options), capture: 'full' }),
  'cold file, nothing repeats': (options) =>
    coldBackward(tangle, { ...cold(options), capture: 'replayable' }),
  'cold file, nothing repeats, full': (options) =>
    coldBackward(tangle, { ...cold(options), capture: 'full' }),
  'memory of a recorded loop, spiral': ({ memorySteps }) => memory(memorySteps),
}

if (process.argv[1] === SELF) {
  const [, , name = '', options = ''] = process.argv
  const measurement = MEASUREMENTS[name]
  if (measurement === undefined)
    throw new Error(`expected one of ${Object.keys(MEASUREMENTS).join('; ')}; got "${name}"`)
  process.stdout.write(JSON.stringify(await measurement(JSON.parse(options) as RecordingOptions)))
}
