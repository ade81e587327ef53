// What one would do by hand: PyTorch whose every operation goes into SQLite, by a program that stands outside the repository.
// Knows only what the program prints: a line of JSON for each piece of work.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { PYTHONS } from '../peers.js'
import type { Sample, Unit } from '../workload.js'
import { say } from './sample.js'

interface Line {
  peer: string
  work: string
  us_per_step_off: number
  us_per_step_on: number
  ratio: number
  bytes_per_step: number
}

/** By work, what the program measured; nothing, and why, when it cannot run. */
export function torchRecording(program: string | null): Map<string, Sample[]> {
  const found = new Map<string, Sample[]>()
  if (program === null) return without('no --torch-record FILE, nor GRADTAPE_TORCH_RECORD', found)
  if (!existsSync(program)) return without(`there is no ${program}`, found)
  const python = PYTHONS.find(
    (name) => spawnSync(name, ['-c', 'import torch'], { stdio: 'ignore' }).status === 0,
  )
  if (python === undefined) return without(`neither ${PYTHONS.join(' nor ')} can import torch`, found)
  const { status, stdout, stderr } = spawnSync(python, [program], { encoding: 'utf8' })
  if (status !== 0) return without(`it ended with ${status}: ${stderr.trim().split('\n').at(-1)}`, found)
  for (const text of stdout.trim().split('\n')) {
    const line = JSON.parse(text) as Line
    const sample = (measure: string, unit: Unit, value: number): Sample => ({
      who: line.peer,
      measure,
      unit,
      value,
    })
    found.set(line.work, [
      sample('step, not recorded', 'µs/step', line.us_per_step_off),
      sample('step, recorded', 'µs/step', line.us_per_step_on),
      sample('recorded ÷ not, wall', '×', line.ratio),
      sample('file, data set and checkpoints in it', 'bytes/step', line.bytes_per_step),
    ])
  }
  return found
}

function without(why: string, found: Map<string, Sample[]>): Map<string, Sample[]> {
  say(`without PyTorch and a dispatch mode: ${why}`)
  return found
}
