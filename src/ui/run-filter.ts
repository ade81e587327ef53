/**
 * Filters runs by words: `lr>0.005 status:failed tag:best mlp` is every run whose lr is above 0.005, whose status has `failed` in it,
 * one of whose tags has `best` in it, and whose name has `mlp` in it.
 */
import type { RunRow } from '../server/api.js'

const TERM = /^(-?)([^\s:<>=!]+?)(:|>=|<=|!=|>|<|=)(.+)$/s
const FIELDS = [
  'id',
  'name',
  'status',
  'tags',
  'steps',
  'events',
  'seed',
  'capture',
  'kernel',
  'host',
  'file',
  'node',
  'engine',
  'platform',
  'error',
]

/** Words with spaces stand in quotes; there a quote, or a backslash before one, has a backslash. */
const TERMS = /(?:[^\s"]|"(?:[^"\\]|\\.)*")+/gs

/** The filter for runs that have a tag. */
export function tagFilter(tag: string): string {
  return `tag="${tag.replace(/["\\]/g, '\\$&')}"`
}

function unquoted(text: string): string {
  return text.replace(/"((?:[^"\\]|\\.)*)"/gs, (_, inner: string) => inner.replace(/\\(["\\])/g, '$1'))
}

export function filterRuns(
  runs: readonly RunRow[],
  filter: string,
): { found: readonly RunRow[]; problem: string | null } {
  const terms = filter.match(TERMS) ?? []
  let problem: string | null = null
  const tests = terms.map((term) => {
    const [, not, field = '', sign = '', quoted = ''] = TERM.exec(term) ?? []
    if (field === '') return (run: RunRow) => run.name.toLowerCase().includes(unquoted(term).toLowerCase())
    const wanted = unquoted(quoted)
    if (!runs.some((run) => fieldOf(run, field) !== undefined)) problem = `no run has ${field}`
    return (run: RunRow) => holds(fieldOf(run, field), sign, wanted) !== (not === '-')
  })
  return { found: runs.filter((run) => tests.every((test) => test(run))), problem }
}

function fieldOf(run: RunRow, field: string): unknown {
  if (field === 'tag') return run.tags
  if (FIELDS.includes(field)) return run[field as keyof RunRow]
  const path = field.replace(/^config\./, '')
  if (Object.hasOwn(run.config, path)) return run.config[path]
  // The last part of a path is enough, where it is the only one.
  const ends = Object.keys(run.config).filter((key) => key.endsWith(`.${path}`))
  return ends.length === 1 ? run.config[ends[0]!] : undefined
}

function holds(value: unknown, sign: string, wanted: string): boolean {
  if (value === undefined || value === null) return sign === '!='
  // Of several, such as tags, one is enough; `!=` says that none is.
  if (Array.isArray(value))
    return sign === '!='
      ? value.every((one) => holds(one, '!=', wanted))
      : value.some((one) => holds(one, sign, wanted))
  if (sign === ':') return String(value).toLowerCase().includes(wanted.toLowerCase())
  const [left, right] =
    typeof value === 'number' && wanted.trim() !== '' && !Number.isNaN(Number(wanted))
      ? [value, Number(wanted)]
      : [String(value), wanted]
  if (sign === '=') return left === right
  if (sign === '!=') return left !== right
  if (sign === '>') return left > right
  if (sign === '>=') return left >= right
  return sign === '<' ? left < right : left <= right
}
