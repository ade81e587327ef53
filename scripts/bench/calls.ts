// What a call costs: chains of scalars, bare and in a short recorded run, with all that its start and end take. What recording
// costs in the middle of a long one is the group `recording`.
import { mul, Variable } from 'gradtape'
import { recorded } from './temporary-tape.js'
import { median, OURS, type Sample, type Unit, type Workload } from './workload.js'

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

function sample(measure: string, unit: Unit, value: number): Sample {
  return { who: OURS, measure, unit, value }
}
