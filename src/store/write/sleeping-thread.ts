/**
 * What the writing thread does before it writes: it keeps what it is told, and is woken when the training thread says so, when a
 * signal asks the process to end, and when the training thread stands still with something that is not in the file. Loads nothing
 * that writes.
 */
import type { MessagePort } from 'node:worker_threads'
import { CONTROL, type SignalMessage, type ThreadData, type ToThread, tellChange } from './hand-over.js'
import { SignalWatch } from './signal-watch.js'

/** A training thread that has added nothing from one look to the next computes, and nobody knows for how long. */
const LOOK_EVERY_MS = 100

/** What a thread does in the place of one that slept. */
export interface Woken {
  /** Tells the training thread of a signal, wherever it waits. */
  heard(signal: number): void
  /** Whether all that was handed over is in the file. */
  isIdle(): boolean
}

class SleepingThread {
  readonly signals: SignalWatch
  /** What was said, without what is over. */
  said: ToThread[] = []
  private readonly port: MessagePort
  private readonly wake: () => void
  private readonly timer: NodeJS.Timeout
  private readonly listener = (message: ToThread) => this.keep(message)
  /** Whether it was woken because the training thread stands still. */
  stoodStill = false
  private woken: Woken | null = null
  private isRising = false
  /** How many words each run had at the last look, and in which memory. */
  private readonly seen = new Map<number, string>()

  constructor({ port, control, listeners }: ThreadData, wake: () => void) {
    this.port = port
    this.wake = wake
    this.signals = new SignalWatch(
      control,
      listeners,
      (signal) => this.heard(signal),
      () => this.woken?.isIdle() ?? false,
    )
    this.timer = setInterval(() => this.look(), LOOK_EVERY_MS).unref()
    port.on('message', this.listener)
  }

  /** From now on another hears what is said, and has taken `said`. */
  isFollowedBy(woken: Woken): void {
    this.woken = woken
    this.port.off('message', this.listener)
  }

  private keep(message: ToThread): void {
    switch (message.kind) {
      case 'watch':
        this.signals.set(message.isOn)
        return
      case 'close':
        // The training thread has written everything, and has let go of this one.
        clearInterval(this.timer)
        this.signals.leave()
        this.port.close()
        return
      case 'end':
        this.said = this.said.filter((said) => !isOf(said, message.runId))
        this.seen.delete(message.runId)
        return
      case 'begin':
        this.said.push(message)
        return
      case 'memory':
        this.said = this.said.filter((said) => said.kind !== 'memory' || said.memory.id !== message.memory.id)
        this.said.push(message)
        return
      default:
        this.said.push(message)
        this.rise()
    }
  }

  private heard(signal: number): void {
    if (this.woken !== null) {
      this.woken.heard(signal)
      return
    }
    for (const message of this.said) if (message.kind === 'begin') tellChange(message.control)
    this.port.postMessage({ signal } satisfies SignalMessage)
    this.rise()
  }

  /** Wakes when a run has added nothing since the last look, and has something that is not in the file. */
  private look(): void {
    for (const message of this.said) {
      if (message.kind !== 'begin') continue
      const id = Atomics.load(message.control, CONTROL.filling)
      const filling = this.said.find((said) => said.kind === 'memory' && said.memory.id === id)
      const words = filling?.kind === 'memory' ? Atomics.load(filling.memory.published, 0) : 0
      const { runId } = message.state
      const now = `${id} ${words}`
      if (words > 0 && this.seen.get(runId) === now) {
        this.stoodStill = true
        this.rise()
      }
      this.seen.set(runId, now)
    }
  }

  private rise(): void {
    if (this.isRising) return
    this.isRising = true
    clearInterval(this.timer)
    this.wake()
  }
}

function isOf(message: ToThread, runId: number): boolean {
  return message.kind === 'begin'
    ? message.state.runId === runId
    : 'runId' in message && message.runId === runId
}

let sleeping: SleepingThread | null = null

/** From now on this thread sleeps; `wake` is called once. */
export function sleep(data: ThreadData, wake: () => void): void {
  sleeping = new SleepingThread(data, wake)
}

/** Who slept on this thread; null for nobody. */
export function sleeper(): SleepingThread | null {
  return sleeping
}
