// A whole process of 600 steps of digits, from its start to its end, recorded or not. Run by itself it is that process.
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { openTape } from 'gradtape'
import { inTemporaryFolder } from '../temporary-tape.js'
import type { Sample } from '../workload.js'
import { sample } from './sample.js'
import { trainings } from './subjects.js'

const SELF = fileURLToPath(import.meta.url)
const STEPS = 600

/** The least of `rounds` processes each, in turn. */
export async function wholeProcess(rounds: number): Promise<Sample[]> {
  const least = { recorded: Number.POSITIVE_INFINITY, not: Number.POSITIVE_INFINITY }
  await inTemporaryFolder((folder) => {
    for (let round = 0; round < rounds; round++) {
      least.not = Math.min(least.not, cpuMs([]))
      least.recorded = Math.min(least.recorded, cpuMs([join(folder, `${round}.tape`)]))
    }
  })
  return [
    sample('CPU of all threads, recorded', 'ms', least.recorded),
    sample('CPU of all threads, not recorded', 'ms', least.not),
  ]
}

function cpuMs(args: readonly string[]): number {
  return Number(execFileSync(process.execPath, [SELF, ...args], { encoding: 'utf8' }))
}

async function train(path: string | undefined): Promise<void> {
  const tape = path === undefined ? null : openTape(path)
  const run = tape?.startRun('bench') ?? null
  const step = trainings.digits(run)
  for (let i = 0; i < STEPS; i++) step()
  await run?.finish()
  tape?.close()
}

if (process.argv[1] === SELF) {
  await train(process.argv[2])
  const { user, system } = process.cpuUsage()
  process.stdout.write(`${(user + system) / 1_000}`)
}
