/**
 * The thread of a tape as it begins: it hears signals, and what the training thread says, and writes nothing yet. It is a small file
 * of its own, because most runs are short: the training thread writes those by itself, and to load all that writes, to open the tape
 * a second time and to have V8 compile it all again takes several times as long as such a run is written. What writes is loaded when
 * the thread is woken (woken-thread-main.ts).
 */
import { workerData } from 'node:worker_threads'
import type { ThreadData } from './hand-over.js'
import type { HostedData } from './main-thread.js'
import { sleep } from './sleeping-thread.js'

const wake = () => void import('./woken-thread-main.js')
// One of the main thread is asked for where a run may lose the thread that records it at any moment: it writes from the first on.
if ('channel' in (workerData as ThreadData | HostedData)) wake()
else sleep(workerData as ThreadData, wake)
