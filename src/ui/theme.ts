/** Light or dark: as the system has it until somebody chooses; that is kept in the browser. */
import { effect, signal } from '@preact/signals'

type Theme = 'light' | 'dark'

const system = matchMedia('(prefers-color-scheme: dark)')
const stored = localStorage.getItem('gradtape-theme')
const chosen = signal<Theme | null>(stored === 'light' || stored === 'dark' ? stored : null)
const systemTheme = signal<Theme>(system.matches ? 'dark' : 'light')

export function theme(): Theme {
  return chosen.value ?? systemTheme.value
}

export function toggleTheme(): void {
  chosen.value = theme() === 'dark' ? 'light' : 'dark'
  localStorage.setItem('gradtape-theme', chosen.value)
}

export function followTheme(): void {
  system.addEventListener('change', () => {
    systemTheme.value = system.matches ? 'dark' : 'light'
  })
  effect(() => {
    document.documentElement.dataset.theme = theme()
  })
}

/** A colour of the style sheet, for what is painted on a canvas. */
export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()
}

const LINES = 8

/** The colour of the n-th line of a chart. */
export function lineColour(index: number): string {
  return colour(`line-${index % LINES}`)
}
