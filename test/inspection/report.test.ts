// A report is one page that holds all that it needs, says what the tape says, and stays a page whatever stands in the tape.
import fs from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'
import {
  add,
  inspect,
  MLP,
  mul,
  openTape,
  parameter,
  type RunReport,
  reportHtml,
  SGD,
  softmaxCrossEntropy,
  sum,
} from '../../src/index.js'
import { columnsOf, curveOf } from '../../src/inspection/report-curves.js'
import { Course } from '../../src/queries/course.js'
import { gradtape, gradtapeJson, temporaryFolder } from '../cli/gradtape.js'
import { writeDigits } from '../cli/tapes.js'
import { chromiumPath, keepPicture, launch, violationsOf } from '../server/browser.js'

const folder = temporaryFolder()
const file = path.join(folder, 'runs.tape')
const hostile = path.join(folder, 'hostile.tape')
const EVIL =
  '</style></title><script>alert(1)</script><img src=x onerror=alert(2)>"\'&\u202eevil\u0000\u001b[31m]]>-->'
const SPIKE = 37
let page: string
let hostilePage: string

async function reportOf(tapeFile: string, options = {}): Promise<RunReport> {
  const tape = openTape(tapeFile, { readonly: true })
  try {
    return await inspect(tape).report(options)
  } finally {
    tape.close()
  }
}

beforeAll(async () => {
  await writeDigits(file, 12, { config: { lr: 0.1, layers: [64, 20, 10] } })
  const tape = openTape(hostile)
  const run = tape.startRun(EVIL, { seed: 1, config: { [EVIL]: EVIL, long: 'x'.repeat(100_000) } })
  const model = new MLP([3, 4, 2])
  const optimizer = new SGD(model.parameters(), { lr: 0.1 })
  const extra = parameter([1, 2], { name: EVIL })
  for (let i = 1; i <= 60; i++) {
    run.step()
    const loss = run.scope(EVIL, () =>
      add(softmaxCrossEntropy(model.forward([[1, 2, i % 3]]), [i % 2]), sum(mul(extra, 1e-9))),
    )
    model.clearGrads()
    extra.clearGrad()
    loss.backward()
    optimizer.step()
    run.log({ loss, [EVIL]: i === SPIKE ? 1e6 : 1 + (i % 5), broken: i > 50 ? Number.NaN : i, always: 3 })
  }
  run.note(EVIL)
  await run.finish()
  tape.close()
  page = reportHtml(await reportOf(file))
  hostilePage = reportHtml(await reportOf(hostile))
}, 60_000)

/** Every element that is open when it must be closed, and everything that a page without script and network may not have. */
function faultsOf(html: string): string[] {
  const faults: string[] = []
  const open: string[] = []
  const body = html.replace(/<style>[^<]*<\/style>/, '').replaceAll(/<!--[^>]*-->/g, '')
  for (const [tag, slash, name = '', attributes = '', end] of body.matchAll(
    /<(\/?)([a-zA-Z!][\w:-]*)((?:\s+[\w:-]+(?:="[^"<>]*")?)*)\s*(\/?)>/g,
  )) {
    if (/^(script|iframe|object|embed|link|base|form|img|use|foreignObject)$/i.test(name)) faults.push(tag)
    if (/\s(on\w+|href|src|xlink:href|srcdoc|action)=/i.test(attributes.replaceAll(/"[^"]*"/g, '')))
      faults.push(tag)
    if (name === '!doctype' || name === 'meta' || end === '/') continue
    if (slash === '') open.push(name)
    else if (open.pop() !== name) faults.push(`${tag} closes something else`)
  }
  if (open.length > 0) faults.push(`never closed: ${open.join(' ')}`)
  // What is no tag above is text, and has no < of its own.
  const texts = body.replaceAll(/<\/?[a-zA-Z!][\w:-]*(?:\s+[\w:-]+(?:="[^"<>]*")?)*\s*\/?>/g, '')
  if (/[<>]/.test(texts))
    faults.push(`stray: ${texts.slice(texts.search(/[<>]/) - 40, texts.search(/[<>]/) + 40)}`)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
  if (/[\u0000-\u0008\u000b-\u001f\u202a-\u202e]/.test(html)) faults.push('a character that steers')
  return faults
}

describe('the page', () => {
  test('is one whole document, without script and without anything from elsewhere', () => {
    expect(faultsOf(page)).toEqual([])
    expect(page).toContain("default-src 'none'")
    for (const [url] of page.matchAll(/https?:\/\/[^\s"<]+/g)) expect(url).toMatch(/^http:\/\/www\.w3\.org\//)
  })

  test('says how the run was started and went, its curves, its gradients, its graph, rows and proof', () => {
    for (const words of [
      'finished, 12 steps',
      '<dt>seed</dt><dd>1</dd>',
      '<dt>lr</dt><dd>0.1</dd>',
      '[64,20,10]',
      'aria-label="loss: 12 values, first 2.',
      'layers.0.weight',
      'softmaxCrossEntropy',
      'Rows of data',
      'bit-exact (3 drawn steps)',
      'intact: ',
    ])
      expect(page).toContain(words)
    const tape = openTape(file, { readonly: true })
    expect(page).toContain(tape.verify().head)
    expect(page).toContain(tape.run(1).rowsOf(12)[0]!.rows.join(', '))
    tape.close()
  })

  test('stays a page whatever names, notes and settings hold, and is not long for a long text', () => {
    expect(faultsOf(hostilePage)).toEqual([])
    expect(hostilePage).toContain('&lt;script&gt;alert(1)')
    expect(hostilePage).toContain('\\u{202e}evil\\x00\\x1b[31m')
    expect(hostilePage.length).toBeLessThan(200_000)
  })

  test('names the step of a spike and of what is not finite', () => {
    expect(hostilePage).toContain(`highest 1000000 in step ${SPIKE}`)
    expect(hostilePage).toContain('10 not finite, first in step 51')
    expect(hostilePage).toContain('the axis goes by powers of ten')
  })

  test.runIf(chromiumPath() !== null)(
    'is read in a browser without script and network, by everybody',
    { timeout: 60_000 },
    async () => {
      const browser = await launch(chromiumPath()!)
      try {
        for (const [name, html] of [
          ['report', page],
          ['report-hostile', hostilePage],
        ] as const) {
          const at = path.join(folder, `${name}.html`)
          fs.writeFileSync(at, html)
          for (const colorScheme of ['light', 'dark'] as const) {
            const context = await browser.newContext({
              offline: true,
              colorScheme,
              viewport: { width: 900, height: 1200 },
            })
            const tab = await context.newPage()
            const told: string[] = []
            tab.on('console', (message) => told.push(message.text()))
            tab.on('dialog', (dialog) => {
              told.push(dialog.message())
              void dialog.dismiss()
            })
            tab.on('request', (request) => request.url().startsWith('file:') || told.push(request.url()))
            await tab.goto(pathToFileURL(at).href)
            expect(await tab.locator('script').count()).toBe(0)
            expect(await tab.locator('main section').count()).toBeGreaterThan(5)
            // The page is not wider than the window: what is wide scrolls by itself.
            expect(await tab.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true)
            if (colorScheme === 'light') await keepPicture(tab, name)
            expect([told, await violationsOf(tab)]).toEqual([[], []])
            await context.close()
          }
        }
      } finally {
        await browser.close()
      }
    },
  )
})

describe('a curve', () => {
  const columnsOfSteps = (steps: number) => columnsOf(1, steps, 480)

  test('of a million steps has a few hundred columns, and the spike of one step is in one of them', () => {
    const course = new Course()
    const STEPS = 300_000
    for (let step = 1; step <= STEPS; step++)
      course.add(step, step, step === 222_222 ? 77 : step === 5 ? Number.NaN : 1 / step)
    const curve = curveOf('loss', course, columnsOfSteps(STEPS))
    expect(curve.columns.length).toBe(480)
    expect(curve.highest).toEqual({ value: 77, step: 222_222 })
    expect(curve.lowest).toEqual({ value: 1 / STEPS, step: STEPS })
    expect([curve.nonFinite, curve.firstNonFiniteStep]).toEqual([1, 5])
    const spikes = curve.columns.filter(({ max }) => max === 77)
    expect(spikes.length).toBe(1)
    expect(spikes[0]!.from).toBeLessThanOrEqual(222_222)
    expect(spikes[0]!.to).toBeGreaterThanOrEqual(222_222)
    // Every step is in one column.
    expect(curve.columns.reduce((sum, { count, nonFinite }) => sum + count + nonFinite, 0)).toBe(STEPS)
  })

  test.each([
    ['one value', [3]],
    ['equal values', [2, 2, 2]],
    ['only NaN', [Number.NaN, Number.NaN]],
    ['the largest numbers', [Number.MAX_VALUE, -Number.MAX_VALUE, 0]],
    ['infinities', [1, Number.POSITIVE_INFINITY, 2]],
  ])('of %s is drawn', async (_, values) => {
    const at = path.join(folder, `${String(values).slice(0, 20).replaceAll(/\W/g, '_')}.tape`)
    const tape = openTape(at)
    const run = tape.startRun('odd')
    for (const value of values) {
      run.step()
      run.log({ odd: value })
    }
    await run.finish()
    const html = reportHtml(await inspect(tape).report({ sample: 'all' }))
    tape.close()
    expect(faultsOf(html)).toEqual([])
    expect(html).toContain('aria-label="odd: ')
    expect(html.replaceAll(/<(p|li|dd|td|span|strong)[\s\S]*?<\/\1>|aria-label="[^"]*"/g, '')).not.toMatch(
      /NaN|Infinity/,
    )
  })

  test('there is a report on a run without steps, and on one of which nothing was kept', async () => {
    const at = path.join(folder, 'little.tape')
    const tape = openTape(at)
    await tape.startRun('empty').finish()
    const empty = await inspect(tape, 'empty').report()
    expect([empty.step, empty.curves, empty.flow]).toEqual([null, [], []])
    expect(faultsOf(reportHtml(empty))).toEqual([])
    tape.close()
    await writeDigits(at, 2, { capture: 'structure' })
    const html = reportHtml(await reportOf(at))
    expect(faultsOf(html)).toEqual([])
    expect(html).toContain('not computed again')
  })
})

describe('gradtape report', () => {
  test('writes the page, whole or not at all, and not over the tape', async () => {
    const output = path.join(folder, 'out', 'report.html')
    const { status, stdout } = await gradtape(
      'report',
      `${file}:digits`,
      '-o',
      output,
      '--step',
      '3',
      '--sample',
      '1',
    )
    expect(stdout).toMatch(/^wrote .*report\.html: [\d.]+ kB, run 1 digits, \d+ findings?\n$/)
    expect(status).toBe(0)
    const html = fs.readFileSync(output, 'utf8')
    expect(faultsOf(html)).toEqual([])
    expect(html).toContain('<h2>Step 3</h2>')
    expect(fs.readdirSync(path.dirname(output))).toEqual(['report.html'])
    expect((await gradtape('report', file, '-o', file)).stderr).toMatch(/^BAD_ARGUMENT: --output/)
    expect((await gradtape('report', file, '-o', output, '--step', '99')).stderr).toMatch(/^STEP_NOT_FOUND/)
    expect((await gradtape('report', file, '-o', folder)).stderr).toMatch(/^WRITE_FAILED/)
    expect((await gradtape('report', file)).status).toBe(2)
  })

  test('tells the same as data', async () => {
    const output = path.join(folder, 'data.html')
    const { report } = await gradtapeJson<{ report: RunReport }>(
      'report',
      file,
      '-o',
      output,
      '--no-verify',
      '--sample',
      '0',
    )
    expect(report).toMatchObject({
      chain: null,
      proof: null,
      steps: { first: 1, last: 12 },
      curvesLeftOut: 0,
    })
    expect(report.curves.map(({ name }) => name)).toEqual(['loss'])
  })
})
