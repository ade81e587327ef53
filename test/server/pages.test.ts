/** The inspector's pages in Chromium: with the mouse, with the keyboard alone, with hostile names, beside a writer. */
import fs from 'node:fs'
import path from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newSealKey, openTape } from '../../src/index.js'
import { temporaryFolder } from '../cli/gradtape.js'
import { chromiumPath, complaintsOf, keepPicture, launch, SCREENS, violationsOf } from './browser.js'
import { StartedInspector } from './inspector.js'
import { BAD_STEP, HOSTILE, writeRuns } from './runs-on-tape.js'

const found = chromiumPath()

/** What Chromium says of an answer with this status, such as that of a statement that is refused. */
const REFUSED = /400 \(Bad Request\)/
const INLINE_STYLE = /^Applying inline style/

describe.runIf(found !== null)('in Chromium', () => {
  const folder = temporaryFolder()
  let inspector: StartedInspector
  let browser: Browser
  let page: Page
  let complaints: string[]

  beforeAll(async () => {
    const file = path.join(folder, 'runs.tape')
    await writeRuns(file)
    const tagging = openTape(file)
    tagging.tagRun('good', ['best', '<b>', 'said "\u0001\n"'])
    tagging.close()
    const sealed = openTape(file, { readonly: true })
    sealed.seal(newSealKey().privateKey)
    sealed.close()
    inspector = await StartedInspector.of(file)
    browser = await launch(found ?? '')
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 } })
    page = await context.newPage()
    page.setDefaultTimeout(8_000)
    complaints = complaintsOf(page, `http://127.0.0.1:${inspector.port}/`)
    await page.goto(inspector.url)
  })

  afterAll(async () => {
    await browser?.close()
    await inspector?.end()
  })

  const show = async (hash: string, awaited: string) => {
    await page.evaluate(`location.hash = ${JSON.stringify(hash)}`)
    await page.locator(awaited).first().waitFor()
  }

  test('the key is gone from the address, and what the page shows stands there', async () => {
    await page.getByRole('heading', { name: 'Runs' }).waitFor()
    expect(page.url()).not.toContain('token')
    await page.getByLabel('look at run 1 good').check()
    await page.getByLabel('look at run 2 bad').check()
    expect(page.url()).toContain('run=1.1&run=1.2')
    await page.getByRole('searchbox', { name: 'Filter' }).fill('lr>0.1')
    await page.getByText('1 of 3 runs').waitFor()
    await page.getByRole('searchbox', { name: 'Filter' }).fill('')
    await page.getByRole('link', { name: 'Compare 2' }).click()
    await page.getByRole('rowheader', { name: 'config.lr' }).waitFor()
  })

  // Each page by its link in the bar, by mouse; what must be on it; and no complaint of axe, in light and in dark.
  const PAGES: readonly [title: string, query: string, awaited: string][] = [
    ['Runs', '', '.spark-link'],
    ['Curves', '?run=1.1&run=1.2&metric=loss', '.chart canvas'],
    ['Gradients', '?run=1.2', '.heat canvas'],
    ['Graph', `?run=1.2&step=${BAD_STEP}`, '.box'],
    ['Tensor', '?run=1.1&variable=weight&step=12', '.values li'],
    ['Why', '?run=1.2', '.findings li'],
    ['Diff', '?a=1.1&b=1.2', 'tbody tr'],
    ['Events', '?run=1.2&from=1200', '.event-text'],
    [
      'SQL',
      `?sql=${encodeURIComponent("SELECT step, value FROM metric WHERE run_id = 1 AND name = 'loss'")}`,
      '.sql-chart',
    ],
    ['Verify', '', '.hash'],
  ]

  test.each(PAGES)(
    '%s is shown, and axe has nothing against it, light or dark',
    async (title, query, awaited) => {
      await page.getByRole('navigation').getByRole('link', { name: title, exact: true }).click()
      await page.getByRole('heading', { level: 1, name: new RegExp(`^${title}`) }).waitFor()
      await show(`#/${title.toLowerCase()}${query}`, awaited)
      await keepPicture(page, title.toLowerCase())
      expect(await violationsOf(page)).toEqual([])
      await page.getByRole('button', { name: 'Light or dark' }).click()
      await keepPicture(page, `${title.toLowerCase()}-dark`)
      expect(await violationsOf(page)).toEqual([])
      await page.getByRole('button', { name: 'Light or dark' }).click()
      expect(complaints).toEqual([])
    },
  )

  test('Verify says who sealed a tape, and computes drawn steps of a run again', async () => {
    await show('#/verify', '.hash')
    await page.getByText(/✓ sealed .* and as it was then/).waitFor()
    await page.locator('.recompute').first().getByRole('button').click()
    await page.getByText('✓ bit-exact').waitFor()
    await page.getByText(/^drawn with seed \d+: steps \d+, \d+, \d+$/).waitFor()
    await keepPicture(page, 'verify-computed')
    expect(await violationsOf(page)).toEqual([])
  })

  test('Graph says how to fork from its step', async () => {
    await show('#/graph?run=1.1&step=7', '.box')
    await page.getByText(/gradtape fork \S*runs\.tape:1 --step 7 --set/).waitFor()
  })

  test('a drag over a chart zooms into it, and a double-click goes back', async () => {
    await show('#/curves?run=1.1&metric=loss', '.chart canvas')
    const box = await page.locator('.u-over').boundingBox()
    expect(box).not.toBeNull()
    const { x, y, width } = box ?? { x: 0, y: 0, width: 0 }
    await page.mouse.move(x + width * 0.4, y + 60)
    await page.mouse.down()
    await page.mouse.move(x + width * 0.6, y + 60, { steps: 4 })
    await page.mouse.up()
    await page.waitForURL(/from=2\d&to=3\d/)
    await page.locator('.u-over').dblclick()
    await page.waitForFunction("!location.hash.includes('from=')")
  })

  test('a scope opens by a click, a call shows what it reads, and the path of NaN is marked', async () => {
    await show(`#/graph?run=1.2&step=${BAD_STEP}`, '.box')
    expect(await page.locator('.box.bad').count()).toBe(2)
    await page.getByRole('button', { name: /^▸ hidden/ }).click()
    await page.getByRole('button', { name: /^relu/ }).click()
    await page.getByRole('complementary', { name: 'Call' }).getByText('runs-on-tape.ts').waitFor()
    expect(page.url()).toContain('open=s%3Ahidden')
  })

  test('a cell of the heat map goes to its step', async () => {
    await show('#/gradients?run=1.2', '.heat canvas')
    await page.locator('.heat').click({ position: { x: 5, y: 5 } })
    await page.waitForURL(/step=1\b/)
  })

  test('every page is reached, and a step taken, with the keyboard alone', async () => {
    await show('#/runs', 'tbody tr')
    for (const [title] of PAGES) {
      await page.keyboard.press('Control+k')
      await page.getByRole('combobox', { name: 'Command' }).waitFor()
      await page.keyboard.type(`go to ${title.toLowerCase()}`)
      await page.keyboard.press('Enter')
      await page.getByRole('heading', { level: 1, name: new RegExp(`^${title}`) }).waitFor()
    }
    await show('#/graph?run=1.2&step=20', '.box')
    await page.locator('body').press(']')
    await page.waitForURL(/step=21/)
    await page.keyboard.press('g')
    await page.keyboard.press('2')
    await page.getByRole('heading', { level: 1, name: 'Curves' }).waitFor()
    await page.locator('.chart').first().focus()
    await page.keyboard.press('+')
    await page.waitForURL(/from=/)
    await page.keyboard.press('0')
    await page.waitForFunction("!location.hash.includes('from=')")
    await show('#/graph?run=1.2&step=20', '.box.scope')
    await page.locator('.box.scope').first().focus()
    await page.keyboard.press('Enter')
    await page.waitForURL(/open=s/)
    await page.keyboard.press('?')
    await page.getByRole('dialog', { name: 'Keys' }).waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
  })

  test('runs have tags, by which they are found', async () => {
    await show('#/runs', 'tbody tr')
    await page.getByRole('button', { name: '<b>' }).click()
    await page.getByText('1 of 3 runs').waitFor()
    await page.getByRole('button', { name: '<b>' }).click()
    await page.getByText('3 of 3 runs').waitFor()
    await page.getByRole('button', { name: /^said "/ }).click()
    await page.getByText('1 of 3 runs').waitFor()
    await page.getByRole('searchbox', { name: 'Filter' }).fill('tag:best')
    await page.getByText('1 of 3 runs').waitFor()
    await page.getByRole('searchbox', { name: 'Filter' }).fill('tag!=best')
    await page.getByText('2 of 3 runs').waitFor()
    await page.getByRole('searchbox', { name: 'Filter' }).fill('')
  })

  test('an array is shown as images, by its shape or as it is asked for', async () => {
    await show('#/tensor?run=1.1&variable=weight&step=12', '.images canvas')
    await page.getByRole('img', { name: 'image 0 of 1, 6 by 3' }).waitFor()
    await page.getByLabel('each of').fill('2x3')
    await page.keyboard.press('Enter')
    await page.getByRole('img', { name: 'image 2 of 3, 2 by 3' }).waitFor()
    await show('#/tensor?run=1.1&variable=weight&step=12&as=3x2x3', 'text=in three colours')
    await keepPicture(page, 'images')
    expect(await violationsOf(page)).toEqual([])
    await show('#/tensor?run=1.1&variable=bias&step=12', 'h2:has-text("bias")')
    await page.getByLabel('each of').fill('1x3')
    await page.keyboard.press('Enter')
    await page.getByRole('img', { name: 'image 0 of 1, 1 by 3' }).waitFor()
    await show('#/tensor?run=1.1&variable=weight&step=12&as=5x5', 'text=that divide the 18 elements')
    complaints.splice(0)
  })

  test('parameters of one name are told apart, and each leads to the other', async () => {
    await show('#/gradients?run=1.1', '.heat canvas')
    const weights = page.getByRole('link', { name: /^weight #\d+$/ })
    expect(await weights.count()).toBe(2)
    await show('#/tensor?run=1.1', '.names a')
    await page.getByRole('link', { name: 'weight' }).first().click()
    await page.getByRole('heading', { name: /weight float64 \[8, 6\]/ }).waitFor()
    await page.getByText('Other parameters of this name').getByRole('link').click()
    await page.getByRole('heading', { name: /weight float64 \[6, 3\]/ }).waitFor()
  })

  test('a diff leads to where the runs part', async () => {
    await show('#/diff?a=1.1&b=1.2', '.findings li')
    expect(await page.locator('.findings li').first().textContent()).toContain(
      `step ${BAD_STEP}: sub, log, mul`,
    )
    await page
      .getByRole('link', { name: `graph of step ${BAD_STEP} in b` })
      .first()
      .click()
    await page.getByRole('heading', { name: `Graph of step ${BAD_STEP}` }).waitFor()
    await show('#/diff?a=1.1&b=1.1', '.findings .note')
    expect(await page.locator('.findings li').count()).toBe(1)
  })

  test('the heat map tells by how much each step changed each parameter', async () => {
    await show('#/gradients?run=1.1&measure=update', '.heat canvas')
    await page.locator('.heat').focus()
    await page.keyboard.press('ArrowRight')
    await page.getByText(/step 2: update ratio 0\.0\d+/).waitFor()
    await keepPicture(page, 'updates')
    expect(await violationsOf(page)).toEqual([])
  })

  test('under every page stands the command that forks from the step, by a button and by a key', async () => {
    await show('#/curves?run=1.1&metric=loss&step=7', '.chart canvas')
    await page.getByRole('button', { name: 'Fork from here' }).click()
    await page.getByText(/gradtape fork \S*runs\.tape:1 --step 7 --set/).waitFor()
    expect(await violationsOf(page)).toEqual([])
    await page.locator('body').press('k')
    await page.locator('.time-fork').waitFor({ state: 'detached' })
  })

  test.each([
    ['curves?run=1.1&run=1.2&metric=loss', '.chart canvas'],
    ['gradients?run=1.2', '.heat canvas'],
    ['tensor?run=1.1&variable=weight&step=12', '.images canvas'],
    ['graph?run=1.2&step=7', '.box'],
    ['runs', '.spark-link'],
    ['why?run=1.2', '.findings li'],
    ['diff?a=1.1&b=1.2', 'tbody tr'],
    ['events?run=1.2&from=1200', '.event-text'],
    ["sql?sql=SELECT step, value FROM metric WHERE run_id = 1 AND name = 'loss'", '.sql-chart'],
    ['verify', '.hash'],
  ])('the view %s is saved as PNG and as SVG', async (where, awaited) => {
    await show(`#/${where}`, awaited)
    const name = `gradtape-${where.split('?')[0]}`
    const saving = page.waitForEvent('download')
    await page.getByRole('button', { name: 'Save this view as PNG' }).click()
    const png = await saving
    expect(png.suggestedFilename()).toBe(`${name}.png`)
    fs.copyFileSync(await png.path(), path.join(SCREENS, `saved-${name}.png`))
    const bytes = fs.readFileSync(path.join(SCREENS, `saved-${name}.png`))
    expect(bytes.toString('latin1', 1, 4)).toBe('PNG')
    expect(bytes.readUInt32BE(16)).toBeGreaterThan(800)
    expect(bytes.readUInt32BE(20)).toBeLessThan(2_400)
    const savingSvg = page.waitForEvent('download')
    await page.locator('body').press('E')
    const svg = fs.readFileSync(await (await savingSvg).path(), 'utf8')
    // It stands by itself: another page shows it.
    const view = await browser.newPage()
    await view.setContent(svg)
    expect(await view.locator('svg h1').textContent()).toMatch(/\w/)
    await view.close()
    if (where === 'runs') expect(svg).toContain('started ▼')
    expect(svg).not.toMatch(/<(?:script|button|input)|blob:|http:\/\/127/)
    expect(complaints.splice(0)).toEqual([])
  })

  test('a statement that is typed runs, and one that writes is refused with words', async () => {
    await show('#/sql', '.cm-content')
    await page.locator('.cm-content').click()
    await page.keyboard.press('Control+a')
    await page.keyboard.type('SELECT 6 * 7 AS answer')
    await page.keyboard.press('Control+Enter')
    await page.getByRole('cell', { name: '42' }).waitFor()
    await page.keyboard.press('Control+a')
    await page.keyboard.type('DELETE FROM run')
    await page.keyboard.press('Control+Enter')
    await page.getByText('a tape is only read here').waitFor()
    // Typing over a selection makes Chromium itself set a style attribute in the editor, which the policy stops, as it should.
    const own = complaints.splice(0).filter((text) => !REFUSED.test(text) && !INLINE_STYLE.test(text))
    expect(own).toEqual([])
  })

  test('a question of the cookbook is asked about the run that is looked at', async () => {
    await show('#/sql?run=1.2', '.cm-content')
    await page.getByText('Gradients', { exact: true }).last().click()
    await page.getByRole('button', { name: 'Where did a gradient become NaN or infinite first?' }).click()
    await page.getByRole('cell', { name: String(BAD_STEP), exact: true }).waitFor()
    expect(decodeURIComponent(page.url().replaceAll('+', ' '))).toContain('run_id = 2')
  })

  test('hostile names are texts on every page, and nothing of them runs', async () => {
    const pages: readonly [string, string][] = [
      ['runs', 'tbody tr'],
      ['curves?run=1.3', '.chart canvas'],
      ['gradients?run=1.3', '.heat canvas'],
      ['graph?run=1.3&step=1', '.box'],
      ['tensor?run=1.3', '.names li'],
      ['why?run=1.3', 'h1'],
      ['diff?a=1.1&b=1.3', 'tbody tr'],
      ['events?run=1.3', '.event-text'],
      [`sql?sql=${encodeURIComponent('SELECT name, config FROM run')}`, 'tbody tr'],
    ]
    for (const [where, awaited] of pages) {
      await show(`#/${where}`, awaited)
      expect(await page.locator('main img').count(), where).toBe(0)
      expect(await page.locator('body').textContent(), where).toContain(HOSTILE[0].slice(0, 12))
    }
    await show('#/curves?run=1.3', '.chart canvas')
    // A name that would turn the direction of writing shows what it is made of.
    await page.getByText('\\u202egnp.exe').first().waitFor()
    await keepPicture(page, 'hostile')
    expect(await page.evaluate(() => (globalThis as { hurt?: number }).hurt)).toBeUndefined()
    expect(complaints.filter((text) => !REFUSED.test(text))).toEqual([])
    // An inline style out of a name would be among them.
    await page.evaluate(`document.body.insertAdjacentHTML('beforeend', '<i style="color: red">planted</i>')`)
    await page.waitForTimeout(100)
    expect(complaints.splice(0).at(-1)).toMatch(INLINE_STYLE)
  })

  test('a value that is logged is on the page within a second, without a touch', async () => {
    const live = path.join(folder, 'live.tape')
    const tape = openTape(live)
    const run = tape.startRun('live')
    run.step()
    run.log({ loss: 3 })
    await run.flush()
    const beside = await StartedInspector.of(live)
    const view = await browser.newPage()
    try {
      await view.goto(`${beside.url}#/curves`)
      await view.getByText('1 points').waitFor()
      // The quickest of some: on a machine that does much else, one may come late.
      let quickest = Number.POSITIVE_INFINITY
      for (let points = 2; points <= 5 && quickest >= 1_000; points++) {
        run.step()
        run.log({ loss: points })
        await run.flush()
        const from = performance.now()
        await view.getByText(`${points} points`).waitFor({ timeout: 10_000 })
        quickest = Math.min(quickest, performance.now() - from)
      }
      expect(quickest).toBeLessThan(1_000)
    } finally {
      await view.close()
      await beside.end()
      await run.finish()
      tape.close()
    }
  })

  test('a page that nobody sees asks nothing, and shows what came as soon as it is seen', async () => {
    const live = path.join(folder, 'hidden.tape')
    const tape = openTape(live)
    const run = tape.startRun('live')
    const log = async (loss: number) => {
      run.step()
      run.log({ loss })
      await run.flush()
    }
    await log(1)
    const beside = await StartedInspector.of(live)
    const view = await browser.newPage()
    const turn = (isHidden: boolean) =>
      view.evaluate(
        `Object.defineProperty(document, 'hidden', { configurable: true, get: () => ${isHidden} });
         document.dispatchEvent(new Event('visibilitychange'))`,
      )
    try {
      await view.goto(`${beside.url}#/curves`)
      await view.getByText('1 points').waitFor()
      await log(2)
      await view.getByText('2 points').waitFor()
      await turn(true)
      const asked: string[] = []
      view.on('request', (request) => asked.push(request.url()))
      for (let loss = 3; loss <= 6; loss++) {
        await log(loss)
        await view.waitForTimeout(300)
      }
      expect(asked).toEqual([])
      await turn(false)
      await view.getByText('6 points').waitFor()
    } finally {
      await view.close()
      await beside.end()
      await run.finish()
      tape.close()
    }
  })
})

test.runIf(found === null)('needs a Chromium, and there is none here', () => {
  expect(found).toBeNull()
})
