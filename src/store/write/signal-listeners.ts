/** How many listeners the program has for each signal, in memory that the threads which write share with it. */

/**
 * Counts them from now on, on the thread that calls. Gives the counts in the order of `signals`, and behind these, for each signal,
 * when the last listener went, in milliseconds modulo 2^31: one that listens once is gone before a writing thread hears of the same
 * signal.
 *
 * The main thread runs this from its source as well (see `startHere` in main-thread.ts): it uses nothing of this module.
 */
export function countListeners(signals: readonly string[]): Int32Array {
  const { process } = globalThis
  const counts = new Int32Array(new SharedArrayBuffer(signals.length * 8))
  const count = () => {
    for (let i = 0; i < signals.length; i++) Atomics.store(counts, i, process.listenerCount(signals[i]!))
  }
  count()
  process.on('newListener', (name) => {
    const index = signals.indexOf(name as string)
    if (index >= 0) Atomics.add(counts, index, 1) // told before it is added
  })
  process.on('removeListener', (name) => {
    count()
    const index = signals.indexOf(name as string)
    if (index >= 0) Atomics.store(counts, signals.length + index, Date.now() % 2 ** 31)
  })
  return counts
}
