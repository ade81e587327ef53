// The fuzzer (`npm run fuzz`): draws cases from seeds and checks what holds for every case, until its time is over. Each failure
// is printed with its seed and the command that runs it alone.
import { readdirSync } from 'node:fs'
import process from 'node:process'
import { parseArgs } from 'node:util'
import { Random } from './fuzz/random.js'
import type { Target } from './fuzz/target.js'

const USAGE = `npm run fuzz -- [options]
  --minutes N      how long, all targets together; 1 unless said
  --target NAME    only this one of the targets
  --seed N         where the seeds of the cases come from; the clock unless said
  --case N         only the case of this seed (with --target)
  --json           print a line of JSON for each failure and one at the end
`

interface Failure {
  readonly target: string
  readonly case: number
  readonly message: string
}

process.exitCode = await main()

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '1' },
      target: { type: 'string' },
      seed: { type: 'string' },
      case: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  const all = await targets()
  if (values.help) {
    process.stdout.write(`${USAGE}\n${all.map(({ name, about }) => `  ${name}: ${about}\n`).join('')}`)
    return 0
  }
  const minutes = Number(values.minutes)
  const seed = values.seed === undefined ? Date.now() % 2 ** 32 : Number(values.seed)
  const chosen = all.filter(({ name }) => values.target === undefined || name === values.target)
  const [only] = chosen
  if (!(minutes > 0) || !Number.isInteger(seed) || only === undefined) {
    process.stderr.write(
      `expected minutes above 0, an integer as seed and a target among ${all.map((one) => one.name).join(', ')}\n${USAGE}`,
    )
    return 2
  }
  if (values.case !== undefined) return runOne(only, Number(values.case), values.json)
  if (!values.json)
    process.stdout.write(`seed ${seed}, ${minutes} minutes, ${chosen.map(({ name }) => name).join(', ')}\n`)
  const failures: Failure[] = []
  const counts = new Map<string, number>()
  for (const [index, target] of chosen.entries()) {
    const random = new Random(seed + index)
    const until = performance.now() + (minutes * 60_000) / chosen.length
    while (performance.now() < until) {
      counts.set(target.name, (counts.get(target.name) ?? 0) + 1)
      const failure = await failureOf(target, random.word())
      if (failure === null) continue
      failures.push(failure)
      report(failure, values.json)
    }
  }
  const cases = Object.fromEntries(counts)
  if (values.json) process.stdout.write(`${JSON.stringify({ seed, cases, failures: failures.length })}\n`)
  else {
    const parts = [...counts].map(([name, count]) => `${name}: ${count} cases`)
    process.stdout.write(`${parts.join(', ')}; ${failures.length} failed\n`)
  }
  return failures.length === 0 ? 0 : 1
}

/** In the order of their names. */
async function targets(): Promise<Target[]> {
  const folder = new URL('./fuzz/targets/', import.meta.url)
  const files = readdirSync(folder)
    .filter((file) => file.endsWith('.js'))
    .sort()
  const modules = await Promise.all(files.map((file) => import(new URL(file, folder).href)))
  return modules.map(({ target }: { target: Target }) => target)
}

async function failureOf(target: Target, seed: number): Promise<Failure | null> {
  try {
    await target.check(new Random(seed))
    return null
  } catch (error) {
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error)
    return { target: target.name, case: seed, message }
  }
}

async function runOne(target: Target, seed: number, json: boolean): Promise<number> {
  const failure = await failureOf(target, seed)
  if (failure !== null) report(failure, json)
  else process.stdout.write(json ? `${JSON.stringify({ case: seed, failures: 0 })}\n` : 'holds\n')
  return failure === null ? 0 : 1
}

function report(failure: Failure, json: boolean): void {
  if (json) {
    process.stdout.write(`${JSON.stringify(failure)}\n`)
    return
  }
  const lines = failure.message.split('\n').slice(0, 8).join('\n  ')
  process.stdout.write(
    `FAIL ${failure.target}, case ${failure.case}: ${lines}\n  again: npm run fuzz -- --target ${failure.target} --case ${failure.case}\n`,
  )
}
