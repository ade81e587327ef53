/**
 * JSON for programs that read our answers. Differs from JSON.stringify where that loses something: −0 is `-0.0`, a
 * big integer is written in full, and NaN and the infinities are strings. Lists of plain values stay on one line. Characters
 * that could steer a terminal are written as `\uXXXX`, which JSON allows for any, so a document can be shown as it is.
 */

export function toJson(value: unknown, indent = ''): string {
  if (value === null || value === undefined) return 'null'
  if (typeof value === 'number') return numberText(value)
  if (typeof value === 'bigint' || typeof value === 'boolean') return String(value)
  if (typeof value === 'string') return jsonText(value)
  const deeper = `${indent}  `
  if (Array.isArray(value) || ArrayBuffer.isView(value)) {
    const list = Array.from(value as Iterable<unknown>)
    const parts = list.map((item) => toJson(item, deeper))
    if (list.every((item) => typeof item !== 'object' || item === null)) return `[${parts.join(', ')}]`
    return `[\n${parts.map((part) => deeper + part).join(',\n')}\n${indent}]`
  }
  const fields = Object.entries(value).filter(([, field]) => field !== undefined)
  if (fields.length === 0) return '{}'
  const lines = fields.map(([key, field]) => `${deeper}${jsonText(key)}: ${toJson(field, deeper)}`)
  return `{\n${lines.join(',\n')}\n${indent}}`
}

const STEERING =
  /[\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb]|\udb40[\udc00-\udc7f]/g

export function jsonText(text: string): string {
  return JSON.stringify(text).replace(STEERING, (found) =>
    Array.from(
      { length: found.length },
      (_, i) => `\\u${found.charCodeAt(i).toString(16).padStart(4, '0')}`,
    ).join(''),
  )
}

function numberText(value: number): string {
  if (!Number.isFinite(value)) return `"${value}"`
  return Object.is(value, -0) ? '-0.0' : String(value)
}
