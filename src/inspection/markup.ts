/** Texts of a tape on their way into HTML and SVG: whatever they hold, they are texts there and nothing else. */
import { visibleText } from './visible-text.js'

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** For elements and for attributes in quotes. */
export function markup(words: string): string {
  return visibleText(words).replace(/[&<>"']/g, (found) => ENTITIES[found]!)
}

/** The same, of this many characters at most. */
export function text(words: string, charactersMax = 2_000): string {
  const characters = [...words]
  return markup(
    characters.length <= charactersMax ? words : `${characters.slice(0, charactersMax - 1).join('')}…`,
  )
}
