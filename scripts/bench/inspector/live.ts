// A run that goes on while others look at it: how soon a value is on their pages, and what they cost the thread that trains. This file is also that
// program: `node live.js FILE` trains when it is told to, and says how long its thread was on a processor.
import { type ChildProcess, fork } from 'node:child_process'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { Linear, openTape, SGD, softmaxCrossEntropy, tanh } from 'gradtape'
import type { Browser, Page } from 'playwright-core'
import { timed } from '../recording/clock.js'
import { median, OURS, randomArray, type Sample } from '../workload.js'
import { Inspector, openPage, processorMsBeside, untilQuiet } from './inspector.js'

const SELF = fileURLToPath(import.meta.url)
const PAGES = 10
const VALUES = 20
/** Looks and no looks in turn, so that what the machine does else falls on both: a look stands between two times without one. */
const ROUNDS = 5
const STEPS = 5_000
const SHOWN = ['#/curves', '#/gradients', '#/runs', '#/graph', '#/events'] as const

export async function liveSamples(file: string, browser: Browser): Promise<Sample[]> {
  const trainer = fork(SELF, [file], { execArgv: [] })
  let inspector: Inspector | null = null
  try {
    await told(trainer, { steps: STEPS })
    inspector = await Inspector.of(file, { fresh: true })
    const soon = await soonShown(trainer, browser, inspector.url)
    const alone = [await told(trainer, { steps: STEPS })]
    const watched: number[] = []
    const shares: number[] = []
    const beside: number[] = []
    for (let round = 0; round < ROUNDS; round++) {
      const pages = await Promise.all(
        Array.from({ length: PAGES }, (_, i) =>
          openPage(browser, `${inspector!.url}${SHOWN[i % SHOWN.length]}`),
        ),
      )
      // What is measured is to have pages open, and not to open them.
      await untilQuiet(trainer.pid!)
      const before = processorMsBeside(trainer.pid!)
      watched.push(await told(trainer, { steps: STEPS }))
      beside.push(processorMsBeside(trainer.pid!) - before)
      await Promise.all(pages.map((page) => page.close()))
      await untilQuiet(trainer.pid!)
      alone.push(await told(trainer, { steps: STEPS }))
      shares.push((2 * watched[round]!) / (alone[round]! + alone[round + 1]!))
    }
    const ms = (measure: string, value: number): Sample => ({ who: OURS, measure, unit: 'ms', value })
    return [
      ms('from run.log to the page, median', median(soon)),
      ms('from run.log to the page, longest', Math.max(...soon)),
      ms(`thread of ${STEPS} steps, nobody looks`, median(alone)),
      ms(`thread of ${STEPS} steps, ${PAGES} pages open`, median(watched)),
      { who: OURS, measure: 'with pages open', unit: '×', value: median(shares) },
      ms('processor time of browser and server meanwhile', median(beside)),
    ]
  } finally {
    trainer.disconnect()
    await inspector?.end()
  }
}

/** How long after each of some steps the page says one point more. */
async function soonShown(trainer: ChildProcess, browser: Browser, url: string): Promise<number[]> {
  const page = await openPage(browser, `${url}#/curves?metric=loss`)
  const taken: number[] = []
  let points = STEPS
  await pointsOn(page, points)
  for (let i = 0; i < VALUES; i++) {
    points++
    const at = await told(trainer, { steps: 1, flush: true })
    await pointsOn(page, points)
    taken.push(Date.now() - at)
  }
  await page.close()
  return taken
}

async function pointsOn(page: Page, points: number): Promise<void> {
  await page
    .getByText(`${points.toLocaleString('en')} points`)
    .first()
    .waitFor()
}

interface Order {
  steps: number
  /** Writes at once, and answers when that was asked; otherwise how long the thread was on a processor is the answer. */
  flush?: boolean
}

function told(trainer: ChildProcess, order: Order): Promise<number> {
  return new Promise((resolve, reject) => {
    trainer.once('message', (answer) => resolve(Number(answer)))
    trainer.send(order, (error) => error !== null && reject(error))
  })
}

/** The program that trains. */
function train(file: string): void {
  const tape = openTape(file)
  const run = tape.startRun('live', { seed: 1 })
  const hidden = new Linear(64, 128)
  const head = new Linear(128, 10)
  const optimizer = new SGD([...hidden.parameters(), ...head.parameters()], { lr: 0.01 })
  const x = Array.from({ length: 32 }, (_, row) => randomArray(64, row + 1))
  const labels = x.map((_, row) => row % 10)
  const step = () => {
    run.step()
    const loss = softmaxCrossEntropy(head.forward(tanh(hidden.forward(x))), labels)
    for (const each of [...hidden.parameters(), ...head.parameters()]) each.clearGrad()
    loss.backward()
    optimizer.step()
    run.log({ loss })
  }
  process.on('message', async ({ steps, flush }: Order) => {
    if (flush === true) {
      for (let i = 0; i < steps; i++) step()
      const at = Date.now()
      await run.flush()
      process.send?.(at)
      return
    }
    const { threadMs } = timed(() => {
      for (let i = 0; i < steps; i++) step()
    })
    await run.flush()
    process.send?.(threadMs)
  })
  process.on('disconnect', async () => {
    await run.finish()
    tape.close()
  })
}

if (process.argv[1] === SELF) train(process.argv[2]!)
