/** Lines of CSV as RFC 4180 has them. */

/** One line; null is an empty field, so that an empty text is a quoted one. */
export function csvLine(fields: readonly (string | null)[]): string {
  return `${csvFields(fields)}\r\n`
}

/** The same without the line's end. */
export function csvFields(fields: readonly (string | null)[]): string {
  return fields.map(quoted).join(',')
}

function quoted(field: string | null): string {
  if (field === null) return ''
  return field === '' || /[",\r\n]/.test(field) || /^\s|\s$/.test(field)
    ? `"${field.replaceAll('"', '""')}"`
    : field
}

/**
 * Spreadsheets compute what begins like this, and a tape's texts are somebody else's. A number is no formula.
 *
 * unquoted  the text is written without quotes of the form around it, so that its own are taken for these
 */
export function noFormula(text: string, unquoted = false): string {
  const begins = unquoted ? text.replace(/^[\s\ufeff"']+/, '') : text
  if (!/^[\s\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20|%]|^[\t\r\n]/.test(begins) && !/^[\t\r\n]/.test(text))
    return text
  return /^[+-]?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(text) ? text : `'${text}`
}
