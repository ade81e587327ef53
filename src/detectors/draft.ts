/** How a finding is made: what does not apply is filled in. */
import type { CallSite } from '../events/call-site.js'
import type { Ref } from '../events/event.js'
import type { Finding } from './finding.js'

type Draft = Pick<Finding, 'kind' | 'level' | 'step' | 'text'> & Partial<Finding>

const NO_COST = { stepsReplayed: 0, milliseconds: 0 }

export function finding(draft: Draft): Finding {
  return {
    position: null,
    function: null,
    scope: null,
    site: null,
    variable: null,
    element: null,
    rows: null,
    before: [],
    value: null,
    evidence: [],
    cost: NO_COST,
    ...draft,
  }
}

/** `log (#17480 in head)`. */
export function callText(call: {
  readonly function: string
  readonly position: number
  readonly scope: string
}): string {
  return `${call.function} (#${call.position}${call.scope === '' ? '' : ` in ${call.scope}`})`
}

/** With the place in the user's code, where the tape has it, also in the sentence. */
export function sited(one: Finding, siteOf: (position: number) => CallSite | null): Finding {
  const { position, text } = one
  const site = position === null || one.function === null ? null : siteOf(position)
  if (site === null) return one
  const place = `(#${position}`
  return { ...one, site, text: text.replace(place, `${place}, ${site.file}:${site.line}:${site.column}`) }
}

export function elementText(index: readonly number[]): string {
  return `[${index.join(', ')}]`
}

export function unravel(index: number, shape: readonly number[]): number[] {
  const out = new Array<number>(shape.length)
  let rest = index
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    out[axis] = rest % shape[axis]!
    rest = Math.floor(rest / shape[axis]!)
  }
  return out
}

/** Names of variables for a sentence: the first two, and how many more. */
export function namesText(view: { label(ref: Ref): string }, refs: Iterable<Ref>): string {
  const names = [...refs].map((ref) => view.label(ref))
  if (names.length <= 3) return names.join(' and ').replace(' and ', names.length === 3 ? ', ' : ' and ')
  return `${names.slice(0, 2).join(', ')} and ${names.length - 2} more`
}

/** `data row 93`, `data rows 17 and 201`; null for none. */
export function rowsText(rows: readonly number[] | null): string | null {
  if (rows === null || rows.length === 0) return null
  if (rows.length === 1) return `data row ${rows[0]}`
  const shown = rows.slice(0, 8)
  const rest = rows.length - shown.length
  return `data rows ${shown.slice(0, -1).join(', ')}${rest > 0 ? ',' : ' and'} ${shown.at(-1)}${rest > 0 ? ` and ${rest} more` : ''}`
}

/** A number for a sentence. */
export function shortNumber(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  if (!Number.isFinite(value)) return value > 0 ? '∞' : '−∞'
  const short = Number.isInteger(value) && Math.abs(value) < 1e7 ? value : Number(value.toPrecision(4))
  return String(short).replace(/^-/, '−')
}
