/** The frame around every page: where one is, the pages, the time slider. */
import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import { isConnected, progress } from './ask.js'
import { isHelpOpen, isPage, isPaletteOpen, onKey, pictureError, saveView } from './commands.js'
import { Help } from './help.js'
import { CurvesPage } from './pages/curves.js'
import { DiffPage } from './pages/diff.js'
import { EventsPage } from './pages/events.js'
import { GradientsPage } from './pages/gradients.js'
import { GraphPage } from './pages/graph.js'
import { RunsPage } from './pages/runs.js'
import { SqlPage } from './pages/sql.js'
import { TensorPage } from './pages/tensor.js'
import { VerifyPage } from './pages/verify.js'
import { WhyPage } from './pages/why.js'
import { Palette } from './palette.js'
import { linkTo, PAGES, type PageId, route } from './route.js'
import { allRuns, runsError } from './runs.js'
import { toggleTheme } from './theme.js'
import { TimeSlider } from './time-slider.js'

const VIEWS: Record<PageId, () => JSX.Element> = {
  runs: RunsPage,
  curves: CurvesPage,
  gradients: GradientsPage,
  graph: GraphPage,
  tensor: TensorPage,
  why: WhyPage,
  diff: DiffPage,
  events: EventsPage,
  sql: SqlPage,
  verify: VerifyPage,
}

export function App() {
  const { page } = route.value
  const title = PAGES.find(({ id }) => id === page)?.title ?? 'Runs'
  useEffect(() => {
    document.title = `${title} · gradtape`
  }, [title])
  useEffect(() => {
    document.addEventListener('keydown', onKey)
    return () => document.removeEventListener('keydown', onKey)
  }, [])
  const View = VIEWS[page]
  const tapes = allRuns.value?.tapes ?? []
  const isLive = tapes.some((tape) => tape.isLive)
  return (
    <>
      <a class="skip" href="#main" onClick={skip}>
        Skip to the page
      </a>
      <header class="top">
        <span class="brand">gradtape</span>
        <span class="tapes" title={tapes.map(({ path }) => path).join('\n')}>
          {tapes.map(({ file }) => file).join(', ')}
        </span>
        {isLive && <span class="live">live</span>}
        {!isConnected.value && (
          <span class="lost" role="status">
            not connected
          </span>
        )}
        <span class="grow" />
        <button type="button" onClick={() => (isPaletteOpen.value = true)}>
          Search or command <kbd>Ctrl K</kbd>
        </button>
        <button type="button" onClick={() => saveView('png')} aria-label="Save this view as PNG">
          PNG
        </button>
        <button type="button" onClick={() => saveView('svg')} aria-label="Save this view as SVG">
          SVG
        </button>
        <button type="button" onClick={() => (isHelpOpen.value = true)} aria-label="Keys">
          ?
        </button>
        <button type="button" onClick={toggleTheme} aria-label="Light or dark">
          ◐
        </button>
      </header>
      <nav aria-label="Pages">
        {PAGES.map(({ id, title }) => (
          <a key={id} href={linkTo(id)} aria-current={isPage(id) ? 'page' : undefined}>
            {title}
          </a>
        ))}
      </nav>
      <main id="main" tabIndex={-1}>
        {pictureError.value !== null && <p role="alert">{pictureError.value}</p>}
        {runsError.value !== null && <p role="alert">{runsError.value}</p>}
        {tapes.map(({ tape, file, error }) =>
          error === null ? null : (
            <p role="alert" key={tape}>
              {file}: {error}
            </p>
          ),
        )}
        <View key={page} />
        {progress.value !== null && <Working />}
      </main>
      <TimeSlider />
      {isPaletteOpen.value && <Palette />}
      {isHelpOpen.value && <Help />}
    </>
  )
}

/** The address belongs to the pages, so that a link inside the page must not change it. */
function skip(event: Event): void {
  event.preventDefault()
  document.getElementById('main')?.focus()
}

/** What long work says, for as long as it says something. */
function Working() {
  const told = progress.value
  useEffect(() => {
    const timer = setTimeout(() => {
      progress.value = null
    }, 1_500)
    return () => clearTimeout(timer)
  }, [told])
  if (told === null) return null
  const share = told.total === null ? '' : ` ${Math.floor((100 * told.done) / Math.max(1, told.total))} %`
  return (
    <p class="working" role="status">
      {told.text}
      {share}
    </p>
  )
}
