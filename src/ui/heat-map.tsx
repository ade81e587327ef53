/** A picture of numbers, rows by columns, on a canvas; what is not finite is red, what is not there is paper. */
import { useEffect, useRef } from 'preact/hooks'
import { colour, theme } from './theme.js'

interface HeatMapProps {
  label: string
  rows: number
  columns: number
  /** The share of the scale, 0 to 1; null where there is nothing; NaN where it is not finite. */
  shareOf: (row: number, column: number) => number | null
  cell: { row: number; column: number } | null
  onCell: (row: number, column: number) => void
  onPick: (row: number, column: number) => void
  rowHeight: number
}

export function HeatMap(props: HeatMapProps) {
  const { label, rows, columns, shareOf, cell, onCell, onPick, rowHeight } = props
  const canvas = useRef<HTMLCanvasElement>(null)
  const shade = theme()
  useEffect(() => {
    const element = canvas.current
    const context = element?.getContext('2d')
    if (element === null || context === null || context === undefined || rows === 0 || columns === 0) return
    // One pixel a number; the browser scales it without smoothing.
    element.width = columns
    element.height = rows
    const image = context.createImageData(columns, rows)
    const [low, high] = [rgb(colour('heat-low')), rgb(colour('heat-high'))]
    const bad = rgb(colour('bad'))
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const share = shareOf(row, column)
        if (share === null) continue
        const ink = Number.isNaN(share) ? bad : low.map((from, i) => from + (high[i]! - from) * share)
        const at = 4 * (row * columns + column)
        for (let i = 0; i < 3; i++) image.data[at + i] = ink[i]!
        image.data[at + 3] = 255
      }
    }
    context.putImageData(image, 0, 0)
  }, [rows, columns, shareOf, shade])
  const at = cell ?? { row: 0, column: 0 }
  const placeOf = (event: MouseEvent & { currentTarget: HTMLElement }) => {
    const box = event.currentTarget.getBoundingClientRect()
    const share = (value: number, size: number) => Math.min(size - 1, Math.max(0, Math.floor(value * size)))
    return [
      share((event.clientY - box.top) / box.height, rows),
      share((event.clientX - box.left) / box.width, columns),
    ] as const
  }
  const onKeyDown = (event: KeyboardEvent) => {
    const far = event.shiftKey ? Math.max(1, Math.round(columns / 20)) : 1
    if (event.key === 'ArrowLeft') onCell(at.row, Math.max(0, at.column - far))
    else if (event.key === 'ArrowRight') onCell(at.row, Math.min(columns - 1, at.column + far))
    else if (event.key === 'ArrowUp') onCell(Math.max(0, at.row - 1), at.column)
    else if (event.key === 'ArrowDown') onCell(Math.min(rows - 1, at.row + 1), at.column)
    else if (event.key === 'Enter') onPick(at.row, at.column)
    else return
    event.preventDefault()
    event.stopPropagation()
  }
  return (
    <div
      class="heat"
      role="application"
      aria-label={`${label}. Arrow keys move, Enter goes there.`}
      tabIndex={0}
      style={{ height: `${rows * rowHeight}px` }}
      onKeyDown={onKeyDown}
      onMouseMove={(event) => onCell(...placeOf(event))}
      onClick={(event) => onPick(...placeOf(event))}
    >
      <canvas ref={canvas} />
      {cell !== null && (
        <i
          class="heat-cell"
          style={{
            left: `${(100 * cell.column) / columns}%`,
            top: `${cell.row * rowHeight}px`,
            width: `max(5px, ${100 / columns}%)`,
            height: `${rowHeight}px`,
          }}
        />
      )}
    </div>
  )
}

function rgb(hex: string): number[] {
  return [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16))
}
