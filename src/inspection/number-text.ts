/** How a number reads wherever people read it: six digits, and a word for what is no number. */
/** A number in at most six significant digits. */
export function numberText(value: number | null): string {
  if (value === null) return '–'
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return Object.is(value, -0) ? '-0' : String(value)
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? '∞' : '-∞'
  return String(Number(value.toPrecision(6)))
}
