// The demo (`npm start`): trains a classifier with the recorder on, then asks the file what nobody asked at the time; trains it
// again with a mistake, and asks the file for that. Each start adds two runs to ./digits.tape. On a terminal it ends with the link of
// the inspector, which is open until Ctrl-C; `npm start -- --no-ui` does not open it.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { statSync } from 'node:fs'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { fold$, openTape, type Run, TapeError, type Training, training } from 'gradtape'
import { readDigits } from './demo/digits.js'
import { Bar, command, count, heading, isTerminal, line, paint, percent } from './demo/terminal.js'
import { BATCH, EPOCHS, type Epoch, HIDDEN, LEARNING_RATE, MISTAKE, SEED, train } from './demo/train.js'

const PATH = 'digits.tape'
const MAIN = fileURLToPath(new URL('cli/main.js', import.meta.resolve('gradtape')))
/** Long past, when the run is over. */
const STEP = 137
const LINE_EVERY_EPOCHS = 4
/** Of the run with the mistake: enough to see what it does. */
const WRONG_EPOCHS = 4

try {
  await main()
} catch (error) {
  // What the remedy is, TapeError says; the tape of an older version before 0.1.0 cannot be read.
  if (!(error instanceof TapeError)) throw error
  process.stderr.write(`${error.message}\nIf ${PATH} is in the way, remove it and start again.\n`)
  process.exitCode = 1
}

async function main(): Promise<void> {
  const { id, steps } = await record()
  heading(2, `Ask for gradients of step ${STEP}, from the closed file, in another process`)
  const answer = run(fileURLToPath(new URL('./demo/ask.js', import.meta.url)), [
    PATH,
    String(id),
    String(STEP),
  ])
  process.stdout.write(`${answer}\n`)

  heading(3, 'Ask in SQL: how large were the gradients of each layer?')
  gradtape('sql', PATH, normsByEpoch(id, steps / EPOCHS))

  heading(4, 'Prove that the file is what was recorded, and that it can be computed again')
  gradtape('verify', PATH)
  gradtape('replay', PATH, String(id))

  const wrong = await recordWrong()
  gradtape('why', `${PATH}:${wrong}`)
  gradtape('diff', `${PATH}:${id}`, `${PATH}:${wrong}`)

  heading(6, 'Now you')
  const examples = [
    [`show ${PATH}`, 'what the run was'],
    [`show ${PATH} --step ${STEP}`, 'one step, event by event'],
    [`gradient ${PATH} --of loss --wrt fc2.bias --step 1`, 'a gradient that nobody looked at'],
    [`graph ${PATH} --step ${STEP} --output step.svg`, 'a picture of the graph behind its loss'],
    [`schema ${PATH}`, 'what can be asked in SQL'],
  ] as const
  const width = Math.max(...examples.map(([text]) => text.length))
  for (const [text, what] of examples) {
    line(`${paint('cyan', `npx gradtape ${text.padEnd(width)}`)}  ${paint('dim', what)}`)
  }
  line()
  line('npm start again puts two more runs beside these: the same bits, so the file hardly grows.')
  await look()
}

/** The inspector, until Ctrl-C. A program that reads what we print (CI, a pipe) would wait for ever, so there only on demand. */
async function look(): Promise<void> {
  heading(7, 'Look at it in the browser')
  if (!(isTerminal || process.argv.includes('--ui')) || process.argv.includes('--no-ui')) {
    line(paint('cyan', `npx gradtape ui ${PATH}`))
    return
  }
  const ui = spawn(process.execPath, [MAIN, 'ui', PATH, '--no-open'], { stdio: 'inherit' })
  // Ctrl-C reaches it from the terminal, and it ends by itself.
  process.on('SIGINT', () => {})
  const [status] = (await once(ui, 'exit')) as [number | null]
  process.exitCode = status ?? 0
}

/** Trains on a tape that is closed again afterwards. */
async function record(): Promise<{ id: number; steps: number }> {
  const digits = readDigits()
  const before = sizeOf(PATH)
  const tape = openTape(PATH)
  const run = tape.startRun('digits', {
    capture: 'full',
    seed: SEED,
    config: { hidden: HIDDEN, batch: BATCH, epochs: EPOCHS, learningRate: LEARNING_RATE },
  })
  heading(1, 'Train, and record every call, every gradient, every weight')
  line(`8 × 8 digits: ${count(digits.train.rows)} to learn from, ${digits.test.rows} to be tested with`)
  line(`64 → ${HIDDEN} → 10, batches of ${BATCH}, SGD; onto ${PATH}, as run ${run.id}`)

  const live = drawProgress(run, EPOCHS * (digits.train.rows / BATCH))
  const onEpoch = ({ epoch, loss, accuracy }: Epoch) => {
    if (!isTerminal && epoch % LINE_EVERY_EPOCHS === 0) {
      line(`epoch ${String(epoch).padStart(2)}  loss ${loss.toFixed(4)}  accuracy ${percent(accuracy)}`)
    }
  }
  const accuracy = train(run, digits.train, digits.test, { epochs: EPOCHS, onEpoch })
  await run.finish()
  const { id } = run
  tape.close()
  const { step, events, calls, elapsedMs } = live()

  line(
    `${paint('green', '✓')} ${paint('bold', `${percent(accuracy)} of the test digits right`)} after ${count(step)} steps in ${(elapsedMs / 1_000).toFixed(1)} s`,
  )
  line(
    `${paint('green', '✓')} ${count(events)} events, ${count(calls)} of them calls: ${count((events / elapsedMs) * 1_000)} events/s, ${((sizeOf(PATH) - before) / 1e6).toFixed(1)} MB`,
  )
  return { id, steps: step }
}

/** The same training with a mistake in it, as somebody would make it. */
async function recordWrong(): Promise<number> {
  heading(5, 'Train again with a mistake, then ask what went wrong')
  const digits = readDigits()
  const tape = openTape(PATH)
  const run = tape.startRun('digits, wrong', {
    capture: 'full',
    seed: SEED,
    config: { hidden: HIDDEN, batch: BATCH, epochs: EPOCHS, learningRate: LEARNING_RATE },
  })
  const accuracy = train(run, digits.train, digits.test, { epochs: WRONG_EPOCHS, isWrong: true })
  await run.finish()
  const { id } = run
  tape.close()
  line(
    `run ${id}: from step ${MISTAKE.step} on the rate is ${MISTAKE.times} times too large; ${percent(accuracy)} right`,
  )
  return id
}

/** Draws the progress of a run as its events tell it; gives the latest state when asked. */
function drawProgress(run: Run, steps: number): () => Training {
  const bar = new Bar(steps)
  const draw = ({ step, events, elapsedMs, metrics: { loss, accuracy } }: Training) => {
    const words = [`step ${count(step)}/${count(steps)}`]
    if (loss !== undefined) words.push(`loss ${loss.last.toFixed(4)}`)
    if (accuracy !== undefined) words.push(`accuracy ${percent(accuracy.last)}`)
    if (elapsedMs > 0) words.push(`${count((events / elapsedMs) * 1_000)} events/s`)
    bar.draw(step, words.join('  '))
  }
  let latest = training.initial
  fold$(training, run.events$).subscribe({
    next(state) {
      latest = state
      draw(state)
    },
    complete: () => bar.clear(),
  })
  return () => latest
}

function normsByEpoch(run: number, stepsPerEpoch: number): string {
  return `
SELECT (step - 1) / ${stepsPerEpoch} + 1 AS epoch,
       round(avg(l2_norm) FILTER (WHERE variable_name = 'fc1.weight'), 4) AS fc1_norm,
       round(avg(l2_norm) FILTER (WHERE variable_name = 'fc2.weight'), 4) AS fc2_norm
FROM gradient WHERE run_id = ${run} GROUP BY 1 HAVING epoch % ${LINE_EVERY_EPOCHS} = 1 ORDER BY 1
`
}

/** Runs the command line as a user would, and shows the command. */
function gradtape(...args: string[]): void {
  const shown = args.map((arg) => (/[\s"]/.test(arg) ? `"${arg}"` : arg)).join(' ')
  command(`npx gradtape ${shown}`)
  // why and diff answer "something was found" with 1.
  const expected = args[0] === 'why' || args[0] === 'diff' ? 1 : 0
  for (const each of run(MAIN, args, expected).split('\n')) line(each)
}

/** Runs a script in a process of its own and gives what it said. */
function run(file: string, args: string[], expected = 0): string {
  const { status, error, stdout } = spawnSync(process.execPath, [file, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (error !== undefined) throw error
  if (status !== expected) {
    throw new Error(`node ${file} ${args.join(' ')} ended with status ${status}\n${stdout}`)
  }
  return stdout.trimEnd()
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}
