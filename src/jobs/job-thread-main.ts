/** The thread that does jobs of a worker, one by one, so that the worker itself can say all the while that it lives. */
import { parentPort } from 'node:worker_threads'
import { TapeError } from '../errors.js'
// Registers the functions that gradtape brings.
import '../index.js'
import { loadUserModule } from '../inspection/user-modules.js'
import type { FromJobThread, JobThreadData } from './job-thread.js'
import { type JobOutput, perform } from './perform.js'

/** Pieces of columns that may be on their way: what is read waits for what is written. */
const PIECES_MAX = 8

const say = (message: FromJobThread) => parentPort!.postMessage(message)

parentPort!.on('message', async ({ request, tape, other, modules, pieces }: JobThreadData) => {
  const hand = (output: JobOutput) => {
    say(output)
    if (output.kind !== 'columns') return
    const sent = Atomics.add(pieces, 0, 1) + 1
    for (;;) {
      const stored = Atomics.load(pieces, 1)
      if (sent - stored < PIECES_MAX) return
      Atomics.wait(pieces, 1, stored)
    }
  }
  try {
    for (const url of modules) await loadUserModule(url)
    say({ kind: 'result', result: perform(request, { tape, other }, hand) })
  } catch (error) {
    say({
      kind: 'failed',
      code: error instanceof TapeError ? error.code : null,
      message: error instanceof Error ? error.message : String(error),
    })
  }
})
