/** A tape is somebody else's: what in its texts steers a terminal, or shows letters in another order, is made visible. */

const STEERING =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/gu

/**
 * Control characters, marks of writing direction, and what breaks lines beside the line end, made visible: `\x1b`,
 * `\u{202e}`. Line ends and tabs stay.
 */
export function visibleText(text: string): string {
  return text.replace(STEERING, (found) => {
    const code = found.codePointAt(0) ?? 0
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`
  })
}
