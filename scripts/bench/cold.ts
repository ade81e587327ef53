// A long tape, opened by a process that has never seen it: `node cold.js FILE` opens, runs backward and says how long
// each took. Imported, it is the workload that records such a tape and starts that process.
import { execFileSync } from 'node:child_process'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { mul, openTape, Variable } from 'gradtape'
import { recorded } from './temporary-tape.js'
import { OURS, type Workload } from './workload.js'

const SELF = fileURLToPath(import.meta.url)
const FACTOR = 1.0000001

interface Cold {
  openMs: number
  backwardMs: number
  gradient: number
}

export function coldWorkload(quick: boolean): Workload {
  const calls = quick ? 100_000 : 1_000_000
  return {
    name: `tape of ${calls} calls`,
    once: true,
    run: async () => {
      let live = chain(calls)
      const from = performance.now()
      live.y.backward()
      const liveMs = performance.now() - from
      const gradient = live.x.grad?.item()

      let cold: Cold | null = null
      const { elapsedMs, bytes } = await recorded(
        () => {
          live = chain(calls)
          live.y.name = 'y'
        },
        ({ path }) => {
          const output = execFileSync(process.execPath, [SELF, path], { encoding: 'utf8' })
          cold = JSON.parse(output) as Cold
        },
      )
      const { openMs, backwardMs, gradient: fromFile } = cold as unknown as Cold
      if (fromFile !== gradient)
        throw new Error(`the file gives ${fromFile}, the live graph gave ${gradient}`)
      return [
        { who: OURS, measure: 'record', unit: 'ns/call', value: (elapsedMs / calls) * 1e6 },
        { who: OURS, measure: 'file, forward', unit: 'bytes/call', value: bytes / calls },
        { who: OURS, measure: 'open and rehydrate, cold', unit: 'ms', value: openMs },
        { who: OURS, measure: 'then backward, from the file', unit: 'ms', value: backwardMs },
        { who: OURS, measure: 'backward, live', unit: 'ms', value: liveMs },
      ]
    },
  }
}

function chain(calls: number): { x: Variable; y: Variable } {
  const x = new Variable(0.5, { name: 'x' })
  let y = x
  for (let i = 0; i < calls; i++) y = mul(y, FACTOR)
  return { x, y }
}

function ask(path: string): Cold {
  const from = performance.now()
  const tape = openTape(path, { readonly: true })
  const past = tape.run('bench')
  const y = past.variable('y')
  const between = performance.now()
  y.backward()
  const to = performance.now()
  const gradient = past.variable('x').grad?.item() ?? Number.NaN
  tape.close()
  return { openMs: between - from, backwardMs: to - between, gradient }
}

if (process.argv[1] === SELF) process.stdout.write(JSON.stringify(ask(process.argv[2] ?? '')))
