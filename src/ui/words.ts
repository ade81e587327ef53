/** Numbers and times as a reader wants them. */

export function count(value: number): string {
  return value.toLocaleString('en')
}

export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`
}

export function number(value: number | null | undefined): string {
  if (value === null || value === undefined) return '–'
  if (!Number.isFinite(value)) return String(value)
  if (value === 0) return '0'
  const size = Math.abs(value)
  if (Number.isInteger(value) && size < 1e6) return String(value)
  if (size >= 1e5 || size < 1e-3) return value.toExponential(3).replace(/\.?0+e/, 'e')
  return String(Number(value.toPrecision(5)))
}

export function duration(ms: number | null): string {
  if (ms === null) return '–'
  if (ms < 1_000) return `${Math.round(ms)} ms`
  const seconds = ms / 1_000
  if (seconds < 60) return `${seconds.toFixed(1)} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

export function moment(iso: string): string {
  return iso.slice(0, 16).replace('T', ' ')
}

/** A long text is cut where it is shown in a line; its title has all of it, up to what a browser bears. */
export function short(text: string, max = 60): string {
  const cut = text.length > max ? `${text.slice(0, max)}…` : text
  return cut.replace(STEERING, (found) => `\\u${found.codePointAt(0)?.toString(16).padStart(4, '0')}`)
}

/** Characters that turn the direction of writing, or are not seen: a name must not look like another. */
const STEERING = /[\p{Cc}\p{Cf}\u2028\u2029]/gu

/** A word of a command, as a shell takes it. */
export function shellWord(text: string): string {
  return /^[\w./:@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
