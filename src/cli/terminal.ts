/**
 * The one door to standard output and standard error for lines that people read. A tape is somebody else's: what its names,
 * notes and errors hold can steer a terminal, or show its letters in another order. All of that is made visible here.
 */
import { randomBytes } from 'node:crypto'
import process from 'node:process'
import { inspect } from 'node:util'
import { visibleText } from '../inspection/visible-text.js'

export type Colour = 'bold' | 'dim' | 'red' | 'green' | 'yellow'

/** Nobody who writes a tape can know it, so no text of a tape is taken for a colour. */
const SECRET = randomBytes(9).toString('hex')
const MARK = new RegExp(`\u001b${SECRET}:(\\d+);`)

/** A text in a colour, for `visible` and nobody else. */
export function coloured(colour: Colour, text: string): string {
  const [on, off] = inspect.colors[colour] ?? [0, 0]
  return `${mark(on)}${text}${mark(off)}`
}

function mark(code: number): string {
  return `\u001b${SECRET}:${code};`
}

/**
 * Control characters, marks of writing direction, and what breaks lines beside the line end, made visible: `\x1b`,
 * `\u{202e}`. Line ends, tabs and our own colours stay.
 */
export function visible(text: string): string {
  return text
    .split(MARK)
    .map((part, i) => (i % 2 === 0 ? visibleText(part) : `\u001b[${part}m`))
    .join('')
}

/** Lines for people, on standard output. */
export function writeLine(text: string): void {
  process.stdout.write(`${visible(text)}\n`)
}

/** Lines for people, on standard error. */
export function writeErrorLine(text: string): void {
  process.stderr.write(`${visible(text)}\n`)
}

/** What stands on the terminal's last line now, in the place of what stood there; '' takes it away. */
export function writeStatus(text: string): void {
  process.stderr.write(`\r\u001b[K${visible(text).replaceAll('\n', ' ')}`)
}
