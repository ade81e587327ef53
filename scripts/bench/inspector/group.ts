// The group `inspector`: how long a page lets one wait on long tapes, what server and page keep in memory, and what looking costs whoever records.
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { inTemporaryFolder } from '../temporary-tape.js'
import { median, OURS, type Sample, type Unit, type Workload } from '../workload.js'
import {
  firstPaintMs,
  heapMegabytes,
  Inspector,
  launchBrowser,
  openPage,
  pressed,
  shown,
} from './inspector.js'
import { liveSamples } from './live.js'
import { recordCalls, recordSteps } from './tapes.js'

const ZOOMS = 10
const SCRUBS = 20

export interface InspectorOptions {
  readonly steps: number
  readonly calls: number
  /** Calls of the one step whose graph is drawn. */
  readonly stepCalls: number
}

export function inspectorWorkloads({ steps, calls, stepCalls }: InspectorOptions): Workload[] {
  return [
    {
      name: `inspector, ${steps} steps`,
      once: true,
      run: () =>
        onTape(
          (file) => recordSteps(file, steps),
          (file, browser) => looks(file, browser, { hasGradients: true }),
        ),
    },
    {
      name: `inspector, ${calls} calls`,
      once: true,
      run: () =>
        onTape(
          (file) => recordCalls(file, calls),
          (file, browser) => looks(file, browser, { hasGradients: false }),
        ),
    },
    {
      name: `inspector, a step of ${stepCalls} calls`,
      once: true,
      run: () => onTape((file) => recordCalls(file, stepCalls, { inOneStep: true }), looksAtStep),
    },
    {
      name: 'inspector, live',
      once: true,
      run: async () => {
        const browser = await launchBrowser()
        try {
          return await inTemporaryFolder((folder) => liveSamples(join(folder, 'live.tape'), browser))
        } finally {
          await browser.close()
        }
      },
    },
  ]
}

async function onTape(
  record: (file: string) => Promise<void>,
  look: (file: string, browser: Browser) => Promise<Sample[]>,
): Promise<Sample[]> {
  return inTemporaryFolder(async (folder) => {
    const file = join(folder, 'long.tape')
    await record(file)
    const browser = await launchBrowser()
    try {
      return await look(file, browser)
    } finally {
      await browser.close()
    }
  })
}

async function looks(
  file: string,
  browser: Browser,
  { hasGradients }: { hasGradients: boolean },
): Promise<Sample[]> {
  const samples: Sample[] = []
  const say = (measure: string, value: number, unit: Unit = 'ms') =>
    samples.push({ who: OURS, measure, unit, value })
  for (const fresh of [true, false]) {
    const inspector = await Inspector.of(file, { fresh })
    try {
      const page = await openPage(browser, inspector.url)
      await page.locator('tbody tr').first().waitFor()
      const time = fresh ? 'first look' : 'later look'
      say(`first paint, ${time}`, await firstPaintMs(page))
      if (!fresh) say('first paint of a page of one word', await blankPaintMs(browser))
      // What the server computes is said apart: it is the same on a machine that does other work, too.
      const answered = async (what: string, hash: string, awaited: string) => {
        const before = inspector.processorMs
        say(`${what}, ${time}`, await shown(page, hash, awaited))
        say(`${what}, ${time}: processor time of the server`, inspector.processorMs - before)
      }
      await answered('curve', '#/curves?metric=loss', '.chart canvas')
      if (hasGradients) await answered('heat map', '#/gradients', '.heat canvas')
      if (!fresh) {
        await shown(page, '#/curves?metric=loss', '.chart canvas')
        await page.locator('.chart').first().focus()
        // In and out again, so that there is always something to zoom into.
        say('zoom of a curve', await medianOf(ZOOMS, (i) => pressed(page, i % 2 === 0 ? '+' : '0', 'curves')))
        await shown(page, '#/graph?step=500', '.box')
        say('a step on, its graph drawn', await medianOf(SCRUBS, () => pressed(page, ']', 'graph')))
        say('heap of the page', await heapMegabytes(page), 'MB')
        say('resident memory of the server', inspector.megabytes, 'MB')
      }
      await page.close()
    } finally {
      await inspector.end()
    }
  }
  return samples
}

/** What the browser itself takes on this machine. */
async function blankPaintMs(browser: Browser): Promise<number> {
  const page = await openPage(browser, 'data:text/html,<h1>one</h1>')
  await page.waitForFunction("performance.getEntriesByName('first-contentful-paint').length > 0")
  const taken = await firstPaintMs(page)
  await page.close()
  return taken
}

/** The graph of a long step, collapsed. */
async function looksAtStep(file: string, browser: Browser): Promise<Sample[]> {
  const inspector = await Inspector.of(file, { fresh: true })
  try {
    const page = await openPage(browser, inspector.url)
    await page.locator('tbody tr').first().waitFor()
    const before = inspector.processorMs
    const value = await shown(page, '#/graph?step=1', '.box')
    const spent = inspector.processorMs - before
    await page.close()
    return [
      { who: OURS, measure: 'graph drawn, first look', unit: 'ms', value },
      {
        who: OURS,
        measure: 'graph drawn, first look: processor time of the server',
        unit: 'ms',
        value: spent,
      },
    ]
  } finally {
    await inspector.end()
  }
}

async function medianOf(times: number, work: (i: number) => Promise<number>): Promise<number> {
  const taken: number[] = []
  for (let i = 0; i < times; i++) taken.push(await work(i))
  return median(taken)
}
