// A large tape, opened by a process that has never seen it: how long until the first row of `run`. The file is made of
// training steps of which every value is kept, which is what makes large tapes.
import { execFileSync, spawnSync } from 'node:child_process'
import { statSync } from 'node:fs'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { openTape } from 'gradtape'
import { inTemporaryFolder } from '../temporary-tape.js'
import type { Sample } from '../workload.js'
import { wallMs } from './clock.js'
import { sample, say } from './sample.js'
import { trainings } from './subjects.js'

const SELF = fileURLToPath(import.meta.url)
const CLI = fileURLToPath(new URL('./cli/main.js', import.meta.resolve('gradtape')))
const TELL_EVERY_BYTES = 1e9

export async function largeTape(bytes: number, rounds: number): Promise<Sample[]> {
  return inTemporaryFolder((folder) => {
    const path = `${folder}/large.tape`
    record(path, bytes)
    const samples = [sample('file', 'MB', statSync(path).size / 1e6)]
    for (let round = 0; round < rounds; round++) {
      const cold = forgetPages(path)
      const words = cold ? 'none of the file in memory' : 'as much of the file in memory as the system kept'
      const inProcess = Number(execFileSync(process.execPath, [SELF, path], { encoding: 'utf8' }))
      samples.push(sample(`openTape and the first row of run, ${words}`, 'ms', inProcess))
      forgetPages(path)
      const shell = wallMs(() => execFileSync(process.execPath, [CLI, 'runs', path, '--json']))
      samples.push(sample(`gradtape runs, start of the process included`, 'ms', shell))
    }
    return samples
  })
}

function record(path: string, bytes: number): void {
  const tape = openTape(path)
  const run = tape.startRun('large', { capture: 'full' })
  const step = trainings.mnist(run)
  const from = performance.now()
  let next = TELL_EVERY_BYTES
  for (let size = 0; size < bytes; size = statSync(path).size) {
    // The file itself lags behind what waits beside it by a few megabytes.
    for (let i = 0; i < 20; i++) step()
    run.flush()
    if (size < next) continue
    say(`${(size / 1e9).toFixed(1)} of ${(bytes / 1e9).toFixed(1)} GB`)
    next += TELL_EVERY_BYTES
  }
  void run.finish()
  tape.close()
  const seconds = (performance.now() - from) / 1_000
  const { size } = statSync(path)
  say(`${(size / 1e6).toFixed(0)} MB in ${seconds.toFixed(1)} s, ${(size / 1e6 / seconds).toFixed(0)} MB/s`)
}

/** Asks the system to drop the file's pages from memory; false where there is no such dd (it is GNU's). */
function forgetPages(path: string): boolean {
  const { status } = spawnSync('dd', [`if=${path}`, 'iflag=nocache', 'count=0'], { stdio: 'ignore' })
  return status === 0
}

function ask(path: string): number {
  const ms = wallMs(() => {
    const first = openTape(path, { readonly: true }).runs()[0]
    if (first?.status !== 'finished') throw new Error(`expected a finished run, got ${first?.status}`)
  })
  return ms
}

if (process.argv[1] === SELF) process.stdout.write(String(ask(process.argv[2] ?? '')))
