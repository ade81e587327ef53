// One lock for the whole checkout, so that two `npm test` started together install and build once.
// Knows nothing of what is done under it. Uses only Node, because it runs before anything is installed.
import { randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'

const POLL_MS = 200
const HEARTBEAT_MS = 2_000
const SILENCE_MS = 30_000

/**
 * Runs `work` while holding the lock in `folder`; waits as long as another living process holds it.
 *
 * The lock is a directory that comes into being by a rename, already holding its owner's name: a rename onto a
 * directory that is not empty fails, so exactly one process wins. A lock whose owner has died, or has not touched it
 * for 30 s, is moved to a name made from its own token; of several waiters only the first can do that, so nobody
 * takes away a lock that was won in between.
 */
export async function withLock(folder, say, work) {
  mkdirSync(folder, { recursive: true })
  const lock = join(folder, 'lock')
  const token = randomUUID()
  const mine = join(folder, `mine-${token}`)
  mkdirSync(mine)
  writeFileSync(join(mine, 'owner.json'), JSON.stringify({ token, pid: process.pid, host: hostname() }))
  try {
    await acquire(lock, mine, folder, say)
  } catch (error) {
    rmSync(mine, { recursive: true, force: true })
    throw error
  }
  // A machine that slept may have cost us the lock; then its place is somebody else's.
  const isOurs = () => read(lock)?.owner.token === token
  const heartbeat = setInterval(() => {
    const now = new Date()
    if (isOurs()) utimesSync(lock, now, now)
  }, HEARTBEAT_MS)
  try {
    return await work()
  } finally {
    clearInterval(heartbeat)
    if (isOurs()) renameSync(lock, mine)
    rmSync(mine, { recursive: true, force: true })
  }
}

async function acquire(lock, mine, folder, say) {
  let seen = { beat: 0, at: performance.now() }
  let told = false
  while (!tryRename(mine, lock)) {
    const holder = read(lock)
    if (holder) {
      if (holder.beat !== seen.beat) seen = { beat: holder.beat, at: performance.now() }
      if (isDead(holder.owner) || performance.now() - seen.at > SILENCE_MS) {
        tryRename(lock, join(folder, `stale-${holder.owner.token}`))
        continue
      }
      if (!told) say(`waiting for process ${holder.owner.pid}, which installs or builds here`)
      told = true
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}

function tryRename(from, to) {
  try {
    renameSync(from, to)
    return true
  } catch (error) {
    // EPERM and EACCES are Windows' words for "there is something at that place".
    if (['ENOTEMPTY', 'EEXIST', 'EPERM', 'EACCES', 'ENOENT'].includes(error.code)) return false
    throw error
  }
}

/** The holder of the lock and its last sign of life; undefined when it was released meanwhile. */
function read(lock) {
  try {
    const owner = JSON.parse(readFileSync(join(lock, 'owner.json'), 'utf8'))
    return { owner, beat: statSync(lock).mtimeMs }
  } catch (error) {
    if (error.code === 'ENOENT') return undefined
    throw error
  }
}

/** A process id says something on its own machine only; two containers may share this folder. */
function isDead(owner) {
  if (owner.host !== hostname()) return false
  try {
    process.kill(owner.pid, 0)
    return false
  } catch (error) {
    return error.code === 'ESRCH'
  }
}
