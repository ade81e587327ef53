/** Numbers, times, shapes and arrays as people read them. */

import type { CallSite } from '../events/call-site.js'
import type { Plain, RunStarted } from '../events/event.js'
import { plainToText } from '../events/plain.js'
import type { Summary } from '../events/summary.js'
import { numberText } from '../inspection/number-text.js'
import { paint } from './paint.js'

/** A whole number with its thousands set apart. */
export function countText(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',')
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${countText(count)} ${count === 1 ? one : many}`
}

/** Bytes in the unit that fits, decimal. */
export function bytesText(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB']
  let unit = 0
  let size = bytes
  for (; size >= 999.5 && unit < units.length - 1; unit++) size /= 1_000
  const number = unit === 0 || size >= 99.95 ? size.toFixed(0) : size.toFixed(1)
  return unit === 0 && bytes === 1 ? '1 byte' : `${number} ${units[unit]}`
}

export function durationText(ms: number | null): string {
  if (ms === null) return '–'
  if (ms < 1_000) return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1_000).toFixed(ms < 10_000 ? 2 : 1)} s`
  const seconds = Math.round(ms / 1_000)
  const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60]
  return hours === 0 ? `${minutes} min ${seconds % 60} s` : `${countText(hours)} h ${minutes} min`
}

/** An ISO date and time, to the second, in UTC. */
export function momentText(iso: string): string {
  return iso.replace('T', ' ').replace(/\.\d+Z$/, ' UTC')
}

/** A capture as RunStarted says it. */
export function captureText(capture: Plain): string {
  return typeof capture === 'string' ? capture : plainToText(capture, 'capture')
}

export function shapeText(shape: readonly number[]): string {
  return `[${shape.join(', ')}]`
}

/** A summary in one line. */
export function summaryText(
  summary: Omit<Summary, 'zeroCount' | 'nonFiniteCount'> & {
    zeroCount: number | null
    nonFiniteCount: number | null
  },
): string {
  const parts = [
    `norm ${numberText(summary.l2Norm)}`,
    `mean ${numberText(summary.mean)}`,
    `min ${numberText(summary.min)}`,
    `max ${numberText(summary.max)}`,
  ]
  if ((summary.zeroCount ?? 0) > 0) parts.push(plural(summary.zeroCount ?? 0, 'zero', 'zeros'))
  if ((summary.nonFiniteCount ?? 0) > 0) parts.push(paint('red', nonFiniteText(summary)))
  return parts.join('  ')
}

/** `2 NaN and 1 infinite`; `3 not finite` where a tape of before did not tell them apart. */
function nonFiniteText({
  nonFiniteCount,
  nanCount,
}: Pick<Summary, 'nanCount'> & { nonFiniteCount: number | null }): string {
  const all = nonFiniteCount ?? 0
  if (nanCount === null) return `${countText(all)} not finite`
  const parts = [
    nanCount > 0 ? `${countText(nanCount)} NaN` : '',
    all > nanCount ? `${countText(all - nanCount)} infinite` : '',
  ]
  return parts.filter((part) => part !== '').join(' and ')
}

const LEVELS = '▁▂▃▄▅▆▇█'

/** A curve in one line of text; `×` where a value is not finite. */
export function sparkline(values: readonly number[]): string {
  const finite = values.filter(Number.isFinite)
  const [low, high] = [Math.min(...finite), Math.max(...finite)]
  return values
    .map((value) => {
      if (!Number.isFinite(value)) return '×'
      const level = high === low ? 0 : Math.floor(((value - low) / (high - low)) * LEVELS.length)
      return LEVELS[Math.min(level, LEVELS.length - 1)]
    })
    .join('')
}

export function indented(text: string, by = '  '): string {
  return text
    .split('\n')
    .map((line) => by + line)
    .join('\n')
}

/** A place in the user's code in the words of an editor: `train.mjs:36:35`. */
export function siteWords({ file, line, column }: CallSite): string {
  return `${file}:${line}:${column}`
}

/** What a fork goes on from, and what was changed in it. */
export function parentText({ run, step, changes }: NonNullable<RunStarted['parent']>): string {
  const changed =
    changes === undefined ? '' : changes.length === 0 ? ', nothing changed' : `: ${changes.join(', ')}`
  return `fork of run ${run} at step ${step}${changed}`
}
