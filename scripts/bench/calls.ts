// What a call costs that nobody records: chains and graphs of scalars. What recording adds is the group `recording`.
import { mul, Variable } from 'gradtape'
import { median, OURS, type Sample, type Unit, type Workload } from './workload.js'

const FACTOR = 1.0000001

export const callWorkloads: Workload[] = [
  {
    name: 'scalar chain 100000',
    run: async () => bare(3, 100_000),
  },
  {
    name: '1000-call graph, repeated',
    run: async ({ quick }) => bare(quick ? 40 : 100, 1_000),
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

function chain(calls: number): Variable {
  let y = new Variable(0.5, { name: 'x' })
  for (let i = 0; i < calls; i++) y = mul(y, FACTOR)
  return y
}

function sample(measure: string, unit: Unit, value: number): Sample {
  return { who: OURS, measure, unit, value }
}
