// What the demo writes: headings, a progress bar on a terminal, plain lines elsewhere. Knows nothing of tapes.
import process from 'node:process'
import { styleText } from 'node:util'

const BAR_WIDTH = 28
const REDRAW_EVERY_MS = 80

export const isTerminal = process.stdout.isTTY === true

export function paint(colour: 'bold' | 'dim' | 'green' | 'cyan', text: string): string {
  const { NO_COLOR, TERM } = process.env
  const wanted = isTerminal && (NO_COLOR === undefined || NO_COLOR === '') && TERM !== 'dumb'
  return wanted ? styleText(colour, text) : text
}

export function line(text = ''): void {
  process.stdout.write(text === '' ? '\n' : `   ${text}\n`)
}

export function heading(number: number | string, text: string): void {
  process.stdout.write(`\n${paint('bold', `${number}  ${text}`)}\n`)
}

/** A command as one would type it; what is on further lines is indented. */
export function command(text: string): void {
  text.split('\n').forEach((part, i) => {
    line(`${i === 0 ? paint('dim', '$ ') : '  '}${paint('cyan', part)}`)
  })
}

export const count = (value: number): string => Math.round(value).toLocaleString('en-US')

export const percent = (share: number): string => `${(share * 100).toFixed(1)} %`

/** One line that is drawn over itself; on anything but a terminal it draws nothing. */
export class Bar {
  private readonly total: number
  private nextMs = 0

  constructor(total: number) {
    this.total = total
  }

  draw(done: number, text: string): void {
    const now = performance.now()
    if (!isTerminal || now < this.nextMs) return
    this.nextMs = now + REDRAW_EVERY_MS
    const full = Math.round((BAR_WIDTH * Math.min(done, this.total)) / this.total)
    const bar = paint('green', '━'.repeat(full)) + paint('dim', '━'.repeat(BAR_WIDTH - full))
    process.stdout.write(`\r\u001b[K   ${bar} ${text}`)
  }

  clear(): void {
    if (isTerminal) process.stdout.write('\r\u001b[K')
  }
}
