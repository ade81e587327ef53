/**
 * How far a long piece of work is, on standard error: a bar on a terminal, otherwise a plain line now and then. Short
 * work says nothing.
 */
import process from 'node:process'
import { countText } from './words.js'

const QUIET_MS = 1_000
const BAR_EVERY_MS = 100
const LINE_EVERY_MS = 10_000
const BAR_WIDTH = 30

export class Progress {
  private readonly what: string
  private readonly total: number
  private readonly bar = process.stderr.isTTY === true
  private nextMs = performance.now() + QUIET_MS
  private shown = false

  /** `what` is said before the numbers; `total` is how many events there are. */
  constructor(what: string, total: number) {
    this.what = what
    this.total = total
  }

  at(done: number): void {
    const now = performance.now()
    if (now < this.nextMs) return
    this.nextMs = now + (this.bar ? BAR_EVERY_MS : LINE_EVERY_MS)
    const share = this.total === 0 ? 1 : Math.min(1, done / this.total)
    const text = `${this.what} ${countText(done)} of ${countText(this.total)} events, ${Math.floor(share * 100)} %`
    if (!this.bar) process.stderr.write(`${text}\n`)
    else {
      const full = Math.round(share * BAR_WIDTH)
      process.stderr.write(`\r\u001b[K[${'█'.repeat(full)}${'·'.repeat(BAR_WIDTH - full)}] ${text}`)
      this.shown = true
    }
  }

  /** Takes the bar away, so that what follows begins on a clean line. */
  end(): void {
    if (this.shown) process.stderr.write('\r\u001b[K')
    this.shown = false
  }
}
