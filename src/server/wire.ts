/** JSON on the way to the page: numbers that JSON has not are `{ "$number": "NaN" }`; columns are arrays. */

export function toWire(value: unknown): string {
  return JSON.stringify(value, (_key, field: unknown) => {
    if (typeof field === 'number' && !Number.isFinite(field)) return { $number: String(field) }
    if (typeof field === 'bigint') return String(field)
    if (ArrayBuffer.isView(field)) return Array.from(field as unknown as Iterable<number>)
    return field
  })
}
