/** What two runs say of themselves when they begin: config, seed, machine. It need not have an effect. */
import type { Plain, RunStarted } from '../events/event.js'
import type { Both, SaidDifference } from './run-diff.js'

export function saidDifferences([a, b]: Both<RunStarted>): SaidDifference[] {
  const said: SaidDifference[] = []
  const compare = (what: string, x: Plain | undefined, y: Plain | undefined) => {
    if (JSON.stringify(x) === JSON.stringify(y)) return
    if (isObject(x) && isObject(y)) {
      for (const key of new Set([...Object.keys(x), ...Object.keys(y)]))
        compare(`${what}.${key}`, x[key], y[key])
    } else said.push({ what, values: [text(x), text(y)] })
  }
  for (const field of [
    'config',
    'seed',
    'kernel',
    'capture',
    'name',
    'engine',
    'node',
    'v8',
    'platform',
  ] as const)
    compare(field, a[field], b[field])
  return said
}

function isObject(value: Plain | undefined): value is { readonly [key: string]: Plain } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function text(value: Plain | undefined): string {
  return value === undefined ? 'not given' : typeof value === 'string' ? value : JSON.stringify(value)
}
