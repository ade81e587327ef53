/**
 * The thread that watches over the process in which a user's SQL runs: SQLite keeps that process from hearing anything, so
 * nobody else in it could notice that whoever asked is gone. It waits at the pipe that the asking process holds open for as long
 * as it lives, and ends this process when the pipe closes, however the other one died.
 */
import fs from 'node:fs'
import process from 'node:process'

const NAP_MS = 50
const nap = new Int32Array(new SharedArrayBuffer(4))
const byte = Buffer.alloc(1)

for (;;) {
  try {
    if (fs.readSync(0, byte, 0, 1, null) === 0) break
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') break
    Atomics.wait(nap, 0, 0, NAP_MS)
  }
}
process.kill(process.pid, 'SIGKILL')
