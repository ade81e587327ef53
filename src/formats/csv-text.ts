/** Lines of CSV as RFC 4180 has them. */

/** One line; null is an empty field, so that an empty text is a quoted one. */
export function csvLine(fields: readonly (string | null)[]): string {
  return `${fields.map(quoted).join(',')}\r\n`
}

function quoted(field: string | null): string {
  if (field === null) return ''
  return field === '' || /[",\r\n]/.test(field) || /^\s|\s$/.test(field)
    ? `"${field.replaceAll('"', '""')}"`
    : field
}
