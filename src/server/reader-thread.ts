/**
 * A thread that answers questions about tapes, one after the other. It gets `{ id, name, parameters }` and says
 * `{ id, told }` while it works and at last `{ id, json }` or `{ id, failed }`. `'end'` ends it.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { TapeError } from '../errors.js'
import '../index.js' // registers the functions that gradtape brings
import { damageBehind } from '../inspection/damage.js'
import { Asked, type Parameters } from './asked.js'
import { Desk } from './desk.js'
import { QUESTIONS } from './questions.js'
import { Cancelled } from './tell.js'
import { toWire } from './wire.js'

export interface Question {
  id: number
  name: string
  parameters: Parameters
}

export type Reply =
  | { id: number; told: { text: string; done: number; total: number | null } }
  | { id: number; json: string }
  | { id: number; failed: { code: string; message: string } }

const TELL_EVERY_MS = 100
/** After this long without a question, what was read is written beside the tape. */
const KEEP_AFTER_MS = 300

/** Questions up to the number in `cancelled` are not wanted any more. */
const { files, cancelled } = workerData as { files: readonly string[]; cancelled: Int32Array }
const desk = new Desk(files)

function answer({ id, name, parameters }: Question): Reply {
  let told = 0
  const isCancelled = () => id <= Atomics.load(cancelled, 0)
  try {
    if (isCancelled()) throw new Cancelled()
    const question = QUESTIONS[name as keyof typeof QUESTIONS]
    const json = toWire(
      question(desk, new Asked(parameters), (text, done, total) => {
        if (isCancelled()) throw new Cancelled()
        if (performance.now() - told < TELL_EVERY_MS) return
        told = performance.now()
        parentPort?.postMessage({ id, told: { text, done, total } } satisfies Reply)
      }),
    )
    return { id, json }
  } catch (thrown) {
    if (thrown instanceof Cancelled) return { id, failed: { code: 'CANCELLED', message: thrown.message } }
    const error = damageBehind(thrown, files)
    if (error instanceof TapeError)
      return { id, failed: { code: error.code, message: error.message.slice(error.code.length + 2) } }
    return {
      id,
      failed: {
        code: 'INTERNAL',
        message: error instanceof Error ? (error.stack ?? error.message) : String(error),
      },
    }
  }
}

let keeping: NodeJS.Timeout | undefined

parentPort?.on('message', (question: Question | 'end') => {
  clearTimeout(keeping)
  if (question === 'end') {
    desk.keep()
    desk.close()
    parentPort?.close()
    return
  }
  parentPort?.postMessage(answer(question))
  keeping = setTimeout(() => desk.keep(), KEEP_AFTER_MS)
})
