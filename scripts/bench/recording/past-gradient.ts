// A long digits run at the default capture: what its file holds, and how long a gradient of a past step takes from the
// shell, the start of the process included.
import { execFileSync } from 'node:child_process'
import { statSync } from 'node:fs'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import Database from 'better-sqlite3'
import { digits, openTape } from 'gradtape'
import { inTemporaryFolder } from '../temporary-tape.js'
import type { Sample } from '../workload.js'
import { wallMs } from './clock.js'
import { sample, say } from './sample.js'
import { trainings } from './subjects.js'

const CLI = fileURLToPath(new URL('./cli/main.js', import.meta.resolve('gradtape')))
const GRADTAPE = import.meta.resolve('gradtape')

export async function pastGradient(steps: number, rounds: number): Promise<Sample[]> {
  return inTemporaryFolder((folder) => {
    const path = `${folder}/digits.tape`
    const tape = openTape(path)
    const run = tape.startRun('digits')
    const step = trainings.digits(run)
    for (let i = 0; i < steps; i++) step()
    void run.finish()
    tape.close()
    say(`${steps} steps recorded`)
    const samples = bytesAStep(path, steps)
    // A step early in the run, and the last one before a checkpoint far into it, which is the worst there is.
    for (const at of [412, worstStep(path, steps)].filter((at) => at <= steps)) {
      const word = at === 412 ? `step ${at}` : `step ${at}, the worst`
      for (let round = 0; round < rounds; round++) {
        samples.push(
          sample(
            `gradient at ${word}, by node -e`,
            'ms',
            wallMs(() => askNode(path, at)),
          ),
          sample(
            `gradient at ${word}, by gradtape gradient`,
            'ms',
            wallMs(() => askCli(path, at)),
          ),
        )
      }
    }
    return samples
  })
}

function bytesAStep(path: string, steps: number): Sample[] {
  const db = new Database(path, { readonly: true })
  try {
    // What a checkpoint holds is stored once for all of them; a page's unused rest counts as the step's.
    const sizes = digits().arrays.map(({ data }) => data.size)
    const held = (where: string) =>
      db
        .prepare<[], { n: number }>(`SELECT coalesce(sum(byte_count), 0) AS n FROM value WHERE ${where}`)
        .get()?.n ?? Number.NaN
    const dataSet = held(`size IN (${sizes})`)
    const checkpoints = held('id IN (SELECT value_id FROM _checkpoint_value)')
    const count = db.prepare<[], { n: number }>('SELECT count(*) AS n FROM checkpoint').get()?.n ?? Number.NaN
    const { size } = statSync(path)
    say(`${size} bytes, of which data set ${dataSet}, ${count} checkpoints ${checkpoints}`)
    return [
      sample('file without data set and checkpoints', 'bytes/step', (size - dataSet - checkpoints) / steps),
      sample('file, all of it', 'bytes/step', size / steps),
    ]
  } finally {
    db.close()
  }
}

/** The step that has most steps before it to compute again. */
function worstStep(path: string, steps: number): number {
  const db = new Database(path, { readonly: true })
  try {
    const taken = db.prepare<[], { step: number }>('SELECT step FROM checkpoint ORDER BY step').all()
    const bounds = [1, ...taken.map(({ step }) => step), steps + 1]
    const gaps = bounds.slice(1).map((bound, i) => ({ step: bound - 1, gap: bound - (bounds[i] ?? 0) }))
    return gaps.sort((a, b) => b.gap - a.gap)[0]?.step ?? steps
  } finally {
    db.close()
  }
}

function askNode(path: string, step: number): void {
  const program = `import { openTape } from ${JSON.stringify(GRADTAPE)}
const past = openTape(${JSON.stringify(path)}, { readonly: true }).run('digits')
console.log(past.variable('fc1.weight', { step: ${step} }).grad.data.shape.join())`
  const printed = execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' })
  if (printed.trim() !== '64,32') throw new Error(`expected a gradient of shape 64,32, got ${printed}`)
}

function askCli(path: string, step: number): void {
  const args = [CLI, 'gradient', path, '--wrt', 'fc1.weight', '--step', String(step), '--json']
  const answer = JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as object
  if (!JSON.stringify(answer).includes('fc1.weight')) throw new Error('expected a gradient of fc1.weight')
}
