// The inspector as a user has it, a process of its own, and the Chromium of this machine in front of it. Knows nothing of what is measured.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Browser, chromium, type Page } from 'playwright-core'

const MAIN = fileURLToPath(new URL('cli/main.js', import.meta.resolve('gradtape')))
const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
const WAIT_MS = 120_000
/** Linux counts processor time in hundredths of a second. */
const TICK_MS = 10
const QUIET_MAX_S = 60

export class Inspector {
  readonly url: string
  private readonly child: ChildProcess

  private constructor(child: ChildProcess, url: string) {
    this.child = child
    this.url = url
  }

  /** `fresh`: without what an earlier look left beside the tape. */
  static async of(file: string, { fresh }: { fresh: boolean }): Promise<Inspector> {
    if (fresh) rmSync(`${file}.gradtape-cache`, { force: true })
    const child = spawn(process.execPath, [MAIN, 'ui', file, '--json'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let text = ''
    for await (const chunk of child.stdout) {
      text += String(chunk)
      if (text.trimEnd().endsWith('}')) break
    }
    return new Inspector(child, (JSON.parse(text) as { url: string }).url)
  }

  /** What the server keeps in memory; NaN where the system does not say. */
  get megabytes(): number {
    try {
      const status = readFileSync(`/proc/${this.child.pid}/status`, 'latin1')
      return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1_024
    } catch {
      return Number.NaN
    }
  }

  /** How long all threads of the server were on a processor so far, in milliseconds; NaN where the system does not say. */
  get processorMs(): number {
    return statOf(this.child.pid!)?.processorMs ?? Number.NaN
  }

  async end(): Promise<void> {
    const ended = new Promise((resolve) => this.child.once('exit', resolve))
    this.child.kill('SIGINT')
    await ended
  }
}

function statOf(pid: number): { parent: number; processorMs: number } | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const numbers = stat
      .slice(stat.lastIndexOf(')') + 4)
      .split(' ')
      .map(Number)
    return { parent: numbers[0]!, processorMs: (numbers[10]! + numbers[11]!) * TICK_MS }
  } catch {
    return null
  }
}

/** How long all that this process started was on a processor so far, but for one of them, in milliseconds; NaN where the system does not say. */
export function processorMsBeside(trainer: number): number {
  let pids: string[]
  try {
    pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  } catch {
    return Number.NaN
  }
  const stats = new Map(pids.map((pid) => [Number(pid), statOf(Number(pid))]))
  let total = 0
  for (const [pid, stat] of stats) {
    let ancestor = stat?.parent
    while (ancestor !== undefined && ancestor > 1 && ancestor !== process.pid)
      ancestor = stats.get(ancestor)?.parent
    if (ancestor === process.pid && pid !== trainer) total += stat!.processorMs
  }
  return total
}

/** Until pages that were opened have built themselves: they take less than a tenth of a processor. */
export async function untilQuiet(trainer: number): Promise<void> {
  for (let second = 0; second < QUIET_MAX_S; second++) {
    const before = processorMsBeside(trainer)
    await sleep(1_000)
    if (processorMsBeside(trainer) - before < 100) return
    // Where the system does not say, a fixed time must do.
    if (Number.isNaN(before) && second >= 10) return
  }
}

/** Throws where there is no Chromium: a browser is not downloaded. */
export async function launchBrowser(): Promise<Browser> {
  const named = process.env.CHROME_BIN
  const found = (named === undefined ? NAMES : [named])
    .map((name) => spawnSync('which', [name], { encoding: 'utf8' }))
    .find(({ status }) => status === 0)
  if (found === undefined)
    throw new Error(
      `the group inspector needs a Chromium: none of ${NAMES.join(', ')} is here; CHROME_BIN names another`,
    )
  return chromium.launch({
    executablePath: found.stdout.trim(),
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--enable-precise-memory-info'],
  })
}

/** A page of the inspector in a window of its own. */
export async function openPage(browser: Browser, url: string): Promise<Page> {
  const page = await browser.newPage({ viewport: { width: 1_280, height: 800 } })
  page.setDefaultTimeout(WAIT_MS)
  await page.goto(url)
  return page
}

/** Until something is on the page and painted. */
export async function shown(page: Page, hash: string, awaited: string): Promise<number> {
  const from = performance.now()
  await page.evaluate(`location.hash = ${JSON.stringify(hash)}`)
  await page.locator(awaited).first().waitFor()
  await painted(page)
  return performance.now() - from
}

/** From a key to what it asked for being painted: an answer of the server, and a frame after it. */
export async function pressed(page: Page, key: string, question: string): Promise<number> {
  const from = performance.now()
  const answer = page.waitForResponse((response) => response.url().includes(`/api/${question}`))
  await page.keyboard.press(key)
  await (await answer).finished()
  await painted(page)
  return performance.now() - from
}

async function painted(page: Page): Promise<void> {
  await page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))')
}

/** When the first text or picture was painted, in milliseconds after the page was asked for. */
export async function firstPaintMs(page: Page): Promise<number> {
  return (await page.evaluate(
    "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? NaN",
  )) as number
}

export async function heapMegabytes(page: Page): Promise<number> {
  return ((await page.evaluate('performance.memory?.usedJSHeapSize ?? NaN')) as number) / 2 ** 20
}
