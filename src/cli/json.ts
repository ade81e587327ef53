/**
 * JSON for programs that read our answers. Differs from JSON.stringify where that loses something: −0 is `-0.0`, a
 * big integer is written in full, and NaN and the infinities are strings. Lists of plain values stay on one line.
 */

export function toJson(value: unknown, indent = ''): string {
  if (value === null || value === undefined) return 'null'
  if (typeof value === 'number') return numberText(value)
  if (typeof value === 'bigint' || typeof value === 'boolean') return String(value)
  if (typeof value === 'string') return JSON.stringify(value)
  const deeper = `${indent}  `
  if (Array.isArray(value) || ArrayBuffer.isView(value)) {
    const list = Array.from(value as Iterable<unknown>)
    const parts = list.map((item) => toJson(item, deeper))
    if (list.every((item) => typeof item !== 'object' || item === null)) return `[${parts.join(', ')}]`
    return `[\n${parts.map((part) => deeper + part).join(',\n')}\n${indent}]`
  }
  const fields = Object.entries(value).filter(([, field]) => field !== undefined)
  if (fields.length === 0) return '{}'
  const lines = fields.map(([key, field]) => `${deeper}${JSON.stringify(key)}: ${toJson(field, deeper)}`)
  return `{\n${lines.join(',\n')}\n${indent}}`
}

function numberText(value: number): string {
  if (!Number.isFinite(value)) return `"${value}"`
  return Object.is(value, -0) ? '-0.0' : String(value)
}
