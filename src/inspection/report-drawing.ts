/** The pictures of a report as SVG: curves, and the gradients of every variable over the steps. They need no script and no network. */
import { markup, text } from './markup.js'
import { numberText } from './number-text.js'
import type { ReportCurve, ReportFlow } from './report-curves.js'

const WIDTH = 760
const LEFT = 72
const RIGHT = 752
const HEIGHT = 196
const TOP = 12
const BOTTOM = 160
/** Where the largest value is this many times the smallest, the axis goes by powers of ten. */
const LOG_FROM = 1000

/** One curve: a line through the means, and behind it all that lies between the smallest and the largest. */
export function curveSvg(curve: ReportCurve, { first, last }: { first: number; last: number }): string {
  const { lowest, highest, columns, name } = curve
  const label = `${name}: ${curveWords(curve)}`
  if (lowest === null || highest === null)
    return frame(label, '<text class="tick" x="72" y="90">no finite value</text>', HEIGHT)
  const isLog = lowest.value > 0 && highest.value / lowest.value > LOG_FROM
  const scale = isLog ? Math.log10 : (value: number) => value
  const [low, high] = [scale(lowest.value), scale(highest.value)]
  const span = last - first + 1
  const x = (from: number, to: number) => LEFT + ((from + to + 1 - 2 * first) / 2 / span) * (RIGHT - LEFT)
  // Halved first, so that the largest numbers do not overflow.
  const share = (value: number) => (high === low ? 0.5 : (scale(value) / 2 - low / 2) / (high / 2 - low / 2))
  const y = (value: number) => BOTTOM - share(value) * (BOTTOM - TOP)
  const width = Math.max(1.2, ((columns[0]!.to - columns[0]!.from + 1) / span) * (RIGHT - LEFT))
  let band = ''
  let line = ''
  let bad = ''
  for (const { from, to, count, min, max, mean, nonFinite } of columns) {
    const at = short(x(from, to))
    if (nonFinite > 0) bad += `M${at} ${BOTTOM + 4}v8`
    if (count === 0) continue
    if (max > min) band += `M${at} ${short(y(min))}V${short(y(max))}`
    line += `${line === '' ? 'M' : 'L'}${at} ${short(y(mean))}`
  }
  const half = isLog ? 10 ** ((low + high) / 2) : low / 2 + high / 2
  const middle = Math.abs(half) < 1e-9 * (high / 2 - low / 2) ? 0 : half
  const ticks = [lowest.value, ...(high === low ? [] : [middle, highest.value])]
    .map(
      (value) =>
        `<path class="grid" d="M${LEFT} ${short(y(value))}H${RIGHT}"/><text class="tick" text-anchor="end" x="${LEFT - 6}" y="${short(y(value) + 4)}">${text(tickText(value))}</text>`,
    )
    .join('')
  const single = columns.filter(({ count }) => count > 0).length === 1
  return frame(
    label,
    `${ticks}<path class="band" stroke-width="${short(width)}" d="${band}"/><path class="line" d="${line}${single ? 'h1.5' : ''}"/>${
      bad === '' ? '' : `<path class="bad" d="${bad}"/>`
    }${axis(first, last, HEIGHT - 12)}${isLog ? `<text class="tick" text-anchor="middle" x="${(LEFT + RIGHT) / 2}" y="${HEIGHT - 12}">the axis goes by powers of ten</text>` : ''}`,
    HEIGHT,
  )
}

/** What a curve comes to, in words, for who does not see it. */
export function curveWords({
  count,
  first,
  last,
  lowest,
  highest,
  nonFinite,
  firstNonFiniteStep,
}: ReportCurve): string {
  const parts = [
    `${count} ${count === 1 ? 'value' : 'values'}, first ${numberText(first)}, last ${numberText(last)}`,
  ]
  if (lowest !== null) parts.push(`lowest ${numberText(lowest.value)} in step ${lowest.step}`)
  if (highest !== null) parts.push(`highest ${numberText(highest.value)} in step ${highest.step}`)
  if (nonFinite > 0) parts.push(`${nonFinite} not finite, first in step ${firstNonFiniteStep}`)
  return parts.join('; ')
}

const ROW = 14
const NAMES = 190
const LEVELS = 8

/** A row a variable, a column for some steps; the colour is the largest norm there, by powers of ten. */
export function flowSvg(
  flow: readonly ReportFlow[],
  { first, last, columns }: { first: number; last: number; columns: number },
): string {
  const logs = flow.flatMap(({ norms }) =>
    norms
      .filter((norm): norm is number => norm !== null && norm > 0 && Number.isFinite(norm))
      .map(Math.log10),
  )
  const low = logs.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY)
  const high = logs.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)
  const width = (RIGHT - NAMES) / columns
  const paths = new Map<string, string>()
  flow.forEach(({ norms }, row) => {
    for (let from = 0; from < norms.length; ) {
      const level = levelOf(norms[from]!, low, high)
      let to = from + 1
      while (to < norms.length && levelOf(norms[to]!, low, high) === level) to++
      if (level !== null)
        paths.set(
          level,
          `${paths.get(level) ?? ''}M${short(NAMES + from * width)} ${16 + row * ROW}h${short((to - from) * width)}v${ROW - 2}H${short(NAMES + from * width)}z`,
        )
      from = to
    }
  })
  const names = flow
    .map(
      ({ name }, row) =>
        `<text class="tick" text-anchor="end" x="${NAMES - 6}" y="${26 + row * ROW}">${text(name, 28)}</text>`,
    )
    .join('')
  const bottom = 16 + flow.length * ROW
  const cells = [...paths].map(([level, d]) => `<path class="${level}" d="${d}"/>`).join('')
  const scale = Number.isFinite(low) ? legend(low, high, bottom + 34) : ''
  return frame(
    `norms of the gradients of ${flow.length} variables over steps ${first} to ${last}; the numbers stand in the table below`,
    `${names}${cells}${axis(first, last, bottom + 14, NAMES)}${scale}`,
    bottom + 62,
  )
}

/** The class of a cell: its colour, by the power of ten. */
function levelOf(norm: number | null, low: number, high: number): string | null {
  if (norm === null) return null
  if (!Number.isFinite(norm)) return 'hx'
  if (norm === 0) return 'hz'
  const level = high === low ? LEVELS - 1 : Math.floor(((Math.log10(norm) - low) / (high - low)) * LEVELS)
  return `h${Math.min(LEVELS - 1, level)}`
}

function legend(low: number, high: number, y: number): string {
  const width = 26
  const boxes = Array.from(
    { length: LEVELS },
    (_, i) => `<path class="h${i}" d="M${NAMES + i * width} ${y}h${width}v10h-${width}z"/>`,
  )
  const after = NAMES + LEVELS * width
  return `${boxes.join('')}<path class="hz" d="M${after + 100} ${y}h${width}v10h-${width}z"/><path class="hx" d="M${after + 190} ${y}h${width}v10h-${width}z"/>
<text class="tick" x="${NAMES}" y="${y + 22}">${text(tickText(10 ** low))}</text><text class="tick" text-anchor="end" x="${after}" y="${y + 22}">${text(tickText(10 ** high))}</text>
<text class="tick" x="${after + 100 + width + 4}" y="${y + 9}">all 0</text><text class="tick" x="${after + 190 + width + 4}" y="${y + 9}">not finite</text>`
}

function axis(first: number, last: number, y: number, left = LEFT): string {
  return `<text class="tick" x="${left}" y="${y}">step ${first}</text><text class="tick" text-anchor="end" x="${RIGHT}" y="${y}">${last > first ? `step ${last}` : ''}</text>`
}

function frame(label: string, content: string, height: number): string {
  return `<svg role="img" aria-label="${markup(label)}" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}">${content}</svg>`
}

function tickText(value: number): string {
  const size = Math.abs(value)
  return size !== 0 && (size >= 1e6 || size < 1e-3)
    ? value.toExponential(1)
    : numberText(Number(value.toPrecision(4)))
}

/** A coordinate: a tenth of a pixel is enough. */
function short(value: number): string {
  return String(Math.round(value * 10) / 10)
}
