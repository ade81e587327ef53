// The group `recording`: what it costs to record, and what a tape gives back for it, each measured in a process of its own.
import { execFileSync } from 'node:child_process'
import process from 'node:process'
import type { Sample, Workload } from '../workload.js'
import { MEASUREMENTS, type RecordingOptions, SELF } from './measurements.js'
import { say } from './sample.js'
import { torchRecording } from './torch.js'

const OUTPUT_MAX_BYTES = 2 ** 24

/** `torchProgram`: records PyTorch's operations by hand, and prints what that takes; null for none. */
export function recordingWorkloads(options: RecordingOptions, torchProgram: string | null): Workload[] {
  let torch: Map<string, Sample[]> | null = null
  return Object.keys(MEASUREMENTS).map((name) => ({
    name,
    once: true,
    run: async () => {
      const ours = measured(name, options)
      if (!TORCH_WORKS.includes(name)) return ours
      torch ??= torchRecording(torchProgram)
      return [...ours, ...(torch.get(name) ?? [])]
    },
  }))
}

const TORCH_WORKS = ['digits 64-32-10 batch 50', 'mnist 784-128-10 batch 32']

/** One that fails is told, and the others are measured all the same. */
function measured(name: string, options: RecordingOptions): Sample[] {
  try {
    return inProcess(name, options)
  } catch (error) {
    say(`${name} failed: ${error instanceof Error ? error.message : String(error)}`)
    process.exitCode = 1
    return []
  }
}

function inProcess(name: string, options: RecordingOptions): Sample[] {
  const output = execFileSync(process.execPath, [SELF, name, JSON.stringify(options)], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: OUTPUT_MAX_BYTES,
  })
  return JSON.parse(output) as Sample[]
}
