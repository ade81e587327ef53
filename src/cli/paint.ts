/** Colours on a terminal that wants them, and protection of that terminal from what a tape may contain. */
import process from 'node:process'
import { styleText } from 'node:util'

type Colour = 'bold' | 'dim' | 'red' | 'green' | 'yellow'

export function paint(colour: Colour, text: string): string {
  return wanted() ? styleText(colour, text) : text
}

function wanted(): boolean {
  const { NO_COLOR, TERM } = process.env
  return process.stdout.isTTY === true && (NO_COLOR === undefined || NO_COLOR === '') && TERM !== 'dumb'
}

/** Control characters made visible, except line ends, tabs and the colours that `paint` writes. */
export function harmless(text: string): string {
  return text.replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
    /\u001b\[(?:1|2|22|31|32|33|39)m|[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g,
    (found) => (found.length > 1 ? found : `\\x${found.charCodeAt(0).toString(16).padStart(2, '0')}`),
  )
}
