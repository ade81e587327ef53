/** Rows under headings, columns aligned: numbers to the right, words to the left. */
import { paint } from './paint.js'

interface Heading {
  readonly title: string
  readonly align?: 'left' | 'right'
}

/** Longer cells are abbreviated: a name of a megabyte would make every line of its table as long. */
const CELL_MAX = 300

/** The rows as lines; cells are one line each (see `oneLine`). */
export function table(headings: readonly Heading[], all: readonly (readonly string[])[]): string {
  const rows = all.map((row) => row.map(abbreviated))
  const widths = headings.map(({ title }, i) =>
    rows.reduce((width, row) => Math.max(width, lengthOf(row[i] ?? '')), lengthOf(title)),
  )
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => {
        const gap = ' '.repeat(Math.max(0, (widths[i] ?? 0) - lengthOf(cell)))
        return headings[i]?.align === 'right' ? gap + cell : cell + gap
      })
      .join('  ')
      .trimEnd()
  return [paint('bold', line(headings.map(({ title }) => title))), ...rows.map(line)].join('\n')
}

function abbreviated(cell: string): string {
  return cell.length <= CELL_MAX ? cell : `${[...cell.slice(0, CELL_MAX)].slice(0, -1).join('')}…`
}

/** Text as a cell: line ends and tabs as they are written in programs. */
export function oneLine(text: string): string {
  return text.replaceAll('\r', '\\r').replaceAll('\n', '\\n').replaceAll('\t', '\\t')
}

/** In characters, not in UTF-16 units. */
function lengthOf(text: string): number {
  return [...text].length
}
