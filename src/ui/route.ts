/** What the page shows stands in its address, after the #: a link shows the same to whoever opens it. */
import { computed, signal } from '@preact/signals'

export const PAGES = [
  { id: 'runs', title: 'Runs' },
  { id: 'curves', title: 'Curves' },
  { id: 'gradients', title: 'Gradients' },
  { id: 'graph', title: 'Graph' },
  { id: 'tensor', title: 'Tensor' },
  { id: 'why', title: 'Why' },
  { id: 'diff', title: 'Diff' },
  { id: 'events', title: 'Events' },
  { id: 'sql', title: 'SQL' },
  { id: 'verify', title: 'Verify' },
] as const

export type PageId = (typeof PAGES)[number]['id']
/** Null removes a parameter. */
type Patch = Record<string, string | number | readonly string[] | null>

interface Route {
  page: PageId
  parameters: URLSearchParams
}

function read(): Route {
  const [, path = '', query = ''] = /^#\/?([^?]*)\??(.*)$/.exec(location.hash) ?? []
  const found = PAGES.find(({ id }) => id === path)
  return { page: found?.id ?? 'runs', parameters: new URLSearchParams(query) }
}

export const route = signal<Route>(read())
window.addEventListener('hashchange', () => {
  route.value = read()
})

/** The runs that are looked at, the first one before all others. */
export const chosenRuns = computed(() => route.value.parameters.getAll('run'))

export function parameter(name: string): string | null {
  return route.value.parameters.get(name)
}

export function numberParameter(name: string): number | null {
  const text = parameter(name)
  if (text === null || text.trim() === '') return null
  const value = Number(text)
  return Number.isFinite(value) ? value : null
}

/** Parameters that another page means the same by. */
const SHARED = ['run', 'step']

export function linkTo(page: PageId, patch: Patch = {}): string {
  const parameters = new URLSearchParams()
  for (const name of SHARED)
    for (const value of route.value.parameters.getAll(name)) parameters.append(name, value)
  return `#/${page}${queryOf(parameters, patch)}`
}

export function go(page: PageId, patch: Patch = {}): void {
  location.hash = linkTo(page, patch)
}

/** Changes what the page shows without a new entry in the history. */
export function change(patch: Patch): void {
  const { page, parameters } = route.value
  history.replaceState(null, '', `#/${page}${queryOf(new URLSearchParams(parameters), patch)}`)
  route.value = read()
}

function queryOf(parameters: URLSearchParams, patch: Patch): string {
  for (const [name, value] of Object.entries(patch)) {
    parameters.delete(name)
    if (value === null) continue
    for (const each of typeof value === 'object' ? value : [String(value)]) parameters.append(name, each)
  }
  const query = parameters.toString()
  return query === '' ? '' : `?${query}`
}
