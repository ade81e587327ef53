/**
 * Signals that ask the process to end, caught on the writing thread. A training loop that never comes back to its event loop
 * would not hear of them, and without anybody who catches them the process is gone before its last batches are written. So
 * this thread hears them, lets the training thread hand over what it has, and then has the process end by the same signal.
 * A program that listens to a signal itself decides by itself.
 */
import os from 'node:os'
import process from 'node:process'
import { SIGNALS, THREAD } from './hand-over.js'
import { type SignalHandle, signalClass } from './node-signal.js'

/** The training thread hands over within this long; one that computes without recording anything does not hear. */
const HAND_OVER_MAX_MS = 2_000
/** What a disk may take at most. A second signal ends the process at once. */
const DRAIN_MAX_MS = 10_000
const LOOK_EVERY_MS = 5
/** A signal that the program heard comes here at most so much later than there, or earlier. */
const APART_MAX_MS = 1_000

export class SignalWatch {
  private readonly control: Int32Array
  private readonly listeners: Int32Array
  private readonly wake: (signal: number) => void
  private readonly isIdle: () => boolean
  private handles: SignalHandle[] = []
  /** The signal that the process ends by; 0 while there is none. */
  private ending = 0
  /** When each signal was last heard while the program listened, and which going of a listener was taken into account. */
  private readonly heardAt = SIGNALS.map(() => Number.NEGATIVE_INFINITY)
  private readonly goneAt = SIGNALS.map(() => 0)

  /**
   * control    the thread's
   * listeners  how many the program itself has, for each of SIGNALS
   * wake       tells the training thread, wherever it waits
   * isIdle     whether all that was handed over is in the file
   */
  constructor(
    control: Int32Array,
    listeners: Int32Array,
    wake: (signal: number) => void,
    isIdle: () => boolean,
  ) {
    this.control = control
    this.listeners = listeners
    this.wake = wake
    this.isIdle = isIdle
  }

  /** Listens, or lets signals have their usual effect again. */
  set(isOn: boolean): void {
    if (!isOn) this.stop()
    else if (this.handles.length === 0) this.handles = SIGNALS.flatMap((name) => this.listen(name))
  }

  /** This thread goes: a process that waits for its end has it now. */
  leave(): void {
    this.stop()
    if (this.ending !== 0) this.end(this.ending)
  }

  private stop(): void {
    for (const handle of this.handles) handle.close()
    this.handles = []
  }

  private listen(name: (typeof SIGNALS)[number]): SignalHandle[] {
    const Handle = signalClass()
    const number = os.constants.signals[name]
    if (Handle === null || number === undefined) return []
    const handle = new Handle()
    handle.onsignal = () => this.hear(number, SIGNALS.indexOf(name))
    handle.unref()
    if (handle.start(number) !== 0) {
      handle.close()
      return []
    }
    return [handle]
  }

  private hear(signal: number, index: number): void {
    if (Atomics.load(this.listeners, index) > 0) {
      this.heardAt[index] = Date.now()
      return
    }
    if (this.ending === 0 && this.wasHeardOnce(index)) return
    if (this.ending !== 0) {
      this.end(signal)
      return
    }
    this.ending = signal
    Atomics.store(this.control, THREAD.signal, signal)
    this.wake(signal)
    const since = performance.now()
    const timer = setInterval(() => {
      const age = performance.now() - since
      const isDrained = Atomics.load(this.control, THREAD.drained) === 1
      const waits = isDrained ? !this.isIdle() : age < HAND_OVER_MAX_MS
      if (waits && age < DRAIN_MAX_MS) return
      clearInterval(timer)
      this.end(signal)
    }, LOOK_EVERY_MS)
  }

  /** Whether the program listened to this signal once (`process.once`), just now, and this is that signal. */
  private wasHeardOnce(index: number): boolean {
    const gone = Atomics.load(this.listeners, SIGNALS.length + index)
    if (gone === 0 || gone === this.goneAt[index]) return false
    const now = Date.now()
    const ago = (now - gone) % 2 ** 31
    if (ago > APART_MAX_MS || this.heardAt[index]! > now - ago - APART_MAX_MS) return false
    this.goneAt[index] = gone
    return true
  }

  /** Ends the process as the signal would have. */
  private end(signal: number): void {
    this.stop()
    process.kill(process.pid, signal)
    // Somebody else in the process listens, in a way that could not be seen; it had its turn.
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), HAND_OVER_MAX_MS)
  }
}
