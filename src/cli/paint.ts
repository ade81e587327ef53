/** Colours on a terminal that wants them. */
import process from 'node:process'
import { type Colour, coloured } from './terminal.js'

export function paint(colour: Colour, text: string): string {
  return wanted() ? coloured(colour, text) : text
}

function wanted(): boolean {
  const { NO_COLOR, TERM } = process.env
  return process.stdout.isTTY === true && (NO_COLOR === undefined || NO_COLOR === '') && TERM !== 'dumb'
}
