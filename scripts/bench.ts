// The benchmark (`npm run bench`): many workloads and their peers, in turn, round by round; medians over the rounds.
// Tables go to stdout, progress to stderr.
import process from 'node:process'
import { parseArgs } from 'node:util'
import { callWorkloads } from './bench/calls.js'
import { coldWorkload } from './bench/cold.js'
import { fleetWorkloads } from './bench/fleet/group.js'
import { workerWorkloads } from './bench/fleet/workers.js'
import { functionWorkloads } from './bench/functions.js'
import { inspectorWorkloads } from './bench/inspector/group.js'
import { modelWorkloads } from './bench/models.js'
import { type Peer, startPeers } from './bench/peers.js'
import { productWorkloads } from './bench/products.js'
import { recordingWorkloads } from './bench/recording/group.js'
import {
  baselineNames,
  comparisonTable,
  type Report,
  Results,
  readBaseline,
  resultTable,
  saveBaseline,
  writeJson,
} from './bench/report.js'
import { trainingWorkloads } from './bench/training.js'
import { collectGarbage, type Effort, type Workload } from './bench/workload.js'

const USAGE = `npm run bench -- [options]
  --quick          rougher: two minutes instead of ten
  --group NAME     only one of calls, training, models, products, functions, cold, recording, fleet, inspector
  --only PATTERN   only the workloads whose names this regular expression finds
  --json FILE      write what was measured as JSON
  --save NAME      keep it as a baseline, scripts/bench/baselines/NAME.json
  --compare NAME   and compare with a baseline
  --help
of the group recording:
  --tape-mb N      megabytes of the large tape (300; 10000 takes minutes and as much disk)
  --calls N        calls among which one is looked up, a multiple of 1000 (1000000)
  --memory-steps N steps over which memory is watched (100000)
  --torch-record FILE  a program that records PyTorch by hand and prints what it takes (GRADTAPE_TORCH_RECORD)`

/** Load a core at which figures are no longer those of the machine alone; the benchmark itself is one process at a time. */
const BUSY = 0.75

const say = (text: string) => process.stderr.write(`bench: ${text}\n`)

function options() {
  try {
    return parsed()
  } catch (error) {
    throw new Mistake(error instanceof Error ? error.message : String(error))
  }
}

function parsed() {
  return parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      group: { type: 'string' },
      only: { type: 'string' },
      json: { type: 'string' },
      save: { type: 'string' },
      compare: { type: 'string' },
      help: { type: 'boolean', default: false },
      'tape-mb': { type: 'string' },
      calls: { type: 'string' },
      'memory-steps': { type: 'string' },
      'torch-record': { type: 'string' },
    },
  }).values
}

async function main(): Promise<void> {
  const values = options()
  const { quick, group, only, json, save, compare, help } = values
  if (help) {
    process.stdout.write(`${USAGE}\n`)
    return
  }
  const before = compare === undefined ? null : baselineOf(compare)
  const pattern = new RegExp(only ?? '')
  const groups: Record<string, readonly Workload[]> = {
    calls: callWorkloads,
    training: trainingWorkloads,
    models: modelWorkloads,
    products: productWorkloads,
    functions: functionWorkloads(quick),
    cold: [coldWorkload(quick)],
    recording: recordingWorkloads(
      {
        quick,
        tapeMegabytes: count('tape-mb', values['tape-mb'], quick ? 100 : 300),
        lookUpCalls: count('calls', values.calls, quick ? 200_000 : 1_000_000, 1_000),
        memorySteps: count('memory-steps', values['memory-steps'], quick ? 10_000 : 100_000, 100),
      },
      values['torch-record'] ?? process.env.GRADTAPE_TORCH_RECORD ?? null,
    ),
    fleet: [...fleetWorkloads(quick), ...workerWorkloads(quick)],
    inspector: inspectorWorkloads(
      quick
        ? { steps: 100_000, calls: 1_000_000, stepCalls: 100_000 }
        : { steps: 1_000_000, calls: 10_000_000, stepCalls: 1_000_000 },
    ),
  }
  // The inspector's needs a browser, and is measured when it is asked for.
  const usual = Object.entries(groups).filter(([name]) => name !== 'inspector')
  const chosen = group === undefined ? usual.flatMap(([, works]) => works) : groups[group]
  if (chosen === undefined)
    throw new Mistake(`no group "${group}"; there are ${Object.keys(groups).join(', ')}`)
  const workloads = chosen.filter(({ name }) => pattern.test(name))
  if (workloads.length === 0) throw new Mistake(`no workload has a name that /${only}/ finds`)

  const effort: Effort = quick ? { targetMs: 30, quick } : { targetMs: 100, quick }
  // Works that are done once bring along what they are compared with.
  const peers = workloads.every(({ once }) => once === true) ? [] : await startPeers(!quick, say)
  const results = new Results()
  try {
    await measure(workloads, peers, effort, quick ? 2 : 5, results)
  } finally {
    for (const peer of peers) peer.end()
  }

  const report = results.report(quick)
  const { machine } = report
  const load = `load ${machine.load.toFixed(1)}`
  process.stdout.write(
    `${machine.cpu}, ${machine.cores} cores, ${load}, Node ${machine.node}, ${report.when}\n\n`,
  )
  if (machine.load > BUSY * machine.cores) say('the machine was busy: trust the ratios more than the figures')
  process.stdout.write(`${resultTable(report)}\n`)
  process.stdout.write('\nIn brackets: the figure of the peer as a multiple of ours.\n')
  if (before !== null) {
    process.stdout.write(`\nagainst ${compare} of ${before.when}\n\n${comparisonTable(before, report)}\n`)
    if (before.quick !== quick) say('one of the two was measured with --quick: their works differ in length')
  }
  if (json !== undefined) writeJson(json, report)
  if (save !== undefined) say(`saved ${saveBaseline(save, report)}`)
}

function count(option: string, given: string | undefined, usual: number, unit = 1): number {
  if (given === undefined) return usual
  const number = Number(given)
  if (!Number.isSafeInteger(number) || number < unit || number % unit !== 0)
    throw new Mistake(`--${option} expected a multiple of ${unit}, got "${given}"`)
  return number
}

function baselineOf(name: string): Report {
  const report = readBaseline(name)
  if (report === null)
    throw new Mistake(`no baseline "${name}"; there is ${baselineNames().join(', ') || 'none'}`)
  return report
}

/** The first round warms up and is not counted; a work that is done once, at the end, sees to that itself. */
async function measure(
  workloads: readonly Workload[],
  peers: readonly Peer[],
  effort: Effort,
  rounds: number,
  results: Results,
): Promise<void> {
  const from = performance.now()
  const repeated = workloads.filter(({ once }) => once !== true)
  for (let round = 0; round <= rounds && repeated.length > 0; round++) {
    const warming = round === 0
    say(warming ? 'warming up' : `round ${round} of ${rounds}, ${seconds(from)} s`)
    for (const { name, mostMs, mostRounds, run } of repeated) {
      if (round > (mostRounds ?? rounds)) continue
      const targetMs = Math.min(effort.targetMs, mostMs ?? effort.targetMs)
      collectGarbage()
      const samples = await run({ ...effort, targetMs })
      if (!warming) results.add(name, samples)
      for (const peer of peers) {
        const theirs = await peer.ask(name, targetMs)
        if (!warming) results.add(name, theirs)
      }
    }
  }
  for (const { name, run } of workloads.filter(({ once }) => once === true)) {
    say(`${name}, ${seconds(from)} s`)
    collectGarbage()
    results.add(name, await run(effort))
  }
  say(`done in ${seconds(from)} s`)
}

const seconds = (from: number) => ((performance.now() - from) / 1_000).toFixed(0)

/** A mistake of the one who typed the command, not of the benchmark. */
class Mistake extends Error {}

try {
  await main()
} catch (error) {
  if (error instanceof Mistake) {
    say(`${error.message}\n${USAGE}`)
    process.exitCode = 2
  } else {
    say(error instanceof Error ? (error.stack ?? error.message) : String(error))
    process.exitCode = 1
  }
}
