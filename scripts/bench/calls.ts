// What a call costs: chains and graphs of scalars, bare and recorded, and how fast events go into the file.
import { add, mul, Variable } from 'gradtape'
import { recorded } from './temporary-tape.js'
import { median, OURS, randomNumbers, type Sample, type Unit, type Workload } from './workload.js'

const FACTOR = 1.0000001
const GRAPH_CALLS = 1_000

export const callWorkloads: Workload[] = [
  {
    name: 'scalar chain 100000',
    run: async () => [...bare(3, 100_000), ...(await onTape(1, 100_000))],
  },
  {
    name: '1000-call graph, repeated',
    run: async ({ quick }) => {
      const graphs = quick ? 40 : 100
      return [...bare(graphs, GRAPH_CALLS), ...(await onTape(graphs, GRAPH_CALLS))]
    },
  },
  {
    name: 'events into the file',
    run: async ({ quick }) => {
      const calls = quick ? 30_000 : 100_000
      const repeating = await recorded((run) => {
        for (let graph = 0; graph < calls / GRAPH_CALLS; graph++) {
          run.step()
          chain(GRAPH_CALLS).backward()
        }
      })
      const different = await recorded(() => tangle(calls).backward())
      return [
        sample('repeating graph', 'events/s', (repeating.events / repeating.elapsedMs) * 1_000),
        sample('graph without repetition', 'events/s', (different.events / different.elapsedMs) * 1_000),
        sample('graph without repetition, bytes', 'bytes/call', different.bytes / calls),
      ]
    },
  },
]

function bare(graphs: number, calls: number): Sample[] {
  const forward: number[] = []
  const backward: number[] = []
  for (let graph = 0; graph < graphs; graph++) {
    const from = performance.now()
    const y = chain(calls)
    const between = performance.now()
    y.backward()
    forward.push(between - from)
    backward.push(performance.now() - between)
  }
  return [
    sample('forward', 'ns/call', (median(forward) / calls) * 1e6),
    sample('backward', 'ns/call', (median(backward) / calls) * 1e6),
  ]
}

async function onTape(graphs: number, calls: number): Promise<Sample[]> {
  let forwardMs = 0
  let backwardMs = 0
  const { elapsedMs, bytes } = await recorded((run) => {
    for (let graph = 0; graph < graphs; graph++) {
      if (graphs > 1) run.step()
      const from = performance.now()
      const y = chain(calls)
      const between = performance.now()
      y.backward()
      forwardMs += between - from
      backwardMs += performance.now() - between
    }
  })
  const each = (ms: number) => (ms / graphs / calls) * 1e6
  return [
    sample('forward, recorded', 'ns/call', each(forwardMs)),
    sample('backward, recorded', 'ns/call', each(backwardMs)),
    sample('forward + backward until it is in the file', 'ns/call', each(elapsedMs)),
    sample('file, forward + backward', 'bytes/call', bytes / graphs / calls),
  ]
}

function chain(calls: number): Variable {
  let y = new Variable(0.5, { name: 'x' })
  for (let i = 0; i < calls; i++) y = mul(y, FACTOR)
  return y
}

/** Each call reads two of the last fifty variables, drawn anew: no part of the graph is like another. */
function tangle(calls: number): Variable {
  const random = randomNumbers(5)
  const recent = Array.from({ length: 50 }, (_, i) => new Variable(i / 50))
  const draw = () => recent[Math.floor(random() * recent.length)] as Variable
  let latest = draw()
  for (let i = 0; i < calls; i++) {
    // Halved, so that what is added up again and again does not grow without end.
    latest = i % 2 === 0 ? add(draw(), draw()) : mul(draw(), 0.25)
    recent[i % recent.length] = latest
  }
  return latest
}

function sample(measure: string, unit: Unit, value: number): Sample {
  return { who: OURS, measure, unit, value }
}
