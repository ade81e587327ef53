/** Colours on a terminal that wants them, and protection of that terminal from what a tape may contain. */
import process from 'node:process'

const CODES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 } as const

export function paint(colour: keyof typeof CODES, text: string): string {
  return wanted() ? `\u001b[${CODES[colour]}m${text}\u001b[0m` : text
}

function wanted(): boolean {
  const { NO_COLOR, TERM } = process.env
  return process.stdout.isTTY === true && (NO_COLOR === undefined || NO_COLOR === '') && TERM !== 'dumb'
}

/** Control characters made visible, except line ends, tabs and the colours that `paint` writes. */
export function harmless(text: string): string {
  return text.replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
    /\u001b\[(?:0|1|2|31|32|33)m|[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g,
    (found) => (found.length > 1 ? found : `\\x${found.charCodeAt(0).toString(16).padStart(2, '0')}`),
  )
}
