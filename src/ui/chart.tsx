/** A chart of lines with uPlot: a band from least to largest, a line for the mean, and a lane of its own for what is not finite. */
import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import type { CurveLine } from '../server/api.js'
import { colour, lineColour, theme } from './theme.js'
import { duration, number } from './words.js'

interface ChartProps {
  label: string
  lines: readonly CurveLine[]
  /** The place in the list of runs, for the colour. */
  colourOf: (line: CurveLine) => number
  nameOf: (line: CurveLine) => string
  from: number
  to: number
  isTime: boolean
  isLog: boolean
  height: number
  /** The step that the time slider stands at, on the axis; null when it is not shown. */
  marked: number | null
  onZoom: (from: number, to: number) => void
  onReset: () => void
  onPick: (step: number) => void
}

const LANE = 16
const SYNC = 'gradtape'

export function Chart(props: ChartProps) {
  const holder = useRef<HTMLDivElement>(null)
  const latest = useRef(props)
  latest.current = props
  const shade = theme()
  const drawn = useRef<{ plot: uPlot; props: ChartProps } | null>(null)
  // A plot is made anew only when it looks otherwise; new numbers go into the one that stands.
  useEffect(() => {
    const element = holder.current
    if (element === null) return
    const plot = makePlot(element, latest)
    drawn.current = { plot, props: latest.current }
    const observer = new ResizeObserver(() => {
      if (element.clientWidth > 0) plot.setSize({ width: element.clientWidth, height: latest.current.height })
    })
    observer.observe(element)
    return () => {
      observer.disconnect()
      plot.destroy()
      drawn.current = null
    }
  }, [looksOf(props), shade])
  useEffect(() => {
    const { current } = drawn
    if (current === null || current.props === latest.current) return
    const before = current.props
    current.props = latest.current
    if (before.lines !== props.lines || before.from !== props.from || before.to !== props.to)
      current.plot.setData(tableOf(latest.current))
    else if (before.marked !== props.marked) current.plot.redraw(false)
  }, [props.lines, props.from, props.to, props.marked])
  return (
    <div
      class="chart"
      ref={holder}
      role="application"
      aria-label={`${props.label}. Arrow keys move, plus and minus zoom, 0 shows all.`}
      tabIndex={0}
      onKeyDown={(event) => onKey(event, props)}
      onDblClick={props.onReset}
    />
  )
}

function onKey(event: KeyboardEvent, { from, to, onZoom, onReset }: ChartProps): void {
  const width = to - from
  if (event.key === 'ArrowLeft') onZoom(from - width / 4, to - width / 4)
  else if (event.key === 'ArrowRight') onZoom(from + width / 4, to + width / 4)
  else if (event.key === '+' || event.key === '=') onZoom(from + width / 4, to - width / 4)
  else if (event.key === '-') onZoom(from - width / 2, to + width / 2)
  else if (event.key === '0') onReset()
  else return
  event.preventDefault()
  event.stopPropagation()
}

/** log10 on a linear axis: uPlot's own logarithmic axis does not end where values come near 0. */
function scaled(values: readonly (number | null)[], isLog: boolean): (number | null)[] {
  return isLog
    ? values.map((value) => (value === null || value <= 0 ? null : Math.log10(value)))
    : [...values]
}

/** All but the numbers themselves: what a plot is made anew for. */
function looksOf({ lines, colourOf, nameOf, isTime, isLog, height }: ChartProps): string {
  const each = lines.map((line) => [nameOf(line), colourOf(line), line.smooth === null, hasPoints(line)])
  return JSON.stringify([isTime, isLog, height, each])
}

/** Whether each point is drawn for itself. */
function hasPoints({ isRaw, x }: CurveLine): boolean {
  return isRaw && x.length < 150
}

/** The columns of all lines over one axis, in the order of the series. */
function tableOf({ lines, isLog }: ChartProps): uPlot.AlignedData {
  if (lines.length === 0) return [[]] as unknown as uPlot.AlignedData
  return uPlot.join(
    lines.map(({ x, max, min, mean, smooth }) => {
      const columns = smooth === null ? [max, min, mean] : [max, min, mean, smooth]
      return [x, ...columns.map((column) => scaled(column, isLog))] as uPlot.AlignedData
    }),
  )
}

function makePlot(element: HTMLElement, latest: { current: ChartProps }): uPlot {
  const { lines, colourOf, nameOf, isTime, isLog, height } = latest.current
  const series: uPlot.Series[] = [{ label: isTime ? 'time' : 'step' }]
  const bands: uPlot.Band[] = []
  for (const line of lines) {
    const ink = lineColour(colourOf(line))
    const at = series.length
    const hidden: uPlot.Series = { show: true, width: 0, points: { show: false }, spanGaps: lines.length > 1 }
    series.push({ ...hidden, label: `${nameOf(line)} max` }, { ...hidden, label: `${nameOf(line)} min` })
    bands.push({ series: [at, at + 1], fill: faint(ink, 0.25) })
    series.push({
      label: nameOf(line),
      stroke: line.smooth === null ? ink : faint(ink, 0.35),
      width: 1.5,
      spanGaps: lines.length > 1,
      points: { show: hasPoints(line), size: 4, fill: ink, stroke: ink },
    })
    if (line.smooth !== null)
      series.push({ label: `${nameOf(line)} smooth`, stroke: ink, width: 2, points: { show: false } })
  }
  const axis = {
    stroke: colour('ink'),
    grid: { stroke: colour('rule'), width: 1 },
    ticks: { stroke: colour('rule') },
  }
  return new uPlot(
    {
      width: element.clientWidth || 600,
      height,
      padding: [LANE + 4, 12, 0, 4],
      legend: { show: false },
      cursor: { sync: { key: SYNC }, drag: { x: true, y: false, setScale: false }, points: { show: false } },
      scales: {
        x: {
          time: false,
          range: () => {
            const { from, to } = latest.current
            return [from, Math.max(to, from + (isTime ? 1e-3 : 1))]
          },
        },
        y: { range: (_plot, low, high) => spaced(low, high) },
      },
      series,
      bands,
      axes: [
        { ...axis, values: (_plot, ticks) => ticks.map((tick) => (isTime ? duration(tick) : number(tick))) },
        {
          ...axis,
          size: 72,
          values: (_plot, ticks) => ticks.map((tick) => number(isLog ? 10 ** tick : tick)),
        },
      ],
      hooks: {
        setSelect: [
          (plot) => {
            const { left, width } = plot.select
            if (width < 4) return
            latest.current.onZoom(plot.posToVal(left, 'x'), plot.posToVal(left + width, 'x'))
            plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false)
          },
        ],
        ready: [
          (plot) => {
            plot.over.addEventListener('click', (event) => {
              if (event.detail !== 1 || plot.cursor.left === undefined) return
              const step = nearestStep(latest.current.lines, plot.posToVal(plot.cursor.left, 'x'))
              if (step !== null && event.shiftKey) latest.current.onPick(step)
            })
          },
        ],
        draw: [(plot) => drawLane(plot, latest.current), (plot) => drawMark(plot, latest.current.marked)],
      },
    },
    tableOf(latest.current),
    element,
  )
}

function spaced(low: number | null, high: number | null): [number, number] {
  if (low === null || high === null || !Number.isFinite(low) || !Number.isFinite(high)) return [0, 1]
  if (low === high)
    return [low - Math.max(Math.abs(low) / 10, 1e-9), high + Math.max(Math.abs(high) / 10, 1e-9)]
  const room = (high - low) / 20
  return Number.isFinite(room) ? [low - room, high + room] : [low, high]
}

/** A cross above the chart for each column that holds a value that is not finite. */
function drawLane(plot: uPlot, { lines, colourOf }: ChartProps): void {
  const ratio = devicePixelRatio
  const { ctx, bbox } = plot
  ctx.save()
  ctx.lineWidth = 1.5 * ratio
  for (const line of lines) {
    ctx.strokeStyle = lines.length > 1 ? lineColour(colourOf(line)) : colour('bad')
    ctx.beginPath()
    line.nonFinite.forEach((bad, i) => {
      if (bad === 0) return
      const x = plot.valToPos(line.x[i]!, 'x', true)
      if (x < bbox.left - 1 || x > bbox.left + bbox.width + 1) return
      const y = bbox.top - (LANE / 2) * ratio
      const r = 3.5 * ratio
      ctx.moveTo(x - r, y - r)
      ctx.lineTo(x + r, y + r)
      ctx.moveTo(x + r, y - r)
      ctx.lineTo(x - r, y + r)
    })
    ctx.stroke()
  }
  ctx.restore()
}

function drawMark(plot: uPlot, marked: number | null): void {
  if (marked === null) return
  const { ctx, bbox } = plot
  const x = plot.valToPos(marked, 'x', true)
  if (x < bbox.left || x > bbox.left + bbox.width) return
  ctx.save()
  ctx.strokeStyle = colour('accent')
  ctx.setLineDash([4 * devicePixelRatio, 3 * devicePixelRatio])
  ctx.beginPath()
  ctx.moveTo(x, bbox.top)
  ctx.lineTo(x, bbox.top + bbox.height)
  ctx.stroke()
  ctx.restore()
}

function nearestStep(lines: readonly CurveLine[], x: number): number | null {
  let best: { step: number; gap: number } | null = null
  for (const line of lines)
    line.x.forEach((at, i) => {
      const gap = Math.abs(at - x)
      if (best === null || gap < best.gap) best = { step: line.step[i]!, gap }
    })
  return (best as { step: number } | null)?.step ?? null
}

function faint(ink: string, share: number): string {
  return `color-mix(in srgb, ${ink} ${Math.round(share * 100)}%, transparent)`
}
