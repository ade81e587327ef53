/**
 * How far a long piece of work is, on standard error: a bar on a terminal, otherwise a plain line now and then. Short
 * work says nothing.
 */
import process from 'node:process'
import { writeErrorLine, writeStatus } from './terminal.js'
import { countText } from './words.js'

const QUIET_MS = 1_000
const BAR_EVERY_MS = 100
const LINE_EVERY_MS = 10_000
const BAR_WIDTH = 30

/** The bar that stands on the terminal now; what is printed there next takes its line. */
let standing: Progress | null = null

export function clearProgress(): void {
  standing?.end()
}

export class Progress {
  private readonly what: string
  private readonly bar = process.stderr.isTTY === true
  private readonly total: number | null
  private readonly unit: string
  private nextMs: number

  /** `what` is said before the numbers; `total` is how many events there are, null when nobody knows. */
  constructor(what: string, total: number | null = null, { unit = 'events', quietMs = QUIET_MS } = {}) {
    this.what = what
    this.total = total
    this.unit = unit
    this.nextMs = performance.now() + quietMs
  }

  /** `total` for work that learns only on its way how many there are. */
  at(done: number, total: number | null = this.total): void {
    const now = performance.now()
    if (now < this.nextMs) return
    this.nextMs = now + (this.bar ? BAR_EVERY_MS : LINE_EVERY_MS)
    const { what, unit } = this
    if (total === null) {
      this.write(`${what} ${countText(done)} ${unit}`)
      return
    }
    const share = total === 0 ? 1 : Math.min(1, done / total)
    const full = Math.round(share * BAR_WIDTH)
    this.write(
      `${what} ${countText(done)} of ${countText(total)} ${unit}, ${Math.floor(share * 100)} %`,
      `[${'█'.repeat(full)}${'·'.repeat(BAR_WIDTH - full)}] `,
    )
  }

  private write(text: string, bar = ''): void {
    if (!this.bar) writeErrorLine(text)
    else {
      writeStatus(`${bar}${text}`)
      standing = this
    }
  }

  /** Takes the bar away, so that what follows begins on a clean line. */
  end(): void {
    if (standing !== this) return
    writeStatus('')
    standing = null
  }
}
