/** Everything that can be done, by name: the palette lists it, keys and buttons do the same. */
import { signal } from '@preact/signals'
import { wordsOf } from './ask.js'
import { savePicture } from './picture.js'
import { change, chosenRuns, go, linkTo, numberParameter, PAGES, route } from './route.js'
import { allRuns, currentRun, runLabel } from './runs.js'
import { toggleTheme } from './theme.js'

export interface Command {
  name: string
  keys?: string
  run: () => void
}

export const isPaletteOpen = signal(false)
export const isHelpOpen = signal(false)

/** Whether the command that forks from the step is said under every page. */
export const isForkShown = signal(false)

/** Why the last picture could not be saved. */
export const pictureError = signal<string | null>(null)

/** Saves the page that is shown, under its name. */
export async function saveView(kind: 'svg' | 'png'): Promise<void> {
  pictureError.value = null
  try {
    await savePicture(`gradtape-${route.value.page}`, kind)
  } catch (error) {
    pictureError.value = `the picture was not saved: ${wordsOf(error)}`
  }
}

/** Commands of the page that is shown. */
export const pageCommands = signal<readonly Command[]>([])

export function step(by: number): void {
  const last = currentRun.value?.steps ?? 0
  const now = numberParameter('step') ?? last
  change({ step: Math.max(0, Math.min(last, now + by)) })
}

export function commands(): Command[] {
  const pages = PAGES.map(({ id, title }, i) => ({
    name: `Go to ${title}`,
    keys: `g ${(i + 1) % 10}`,
    run: () => go(id),
  }))
  const runs = (allRuns.value?.runs ?? []).slice(-200).map(({ key }) => ({
    name: `Look at run ${runLabel(key)}`,
    run: () => change({ run: [key] }),
  }))
  return [
    ...pages,
    ...pageCommands.value,
    { name: 'Next step', keys: ']', run: () => step(1) },
    { name: 'Previous step', keys: '[', run: () => step(-1) },
    { name: 'Light or dark', keys: 't', run: toggleTheme },
    { name: 'Copy the link of this view', run: () => navigator.clipboard.writeText(location.href) },
    { name: 'Save this view as PNG', keys: 'e', run: () => saveView('png') },
    { name: 'Save this view as SVG', keys: 'E', run: () => saveView('svg') },
    {
      name: 'Fork from this step: show the command',
      keys: 'k',
      run: () => (isForkShown.value = !isForkShown.value),
    },
    { name: 'Keys', keys: '?', run: () => (isHelpOpen.value = true) },
    ...runs,
  ]
}

/** Turns a run on or off among those that are looked at. */
export function toggleRun(key: string): void {
  const chosen = chosenRuns.value
  change({ run: chosen.includes(key) ? chosen.filter((other) => other !== key) : [...chosen, key] })
}

let isAfterG = false

/** Keys of the whole page; those typed into a field are the field's. */
export function onKey(event: KeyboardEvent): void {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') {
    event.preventDefault()
    isPaletteOpen.value = !isPaletteOpen.value
    return
  }
  if (event.key === 'Escape') {
    isPaletteOpen.value = isHelpOpen.value = false
    return
  }
  const target = event.composedPath()[0]
  const isTyping =
    target instanceof HTMLElement &&
    (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  if (isTyping || event.ctrlKey || event.metaKey || event.altKey || isPaletteOpen.value) return
  if (isAfterG) {
    isAfterG = false
    const page = PAGES[(Number(event.key) + 9) % 10]
    if (/^\d$/.test(event.key) && page !== undefined) location.hash = linkTo(page.id)
    return
  }
  if (event.key === 'g') {
    isAfterG = true
    return
  }
  const found = commands().find(({ keys }) => keys === event.key)
  if (found === undefined) return
  event.preventDefault()
  found.run()
}

export function isPage(id: string): boolean {
  return route.value.page === id
}
