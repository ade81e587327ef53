// What the beginning of a recorded run costs beyond its steps: the file, and the writing thread, which the first whole batch
// starts. Paid once a tape.
import { openTape } from 'gradtape'
import { inTemporaryFolder } from '../temporary-tape.js'
import { collectGarbage, type Sample } from '../workload.js'
import { type Times, timed, wallMs } from './clock.js'
import { sample } from './sample.js'
import type { Subject } from './subjects.js'

export async function startUp(subject: Subject, rounds: number, steps: number): Promise<Sample[]> {
  const samples: Sample[] = []
  for (let round = -1; round < rounds; round++) {
    const found = await inTemporaryFolder((folder) => {
      collectGarbage()
      const from = performance.now()
      const tape = openTape(`${folder}/bench.tape`)
      const run = tape.startRun('bench')
      const openMs = performance.now() - from
      const step = subject(run)
      const some = (): Times =>
        timed(() => {
          for (let i = 0; i < steps; i++) step()
          run.flush()
        })
      const first = some()
      const later = [some(), some(), some()]
      const finishMs = wallMs(() => void run.finish())
      const closeMs = wallMs(() => tape.close())
      const steady = (of: (times: Times) => number) => later.reduce((sum, times) => sum + of(times), 0) / 3
      return [
        sample('open a new tape and start a run', 'ms', openMs),
        sample('start of the writing thread, wall', 'ms', first.wallMs - steady(({ wallMs }) => wallMs)),
        sample(
          'start of the writing thread, CPU of the training thread',
          'ms',
          first.threadMs - steady(({ threadMs }) => threadMs),
        ),
        sample('finish a run whose steps are written', 'ms', finishMs),
        sample('close the tape', 'ms', closeMs),
      ]
    })
    // The first round compiles what is recorded, which is no business of the tape's.
    if (round >= 0) samples.push(...found.filter(({ value }) => !Number.isNaN(value)))
  }
  return samples
}
